//! What has to happen although nothing happens.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};

use super::connections::Glance;
use super::poster::PostError;
use super::{Gateway, GatewayError};
use crate::protocol::ping;

/// Pings of one tick.
const ROUNDS: u32 = 2;
/// The pause between them.
const PAUSE: Duration = Duration::from_secs(30);
/// Who was told something less long ago is not pinged, in milliseconds: the next round comes within the 60 s of the client, even if
/// it is late.
const SPOKE_MS: u64 = 15_000;
/// Pings that are under way at a time.
const AT_ONCE: usize = 32;

impl Gateway {
    /// To be called once a minute, and takes half a minute if there are connections. Keeps idle ones alive; goes on with queries that
    /// could not be run; closes connections that were abandoned; and tells of commits for which nobody called
    /// [`Gateway::fan_out`].
    ///
    /// # Errors
    /// If the log or the connections can't be read.
    pub async fn tick(&self) -> Result<(), GatewayError> {
        for round in 0..ROUNDS {
            if round > 0 {
                self.env().sleep(PAUSE).await;
            }
            let found = self.look_at_all().await?;
            if found.is_empty() {
                return Ok(());
            }
            // Nobody waits longer than for this; and the next look at connections shows what this has done.
            self.ping(&found).await;
            if round == 0 {
                let entry = self.catch_up().await?;
                self.visit_touched(found, entry).await;
            }
        }
        Ok(())
    }

    /// Pings those that were not told anything for long. Without their leases: clients take a ping between any two messages, the
    /// pieces of a Transition as well.
    async fn ping(&self, found: &[(String, Glance)]) {
        let now_ms = self.now_ms();
        let silent = found.iter().filter(|(_, glance)| now_ms.saturating_sub(glance.spoke_ms) >= SPOKE_MS);
        let pings: Vec<_> = silent.map(|(id, _)| self.ping_one(id).boxed()).collect();
        stream::iter(pings).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn ping_one(&self, id: &str) {
        match self.poster().post(id, Bytes::from(ping())).await {
            Ok(()) => {}
            Err(PostError::Gone) => {
                if let Err(error) = self.connections().remove(id).await {
                    tracing::warn!(connection = id, %error, "a connection that is gone can't be forgotten");
                }
            }
            Err(error) => tracing::warn!(connection = id, %error, "a client can't be pinged"),
        }
    }
}
