//! `catalog.json` of a branch: which tables there are, and as of which commit timestamp all of them are complete.

use std::collections::BTreeMap;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};

use super::{LakeError, metadata};
use crate::log::{EntryNumber, Timestamp};

/// The format of the file. An older Lakewire does not touch the tables of a newer one.
pub(super) const FORMAT: u32 = 1;

/// Written at the end of each publication; the last one to write wins, which loses nothing: what a table has beyond the
/// timestamp here, it knows itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Catalog {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// The history that the timestamps are of.
    pub(super) timeline: String,
    /// Every change committed at or before is in the tables, in ns.
    pub(super) ts: Timestamp,
    /// The log's entries up to here are certainly among them.
    pub(super) entry: EntryNumber,
    /// When this was written, in ns since the Unix epoch.
    pub(super) published_ns: u64,
    /// The URL of the branch's folder, which the folders of the tables are in.
    pub(super) location: String,
    /// The tables by folder.
    pub(super) tables: BTreeMap<String, CatalogTable>,
    /// Folders of tables that are no more, and since when, in ns since the Unix epoch.
    pub(super) dropped: BTreeMap<String, u64>,
}

/// A table of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CatalogTable {
    /// The permanent name of the table that the folder is of.
    pub(super) tablet: u32,
    /// The newest metadata file, within the table's folder.
    pub(super) metadata: String,
    /// Documents in the current snapshot.
    pub(super) rows: u64,
    /// Bytes of its data files.
    pub(super) bytes: u64,
}

impl Catalog {
    pub(super) async fn load(store: &dyn ObjectStore, path: &Path) -> Result<Option<Catalog>, LakeError> {
        let Some(bytes) = metadata::read(store, path).await? else { return Ok(None) };
        let catalog: Catalog = metadata::parse(path, &bytes)?;
        if catalog.format != FORMAT {
            let reason = format!("its format is {}, not {FORMAT}", catalog.format);
            return Err(LakeError::Corrupt { path: path.to_string(), reason });
        }
        Ok(Some(catalog))
    }

    pub(super) async fn store(&self, store: &dyn ObjectStore, path: &Path) -> Result<(), LakeError> {
        store.put(path, PutPayload::from(serde_json::to_vec_pretty(self)?)).await?;
        Ok(())
    }
}
