//! Deleting old versions.

use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Deserialize;

use super::{Chain, ChainError};

/// Versions deleted by one call, at most: the rest by the next ones.
const MOST_AT_ONCE: u64 = 1_000;

/// What every version says of itself.
#[derive(Deserialize)]
struct Published {
    published_ns: u64,
}

impl Chain {
    /// Deletes versions, oldest first, but none of the last `keep` and none that its publisher dated later than `keep_age` ago.
    /// The versions must be JSON objects with `published_ns`. Returns how many.
    ///
    /// Two at a time, or one that dies halfway, do no harm; at worst some old object stays for good.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn trim(&self, newest: u64, keep: u64, keep_age: Duration) -> Result<u64, ChainError> {
        let first = self.number("first").await?.unwrap_or(1);
        // The chain may be closed: then `first` is beyond everything.
        let mut target = (newest + 1).saturating_sub(keep).min(first.saturating_add(MOST_AT_ONCE));
        let horizon = self.env.now_ns().saturating_sub(keep_age.as_nanos() as u64);
        // Halfway back until the youngest that would go is old enough: few reads, and the next calls do the rest.
        while target > first && !self.is_older(target - 1, horizon).await? {
            target = first + (target - first) / 2;
        }
        if target <= first {
            return Ok(0);
        }
        self.put_number("first", target).await?;
        for version in first..target {
            let path = self.path(version);
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(ChainError::Store { operation: "delete", path: path.to_string(), error }),
            }
        }
        Ok(target - first)
    }

    /// Ends the chain: deletes all versions, and no publication counts from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close(&self) -> Result<(), ChainError> {
        self.put_number("first", u64::MAX).await?;
        let first = self.folder.clone().join("first");
        let failed = |operation, path: &Path, error| ChainError::Store { operation, path: path.to_string(), error };
        let listed: Result<Vec<_>, _> = self.store.list(Some(&self.folder)).try_collect().await;
        for object in listed.map_err(|error| failed("list", &self.folder, error))? {
            if object.location != first {
                match self.store.delete(&object.location).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(failed("delete", &object.location, error)),
                }
            }
        }
        Ok(())
    }

    /// Whether a version was published before `horizon`. One that is not there or cannot be read counts as old.
    async fn is_older(&self, version: u64, horizon: u64) -> Result<bool, ChainError> {
        let bytes = self.get(version).await?;
        let published = bytes.and_then(|bytes| serde_json::from_slice::<Published>(&bytes).ok());
        Ok(published.is_none_or(|published| published.published_ns < horizon))
    }
}
