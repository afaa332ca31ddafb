//! What a node does in one life.

mod work;

use std::sync::Arc;
use std::time::Duration;

use lakewire_relay::{CacheOptions, Sessions};
use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::branch::{self, BranchContext};
use lakewire_storage::timeline::{BranchName, Segments, TimelineId};

pub use work::work;

use crate::app::NodeBackend;
use crate::cluster::Cluster;
use crate::host::Host;
use crate::log::Logs;

/// A node that is up.
pub struct Ready {
    /// Its engine.
    pub backend: Arc<NodeBackend>,
    /// Its relay.
    pub sessions: Arc<Sessions>,
}

/// Opens the database of a branch, however long it takes. `None` if there is no such branch.
pub async fn open(cluster: &Arc<Cluster>, host: &Arc<Host>, branch: &BranchName) -> Option<Arc<Ready>> {
    let env = host.env();
    loop {
        match try_open(cluster, host, branch, &env).await {
            Ok(database) => {
                let timeline = database.segments().timeline().to_string();
                let backend =
                    Arc::new(NodeBackend { host: host.clone(), database, timeline, book: cluster.book.clone() });
                let sessions = Arc::new(Sessions::over(backend.clone(), env, CacheOptions::default()));
                return Some(Arc::new(Ready { backend, sessions }));
            }
            Err(error) if error.is_gone => return None,
            Err(error) => {
                cluster.world.event(format_args!("{} cannot open: {}", host.name, error.text));
                env.sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// What a host needs to work with branches.
pub fn branch_context(cluster: &Arc<Cluster>, host: &Arc<Host>) -> BranchContext {
    let logs = Logs { cluster: cluster.clone(), host: host.clone() };
    BranchContext { store: cluster.store(host), logs: Arc::new(logs), env: host.env() }
}

/// The files of a timeline, as a host sees them.
///
/// # Errors
/// When they cannot be read at present.
pub async fn segments(
    cluster: &Arc<Cluster>,
    host: &Arc<Host>,
    timeline: TimelineId,
) -> Result<Arc<Segments>, lakewire_storage::timeline::SegmentsError> {
    let (store, env) = (cluster.store(host), host.env());
    let cache = SegmentCache::new(store.clone(), env.clone(), cluster.plan.cache_bytes);
    Segments::open(store, cache, env, timeline, cluster.plan.segments.clone()).await
}

struct CannotOpen {
    text: String,
    is_gone: bool,
}

impl<E: std::error::Error> From<E> for CannotOpen {
    fn from(error: E) -> Self {
        CannotOpen { text: error.to_string(), is_gone: false }
    }
}

async fn try_open(
    cluster: &Arc<Cluster>,
    host: &Arc<Host>,
    name: &BranchName,
    env: &lakewire_storage::env::Env,
) -> Result<Arc<Database>, CannotOpen> {
    let timeline = match branch::resolve(&branch_context(cluster, host), name).await {
        Err(branch::BranchError::NoBranch(name)) => {
            return Err(CannotOpen { text: format!("there is no branch {name}"), is_gone: true });
        }
        resolved => resolved?,
    };
    let log = cluster.log(host, timeline.as_str()).await?;
    let segments = segments(cluster, host, timeline).await?;
    let options = DatabaseOptions::new(log, segments, env.clone());
    let options = DatabaseOptions { flush_interval: cluster.plan.flush_interval, ..options };
    Ok(Database::open(options).await?)
}
