//! Which processes are alive, so that what a dead one was at can be given up.
//!
//! A process that runs actions has a row with a number that it raises every [`BEAT`]. Who sees the number of another stand
//! still for [`PATIENCE`], by its own clock, takes that one for dead. Where only one process at a time can have the
//! database, all others are. A process that is only slow loses nothing but the outcome of its actions: they are not begun
//! again.

use std::collections::HashMap;
use std::time::Duration;

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::env::Moment;
use lakewire_storage::id::{DocumentId, InternalId};
use lakewire_storage::value::Value;
use serde::{Deserialize, Serialize};

use super::begin::try_commit;
use super::row::{self, JobRow, JobState};
use super::run::unavailable;
use crate::crons;
use crate::engine::Engine;
use crate::model::rows;
use crate::udf::CallFailure;

const OWNERS: SystemTable = SystemTable::JobOwners;
const SOURCE: &str = "_system/scheduler";

/// How often a process says that it is alive, and looks whether others are.
pub(super) const BEAT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// Why an action failed of which nobody knows how far it came.
pub(crate) const TRANSIENT: &str = "Transient error while executing action: the server stopped, or lost its storage, while \
     the action was running. It may have run in part, and is not run again";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OwnerRow {
    beat: f64,
}

/// This process among those that run jobs.
pub(super) struct Owners {
    id: InternalId,
    beat: f64,
    /// Of others: the number, and when it was first seen.
    seen: HashMap<InternalId, (f64, Moment)>,
    has_looked: bool,
}

impl Owners {
    pub fn new(engine: &Engine) -> Self {
        Self { id: InternalId(engine.env().random_bytes()), beat: 0.0, seen: HashMap::new(), has_looked: false }
    }

    /// The name of this process in the rows of what it runs.
    pub fn name(&self) -> String {
        name(self.id)
    }

    /// Whether others know of this process.
    pub fn has_said(&self) -> bool {
        self.beat > 0.0
    }

    /// Says that this process is alive. Returns once that is durable: before that it must begin nothing.
    ///
    /// # Errors
    /// When storage is out of reach.
    pub async fn beat(&mut self, engine: &Engine) -> Result<(), CallFailure> {
        self.beat += 1.0;
        let db = engine.db();
        loop {
            let mut tx = db.begin(db.head(), SOURCE);
            let row = OwnerRow { beat: self.beat };
            rows::replace(&mut tx, OWNERS, DocumentId { table: OWNERS.number(), internal: self.id }, &row).await?;
            if try_commit(db, tx).await.map_err(unavailable)? {
                return Ok(());
            }
        }
    }

    /// Gives up what processes were at that have died.
    ///
    /// # Errors
    /// When storage is out of reach: to be called again.
    pub async fn bury(&mut self, engine: &Engine) -> Result<(), CallFailure> {
        let db = engine.db();
        if self.has_looked && !db.is_shared() {
            return Ok(());
        }
        let mut tx = db.begin(db.latest(), SOURCE);
        let owners = rows::scan::<OwnerRow>(&mut tx, OWNERS).await?;
        let now = Moment::now(engine.env());
        let mut seen = HashMap::new();
        for owner in owners.into_iter().filter(|owner| owner.id.internal != self.id) {
            let id = owner.id.internal;
            let known = self.seen.get(&id).filter(|(beat, _)| *beat == owner.value.beat);
            let since = known.map_or(now, |(_, since)| *since);
            if db.is_shared() && since.until(now) < PATIENCE {
                seen.insert(id, (owner.value.beat, since));
                continue;
            }
            give_up(engine, id).await?;
        }
        self.seen = seen;
        self.has_looked = true;
        Ok(())
    }

    /// Takes back that this process is alive: it runs nothing any more.
    pub async fn leave(&mut self, engine: &Engine) -> Result<(), CallFailure> {
        if self.beat > 0.0 {
            give_up(engine, self.id).await?;
            self.beat = 0.0;
        }
        Ok(())
    }
}

fn name(id: InternalId) -> String {
    hex::encode(id.0)
}

/// Ends what a process was at, and forgets it.
async fn give_up(engine: &Engine, owner: InternalId) -> Result<(), CallFailure> {
    let db = engine.db();
    loop {
        let mut tx = db.begin(db.head(), SOURCE);
        let now_ms = (engine.env().now_ns() / 1_000_000) as f64;
        let key = [Value::from(name(owner))];
        let jobs = rows::find::<JobRow>(&mut tx, SystemTable::ScheduledJobs, "by_owner", &key).await?;
        for mut job in jobs {
            job.value.end(JobState::Failed, now_ms);
            row::set_state(&mut tx, job.id.internal, &job.value, Some(TRANSIENT)).await?;
        }
        crons::give_up(&mut tx, &key).await?;
        rows::delete(&mut tx, OWNERS, DocumentId { table: OWNERS.number(), internal: owner }).await?;
        if try_commit(db, tx).await.map_err(unavailable)? {
            return Ok(());
        }
    }
}
