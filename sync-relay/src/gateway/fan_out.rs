//! Telling the connections of commits.

use futures::{FutureExt as _, StreamExt as _, stream};
use lakewire_storage::log::EntryNumber;

use super::connections::{GRACE_MS, Glance};
use super::visit::{ConnectionRecord, Letter};
use super::{Gateway, GatewayError};
use crate::backend::View;

/// Connections that are visited at a time.
const AT_ONCE: usize = 32;

impl Gateway {
    /// Sees to it that every connection shows the commits up to entry `through`. Harmless if others do so too, or did.
    ///
    /// # Errors
    /// If the log or the connections can't be read. A connection by itself that fails is closed.
    pub async fn fan_out(&self, through: EntryNumber) -> Result<(), GatewayError> {
        if *self.covered.lock() >= through {
            return Ok(());
        }
        let entry = self.catch_up().await?;
        let found = self.look_at_all().await?;
        self.visit_touched(found, entry.max(through)).await;
        let mut covered = self.covered.lock();
        *covered = entry.max(*covered);
        Ok(())
    }

    /// Makes the newest snapshot show what was committed before, by whoever; gives the newest entry that it has.
    pub(super) async fn catch_up(&self) -> Result<EntryNumber, GatewayError> {
        let backend = &self.shared().backend;
        if let Some(refreshed) = backend.refresh() {
            refreshed.await.map_err(|failure| GatewayError::Log(failure.to_string()))?;
        }
        Ok(backend.entry())
    }

    /// All connections as they are now. Ids of connections that are gone are forgotten.
    pub(super) async fn look_at_all(&self) -> Result<Vec<(String, Glance)>, GatewayError> {
        let ids = self.connections().list().await?;
        let found = self.connections().look(&ids).await?;
        if found.len() < ids.len() {
            let there: std::collections::HashSet<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
            for id in ids.iter().filter(|id| !there.contains(id.as_str())) {
                self.connections().remove(id).await?;
            }
        }
        Ok(found)
    }

    /// Visits those of the connections that have something to show, or to be shown. `through` is what they have to see.
    pub(super) async fn visit_touched(&self, found: Vec<(String, Glance)>, through: EntryNumber) {
        let view = self.shared().backend.latest();
        let now_ms = self.now_ms();
        let touched = found.into_iter().filter(|(id, glance)| glance.is_held() || glance.is_touched(id, &*view));
        let visits: Vec<_> = touched.map(|(id, glance)| self.tell(id, glance, through, now_ms).boxed()).collect();
        stream::iter(visits).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn tell(&self, id: String, glance: Glance, through: EntryNumber, now_ms: u64) {
        if glance.is_abandoned(now_ms) {
            tracing::warn!(connection = id, "somebody did not come back from a connection: it is closed");
            self.give_up(&id).await;
            return;
        }
        // A holder may have looked at the log before the commit.
        if let Err(error) = self.visit(&id, Letter::Nudge(through)).await {
            tracing::warn!(connection = id, %error, "a connection is not told of a commit: it is closed");
            self.give_up(&id).await;
        }
    }
}

impl Glance {
    fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether somebody held the lease and did not come back.
    pub(super) fn is_abandoned(&self, now_ms: u64) -> bool {
        self.held.is_some_and(|(_, until_ms)| until_ms + GRACE_MS < now_ms)
    }

    fn is_touched(&self, id: &str, view: &dyn View) -> bool {
        if self.is_due {
            return true;
        }
        let record = serde_json::from_slice::<ConnectionRecord>(&self.state).map_err(|error| error.to_string());
        let touched = record.and_then(|record| record.session.is_touched(view).map_err(|error| error.to_string()));
        touched.unwrap_or_else(|error| {
            // Who visits it closes it.
            tracing::warn!(connection = id, error, "the record of a connection cannot be read");
            true
        })
    }
}
