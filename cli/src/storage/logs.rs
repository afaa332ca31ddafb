//! The logs of a deployment's timelines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client as DynamoDb;
use lakewire_storage::env::Env;
use lakewire_storage::log::{
    CommitLog, DynamoDbLog, DynamoDbLogConfig, LocalLog, MemoryLog, ObjectStoreLog, OpenLogError,
};
use lakewire_storage::timeline::TimelineId;
use lakewire_storage::timeline::branch::{LogAccess, TimelineLogs};
use object_store::ObjectStore;
use parking_lot::Mutex;

/// Opens logs of one kind.
pub struct Logs {
    /// Which kind.
    pub medium: Medium,
    /// The deployment's store.
    pub store: Arc<dyn ObjectStore>,
    /// Clock, randomness, tasks.
    pub env: Env,
}

/// Where logs are, and what opening one takes.
pub enum Medium {
    /// In this folder.
    Local(PathBuf),
    /// In a table that other deployments may use, too.
    DynamoDb {
        /// Reaches it.
        client: DynamoDb,
        /// Its name.
        table: String,
        /// The id of the deployment: what its keys begin with.
        deployment: String,
    },
    /// In the deployment's store.
    ObjectStore,
    /// In this map, as long as the process lives.
    Memory(Mutex<BTreeMap<TimelineId, Arc<MemoryLog>>>),
}

#[async_trait]
impl TimelineLogs for Logs {
    async fn open(&self, timeline: &TimelineId, access: LogAccess) -> Result<Arc<dyn CommitLog>, OpenLogError> {
        match &self.medium {
            Medium::Local(folder) => self.open_local(folder, timeline, access).await,
            Medium::DynamoDb { client, table, deployment } => {
                let stream = format!("{deployment}/{timeline}");
                let config = DynamoDbLogConfig { client: client.clone(), table: table.clone(), stream };
                Ok(Arc::new(DynamoDbLog::open(config, self.store.clone(), &self.env).await?))
            }
            Medium::ObjectStore => {
                let folder = format!("log/{timeline}");
                Ok(Arc::new(ObjectStoreLog::open(self.store.clone(), &folder, &self.env).await?))
            }
            Medium::Memory(logs) => Ok(logs.lock().entry(timeline.clone()).or_default().clone()),
        }
    }
}

impl Logs {
    /// The first timeline's log is in the folder itself, those of the others are in folders below.
    async fn open_local(
        &self,
        folder: &Path,
        timeline: &TimelineId,
        access: LogAccess,
    ) -> Result<Arc<dyn CommitLog>, OpenLogError> {
        let folder = if *timeline == TimelineId::main() { folder.to_owned() } else { folder.join(timeline.as_str()) };
        match access {
            LogAccess::Write => Ok(Arc::new(LocalLog::open(folder, &self.env).await?)),
            LogAccess::Read => Ok(Arc::new(LocalLog::read_only(folder, &self.env).await?)),
        }
    }
}
