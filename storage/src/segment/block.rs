//! Blocks: the row groups of a segment, decoded.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::Row;
use super::format::{COLUMNS, CREATION_TIME, Content, DELETED, KEY, SIZE, TABLE_NUMBER, TS, VALUE, compression};
use super::tail::BlockRecord;
use crate::document::Document;
use crate::id::{DocumentId, TableNumber};
use crate::key::Key;
use crate::log::Timestamp;

/// Stands for a null in [`Block::values`].
const NULL: u32 = u32::MAX;

/// A block in memory: the plain pages of its columns as they are, and where the rows are in them.
pub(crate) struct Block {
    rows: usize,
    columns: [Bytes; COLUMNS],
    /// Where each key starts in its column; the four bytes before are its length.
    keys: Box<[u32]>,
    /// The same for the documents, [`NULL`] for tombstones.
    values: Box<[u32]>,
}

impl Block {
    /// Decodes a block from the bytes of its column chunks. Damage is found by the checksum.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(super) fn decode(bytes: &Bytes, record: &BlockRecord) -> Result<Block, String> {
        if crc32fast::hash(bytes) != record.crc {
            return Err(format!("the checksum of the block at byte {} is wrong", record.offset));
        }
        Block::decode_columns(bytes, record).map_err(|error| format!("the block at byte {}: {error}", record.offset))
    }

    fn decode_columns(bytes: &Bytes, record: &BlockRecord) -> Result<Block, ParquetError> {
        let rows = record.rows;
        let content = if record.columns[TS] == 0 { Content::Blobs } else { Content::Rows };
        let columns = read_columns(bytes, record, content)?;
        if content == Content::Blobs {
            let keys = places(&columns[KEY], 0, rows, |_| true)?;
            let values = places(&columns[VALUE], 0, rows, |_| true)?;
            return Ok(Block { rows, columns, keys, values });
        }
        for (at, length) in [(TS, rows * 8), (CREATION_TIME, rows * 8), (TABLE_NUMBER, rows * 4), (SIZE, rows * 4)] {
            check(columns[at].len() == length, "a column has too few values")?;
        }
        check(columns[DELETED].len() == rows.div_ceil(8), "a column has too few values")?;
        let deleted = columns[DELETED].clone();
        let keys = places(&columns[KEY], 0, rows, |_| true)?;
        // A column with nulls starts with the length of its levels, and those. `deleted` says the same as they do.
        let levels = columns[VALUE].first_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize);
        let levels = levels.ok_or_else(|| ParquetError::General("it has no levels".to_owned()))?;
        let values = places(&columns[VALUE], levels.saturating_add(4), rows, |row| !bit(&deleted, row))?;
        Ok(Block { rows, columns, keys, values })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The memory that it takes in bytes.
    pub fn memory(&self) -> usize {
        let columns: usize = self.columns.iter().map(Bytes::len).sum();
        columns + (self.keys.len() + self.values.len()) * size_of::<u32>() + size_of::<Block>()
    }

    /// The key of a row.
    pub fn key(&self, row: usize) -> &[u8] {
        text(&self.columns[KEY], self.keys[row])
    }

    /// The bytes of a row of a segment of blobs.
    pub fn blob(&self, row: usize) -> Bytes {
        let value = text(&self.columns[VALUE], self.values[row]);
        self.columns[VALUE].slice_ref(value)
    }

    /// The timestamp of a row; 0 in a segment of blobs.
    pub fn ts(&self, row: usize) -> Timestamp {
        if self.columns[TS].is_empty() {
            return 0;
        }
        Timestamp::from_le_bytes(fixed(&self.columns[TS], row))
    }

    /// The first row at or after (`key`, `ts`), or the number of rows if there is none.
    pub fn seek(&self, key: &[u8], ts: Timestamp) -> usize {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.key(middle);
            if at < key || (at == key && self.ts(middle) > ts) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The document of a row, or `None` if it is a tombstone.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn document(&self, row: usize) -> Result<Option<Arc<Document>>, String> {
        if self.values[row] == NULL {
            return Ok(None);
        }
        let json = str::from_utf8(text(&self.columns[VALUE], self.values[row]))
            .map_err(|error| format!("a document is not text: {error}"))?;
        let internal = crate::key::internal_id(self.key(row)).ok_or("a key is too short to have an id")?;
        let table = TableNumber(u32::from_le_bytes(fixed(&self.columns[TABLE_NUMBER], row)));
        Ok(Some(Arc::new(Document {
            id: DocumentId { table, internal },
            creation_time: f64::from_le_bytes(fixed(&self.columns[CREATION_TIME], row)),
            json: json.into(),
            size: u32::from_le_bytes(fixed(&self.columns[SIZE], row)),
        })))
    }

    /// A whole row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn row(&self, row: usize) -> Result<Row, String> {
        Ok(Row { key: Key::from(self.key(row)), ts: self.ts(row), document: self.document(row)? })
    }
}

/// The pages of a block's columns, decompressed; those that the content does not have are empty.
fn read_columns(bytes: &Bytes, record: &BlockRecord, content: Content) -> Result<[Bytes; COLUMNS], ParquetError> {
    let file = Arc::new(bytes.clone());
    let mut columns: [Bytes; COLUMNS] = Default::default();
    let mut offset = 0;
    for at in 0..content.schema().num_columns() {
        let column = content.column(at);
        let length = record.columns[column];
        let page = read_page(&file, content, at, offset, length, record.rows)?;
        // What is not compressed would hold all the bytes that came with it.
        let is_part = compression(column) == Compression::UNCOMPRESSED;
        columns[column] = if is_part { Bytes::copy_from_slice(&page) } else { page };
        offset += u64::from(length);
    }
    Ok(columns)
}

/// The one page of a column chunk that starts at `offset` of `file`, decompressed.
fn read_page(
    file: &Arc<Bytes>,
    content: Content,
    at: usize,
    offset: u64,
    length: u32,
    rows: usize,
) -> Result<Bytes, ParquetError> {
    type Chunks = Vec<ColumnChunkMetaData>;
    fn chunks(content: Content) -> Chunks {
        let columns = 0..content.schema().num_columns();
        let chunk = |at| {
            ColumnChunkMetaData::builder(content.schema().column(at)).set_compression(compression(content.column(at)))
        };
        columns.map(|at| chunk(at).build().expect("nothing more is required")).collect()
    }
    static ROWS: LazyLock<Chunks> = LazyLock::new(|| chunks(Content::Rows));
    static BLOBS: LazyLock<Chunks> = LazyLock::new(|| chunks(Content::Blobs));
    let chunks = match content {
        Content::Rows => &ROWS,
        Content::Blobs => &BLOBS,
    };
    let chunk = chunks[at]
        .clone()
        .into_builder()
        .set_num_values(rows as i64)
        .set_data_page_offset(offset as i64)
        .set_total_compressed_size(i64::from(length))
        .build()?;
    let mut pages = SerializedPageReader::new(file.clone(), &chunk, rows, None)?;
    match pages.get_next_page()? {
        Some(Page::DataPage { buf, num_values, encoding: Encoding::PLAIN, .. }) if num_values as usize == rows => {
            Ok(buf)
        }
        _ => Err(ParquetError::General("a column is not one plain page".to_owned())),
    }
}

/// Where the byte arrays of a plain page start, of those rows that have one.
fn places(page: &[u8], start: usize, rows: usize, has: impl Fn(usize) -> bool) -> Result<Box<[u32]>, ParquetError> {
    let mut at = start;
    let mut places = Vec::with_capacity(rows);
    for row in 0..rows {
        if !has(row) {
            places.push(NULL);
            continue;
        }
        let length = page.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_le_bytes(*bytes) as usize);
        at += 4;
        places.push(at as u32);
        at = at.saturating_add(length.unwrap_or(usize::MAX));
        check(at <= page.len(), "a value goes beyond its page")?;
    }
    check(at == page.len(), "a page has too many values")?;
    Ok(places.into())
}

fn check(is_right: bool, otherwise: &str) -> Result<(), ParquetError> {
    if is_right { Ok(()) } else { Err(ParquetError::General(otherwise.to_owned())) }
}

/// The byte array that starts at `at`; its length is in front of it.
fn text(page: &[u8], at: u32) -> &[u8] {
    let at = at as usize;
    let length = u32::from_le_bytes(page[at - 4..at].try_into().expect("four bytes"));
    &page[at..at + length as usize]
}

/// The value of a row in a page of values of one size.
fn fixed<const N: usize>(page: &[u8], row: usize) -> [u8; N] {
    page[row * N..][..N].try_into().expect("a slice of that length")
}

fn bit(page: &[u8], row: usize) -> bool {
    page[row / 8] & (1 << (row % 8)) != 0
}
