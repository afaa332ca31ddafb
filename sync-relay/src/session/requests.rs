//! Mutations, one at a time, and actions, all at once.

use std::collections::VecDeque;
use std::sync::Arc;

use lakewire_functions::udf::{
    ActionResult, Call, CallFailure, Caller, Failure, FunctionError, FunctionErrorKind, MutationResult, RequestId,
    SessionRequest,
};
use lakewire_storage::limits::{MAX_QUEUED_MUTATIONS, MAX_RUNNING_ACTIONS};
use parking_lot::Mutex;

use super::query_set::parse_path;
use super::{End, Session, Wire, end_of};
use crate::cache::CommitProbe;
use crate::protocol::{FunctionRequest, action_response, mutation_response};
use crate::signal::Signal;

/// The requests of a session.
pub(super) struct Requests {
    queued: VecDeque<Queued>,
    running: Option<Running>,
    actions: usize,
    inbox: Arc<Inbox>,
}

/// A mutation whose turn has not come.
struct Queued {
    request: FunctionRequest,
    call: Result<Call, FunctionError>,
}

/// The mutation under way.
struct Running {
    request_id: u32,
    /// Tells when it has committed. There is none for a client without a session id.
    probe: Option<CommitProbe>,
}

/// Answers, on their way from the tasks that ran the functions to the session's.
struct Inbox {
    signal: Arc<Signal>,
    done: Mutex<Vec<(u32, Done)>>,
}

/// The answer to a request.
pub(crate) enum Done {
    Mutation(Result<MutationResult, CallFailure>),
    Action(Result<ActionResult, CallFailure>),
}

impl Requests {
    pub(super) fn new(signal: &Arc<Signal>) -> Self {
        let inbox = Inbox { signal: Arc::clone(signal), done: Mutex::default() };
        Self { queued: VecDeque::new(), running: None, actions: 0, inbox: Arc::new(inbox) }
    }

    /// Whether none waits for its turn or its answer.
    pub(super) fn are_done(&self) -> bool {
        self.queued.is_empty() && self.running.is_none() && self.actions == 0 && self.inbox.done.lock().is_empty()
    }

    /// The newest snapshot that can be shown without showing the writes of a mutation whose answer was not sent. Holds for
    /// snapshots up to the commits that were looked at before the call.
    pub(super) fn last_to_show(&self) -> u64 {
        let committed =
            self.running.as_ref().and_then(|running| running.probe.as_ref()).and_then(CommitProbe::committed);
        committed.map_or(u64::MAX, |ts| ts - 1)
    }
}

impl Session {
    /// Queues a mutation. The identity it runs as is that of now.
    pub(super) fn queue_mutation(&mut self, request: FunctionRequest) -> Result<(), End> {
        if self.requests.queued.len() >= MAX_QUEUED_MUTATIONS {
            return Err(End::Code(1013, "TooManyConcurrentMutations"));
        }
        let call = self.call(&request);
        self.requests.queued.push_back(Queued { request, call });
        Ok(())
    }

    /// Starts the next mutation if none is under way.
    pub(super) fn start_mutation(&mut self) {
        if self.requests.running.is_some() {
            return;
        }
        let Some(Queued { request, call }) = self.requests.queued.pop_front() else { return };
        let request_id = request.request_id;
        let session = self.session_id.clone().map(|session_id| SessionRequest { session_id, request_id });
        let shared = &self.shared;
        let probe = session.as_ref().map(|session| shared.cache.tracker().probe(shared.backend.record_of(session)));
        self.requests.running = Some(Running { request_id, probe });
        let reply = Reply::new(&self.requests.inbox, request_id, |failure| Done::Mutation(Err(failure)));
        match call {
            Ok(call) => {
                let backend = Arc::clone(&shared.backend);
                // Not bound to the connection: a mutation that has begun goes on without it.
                let run = async move { reply.send(Done::Mutation(backend.mutation(&call, session).await)) };
                shared.env.spawner.spawn("mutation", Box::pin(run));
            }
            Err(error) => {
                reply.send(Done::Mutation(Ok(MutationResult { outcome: Err(error), ts: 0, log_lines: Arc::new([]) })))
            }
        }
    }

    /// Starts an action.
    pub(super) fn start_action<W: Wire>(&mut self, request: FunctionRequest, socket: &mut W) -> Result<(), End> {
        if self.requests.actions >= MAX_RUNNING_ACTIONS {
            return Err(End::Code(1013, "TooManyInflightActionsForSingleClient"));
        }
        let request_id = request.request_id;
        match self.call(&request) {
            Ok(call) => {
                self.requests.actions += 1;
                let reply = Reply::new(&self.requests.inbox, request_id, |failure| Done::Action(Err(failure)));
                let backend = Arc::clone(&self.shared.backend);
                let run = async move { reply.send(Done::Action(backend.action(&call).await)) };
                self.shared.env.spawner.spawn("action", Box::pin(run));
            }
            Err(error) => {
                let result = ActionResult { outcome: Err(error), log_lines: Arc::new([]) };
                socket.send(action_response(request_id, &result));
                self.keep_alive.spoke(&self.shared.env);
            }
        }
        Ok(())
    }

    /// Sends the answers that are there.
    pub(super) fn deliver_answers<W: Wire>(&mut self, socket: &mut W) -> Result<(), End> {
        let done = std::mem::take(&mut *self.requests.inbox.done.lock());
        for (request_id, done) in done {
            let text = match done {
                Done::Mutation(result) => {
                    let running = self.requests.running.take();
                    debug_assert_eq!(running.map(|running| running.request_id), Some(request_id));
                    let refused = |error| MutationResult { outcome: Err(error), ts: 0, log_lines: Arc::new([]) };
                    let result = or_refused(&self.id_of(request_id), result, refused)?;
                    if result.outcome.is_ok() {
                        self.owed = self.owed.max(Some(result.ts));
                    }
                    mutation_response(request_id, &result)
                }
                Done::Action(result) => {
                    self.requests.actions -= 1;
                    let refused = |error| ActionResult { outcome: Err(error), log_lines: Arc::new([]) };
                    action_response(request_id, &or_refused(&self.id_of(request_id), result, refused)?)
                }
            };
            socket.send(text);
            self.keep_alive.spoke(&self.shared.env);
        }
        Ok(())
    }

    /// The call that a request asks for, or why there can be none.
    pub(super) fn call(&self, request: &FunctionRequest) -> Result<Call, FunctionError> {
        let request_id = self.id_of(request.request_id);
        match parse_path(&request.udf_path, request.component_path.as_deref()) {
            Ok(path) => {
                let (args, identity) = (Arc::clone(&request.args), self.identity.clone());
                let call = Call::new(path, args, identity, Caller::SyncWorker, request_id);
                Ok(Call { client: self.peer.info.clone(), ..call })
            }
            Err(error) => {
                Err(Failure::new(FunctionErrorKind::NotFound, error.to_string()).into_error(&request_id, false))
            }
        }
    }

    fn id_of(&self, request_id: u32) -> RequestId {
        match &self.session_id {
            Some(session_id) => RequestId::of_session(session_id, request_id),
            None => RequestId::random(&self.shared.env),
        }
    }
}

/// The result of a call; of one that was refused, the failure to be told to the client.
///
/// # Errors
/// How the session ends over any other failure: the client sends the request again on its next connection.
pub(super) fn or_refused<T>(
    request_id: &RequestId,
    result: Result<T, CallFailure>,
    refused: impl FnOnce(FunctionError) -> T,
) -> Result<T, End> {
    match result {
        Ok(result) => Ok(result),
        Err(failure @ (CallFailure::BadRequest { .. } | CallFailure::Auth(_))) => {
            let failure = Failure::new(FunctionErrorKind::NotFound, failure.public_message());
            Ok(refused(failure.into_error(request_id, false)))
        }
        Err(failure) => {
            tracing::warn!(%request_id, %failure, "request could not be run");
            Err(end_of(&failure))
        }
    }
}

/// Puts exactly one answer into the inbox, also when the task that should give it is dropped or panics.
struct Reply {
    inbox: Arc<Inbox>,
    request_id: u32,
    lost: Option<fn(CallFailure) -> Done>,
}

impl Reply {
    fn new(inbox: &Arc<Inbox>, request_id: u32, lost: fn(CallFailure) -> Done) -> Self {
        Self { inbox: Arc::clone(inbox), request_id, lost: Some(lost) }
    }

    fn send(mut self, done: Done) {
        self.lost = None;
        self.put(done);
    }

    fn put(&self, done: Done) {
        self.inbox.done.lock().push((self.request_id, done));
        self.inbox.signal.raise();
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.put(lost(CallFailure::Internal("the run of the function was interrupted".to_owned())));
        }
    }
}
