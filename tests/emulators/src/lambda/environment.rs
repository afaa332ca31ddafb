//! One execution environment: a process, its Runtime API, and what it is doing.

use std::fs::File;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rustix::process::Pid;
use serde_json::json;

use super::definition::Definition;
use super::process::{Place, Process};
use super::runtime_api::{Event, Invocation, RuntimeApi};

/// How long an initialization or a restore may take.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// What the caller of a function gets.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub payload: Bytes,
    pub end: End,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    /// The function reported an error.
    Failed,
    TimedOut,
    /// The process ended.
    Crashed,
}

/// How long parts of an invocation took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub init: Option<Duration>,
    pub restore: Option<Duration>,
    /// Until the answer.
    pub answer: Duration,
    /// Until the runtime asked for the next one: what is paid for, with `init` or `restore`.
    pub run: Duration,
}

pub(super) struct Environment {
    pub id: u64,
    process: Process,
    api: RuntimeApi,
    definition: Arc<Definition>,
    /// Whether it is stopped in `GET /restore/next`.
    snapshot: bool,
    frozen: bool,
}

impl Environment {
    /// Starts the process; it initializes itself while [`init`](Self::init) runs.
    ///
    /// # Errors
    /// If it cannot be started, with what the caller is told.
    pub async fn start(
        id: u64,
        definition: Arc<Definition>,
        function: &str,
        arn: &str,
        folder: &Path,
    ) -> Result<Self, Outcome> {
        let failed = |error: std::io::Error| outcome(End::Crashed, "Runtime.InvalidEntrypoint", &error.to_string());
        let api = RuntimeApi::start(arn).await.map_err(failed)?;
        let log = File::options().append(true).create(true).open(folder.join(format!("{function}.log")));
        let place = Place { function, runtime_api: &api.address, log: log.map_err(failed)?, folder, environment: id };
        let process = Process::start(&definition, place).map_err(failed)?;
        Ok(Self { id, process, api, definition, snapshot: false, frozen: false })
    }

    /// Waits until it wants an invocation or, with SnapStart, a restore. Gives the time since the call.
    ///
    /// # Errors
    /// If it does neither, with what the caller of the function is told. It is dead then.
    pub async fn init(&mut self) -> Result<Duration, Outcome> {
        let started = Instant::now();
        match self.event(started + INIT_LIMIT).await {
            Ok(Event::Next) => {}
            Ok(Event::RestoreNext) => self.snapshot = true,
            Ok(Event::InitError(body)) => return Err(Outcome { payload: body, end: End::Failed }),
            Ok(event) => {
                return Err(outcome(End::Failed, "Runtime.Unknown", &format!("not expected at the start: {event:?}")));
            }
            Err(ended) => return Err(ended.outcome("init", INIT_LIMIT)),
        }
        self.freeze();
        Ok(started.elapsed())
    }

    /// Runs one invocation. It calls `reply` as soon as there is an answer, and returns when the next one can come.
    /// Gives the times, how it ended, and whether it can be used again.
    pub async fn invoke(
        &mut self,
        invocation: Arc<Invocation>,
        reply: impl FnOnce(Outcome) + Send,
    ) -> (Times, End, bool) {
        let mut times = Times::default();
        self.thaw();
        if self.snapshot {
            match self.restore().await {
                Ok(took) => times.restore = Some(took),
                Err(failed) => {
                    let end = failed.end;
                    reply(failed);
                    return (times, end, false);
                }
            }
        }
        let started = Instant::now();
        let deadline = started + self.definition.timeout();
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        self.api.invoke(Arc::clone(&invocation), unix_ms + self.definition.timeout_ms);
        let mut reply = Some(reply);
        let mut end = End::Answered;
        let reusable = loop {
            let answer = match self.event(deadline).await {
                Ok(Event::Response(payload)) => Outcome { payload, end: End::Answered },
                Ok(Event::Error(payload)) => Outcome { payload, end: End::Failed },
                Ok(Event::TooLarge(bytes)) => too_large(bytes),
                Ok(Event::Next) if reply.is_none() => break true,
                // The answer to its first call was lost: its connection was.
                Ok(Event::Next) => {
                    self.api.invoke(Arc::clone(&invocation), unix_ms + self.definition.timeout_ms);
                    continue;
                }
                Ok(Event::InitError(_) | Event::RestoreNext | Event::RestoreError(_)) => continue,
                Err(ended) => {
                    if let Some(reply) = reply.take() {
                        let failed = ended.outcome(&invocation.request_id, self.definition.timeout());
                        (end, times.answer) = (failed.end, started.elapsed());
                        reply(failed);
                    }
                    break false;
                }
            };
            if let Some(reply) = reply.take() {
                (end, times.answer) = (answer.end, started.elapsed());
                reply(answer);
            }
        };
        times.run = started.elapsed();
        if reusable {
            self.freeze();
        }
        (times, end, reusable)
    }

    pub fn pid(&self) -> Pid {
        self.process.group()
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    async fn restore(&mut self) -> Result<Duration, Outcome> {
        let started = Instant::now();
        self.snapshot = false;
        self.api.restore();
        match self.event(started + INIT_LIMIT).await {
            Ok(Event::Next) => Ok(started.elapsed()),
            Ok(Event::RestoreError(body)) => Err(Outcome { payload: body, end: End::Failed }),
            Ok(event) => Err(outcome(End::Failed, "Runtime.Unknown", &format!("not expected in a restore: {event:?}"))),
            Err(ended) => Err(ended.outcome("restore", INIT_LIMIT)),
        }
    }

    /// What the runtime says next, or why it never will.
    async fn event(&mut self, deadline: Instant) -> Result<Event, Ended> {
        tokio::select! {
            // What it said before it ended counts.
            biased;
            Some(event) = self.api.events.recv() => Ok(event),
            status = self.process.ended() => Err(Ended::Exited(status)),
            () = tokio::time::sleep_until(deadline.into()) => Err(Ended::TimedOut),
        }
    }

    fn freeze(&mut self) {
        if self.definition.freeze {
            self.process.freeze();
            self.frozen = true;
        }
    }

    fn thaw(&mut self) {
        if std::mem::take(&mut self.frozen) {
            self.process.thaw();
        }
    }
}

enum Ended {
    Exited(std::io::Result<ExitStatus>),
    TimedOut,
}

impl Ended {
    fn outcome(self, request_id: &str, limit: Duration) -> Outcome {
        match self {
            Ended::TimedOut => {
                let message = format!("Task timed out after {:.2} seconds", limit.as_secs_f64());
                outcome(End::TimedOut, "Sandbox.Timedout", &format!("RequestId: {request_id} Error: {message}"))
            }
            Ended::Exited(status) => {
                use std::os::unix::process::ExitStatusExt as _;
                let how = match status {
                    Ok(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
                    Ok(status) => match (status.code(), status.signal()) {
                        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
                        (None, Some(9)) => "Runtime exited with error: signal: killed".to_owned(),
                        (None, signal) => format!("Runtime exited with error: signal: {}", signal.unwrap_or_default()),
                    },
                    Err(error) => format!("Runtime exited: {error}"),
                };
                outcome(End::Crashed, "Runtime.ExitError", &format!("RequestId: {request_id} Error: {how}"))
            }
        }
    }
}

fn too_large(bytes: usize) -> Outcome {
    let limit = super::RESPONSE_LIMIT;
    let message =
        format!("Response payload size ({bytes} bytes) exceeded maximum allowed payload size ({limit} bytes).");
    outcome(End::Failed, "Function.ResponseSizeTooLarge", &message)
}

pub(super) fn outcome(end: End, kind: &str, message: &str) -> Outcome {
    let payload = json!({"errorType": kind, "errorMessage": message}).to_string();
    Outcome { payload: payload.into(), end }
}
