//! Other relays of the same deployment: they are told of commits, and tell of theirs.
//!
//! How: each relay writes its address into one item of the log's table now and then, and reads those of the others with the same
//! request. Whoever commits nudges all others, who then read the log. Workers in Lambda reach the relays only through their load
//! balancer, so one that is nudged by a worker passes it on.
//!
//! How it fails: a nudge that is lost costs up to a second, after which the log is looked at anyway. An address of a relay that is
//! gone is nudged in vain until it expires. Nothing depends on either.

mod registry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, State};
use axum::routing::post;
use http::StatusCode;
use lakewire_functions::nudge::{self, Nudge, NudgeBody, NudgeKey};
use lakewire_storage::database::Database;
use lakewire_storage::env::{Env, TaskHandle};
use lakewire_storage::log::EntryNumber;
use parking_lot::Mutex;

pub use registry::{DynamoDbRegistry, Registry, RegistryError};

/// How often a relay says where it is, and reads where others are.
const REGISTER_EVERY: Duration = Duration::from_secs(20);
/// How long a nudge may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The other relays, as one knows them.
pub struct Peers {
    db: Arc<Database>,
    env: Env,
    key: NudgeKey,
    client: reqwest::Client,
    registry: Arc<dyn Registry>,
    /// Where others reach this relay: `http://10.0.0.7:3210`.
    address: String,
    known: Mutex<BTreeMap<String, Arc<Peer>>>,
    tasks: Mutex<Vec<TaskHandle>>,
}

struct Peer {
    nudge: Nudge,
    /// The newest entry that it is to hear of.
    newest: AtomicU64,
    /// A nudge is on its way. The next one says whatever is newest then.
    is_busy: AtomicBool,
}

impl Peers {
    /// Says that there is a relay at `address`, and tells others of what `db` commits, until it is [left](Self::leave).
    ///
    /// # Errors
    /// If this machine has no TLS.
    pub fn join(
        db: Arc<Database>,
        registry: Arc<dyn Registry>,
        key: NudgeKey,
        address: String,
    ) -> Result<Arc<Self>, reqwest::Error> {
        let env = db.env().clone();
        let client = reqwest::Client::builder().timeout(PATIENCE).tcp_nodelay(true).build()?;
        let (known, tasks) = (Mutex::default(), Mutex::default());
        let peers = Arc::new(Self { db, env: env.clone(), key, client, registry, address, known, tasks });
        let registering = env.spawn("peers", peers.clone().stay_registered());
        let telling = env.spawn("nudges", peers.clone().tell());
        *peers.tasks.lock() = vec![registering, telling];
        Ok(peers)
    }

    /// The route that takes nudges.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().route(nudge::PATH, post(take)).with_state(self.clone())
    }

    /// Whether other relays are known.
    pub fn has_others(&self) -> bool {
        !self.known.lock().is_empty()
    }

    /// Takes back that there is a relay here.
    pub async fn leave(&self) {
        self.tasks.lock().drain(..).for_each(|task| task.abort());
        if let Err(error) = self.registry.leave(&self.address).await {
            tracing::debug!(%error, "other relays are not told that this one is gone");
        }
    }

    async fn stay_registered(self: Arc<Self>) {
        loop {
            match self.registry.enter(&self.address).await {
                Ok(addresses) => self.learn(addresses),
                Err(error) => tracing::warn!(%error, "other relays do not learn of this one at present"),
            }
            self.env.sleep(REGISTER_EVERY).await;
        }
    }

    fn learn(&self, addresses: Vec<String>) {
        let mut known = self.known.lock();
        known.retain(|address, _| addresses.contains(address));
        for address in addresses.into_iter().filter(|address| *address != self.address) {
            known.entry(address.clone()).or_insert_with(|| {
                let nudge = Nudge::new(self.client.clone(), &address, self.key.clone(), false);
                Arc::new(Peer { nudge, newest: AtomicU64::new(0), is_busy: AtomicBool::new(false) })
            });
        }
    }

    /// Nudges others whenever something was committed here.
    async fn tell(self: Arc<Self>) {
        let mut commits = self.db.commits();
        let mut told = self.db.appended_entry();
        while commits.next().await.is_some() {
            let newest = self.db.appended_entry();
            if newest > told {
                told = newest;
                self.nudge_all(newest);
            }
        }
    }

    fn nudge_all(&self, entry: EntryNumber) {
        for peer in self.known.lock().values() {
            peer.newest.fetch_max(entry, Ordering::SeqCst);
            if !peer.is_busy.swap(true, Ordering::SeqCst) {
                self.env.spawn("nudge", peer.clone().nudge());
            }
        }
    }
}

impl Peer {
    async fn nudge(self: Arc<Self>) {
        let mut sent = 0;
        loop {
            let newest = self.newest.load(Ordering::SeqCst);
            if newest > sent {
                self.nudge.send(newest).await;
                sent = newest;
                continue;
            }
            self.is_busy.store(false, Ordering::SeqCst);
            // Whoever came in between has found it busy.
            if self.newest.load(Ordering::SeqCst) <= sent || self.is_busy.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }
}

async fn take(State(peers): State<Arc<Peers>>, Json(nudge): Json<NudgeBody>) -> StatusCode {
    if !peers.key.is_valid(&nudge) {
        return StatusCode::FORBIDDEN;
    }
    if nudge.spread {
        peers.nudge_all(nudge.entry);
    }
    if nudge.entry > peers.db.entry()
        && let Err(error) = peers.db.refresh_through(nudge.entry).await
    {
        tracing::debug!(%error, "the log cannot be read at a nudge");
    }
    StatusCode::NO_CONTENT
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
