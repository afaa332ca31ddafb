//! A function and its execution environments.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::definition::Definition;
use super::environment::{End, Environment, Outcome, Times, outcome};
use super::runtime_api::Invocation;
use super::stats::Stats;
use crate::REGION;

/// How long an invocation waits for an environment that has answered and has not asked for the next one.
const FINISH: Duration = Duration::from_millis(20);

/// More invocations at a time than the function may have.
pub(crate) struct Throttled;

/// Which environments of a function to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    /// One that is at an invocation.
    Busy,
    /// Those that wait for one.
    Idle,
    All,
}

pub(crate) struct Function {
    pub name: String,
    pub arn: String,
    folder: PathBuf,
    pool: Mutex<Pool>,
    stats: Mutex<Stats>,
    /// Held while environments are made ahead, so that they are not made twice.
    preparing: tokio::sync::Mutex<()>,
    /// Told when an environment is idle again, or has ended.
    released: Notify,
}

struct Pool {
    definition: Arc<Definition>,
    /// Of the definition: environments of an older one are not used again.
    generation: u64,
    next_environment: u64,
    /// Used before, or initialized ahead; the last one is the next to be used.
    idle: Vec<(Environment, Instant)>,
    /// Stopped in front of a restore.
    snapshots: Vec<Environment>,
    /// Those at an invocation or starting, with their processes.
    busy: BTreeMap<u64, Option<Pid>>,
    /// How many of those have answered.
    finishing: usize,
}

/// Where an invocation runs.
enum Slot {
    Warm(Box<Environment>),
    /// In a new environment with this number.
    Cold(u64),
}

impl Function {
    /// One without environments. Logs and scratch files go to `folder`.
    pub fn new(name: &str, definition: Definition, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            arn: format!("arn:aws:lambda:{REGION}:000000000000:function:{name}"),
            folder: folder.to_owned(),
            pool: Mutex::new(Pool {
                definition: Arc::new(definition),
                generation: 0,
                next_environment: 0,
                idle: Vec::new(),
                snapshots: Vec::new(),
                busy: BTreeMap::new(),
                finishing: 0,
            }),
            stats: Mutex::default(),
            preparing: tokio::sync::Mutex::default(),
            released: Notify::new(),
        }
    }

    /// Gives it another definition; its environments end, those that are busy after their invocation.
    pub fn redefine(&self, definition: Definition) {
        let mut pool = self.pool.lock();
        pool.definition = Arc::new(definition);
        pool.generation += 1;
        pool.idle.clear();
        pool.snapshots.clear();
    }

    pub fn definition(&self) -> Arc<Definition> {
        Arc::clone(&self.pool.lock().definition)
    }

    /// Initializes the environments that the definition wants ahead.
    ///
    /// # Errors
    /// If an initialization fails, with what a caller would be told.
    pub async fn prepare(self: &Arc<Self>) -> Result<(), Outcome> {
        let _alone = self.preparing.lock().await;
        loop {
            let (number, definition, generation) = {
                let mut pool = self.pool.lock();
                let ready = if pool.definition.snap_start { pool.snapshots.len() } else { pool.idle.len() };
                if ready >= pool.definition.prepare {
                    return Ok(());
                }
                pool.next_environment += 1;
                (pool.next_environment, Arc::clone(&pool.definition), pool.generation)
            };
            let (environment, _) = self.start(number, &definition).await?;
            let mut pool = self.pool.lock();
            if generation == pool.generation {
                if definition.snap_start {
                    pool.snapshots.push(environment);
                } else {
                    pool.idle.push((environment, Instant::now()));
                }
            }
        }
    }

    /// Runs it once, to the end even if the caller goes away.
    ///
    /// # Errors
    /// If it may not have another environment.
    pub async fn invoke(self: &Arc<Self>, invocation: Invocation) -> Result<Outcome, Throttled> {
        let (slot, definition, generation) = self.acquire_soon().await?;
        let (reply, answer) = oneshot::channel();
        let this = Arc::clone(self);
        tokio::spawn(async move { this.run(slot, definition, generation, invocation, reply).await });
        Ok(answer.await.unwrap_or_else(|_| outcome(End::Crashed, "Sandbox.Stopped", "the service stops")))
    }

    /// Prefers an environment that is about to be idle to a new one: its runtime has answered, and asks for the next
    /// invocation in a moment.
    async fn acquire_soon(&self) -> Result<(Slot, Arc<Definition>, u64), Throttled> {
        self.finished(|pool| !pool.idle.is_empty() || pool.finishing == 0).await;
        self.acquire()
    }

    /// Waits a moment, so that the figures have all that was answered.
    pub async fn settle(&self) {
        self.finished(|pool| pool.finishing == 0).await;
    }

    /// Waits until invocations that were answered are over, as far as `enough` wants; not for long.
    async fn finished(&self, enough: impl Fn(&Pool) -> bool) {
        let waited = tokio::time::timeout(FINISH, async {
            loop {
                let mut released = std::pin::pin!(self.released.notified());
                released.as_mut().enable();
                if enough(&self.pool.lock()) {
                    return;
                }
                released.await;
            }
        });
        let _in_time = waited.await;
    }

    fn acquire(&self) -> Result<(Slot, Arc<Definition>, u64), Throttled> {
        let mut pool = self.pool.lock();
        let (definition, generation) = (Arc::clone(&pool.definition), pool.generation);
        loop {
            let waiting = pool.idle.pop().map(|(environment, _)| environment);
            let Some(mut environment) = waiting.or_else(|| pool.snapshots.pop()) else { break };
            if !environment.has_ended() {
                pool.busy.insert(environment.id, Some(environment.pid()));
                return Ok((Slot::Warm(Box::new(environment)), definition, generation));
            }
        }
        if pool.busy.len() >= definition.concurrency {
            self.stats.lock().throttles += 1;
            return Err(Throttled);
        }
        Ok((Slot::Cold(pool.begin()), definition, generation))
    }

    async fn run(
        self: Arc<Self>,
        slot: Slot,
        definition: Arc<Definition>,
        generation: u64,
        invocation: Invocation,
        reply: oneshot::Sender<Outcome>,
    ) {
        let (mut environment, init) = match slot {
            Slot::Warm(environment) => (*environment, None),
            Slot::Cold(number) => match self.start(number, &definition).await {
                Ok((environment, init)) => (environment, Some(init)),
                Err(failed) => {
                    self.pool.lock().busy.remove(&number);
                    self.stats.lock().invoked(failed.end, Times::default());
                    let _gone = reply.send(failed);
                    return;
                }
            },
        };
        let mut answered = false;
        let answer = |outcome| {
            self.pool.lock().finishing += 1;
            answered = true;
            let _gone = reply.send(outcome);
        };
        let (times, end, reusable) = environment.invoke(Arc::new(invocation), answer).await;
        self.stats.lock().invoked(end, Times { init, ..times });
        let replenish = {
            let mut pool = self.pool.lock();
            pool.finishing -= usize::from(answered);
            pool.busy.remove(&environment.id);
            if reusable && generation == pool.generation {
                pool.idle.push((environment, Instant::now()));
            }
            definition.snap_start && pool.snapshots.len() < definition.prepare
        };
        self.released.notify_waiters();
        if replenish {
            // A failure shows when an invocation meets it.
            let _failed = self.prepare().await;
        }
    }

    /// A new environment, and how long it took.
    async fn start(&self, number: u64, definition: &Arc<Definition>) -> Result<(Environment, Duration), Outcome> {
        let began = Instant::now();
        let definition = Arc::clone(definition);
        let mut environment = Environment::start(number, definition, &self.name, &self.arn, &self.folder).await?;
        if let Some(pid) = self.pool.lock().busy.get_mut(&number) {
            *pid = Some(environment.pid());
        }
        environment.init().await?;
        Ok((environment, began.elapsed()))
    }

    /// Ends what was idle for too long.
    pub fn sweep(&self) {
        let mut pool = self.pool.lock();
        let limit = Duration::from_millis(pool.definition.idle_ms);
        pool.idle.retain(|(_, since)| since.elapsed() < limit);
    }

    /// Kills environments; gives their process ids.
    pub fn kill(&self, which: Which) -> Vec<i32> {
        let mut pool = self.pool.lock();
        let mut killed = Vec::new();
        if which != Which::Idle {
            let most = if which == Which::Busy { 1 } else { usize::MAX };
            for pid in pool.busy.values().flatten().take(most) {
                let _gone = kill_process_group(*pid, Signal::KILL);
                killed.push(pid.as_raw_nonzero().get());
            }
        }
        if which != Which::Busy {
            let idle = pool.idle.drain(..).map(|(environment, _)| environment).collect::<Vec<_>>();
            killed.extend(idle.iter().map(|environment| environment.pid().as_raw_nonzero().get()));
            killed.extend(pool.snapshots.drain(..).map(|environment| environment.pid().as_raw_nonzero().get()));
        }
        killed
    }

    /// Counts an asynchronous invocation that is made again.
    pub fn retried(&self) {
        self.stats.lock().retries += 1;
    }

    pub fn reset_stats(&self) {
        *self.stats.lock() = Stats::default();
    }

    /// As `GET /stats` shows it.
    pub fn show(&self) -> Value {
        let pool = self.pool.lock();
        let mut shown = self.stats.lock().show(pool.definition.memory);
        let idle = pool.idle.iter().map(|(environment, _)| ("idle", environment.pid()));
        let snapshots = pool.snapshots.iter().map(|environment| ("snapshot", environment.pid()));
        let busy = pool.busy.values().flatten().map(|pid| ("busy", *pid));
        let environments = idle.chain(snapshots).chain(busy).map(|(state, pid)| {
            let pid = pid.as_raw_nonzero().get();
            json!({"state": state, "pid": pid, "maxRssKb": max_rss_kb(pid)})
        });
        shown["environments"] = environments.collect();
        shown
    }

    /// What its processes printed.
    pub fn log(&self) -> std::io::Result<Vec<u8>> {
        match std::fs::read(self.folder.join(format!("{}.log", self.name))) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }
}

impl Pool {
    /// The number of a new environment, which counts as busy from now on.
    fn begin(&mut self) -> u64 {
        self.next_environment += 1;
        self.busy.insert(self.next_environment, None);
        self.next_environment
    }
}

/// The most memory that a process has had.
fn max_rss_kb(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
