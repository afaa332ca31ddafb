//! An action in a Node process: answers what it asks until it has ended.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use lakewire_storage::env::Env;
use serde_json::{Value as Json, json};

use super::executor::{Lease, NodeExecutor};
use super::protocol::{Ended, Event, ToNode};
use super::transfer::Transfers;
use super::{NodeBundle, NodeError};
use crate::runtime::{
    ActionHost, AsyncCall, ByteStream, FailureKind, InvocationLimits, JsFailure, LineLimits, ModuleSource, NewFile,
    Observed, Outcome, StoredFile, SyscallError, unawaited_warning,
};

/// Operations that one action has under way at a time; more wait.
const OPERATIONS: usize = 1000;
/// How long a process may hang before it is ended, once one of its actions has timed out.
const HANG_TIME: Duration = Duration::from_secs(1);

/// The action to run.
pub struct NodeCall<'a> {
    /// Module path, `a/b.js`.
    pub module: &'a str,
    pub export: &'a str,
    /// JSON text of the array of encoded arguments.
    pub args: &'a str,
    pub request_id: &'a str,
    /// `process.env`, besides what every process has.
    pub vars: Arc<BTreeMap<String, String>>,
    pub limits: InvocationLimits,
    /// Time that the action takes.
    pub time: Duration,
    /// What the action shows when it asks for something from elsewhere; of no use on this machine.
    pub ticket: &'a str,
}

/// What came of an operation.
enum Answered {
    Json(u64, Result<Json, SyscallError>),
    Stored(u64, Result<String, SyscallError>),
    Opened(u64, Result<Option<StoredFile>, SyscallError>),
    Read { id: u64, file: u64, rest: ByteStream, piece: Result<Json, SyscallError> },
}

impl NodeExecutor {
    /// Time that actions take if the deployment allows `time`.
    pub(crate) fn action_time(&self, time: Duration) -> Duration {
        self.options.action_time.unwrap_or(time)
    }

    /// Runs an action. `sources` gives the texts of the bundle's modules if they are not on this machine yet.
    pub async fn run_action(
        &self,
        bundle: &NodeBundle,
        call: NodeCall<'_>,
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
        host: Arc<dyn ActionHost>,
    ) -> Outcome {
        let started = self.env.monotonic_ns();
        let result = match &self.remote {
            Some(remote) => remote.run(&self.env, bundle, &call, sources, &host).await,
            None => self.run(bundle, &call, sources, host).await,
        };
        let user_time = Duration::from_nanos(self.env.monotonic_ns().saturating_sub(started));
        Outcome { result, observed: Observed { time: true, random: true }, user_time, is_doubtful: false }
    }

    async fn run(
        &self,
        bundle: &NodeBundle,
        call: &NodeCall<'_>,
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
        host: Arc<dyn ActionHost>,
    ) -> Result<String, JsFailure> {
        let lease = self.lease(bundle, &call.vars, sources).await.map_err(unavailable)?;
        let NodeCall { module, export, args, request_id, .. } = *call;
        lease.process.send(&ToNode::Run { run: lease.run, module, export, args, request_id });
        let mut run = Run {
            lease,
            host,
            lines: LineLimits::new(&call.limits),
            env: self.env.clone(),
            transfers: Transfers::default(),
            in_flight: FuturesUnordered::new(),
            waiting: VecDeque::new(),
        };
        match self.env.timeout(call.time, run.until_ended()).await {
            Ok(result) => result,
            Err(_) => {
                let (process, env) = (run.lease.process.clone(), self.env.clone());
                process.retire();
                self.env.spawn("node-hung", async move { process.kill_if_hung(&env, HANG_TIME).await });
                Err(timed_out(call.time))
            }
        }
    }
}

struct Run {
    lease: Lease,
    host: Arc<dyn ActionHost>,
    lines: LineLimits,
    env: Env,
    transfers: Transfers,
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// Operations that were asked for while too many were under way.
    waiting: VecDeque<Event>,
}

impl Run {
    async fn until_ended(&mut self) -> Result<String, JsFailure> {
        loop {
            tokio::select! {
                biased;
                event = self.lease.events.recv() => {
                    let event = event.unwrap_or_else(|| Event::Ended(Ended::Otherwise("it was ended".to_owned())));
                    if let Some(result) = self.handle(event) {
                        return result;
                    }
                }
                Some(answered) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.answer(answered)?;
                    if let Some(event) = self.waiting.pop_front() {
                        self.begin(event);
                    }
                }
            }
        }
    }

    /// Handles an event; the result of the action if it was the last one.
    fn handle(&mut self, event: Event) -> Option<Result<String, JsFailure>> {
        match event {
            Event::Log { level, messages, timestamp } => {
                if let Some(line) = self.lines.line(level, messages, timestamp) {
                    self.host.log(line);
                }
            }
            Event::Piece { id, data, error } => self.transfers.piece(id, data, error),
            Event::Call { .. } | Event::Store { .. } | Event::Open { .. } | Event::Read { .. } => {
                if self.in_flight.len() < OPERATIONS {
                    self.begin(event);
                } else {
                    self.waiting.push_back(event);
                }
            }
            Event::Done { result, unawaited } => {
                self.lease.finished = true;
                let now_ms = (self.env.now_ns() / 1_000_000) as f64;
                if let Some(line) = unawaited_warning(&unawaited, now_ms) {
                    self.host.log(line);
                }
                return Some(Ok(result));
            }
            Event::Failed { message, data, recycle } => {
                self.lease.finished = !recycle;
                return Some(Err(JsFailure { message, data, kind: FailureKind::Thrown }));
            }
            Event::Ended(Ended::OutOfMemory) => {
                return Some(Err(ran_out_of_memory()));
            }
            Event::Ended(Ended::Otherwise(how)) => {
                return Some(Err(process_ended(&how)));
            }
            Event::Ready { .. } | Event::Pong | Event::Recycle | Event::Analyzed { .. } => {}
        }
        None
    }

    /// Begins an operation.
    fn begin(&mut self, event: Event) {
        let operation = match event {
            Event::Call { id, op, args } => {
                let answer = self.host.start(AsyncCall { op, args });
                async move { Answered::Json(id, answer.await.map(Json::String)) }.boxed()
            }
            Event::Store { id, content_type, sha256, length } => {
                let body = self.transfers.store(&self.lease.process, self.lease.run, id);
                let stored = self.host.store_file(NewFile { content_type, sha256, length, body });
                async move { Answered::Stored(id, stored.await) }.boxed()
            }
            Event::Open { id, storage_id } => {
                let opened = self.host.open_file(storage_id);
                async move { Answered::Opened(id, opened.await) }.boxed()
            }
            Event::Read { id, file } => match self.transfers.take(file) {
                Some(body) => read(id, file, body).boxed(),
                None => {
                    let error = SyscallError::developer("the file is not open");
                    async move { Answered::Json(id, Err(error)) }.boxed()
                }
            },
            _ => return,
        };
        self.in_flight.push(operation);
    }

    /// Tells the process what came of an operation; an error ends the action.
    fn answer(&mut self, answered: Answered) -> Result<(), JsFailure> {
        let (id, result) = match answered {
            Answered::Json(id, result) => (id, result),
            Answered::Stored(id, result) => {
                self.transfers.stored(id);
                (id, result.map(Json::String))
            }
            Answered::Opened(id, result) => {
                let opened = result.map(|file| match file {
                    None => Json::Null,
                    Some(StoredFile { content_type, length, body }) => {
                        self.transfers.open(id, body);
                        json!({"file": id, "contentType": content_type, "length": length})
                    }
                });
                (id, opened)
            }
            Answered::Read { id, file, rest, piece } => {
                self.transfers.open(file, rest);
                (id, piece)
            }
        };
        if let Err(SyscallError { fatal: true, message, transient, .. }) = result {
            let kind = if transient { FailureKind::Unavailable } else { FailureKind::Host };
            return Err(failure(kind, message));
        }
        let run = self.lease.run;
        self.lease.process.send(&ToNode::Reply { run, id, answer: result.into() });
        Ok(())
    }
}

async fn read(id: u64, file: u64, mut rest: ByteStream) -> Answered {
    let piece = match rest.next().await {
        Some(Ok(bytes)) => Ok(Json::String(STANDARD.encode(bytes))),
        Some(Err(error)) => Err(SyscallError::developer(error.to_string())),
        None => Ok(Json::Null),
    };
    Answered::Read { id, file, rest, piece }
}

pub(super) fn timed_out(time: Duration) -> JsFailure {
    let message = format!("Function execution timed out (maximum duration {}s)", time.as_secs_f64());
    failure(FailureKind::Timeout, message)
}

pub(super) fn ran_out_of_memory() -> JsFailure {
    failure(FailureKind::OutOfMemory, "Node.js ran out of memory while the action was running")
}

pub(super) fn process_ended(how: &str) -> JsFailure {
    failure(FailureKind::Thrown, format!("The Node.js process ended while the action was running: {how}"))
}

pub(super) fn failure(kind: FailureKind, message: impl Into<String>) -> JsFailure {
    JsFailure { message: message.into(), data: None, kind }
}

pub(super) fn unavailable(error: NodeError) -> JsFailure {
    let kind = match &error {
        NodeError::Unavailable(_) | NodeError::Packages(_) | NodeError::Import(_) => FailureKind::Thrown,
        NodeError::Overloaded => FailureKind::Overloaded,
        NodeError::Ended(_) | NodeError::Internal(_) => FailureKind::Internal,
    };
    failure(kind, error.to_string())
}
