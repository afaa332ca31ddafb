//! The end that asks: in a relay.
//!
//! Calls that come at the same time go together, so that a worker is paid for once. A worker that is throttled is left alone for
//! a second: what it would have run waits here instead, and is refused as overload where too much does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::channel::oneshot;
use lakewire_storage::aws::rest::{AwsRest, Invocation, InvokeError};
use lakewire_storage::env::Env;
use lakewire_storage::log::RecentLog;
use parking_lot::Mutex;

use super::wire::{Answers, Batch};
use super::{FunctionRunner, RunAnswer, RunRequest, RunnerError, Spill};

/// Calls that go together at most. A worker has one or two cores.
const TOGETHER: usize = 16;
/// How long a throttled function is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a call may take with everything around it: longer than any function runs.
const PATIENCE: Duration = Duration::from_secs(20);

/// When calls go to Lambda.
#[derive(Clone, Copy, Debug)]
pub struct LambdaRunnerOptions {
    /// Once so many calls wait for a thread here.
    pub above: usize,
    /// And so many invocations at most run at a time: what an operator is ready to pay for at once.
    pub most: usize,
}

/// Has a Lambda function run calls.
pub struct LambdaRunner {
    shared: Arc<Shared>,
}

struct Shared {
    rest: AwsRest,
    function: String,
    log: Arc<RecentLog>,
    spill: Spill,
    env: Env,
    options: LambdaRunnerOptions,
    waiting: Mutex<Vec<Waiting>>,
    running: AtomicUsize,
    /// Until when the function is left alone; monotonic ns.
    paused_until: AtomicU64,
}

struct Waiting {
    request: RunRequest,
    reply: oneshot::Sender<Result<RunAnswer, RunnerError>>,
}

impl LambdaRunner {
    /// Invokes `function` through `rest`. `log` is the one that the database of this process has.
    pub fn new(
        rest: AwsRest,
        function: String,
        log: Arc<RecentLog>,
        spill: Spill,
        env: Env,
        options: LambdaRunnerOptions,
    ) -> Self {
        let (waiting, running, paused_until) = (Mutex::default(), AtomicUsize::new(0), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { rest, function, log, spill, env, options, waiting, running, paused_until }) }
    }
}

#[async_trait]
impl FunctionRunner for LambdaRunner {
    fn takes(&self, waiting: usize) -> bool {
        let shared = &self.shared;
        waiting >= shared.options.above
            && shared.running.load(Ordering::Relaxed) < shared.options.most
            && shared.env.monotonic_ns() >= shared.paused_until.load(Ordering::Relaxed)
    }

    async fn run(&self, request: RunRequest) -> Result<RunAnswer, RunnerError> {
        let (reply, answer) = oneshot::channel();
        let is_first = {
            let mut waiting = self.shared.waiting.lock();
            waiting.push(Waiting { request, reply });
            waiting.len() == 1
        };
        if is_first {
            let shared = self.shared.clone();
            // By the time that it runs, others may have come.
            self.shared.env.spawn("lambda", async move { shared.send_all().await });
        }
        let lost = |_| RunnerError::Lost("the task that invokes functions ended".to_owned());
        answer.await.map_err(lost)?
    }
}

impl Shared {
    async fn send_all(self: Arc<Self>) {
        let mut waiting = std::mem::take(&mut *self.waiting.lock());
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(TOGETHER));
            let together = std::mem::replace(&mut waiting, rest);
            let shared = self.clone();
            self.env.spawn("lambda batch", async move { shared.send(together).await });
        }
    }

    async fn send(&self, together: Vec<Waiting>) {
        let (calls, replies): (Vec<_>, Vec<_>) =
            together.into_iter().map(|Waiting { request, reply }| (request, reply)).unzip();
        self.running.fetch_add(1, Ordering::Relaxed);
        let invoked = self.env.timeout(PATIENCE, self.invoke(calls)).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        let answers = invoked.unwrap_or_else(|late| Err(RunnerError::Lost(late.to_string())));
        let mut answers = match answers {
            Ok(answers) => answers.into_iter(),
            Err(error) => {
                tracing::warn!(%error, function = self.function, "functions are run here that were to run elsewhere");
                Vec::new().into_iter()
            }
        };
        for reply in replies {
            let lost = || Err("there is no answer".to_owned());
            // Who asked may be gone.
            let _gone = reply.send(answers.next().unwrap_or_else(lost).map_err(RunnerError::Lost));
        }
    }

    async fn invoke(&self, calls: Vec<RunRequest>) -> Result<Vec<Result<RunAnswer, String>>, RunnerError> {
        let tail = self.log.recent().into_iter().map(|(n, encoded)| (n, STANDARD.encode(encoded))).collect();
        let invalid = |error: serde_json::Error| RunnerError::Invalid(error.to_string());
        let lost = |error: object_store::Error| RunnerError::Lost(error.to_string());
        let event = serde_json::to_vec(&Batch { tail, calls }).map_err(invalid)?;
        let event = self.spill.put(event).await.map_err(lost)?;
        let answer = self.rest.invoke(&self.function, event, Invocation::Wait).await.map_err(|error| {
            if matches!(error, InvokeError::Throttled(_)) {
                let until = self.env.monotonic_ns() + PAUSE.as_nanos() as u64;
                self.paused_until.store(until, Ordering::Relaxed);
            }
            RunnerError::Lost(error.to_string())
        })?;
        let answer = self.spill.get(answer).await.map_err(lost)?;
        let Answers { answers } = serde_json::from_slice(&answer).map_err(invalid)?;
        Ok(answers)
    }
}
