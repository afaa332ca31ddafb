//! Who is told of what an invocation has committed.
//!
//! Nothing depends on it: what is due is found within a minute by the tick, the log is followed by relays and read by whoever
//! starts, and flushed by schedule. It only makes all that sooner.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::join_all;
use lakewire_storage::aws::rest::{AwsRest, Invocation};
use lakewire_storage::commit::CommitStream;
use lakewire_storage::database::Database;
use lakewire_storage::env::Env;
use lakewire_storage::log::EntryNumber;
use parking_lot::Mutex;
use serde_json::json;

use crate::jobs::{minute_end, soonest_due};

/// The answer to the request waits for it, so not for long.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many entries are flushed at once, if the schedule does not come first.
const FLUSH_EVERY: EntryNumber = 1000;

/// The functions to tell, by name.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    /// Runs what is due.
    pub tick: Option<String>,
    /// Flushes.
    pub upkeep: Option<String>,
    /// Holds the sockets of a WebSocket API.
    pub socket: Option<String>,
    /// Where a relay takes nudges, and the key that they are signed with.
    pub relay: Option<crate::nudge::Nudge>,
}

/// Tells others of commits.
pub struct Notices {
    rest: Option<AwsRest>,
    listeners: Listeners,
    env: Env,
    state: Mutex<State>,
}

struct State {
    commits: CommitStream,
    /// The newest entry of this process that others were told of.
    told: EntryNumber,
}

impl Notices {
    /// Tells `listeners` of what is committed from now on.
    pub fn new(db: &Database, rest: Option<AwsRest>, listeners: Listeners) -> Self {
        let state = State { commits: db.commits(), told: db.appended_entry() };
        Self { rest, listeners, env: db.env().clone(), state: Mutex::new(state) }
    }

    /// Tells of what this process has committed since the last time, and returns once it is told, or after a second.
    pub async fn send(&self, db: &Database) {
        let now_ms = self.env.now_ns() as f64 / 1e6;
        let (told, newest, due) = {
            let mut state = self.state.lock();
            let newest = db.appended_entry();
            let told = std::mem::replace(&mut state.told, newest);
            let mut due = f64::INFINITY;
            while let Some(batch) = state.commits.try_next() {
                due = due.min(soonest_due(&batch));
            }
            (told, newest, due)
        };
        if newest <= told {
            return;
        }
        let mut sent = Vec::new();
        if due < minute_end(now_ms)
            && let Some(tick) = &self.listeners.tick
        {
            sent.push(self.tell(tick, json!({"lakewire": {"due": due.max(now_ms)}})).boxed());
        }
        if newest / FLUSH_EVERY > told / FLUSH_EVERY
            && let Some(upkeep) = &self.listeners.upkeep
        {
            sent.push(self.tell(upkeep, json!({"lakewire": {"entry": newest}})).boxed());
        }
        if let Some(socket) = &self.listeners.socket {
            sent.push(self.tell(socket, json!({"lakewire": {"commits": {"through": newest}}})).boxed());
        }
        if let Some(relay) = &self.listeners.relay {
            sent.push(relay.send(newest).boxed());
        }
        if self.env.timeout(PATIENCE, join_all(sent)).await.is_err() {
            tracing::warn!("others are told of a commit for longer than {PATIENCE:?}; they will find it by themselves");
        }
    }

    /// Tells the function that holds sockets that a minute is over.
    pub async fn tick(&self) {
        if let Some(socket) = &self.listeners.socket {
            let told = self.tell(socket, json!({"lakewire": {"tick": {}}}));
            // It is told again in a minute.
            let _late = self.env.timeout(PATIENCE, told).await;
        }
    }

    async fn tell(&self, function: &str, event: serde_json::Value) {
        let Some(rest) = &self.rest else { return };
        if let Err(error) = rest.invoke(function, Bytes::from(event.to_string()), Invocation::Async).await {
            tracing::warn!(%error, function, "cannot tell of a commit; it will be found without");
        }
    }
}
