//! Chains: small objects that change by compare-and-swap, on a store that only has "create if absent".
//!
//! Version n of a chain is the object `{folder}/{n:020}.json`. Whoever read version n may try to create n + 1; of several, one
//! wins. The newest version is found by walking up from a known one until there is none.
//!
//! Two more objects shorten the walk, and neither is trusted beyond that:
//! - `{folder}/latest`: the number of some recent version, overwritten after each publication, best effort. It may be stale.
//! - `{folder}/first`: all versions below this number may be gone and do not count, even where they are still there. It is
//!   written *before* any of them is deleted, oldest first. So a publisher that stalled until its place was deleted, and could
//!   now create it again, finds out by reading `first` after its object was created.
//!
//! What is assumed of the store: an object that was created is seen by every GET that begins afterwards. LIST is used only when
//! `latest` and `first` are both lost, and then may be stale.

mod trim;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::env::Env;

/// Attempts of a publication whose outcome stays unknown.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A versioned object. Cheap; holds no state but where it is.
#[derive(Clone)]
pub struct Chain {
    store: Arc<dyn ObjectStore>,
    folder: Path,
    env: Env,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The version is there, with these bytes.
    Published,
    /// Another writer's is, and the own one never will be.
    Conflict,
}

/// A chain could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The store failed. A publication did not happen.
    #[error("cannot {operation} `{path}`: {error}")]
    Store {
        /// What: "read", "list", ...
        operation: &'static str,
        /// The object.
        path: String,
        /// What the store said.
        error: object_store::Error,
    },
    /// The store did not say whether a version was published, several times. It may be there, or yet arrive.
    #[error("it is not known whether `{path}` was written: {error}")]
    Unknown {
        /// The version's object.
        path: String,
        /// What the store said last.
        error: object_store::Error,
    },
    /// A publication took so long that so many later ones were made that this one would be deleted by now. It may be among those
    /// that they build on, or may not count.
    #[error("`{path}` was written too late to know whether it counts")]
    TooLate {
        /// The version's object.
        path: String,
    },
    /// Versions are gone that must be there.
    #[error("the versions in `{folder}` from {first} on are missing")]
    Lost {
        /// The chain's folder.
        folder: String,
        /// The first that should be there.
        first: u64,
    },
}

impl ChainError {
    /// Whether a publication that failed with it may have happened, or may yet.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::TooLate { .. })
    }
}

impl Chain {
    /// The chain in `folder`; nothing is read.
    pub fn new(store: Arc<dyn ObjectStore>, folder: Path, env: Env) -> Self {
        Chain { store, folder, env }
    }

    /// Where version `version` is.
    pub fn path(&self, version: u64) -> Path {
        self.folder.clone().join(format!("{version:020}.json"))
    }

    /// The newest version; `None` if there never was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn latest(&self) -> Result<Option<(u64, Bytes)>, ChainError> {
        let (hint, first) = futures::try_join!(self.number("latest"), self.number("first"))?;
        let first = first.unwrap_or(1);
        let start = hint.unwrap_or(1).max(first);
        if let Some(bytes) = self.get(start).await? {
            return self.walk(start, bytes).await.map(Some);
        }
        if hint.is_none() && first == 1 {
            return Ok(None);
        }
        // One of the two was overwritten by a delayed older one.
        let Some(listed) = self.greatest_listed().await?.filter(|listed| *listed >= first) else {
            return Err(ChainError::Lost { folder: self.folder.to_string(), first: start });
        };
        match self.get(listed).await? {
            Some(bytes) => self.walk(listed, bytes).await.map(Some),
            None => Err(ChainError::Lost { folder: self.folder.to_string(), first: listed }),
        }
    }

    /// The newest version, given that `known` was seen: `None` if that still is the newest.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn later_than(&self, known: u64) -> Result<Option<(u64, Bytes)>, ChainError> {
        let (next, first) = futures::try_join!(self.get(known + 1), self.number("first"))?;
        if first.is_some_and(|first| first > known) {
            return self.latest().await;
        }
        match next {
            Some(bytes) => self.walk(known + 1, bytes).await.map(Some),
            None => Ok(None),
        }
    }

    async fn walk(&self, mut version: u64, mut bytes: Bytes) -> Result<(u64, Bytes), ChainError> {
        while let Some(next) = self.get(version + 1).await? {
            version += 1;
            bytes = next;
        }
        Ok((version, bytes))
    }

    /// Makes `bytes` version `version`, if the newest is the one before. `bytes` must hold a random nonce: they are how the
    /// writer knows its own version.
    ///
    /// # Errors
    /// If [`ChainError::is_undecided`], the version may be there, or may yet arrive. Otherwise it is not and will not be.
    pub async fn publish(&self, version: u64, bytes: Bytes) -> Result<Publication, ChainError> {
        let outcome = self.create(version, bytes).await?;
        if self.is_trimmed(version).await.map_err(|error| self.undecided(version, error))? {
            // Either the place was free only because the version that had been there is deleted. Or this version was there in
            // time, and so much has happened since that it is deleted by now.
            return Err(ChainError::TooLate { path: self.path(version).to_string() });
        }
        if outcome == Publication::Published
            && let Err(error) = self.put_number("latest", version).await
        {
            tracing::debug!(%error, "a hint was not written");
        }
        Ok(outcome)
    }

    /// Puts the object of a version in its place, until it is known whose is there.
    async fn create(&self, version: u64, bytes: Bytes) -> Result<Publication, ChainError> {
        let path = self.path(version);
        let mut pause = FIRST_PAUSE;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let put = self.store.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Create.into()).await;
            let Err(error) = put else { return Ok(Publication::Published) };
            // Also an object that was there already may be the own one, from an attempt whose answer was lost.
            match self.get(version).await {
                Ok(Some(present)) if present == bytes => return Ok(Publication::Published),
                Ok(Some(_)) => return Ok(Publication::Conflict),
                Ok(None) | Err(_) if attempt < ATTEMPTS => {}
                Ok(None) | Err(_) => return Err(ChainError::Unknown { path: path.to_string(), error }),
            }
            self.env.sleep(pause).await;
            pause *= 2;
        }
    }

    /// Whether the place of a version was or is about to be deleted. Two signs: `first`, which is written before; and the
    /// version before, which is deleted before it, in case a delayed older `first` has overwritten the newer one.
    async fn is_trimmed(&self, version: u64) -> Result<bool, ChainError> {
        let before = async {
            match version {
                1 => Ok(true),
                _ => self.is_there(version - 1).await,
            }
        };
        let (first, before) = futures::try_join!(self.number("first"), before)?;
        Ok(first.is_some_and(|first| first > version) || !before && first.is_none_or(|first| first < version))
    }

    fn undecided(&self, version: u64, error: ChainError) -> ChainError {
        match error {
            ChainError::Store { error, .. } => ChainError::Unknown { path: self.path(version).to_string(), error },
            other => other,
        }
    }

    /// The bytes of one version, if it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, version: u64) -> Result<Option<Bytes>, ChainError> {
        self.get_object(&self.path(version)).await
    }

    async fn is_there(&self, version: u64) -> Result<bool, ChainError> {
        let path = self.path(version);
        match self.store.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(ChainError::Store { operation: "read", path: path.to_string(), error }),
        }
    }

    async fn get_object(&self, path: &Path) -> Result<Option<Bytes>, ChainError> {
        let bytes = async { self.store.get(path).await?.bytes().await }.await;
        match bytes {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(ChainError::Store { operation: "read", path: path.to_string(), error }),
        }
    }

    async fn number(&self, name: &str) -> Result<Option<u64>, ChainError> {
        let bytes = self.get_object(&self.folder.clone().join(name)).await?;
        Ok(bytes.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.trim().parse().ok()))
    }

    async fn put_number(&self, name: &str, number: u64) -> Result<(), ChainError> {
        let path = self.folder.clone().join(name);
        let put = self.store.put(&path, PutPayload::from(number.to_string())).await;
        put.map(drop).map_err(|error| ChainError::Store { operation: "write", path: path.to_string(), error })
    }

    async fn greatest_listed(&self) -> Result<Option<u64>, ChainError> {
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse::<u64>().ok();
        let greatest = self.store.list(Some(&self.folder)).try_fold(None, |greatest: Option<u64>, object| {
            futures::future::ready(Ok(greatest.max(number(&object.location))))
        });
        let failed = |error| ChainError::Store { operation: "list", path: self.folder.to_string(), error };
        greatest.await.map_err(failed)
    }
}
