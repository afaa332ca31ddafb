//! Files whose bytes are put into the store by somebody else, by a URL that allows just that.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::path;
use super::{FileError, Files, Stored};

/// A place for the bytes of one file. If nothing comes of it, the sweeper deletes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reserved {
    uuid: Uuid,
    timeline: String,
    stored_ms: f64,
}

impl Reserved {
    /// Where the bytes belong.
    pub(crate) fn path(&self) -> Path {
        path(&self.timeline, self.uuid)
    }

    /// The file, once the bytes are there.
    pub(super) fn holding(self, size: u64, sha256: [u8; 32]) -> Stored {
        let Self { uuid, timeline, stored_ms } = self;
        Stored { uuid, timeline, stored_ms, size, sha256 }
    }
}

impl Files {
    /// A place that no file has.
    pub(crate) fn reserve(&self) -> Reserved {
        let env = self.db.env();
        Reserved {
            uuid: uuid::Builder::from_random_bytes(env.random_bytes()).into_uuid(),
            timeline: self.db.segments().timeline().to_string(),
            stored_ms: (env.now_ns() / 1_000_000) as f64,
        }
    }

    /// The bytes that are there now. Their size is what the store says; `sha256` is taken on trust.
    ///
    /// # Errors
    /// When there are none, or the store fails.
    pub(crate) async fn adopt(&self, reserved: &Reserved, sha256: [u8; 32]) -> Result<Stored, FileError> {
        let size = self.store.head(&reserved.path()).await?.size;
        Ok(reserved.clone().holding(size, sha256))
    }

    /// Deletes bytes that are not going to be a file. Best effort.
    pub(crate) async fn give_up(&self, reserved: &Reserved) {
        if let Err(error) = self.store.delete(&reserved.path()).await {
            tracing::warn!(%error, uuid = %reserved.uuid, "the bytes of a file that was refused were left behind");
        }
    }
}
