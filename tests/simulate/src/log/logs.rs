//! The logs of all timelines, as a host opens them.

use std::sync::Arc;

use async_trait::async_trait;
use lakewire_storage::log::{CommitLog, OpenLogError};
use lakewire_storage::timeline::TimelineId;
use lakewire_storage::timeline::branch::{LogAccess, TimelineLogs};

use crate::cluster::Cluster;
use crate::host::Host;

/// Opens logs for one host.
pub struct Logs {
    /// Where they are.
    pub cluster: Arc<Cluster>,
    /// For whom.
    pub host: Arc<Host>,
}

#[async_trait]
impl TimelineLogs for Logs {
    async fn open(&self, timeline: &TimelineId, _access: LogAccess) -> Result<Arc<dyn CommitLog>, OpenLogError> {
        self.cluster.log(&self.host, timeline.as_str()).await
    }
}
