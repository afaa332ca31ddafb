//! The task that finds what is due and has it run.
//!
//! It sleeps until the next job is due, a commit brings one, or one that runs has ended. Jobs run beside everything else,
//! a bounded number at a time, so that however many are due, others get their turn.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::commit::CommitBatch;
use lakewire_storage::env::{Env, TaskHandle};
use lakewire_storage::id::InternalId;
use lakewire_storage::log::LoggedWrite;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::due::job_due;
use super::lane::{Lane, LaneName};
use super::owners::{BEAT, Owners};
use super::row::JobRow;
use super::{backoff, expire, run};
use crate::crons;
use crate::engine::Engine;
use crate::model::{FunctionKind, RunState};
use crate::udf::CallFailure;

/// How often rows of jobs that ended long ago are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);
const SOURCE: &str = "_system/scheduler";

/// Runs scheduled functions and cron jobs of an engine, until it is stopped or dropped.
pub struct Scheduler {
    task: Mutex<Option<TaskHandle>>,
    shared: Arc<Shared>,
    engine: Weak<Engine>,
}

/// What the task shares with the jobs that it runs.
pub(super) struct Shared {
    /// Jobs and cron jobs that run here, or wait here for a slot.
    pub running: Mutex<HashSet<InternalId>>,
    /// One of them has ended.
    pub ended: Notify,
    pub owners: tokio::sync::Mutex<Owners>,
    owner: String,
    /// Something could not be run, and waits as before.
    has_failed: AtomicBool,
}

pub(super) struct Executor {
    engine: Weak<Engine>,
    pub shared: Arc<Shared>,
    lanes: [Lane; 2],
    /// When the next cron job is due, ms.
    next_cron: f64,
    /// Whether the newest deployment lets functions run.
    is_paused: bool,
    /// Monotonic ns.
    last_beat: Option<u64>,
    last_expiry: Option<u64>,
}

impl Scheduler {
    /// Starts running what is due.
    pub fn start(engine: &Arc<Engine>) -> Self {
        let executor = Executor::new(engine);
        let shared = executor.shared.clone();
        let task = engine.env().spawn("scheduler", executor.work(engine.db().commits(), engine.env().clone()));
        Self { task: Mutex::new(Some(task)), shared, engine: Arc::downgrade(engine) }
    }

    /// Begins nothing more, waits for what runs until `patience` is over, and gives up the rest: their actions have failed.
    pub async fn stop(&self, patience: Duration) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.abort();
            task.join().await;
        }
        let Some(engine) = self.engine.upgrade() else { return };
        let all_ended = async {
            while !self.shared.running.lock().is_empty() {
                self.shared.ended.notified().await;
            }
        };
        if engine.env().timeout(patience, all_ended).await.is_err() {
            tracing::warn!("scheduled functions are still running after {patience:?}; they are given up");
        }
        if let Err(error) = self.shared.owners.lock().await.leave(&engine).await {
            tracing::warn!(%error, "cannot say that this process runs no scheduled function any more");
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut() {
            task.abort();
        }
    }
}

impl Executor {
    pub(super) fn new(engine: &Arc<Engine>) -> Self {
        let owners = Owners::new(engine);
        let owner = owners.name();
        let (running, ended, has_failed) = (Mutex::default(), Notify::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { running, ended, owners: tokio::sync::Mutex::new(owners), owner, has_failed });
        let limits = engine.db().limits();
        Executor {
            engine: Arc::downgrade(engine),
            shared,
            lanes: [
                Lane::new(LaneName::Mutation, limits.concurrent_scheduled_mutations),
                Lane::new(LaneName::Action, limits.concurrent_scheduled_actions),
            ],
            next_cron: f64::NEG_INFINITY,
            is_paused: false,
            last_beat: None,
            last_expiry: None,
        }
    }

    async fn work(mut self, mut commits: lakewire_storage::commit::CommitStream, env: Env) {
        let mut failures = 0;
        loop {
            let Some(engine) = self.engine.upgrade() else { return };
            let pause = match self.turn(&engine).await {
                Ok(next) => {
                    failures = 0;
                    pause_until(&env, next)
                }
                Err(error) => {
                    tracing::warn!(%error, "the scheduler cannot read its jobs at present");
                    failures += 1;
                    backoff(&env, failures.min(6))
                }
            };
            drop(engine);
            let shared = self.shared.clone();
            tokio::select! {
                () = shared.ended.notified() => {}
                () = env.sleep(pause) => {}
                batch = commits.next() => match batch {
                    Some(batch) => self.learn(&batch),
                    None => return,
                },
            }
            while let Some(batch) = commits.try_next() {
                self.learn(&batch);
            }
        }
    }

    /// Takes note of what others have committed.
    pub(super) fn learn(&mut self, batch: &CommitBatch) {
        if batch.is_gap {
            self.forget();
        }
        for write in batch.transactions.iter().flat_map(|transaction| &transaction.writes) {
            self.learn_write(write);
        }
    }

    /// Looks at everything anew.
    fn forget(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.expect(f64::NEG_INFINITY));
        self.next_cron = f64::NEG_INFINITY;
    }

    fn learn_write(&mut self, write: &LoggedWrite) {
        if let Some((name, at)) = job_due(write) {
            let lane = self.lanes.iter_mut().find(|lane| lane.name == name);
            lane.into_iter().for_each(|lane| lane.expect(at));
        } else if write.table == SystemTable::CronNextRun.tablet() || write.table == SystemTable::Deployment.tablet() {
            self.next_cron = f64::NEG_INFINITY;
        }
    }

    /// Starts what is due and has room; returns until when, in ms, nothing will be to do unless something happens.
    pub(super) async fn turn(&mut self, engine: &Arc<Engine>) -> Result<f64, CallFailure> {
        let now_ms = engine.env().now_ns() as f64 / 1e6;
        self.care(engine).await?;
        if self.shared.has_failed.swap(false, Ordering::SeqCst) {
            self.forget();
        }
        if self.next_cron <= now_ms {
            let model = engine.models().at(engine.db(), &engine.db().latest()).await?;
            let was_paused = std::mem::replace(&mut self.is_paused, model.state == RunState::Paused);
            if was_paused && !self.is_paused {
                self.forget();
            }
        }
        if self.is_paused {
            return Ok(f64::INFINITY);
        }
        if self.next_cron <= now_ms {
            self.start_crons(engine, now_ms).await?;
        }
        let mut next = self.next_cron;
        for at in 0..self.lanes.len() {
            next = next.min(self.start_jobs(engine, at, now_ms).await?);
        }
        Ok(next)
    }

    /// What is to be done now and then.
    pub(super) async fn care(&mut self, engine: &Arc<Engine>) -> Result<(), CallFailure> {
        let now = engine.env().monotonic_ns();
        let is_due = |last: Option<u64>, every: Duration| {
            last.is_none_or(|last| now.saturating_sub(last) >= every.as_nanos() as u64)
        };
        if is_due(self.last_beat, BEAT) {
            let is_busy = !self.shared.running.lock().is_empty();
            let mut owners = self.shared.owners.lock().await;
            owners.bury(engine).await?;
            if is_busy {
                owners.beat(engine).await?;
            }
            drop(owners);
            self.last_beat = Some(now);
        }
        if is_due(self.last_expiry, EXPIRE_EVERY) {
            expire::expire(engine).await?;
            self.last_expiry = Some(now);
        }
        Ok(())
    }

    /// Starts jobs of a lane; returns when the next one is due. While there is no room, the end of one wakes the task.
    async fn start_jobs(&mut self, engine: &Arc<Engine>, at: usize, now_ms: f64) -> Result<f64, CallFailure> {
        loop {
            let lane = &mut self.lanes[at];
            if lane.ready.is_empty() {
                if lane.next_due > now_ms {
                    return Ok(lane.next_due);
                }
                let mut tx = engine.db().begin(engine.db().latest(), SOURCE);
                let running = self.shared.clone();
                lane.look(&mut tx, now_ms, |id| running.running.lock().contains(&id)).await?;
                if engine.db().is_shared() {
                    mix(engine.env(), lane);
                }
                if lane.ready.is_empty() {
                    // All that was found runs already.
                    return Ok(if lane.next_due > now_ms { lane.next_due } else { f64::INFINITY });
                }
            }
            let Ok(permit) = lane.slots.clone().try_acquire_owned() else { return Ok(f64::INFINITY) };
            let Some((id, row)) = lane.ready.pop_front() else { continue };
            if lane.name == LaneName::Action {
                self.say_alive(engine).await?;
            }
            self.start(engine, id, row, permit);
        }
    }

    /// Before the first action begins, others must be able to learn of the end of this process.
    async fn say_alive(&mut self, engine: &Arc<Engine>) -> Result<(), CallFailure> {
        let mut owners = self.shared.owners.lock().await;
        if owners.has_said() { Ok(()) } else { owners.beat(engine).await }
    }

    fn start(&self, engine: &Arc<Engine>, id: InternalId, row: JobRow, permit: OwnedSemaphorePermit) {
        if !self.shared.running.lock().insert(id) {
            return;
        }
        let (engine, shared) = (engine.clone(), self.shared.clone());
        let env = engine.env().clone();
        env.spawn("job", async move {
            let running = Running { id, shared: shared.clone() };
            if let Err(error) = run::run(&engine, &shared.owner, id, &row).await {
                tracing::warn!(%error, function = row.udf_path, "a scheduled function cannot be run at present");
                engine.env().sleep(backoff(engine.env(), 1)).await;
                shared.has_failed.store(true, Ordering::SeqCst);
            }
            drop(permit);
            drop(running);
        });
    }

    async fn start_crons(&mut self, engine: &Arc<Engine>, now_ms: f64) -> Result<(), CallFailure> {
        let mut tx = engine.db().begin(engine.db().latest(), SOURCE);
        let (due, next) = crons::due(&mut tx, now_ms).await?;
        self.next_cron = next;
        for cron in due {
            if !self.shared.running.lock().insert(cron.id()) {
                continue;
            }
            let kind = cron.kind(engine).await?;
            if kind == Some(FunctionKind::Action) {
                self.say_alive(engine).await?;
            }
            let slots = self.lanes[usize::from(kind == Some(FunctionKind::Action))].slots.clone();
            let (engine, shared) = (engine.clone(), self.shared.clone());
            let env = engine.env().clone();
            env.spawn("cron", async move {
                let running = Running { id: cron.id(), shared: shared.clone() };
                let _permit = slots.acquire_owned().await;
                if let Err(error) = cron.run(&engine, &shared.owner).await {
                    tracing::warn!(%error, cron = cron.name(), "a cron job cannot be run at present");
                    engine.env().sleep(backoff(engine.env(), 1)).await;
                    shared.has_failed.store(true, Ordering::SeqCst);
                }
                drop(running);
            });
        }
        Ok(())
    }
}

/// How long to wait until `next`, in ms: some time, so that others get their turn, and not for long, since there is more to see to.
pub(super) fn pause_until(env: &Env, next: f64) -> Duration {
    let now_ms = env.now_ns() as f64 / 1e6;
    Duration::from_secs_f64(((next - now_ms) / 1e3).clamp(0.001, BEAT.as_secs_f64()))
}

/// A job that runs here, until this is dropped.
struct Running {
    id: InternalId,
    shared: Arc<Shared>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.running.lock().remove(&self.id);
        self.shared.ended.notify_one();
    }
}

/// Mixes what is due, so that several processes do not all try the same.
fn mix(env: &Env, lane: &mut Lane) {
    let ready = lane.ready.make_contiguous();
    for last in (1..ready.len()).rev() {
        ready.swap(last, (env.random_u64() % (last as u64 + 1)) as usize);
    }
}
