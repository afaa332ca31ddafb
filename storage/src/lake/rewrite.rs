//! Documents of a range -> data files, typing the columns on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;

use super::columns::{Change, Columns};
use super::data_file::DataFileWriter;
use super::plan::Group;
use super::source::{Position, SourceTable, TableSource, position};
use super::state::DataFile;
use super::{Ids, Lake, LakeError};
use crate::document::Document;
use crate::value::Value;

/// JSON held in memory, whose types are known before the first of it is written, in bytes.
const CHUNK: usize = 8 << 20;
/// JSON parsed and encoded at a time, in bytes: a few milliseconds of work.
const BATCH: usize = 128 << 10;

/// What came of writing a range.
pub(super) enum Written {
    Files(Vec<DataFile>),
    /// A column became wider: every file of the table has to be written with the columns as they are now.
    Widened,
}

/// Writes the new data files of one table.
pub(super) struct Rewriter<'a> {
    pub(super) lake: &'a Lake,
    pub(super) source: &'a dyn TableSource,
    pub(super) table: &'a SourceTable,
    pub(super) folder: &'a Path,
    pub(super) columns: Columns,
    pub(super) ids: &'a Ids,
    /// All files that were written, also those that are not wanted in the end.
    pub(super) made: Vec<String>,
}

impl<'a> Rewriter<'a> {
    /// Writes the documents of a range.
    pub(super) async fn write(&mut self, group: &Group) -> Result<Written, LakeError> {
        let mut documents = self.source.scan(self.table, group.range.clone());
        let mut files = Vec::new();
        let mut open: Option<DataFileWriter<'a>> = None;
        let mut start = group.start.clone();
        loop {
            let chunk = chunk(&mut documents).await?;
            if chunk.is_empty() {
                break;
            }
            let change = self.absorb(&chunk).await?;
            if change == Change::Rewrite {
                if let Some(file) = open {
                    file.abort().await;
                }
                return Ok(Written::Widened);
            }
            if change == Change::Added
                && let Some(file) = open.take()
            {
                files.push(file.finish().await?);
            }
            for batch in batches(&chunk) {
                let Some(last) = batch.last() else { continue };
                let file = match &mut open {
                    Some(file) => file,
                    none => {
                        let start = start.take().unwrap_or_else(|| position(&batch[0]));
                        none.insert(self.file(start)?)
                    }
                };
                file.push(&self.lake.env, &parse(batch)?, position(last)).await?;
                if file.bytes() >= self.lake.options.file_bytes
                    && let Some(file) = open.take()
                {
                    files.push(file.finish().await?);
                }
            }
        }
        if let Some(file) = open {
            files.push(file.finish().await?);
        }
        Ok(Written::Files(files))
    }

    /// Makes the columns hold all documents of a range.
    pub(super) async fn learn(&mut self, group: &Group) -> Result<(), LakeError> {
        let mut documents = self.source.scan(self.table, group.range.clone());
        loop {
            let chunk = chunk(&mut documents).await?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.absorb(&chunk).await?;
        }
    }

    async fn absorb(&mut self, chunk: &[Arc<Document>]) -> Result<Change, LakeError> {
        let mut change = Change::None;
        for batch in batches(chunk) {
            for document in parse(batch)? {
                change = change.max(self.columns.absorb(&document));
            }
            self.lake.env.sleep(Duration::ZERO).await;
        }
        Ok(change)
    }

    fn file(&mut self, start: Position) -> Result<DataFileWriter<'a>, LakeError> {
        let path = format!("data/{:020}-{}.parquet", self.source.ts(), self.ids.name());
        self.made.push(path.clone());
        DataFileWriter::new(&*self.lake.store, self.folder, path, &self.columns, start)
    }
}

/// The next documents, up to [`CHUNK`]; none at the end.
async fn chunk(documents: &mut super::source::Items<'_, Arc<Document>>) -> Result<Vec<Arc<Document>>, LakeError> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    while bytes < CHUNK
        && let Some(document) = documents.try_next().await.map_err(LakeError::Source)?
    {
        bytes += document.json.len();
        chunk.push(document);
    }
    Ok(chunk)
}

fn batches(chunk: &[Arc<Document>]) -> impl Iterator<Item = &[Arc<Document>]> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let full = rest.iter().position(|document| {
            bytes += document.json.len();
            bytes >= BATCH
        });
        let (batch, after) = rest.split_at(full.map_or(rest.len(), |at| at + 1));
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

fn parse(batch: &[Arc<Document>]) -> Result<Vec<BTreeMap<String, Value>>, LakeError> {
    batch
        .iter()
        .map(|document| {
            let value = document.value().map_err(|error| LakeError::Source(error.into()))?;
            Ok(value.into_object().unwrap_or_default())
        })
        .collect()
}
