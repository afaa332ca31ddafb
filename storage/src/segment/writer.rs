//! Writes a segment.

use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::format::{BLOCK_BYTES, COLUMNS, Content, MAX_BLOCKS, TAIL_NAME, VERSION, VERSION_NAME, properties};
use super::tail::{BlockRecord, TailBuilder};
use super::upload::Upload;
use super::{Row, SegmentRef, WriteError};
use crate::key::Key;
use crate::log::Timestamp;

/// What a block counts at least in [`SegmentWriter::bytes_written`].
const MIN_BLOCK_BYTES: u64 = 4 << 10;

/// Writes one segment, row by row. Uploads as it goes: one PUT if the file stays below 8 MiB, else a multipart upload.
/// Nothing is visible in the store before [`finish`](SegmentWriter::finish).
pub struct SegmentWriter {
    path: String,
    content: Content,
    upload: Upload,
    parquet: SerializedFileWriter<Vec<u8>>,
    block: Columns,
    block_bytes: usize,
    tail: TailBuilder,
    first_key: Option<Key>,
    /// The row before, to check the order.
    last: Option<(Key, Timestamp)>,
    rows: u64,
    tombstones: u64,
    min_ts: Timestamp,
    max_ts: Timestamp,
    live_bytes: u64,
}

impl SegmentWriter {
    /// A segment that will be at `path`, which nobody else ever writes to.
    pub fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        SegmentWriter::of(Content::Rows, store, path)
    }

    /// The same for a segment of blobs: see [`Self::push_blob`].
    pub(crate) fn blobs(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        SegmentWriter::of(Content::Blobs, store, path)
    }

    fn of(content: Content, store: Arc<dyn ObjectStore>, path: Path) -> Self {
        let schema = content.schema().root_schema_ptr();
        let parquet = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties(content)));
        SegmentWriter {
            content,
            path: path.to_string(),
            upload: Upload::new(store, path),
            parquet: parquet.expect("a vector takes the first bytes of the file"),
            block: Columns::default(),
            block_bytes: BLOCK_BYTES,
            tail: TailBuilder::default(),
            first_key: None,
            last: None,
            rows: 0,
            tombstones: 0,
            min_ts: Timestamp::MAX,
            max_ts: Timestamp::MIN,
            live_bytes: 0,
        }
    }

    /// The same with small blocks, so that few rows make many.
    #[cfg(test)]
    pub(crate) fn with_block_bytes(mut self, block_bytes: usize) -> Self {
        self.block_bytes = block_bytes;
        self
    }

    /// Adds a row, which must come after the one before: by key, then by descending timestamp.
    ///
    /// # Errors
    /// [`WriteError`]; the writer can only be aborted then.
    pub async fn push(&mut self, row: &Row) -> Result<(), WriteError> {
        let Row { key, ts, document } = row;
        let is_after = |(last, last_ts): &(Key, Timestamp)| last < key || (last == key && last_ts > ts);
        if !self.last.as_ref().is_none_or(is_after) {
            return Err(WriteError::Order { key: hex::encode(key), ts: *ts });
        }
        let bytes = key.len() + document.as_ref().map_or(0, |document| document.json.len()) + FIXED_BYTES;
        if bytes > i32::MAX as usize / 2 {
            return Err(self.too_large("a row"));
        }
        if !self.block.is_empty() && self.block.bytes + bytes > self.block_bytes {
            self.end_block().await?;
        }
        // The filter needs each key once.
        if self.last.as_ref().is_none_or(|(last, _)| last != key) {
            self.tail.add_key(key);
        }
        self.block.push(row, bytes);
        self.first_key.get_or_insert_with(|| key.clone());
        self.last = Some((key.clone(), *ts));
        self.rows += 1;
        self.tombstones += u64::from(document.is_none());
        self.min_ts = self.min_ts.min(*ts);
        self.max_ts = self.max_ts.max(*ts);
        self.live_bytes += document.as_ref().map_or(0, |document| document.json.len() as u64);
        Ok(())
    }

    /// Adds bytes under a key, which must come after the one before.
    ///
    /// # Errors
    /// [`WriteError`]; the writer can only be aborted then.
    pub(crate) async fn push_blob(&mut self, key: Key, value: Bytes) -> Result<(), WriteError> {
        if self.last.as_ref().is_some_and(|(last, _)| *last >= key) {
            return Err(WriteError::Order { key: hex::encode(&key), ts: 0 });
        }
        let bytes = key.len() + value.len() + 2 * size_of::<u32>();
        if bytes > i32::MAX as usize / 2 {
            return Err(self.too_large("a blob"));
        }
        if !self.block.is_empty() && self.block.bytes + bytes > self.block_bytes {
            self.end_block().await?;
        }
        self.block.push_blob(&key, value, bytes);
        self.first_key.get_or_insert_with(|| key.clone());
        self.last = Some((key, 0));
        self.rows += 1;
        (self.min_ts, self.max_ts) = (0, 0);
        Ok(())
    }

    /// About how many bytes the file has so far: compressed, without the rows of the block in the making, each block
    /// counted with 4 KiB at least. So a file that is ended at 64 MiB of this has not too many blocks either.
    pub fn bytes_written(&self) -> u64 {
        self.upload.bytes().max(self.tail.blocks() as u64 * MIN_BLOCK_BYTES)
    }

    /// Completes the file. It is durable and visible afterwards.
    ///
    /// # Errors
    /// [`WriteError`]: whether the file is there is then unknown.
    pub async fn finish(mut self) -> Result<SegmentRef, WriteError> {
        match self.finish_file().await {
            Ok(reference) => {
                let path = self.path;
                self.upload.finish().await.map_err(|source| WriteError::Store { path, source })?;
                Ok(reference)
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Gives up what was uploaded. Best effort: stores forget unfinished uploads by their own rules.
    pub async fn abort(self) {
        self.upload.abort().await;
    }

    async fn finish_file(&mut self) -> Result<SegmentRef, WriteError> {
        let (Some(first_key), Some((last_key, _))) = (self.first_key.take(), self.last.take()) else {
            return Err(WriteError::Empty { path: self.path.clone() });
        };
        self.end_block().await?;
        let tail = std::mem::take(&mut self.tail).finish().ok_or_else(|| self.too_large("its tail"))?;
        let tail_at = self.upload.bytes();
        let file = self.finish_parquet(&tail, tail_at).map_err(|source| self.encode_error(source))?;
        self.write(&file).await?;
        Ok(SegmentRef {
            path: self.path.clone(),
            bytes: self.upload.bytes(),
            footer_bytes: u32::try_from(file.len()).map_err(|_| self.too_large("its footer"))?,
            tail_bytes: u32::try_from(tail.len()).map_err(|_| self.too_large("its tail"))?,
            rows: self.rows,
            tombstones: self.tombstones,
            first_key,
            last_key,
            min_ts: self.min_ts,
            max_ts: self.max_ts,
            cap_ts: None,
            live_bytes: self.live_bytes,
        })
    }

    /// The tail and the Parquet footer.
    fn finish_parquet(&mut self, tail: &[u8], tail_at: u64) -> Result<Vec<u8>, ParquetError> {
        let parquet = &mut self.parquet;
        parquet.write_all(tail)?;
        let metadata = [(VERSION_NAME, VERSION.to_string()), (TAIL_NAME, format!("{tail_at},{}", tail.len()))];
        for (name, value) in metadata {
            parquet.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        parquet.finish()?;
        take(parquet)
    }

    /// Writes the rows gathered as a row group.
    async fn end_block(&mut self) -> Result<(), WriteError> {
        if self.tail.blocks() == MAX_BLOCKS {
            return Err(self.too_large("the number of its blocks"));
        }
        let block = std::mem::take(&mut self.block);
        let (bytes, record) = self.encode(&block).map_err(|source| self.encode_error(source))?;
        let ts = block.ts.first().copied().unwrap_or_default();
        self.tail.add_block(block.keys[0].data(), ts as Timestamp, &record);
        self.write(&bytes).await
    }

    /// The bytes that a block adds to the file, and where they are in it.
    fn encode(&mut self, block: &Columns) -> Result<(Vec<u8>, BlockRecord), ParquetError> {
        let mut group = self.parquet.next_row_group()?;
        block.write(&mut group, self.content)?;
        let group = group.close()?;
        let bytes = take(&mut self.parquet)?;
        let mut columns = [0; COLUMNS];
        let (offset, _) = group.column(0).byte_range();
        let mut end = offset;
        for (at, column) in group.columns().iter().enumerate() {
            let (start, length) = column.byte_range();
            if start != end {
                return Err(ParquetError::General("the column chunks of a row group are apart".to_owned()));
            }
            columns[self.content.column(at)] = u32::try_from(length)?;
            end += length;
        }
        // The first block follows the magic number of the file.
        let data = &bytes[bytes.len() - (end - offset) as usize..];
        let record = BlockRecord { offset, rows: block.keys.len(), crc: crc32fast::hash(data), columns };
        Ok((bytes, record))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.upload.write(bytes).await;
        written.map_err(|source| WriteError::Store { path: self.path.clone(), source })
    }

    fn encode_error(&self, source: ParquetError) -> WriteError {
        WriteError::Encode { path: self.path.clone(), source }
    }

    fn too_large(&self, what: &'static str) -> WriteError {
        WriteError::TooLarge { path: self.path.clone(), what }
    }
}

/// Takes the bytes that were made since the last time.
fn take(parquet: &mut SerializedFileWriter<Vec<u8>>) -> Result<Vec<u8>, ParquetError> {
    parquet.flush()?;
    Ok(std::mem::take(parquet.inner_mut()))
}

/// What a row takes in a block beside its key and document.
const FIXED_BYTES: usize = 4 + 8 + 4 + 8 + 4 + 4;

/// The rows of the block in the making, by column.
#[derive(Default)]
struct Columns {
    keys: Vec<ByteArray>,
    ts: Vec<i64>,
    deleted: Vec<bool>,
    table_numbers: Vec<i32>,
    creation_times: Vec<f64>,
    sizes: Vec<i32>,
    /// Only of those rows that have one.
    values: Vec<ByteArray>,
    levels: Vec<i16>,
    /// Uncompressed.
    bytes: usize,
}

impl Columns {
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn push(&mut self, row: &Row, bytes: usize) {
        self.bytes += bytes;
        self.keys.push(Bytes::copy_from_slice(&row.key).into());
        self.ts.push(row.ts as i64);
        self.deleted.push(row.document.is_none());
        self.levels.push(i16::from(row.document.is_some()));
        let document = row.document.as_deref();
        self.table_numbers.push(document.map_or(0, |document| document.id.table.0 as i32));
        self.creation_times.push(document.map_or(0.0, |document| document.creation_time));
        self.sizes.push(document.map_or(0, |document| document.size as i32));
        self.values.extend(document.map(|document| Bytes::copy_from_slice(document.json.as_bytes()).into()));
    }

    fn push_blob(&mut self, key: &[u8], value: Bytes, bytes: usize) {
        self.bytes += bytes;
        self.keys.push(Bytes::copy_from_slice(key).into());
        self.values.push(value.into());
    }

    fn write(&self, group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, content: Content) -> Result<(), ParquetError> {
        write_column::<ByteArrayType>(group, &self.keys, None)?;
        if content == Content::Blobs {
            return write_column::<ByteArrayType>(group, &self.values, None);
        }
        write_column::<Int64Type>(group, &self.ts, None)?;
        write_column::<BoolType>(group, &self.deleted, None)?;
        write_column::<Int32Type>(group, &self.table_numbers, None)?;
        write_column::<DoubleType>(group, &self.creation_times, None)?;
        write_column::<Int32Type>(group, &self.sizes, None)?;
        write_column::<ByteArrayType>(group, &self.values, Some(&self.levels))
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
