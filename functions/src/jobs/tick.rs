//! Running what is due without a process that waits for it: once a minute, or when somebody has committed something that is due
//! soon.

use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::commit::CommitStream;
use tokio::sync::Mutex;

use super::executor::{Executor, pause_until};
use crate::engine::Engine;
use crate::udf::CallFailure;

/// How often the log is read while something runs or is waited for: what others commit may be due before it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When the minute of the tick ends that `now_ms` is in; both in ms since the epoch.
pub fn minute_end(now_ms: f64) -> f64 {
    const MINUTE_MS: f64 = 60_000.0;
    ((now_ms / MINUTE_MS).floor() + 1.0) * MINUTE_MS
}

/// What a process remembers from one run to the next, and does not need: another one knows as much after a minute.
pub struct Ticker {
    engine: Arc<Engine>,
    state: Mutex<State>,
}

struct State {
    executor: Executor,
    commits: CommitStream,
}

impl Ticker {
    /// Runs functions of an engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let state = State { executor: Executor::new(&engine), commits: engine.db().commits() };
        Self { engine, state: Mutex::new(state) }
    }

    /// Starts what is due, or will be until `until_ms`, in ms since the epoch, when it is; returns once all of that has ended.
    /// Any number of processes may do this at a time.
    ///
    /// # Errors
    /// When storage is out of reach: what is due then still is.
    pub async fn run(&self, until_ms: f64) -> Result<(), CallFailure> {
        let mut state = self.state.lock().await;
        let State { executor, commits } = &mut *state;
        let (engine, env) = (&self.engine, self.engine.env());
        let shared = executor.shared.clone();
        loop {
            engine.refresh().await?;
            while let Some(batch) = commits.try_next() {
                executor.learn(&batch);
            }
            let is_over = env.now_ns() as f64 / 1e6 > until_ms;
            let next = if is_over { f64::INFINITY } else { executor.turn(engine).await? };
            if shared.running.lock().is_empty() && next > until_ms {
                break;
            }
            // Others must see that this process is alive, however long its last action takes.
            if is_over {
                executor.care(engine).await?;
            }
            let pause = pause_until(env, next).min(LOOK_EVERY);
            // Whichever comes first.
            let _either = env.timeout(pause, shared.ended.notified()).await;
        }
        shared.owners.lock().await.leave(engine).await
    }
}
