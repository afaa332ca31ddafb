//! Writes one data file: Parquet with the ids of the columns.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_schema::SchemaRef;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::columns::Columns;
use super::state::DataFile;
use super::upload::Upload;
use super::{LakeError, arrow};
use crate::env::Env;
use crate::value::Value;

/// Encoded size at which a row group ends, in bytes.
const ROW_GROUP: usize = 16 << 20;

pub(super) struct DataFileWriter<'s> {
    columns: Columns,
    schema: SchemaRef,
    parquet: ArrowWriter<Vec<u8>>,
    upload: Upload<'s>,
    file: DataFile,
}

impl<'s> DataFileWriter<'s> {
    /// Begins the file `path` of the table in `folder`, for documents from the position `start` on.
    pub(super) fn new(
        store: &'s dyn ObjectStore,
        folder: &Path,
        path: String,
        columns: &Columns,
        start: Vec<u8>,
    ) -> Result<Self, LakeError> {
        let schema = arrow::schema(columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by("lakewire".to_owned())
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let parquet = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
        let upload = Upload::new(store, super::within(folder, &path));
        let file = DataFile { path, start, ..DataFile::default() };
        Ok(Self { columns: columns.clone(), schema, parquet, upload, file })
    }

    /// Appends documents, in order; `last` is the position of the last of them. All fit the columns.
    pub(super) async fn push(
        &mut self,
        env: &Env,
        documents: &[BTreeMap<String, Value>],
        last: Vec<u8>,
    ) -> Result<(), LakeError> {
        self.parquet.write(&arrow::rows(&self.columns, self.schema.clone(), documents)?)?;
        for document in documents {
            if let Some(Value::Float64(time)) = document.get("_creationTime") {
                let (low, high) = self.file.times.unwrap_or((*time, *time));
                self.file.times = Some((low.min(*time), high.max(*time)));
            }
        }
        self.file.rows += documents.len() as u64;
        self.file.last = last;
        if self.parquet.in_progress_size() >= ROW_GROUP {
            self.parquet.flush()?;
        }
        let written = std::mem::take(self.parquet.inner_mut());
        if !written.is_empty() {
            self.upload.push(written).await?;
        }
        // Encoding took a while: let others have their turn.
        env.sleep(Duration::ZERO).await;
        Ok(())
    }

    /// Size so far, in bytes; what is being encoded counts by an estimate.
    pub(super) fn bytes(&self) -> u64 {
        (self.parquet.bytes_written() + self.parquet.in_progress_size()) as u64
    }

    /// Completes the file.
    pub(super) async fn finish(mut self) -> Result<DataFile, LakeError> {
        self.parquet.finish()?;
        self.file.bytes = self.parquet.bytes_written() as u64;
        let written = std::mem::take(self.parquet.inner_mut());
        self.upload.push(written).await?;
        self.upload.finish().await?;
        Ok(self.file)
    }

    /// Gives the file up.
    pub(super) async fn abort(self) {
        self.upload.abort().await;
    }
}
