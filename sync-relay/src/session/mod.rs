//! One connection of a client: its queries, its requests, and the Transitions that keep it up to date.
//!
//! A session is one task. It reads what the client sends, is woken through its [`Signal`] when results or answers are there, and
//! after everything that happens sees whether a Transition is due ([`transition`]).
//!
//! **Architecture Invariant:** a Transition at T contains for every query of the session its result at T, T never decreases, and the
//! answer to a mutation is sent before any Transition that shows its writes.

mod action;
mod identity;
mod keep_alive;
mod kept;
mod query_set;
mod record;
mod refresh;
mod requests;
mod transition;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use lakewire_functions::auth::Identity;
use lakewire_functions::udf::{CallFailure, ClientInfo};
use lakewire_storage::log::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::action::ActionRecord;
use self::identity::Verification;
use self::keep_alive::KeepAlive;
use self::query_set::QuerySet;
pub(crate) use self::record::SessionRecord;
use self::refresh::Refresh;
use self::requests::Requests;
use self::transition::Assembly;
pub(crate) use self::transition::Rest;
use crate::drain::GOING_AWAY;
use crate::protocol::{ClientMessage, Connect, StateVersion, fatal_error, transition as transition_text};
use crate::relay::Shared;
use crate::signal::Signal;
use crate::socket::{Incoming, Socket, Wire};

/// How long a client that has seen a newer snapshot than ours is kept waiting for it.
const CATCH_UP_NS: u64 = 5_000_000_000;

/// What is known of a client from the handshake.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    /// Whether large Transitions may be sent in pieces.
    pub(crate) takes_chunks: bool,
    /// For functions that ask where a request comes from.
    pub(crate) info: ClientInfo,
}

/// How a session ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is gone, or the client left.
    Gone,
    /// Closed without a status, after a message that says why.
    Told,
    /// Closed with a code and a reason that the client knows.
    Code(u16, &'static str),
}

/// A fault of the server; the client connects again at once.
pub(crate) const INTERNAL: End = End::Code(1011, "InternalServerError");

pub(crate) struct Session {
    shared: Arc<Shared>,
    signal: Arc<Signal>,
    peer: Peer,
    session_id: Option<Arc<str>>,
    /// The client's clock minus ours, in milliseconds.
    clock_skew_ms: Option<f64>,
    identity: Identity,
    /// From when on the token of a user is not good any more: nanoseconds since the epoch.
    expires_ns: Option<u64>,
    /// A token that is being verified. Until it is, nothing is read and no result shown.
    verification: Option<Verification>,
    /// What the client holds, once all that was sent has arrived.
    sent: StateVersion,
    /// What it has asked for; `ts` is the oldest snapshot it may be given.
    wanted: StateVersion,
    /// A Transition is owed that covers this commit, even if it says nothing else.
    owed: Option<Timestamp>,
    /// When to give up on a snapshot that the client has seen and we have not; monotonic clock.
    catch_up_by_ns: Option<u64>,
    queries: QuerySet,
    /// Until it is known what others committed, nothing is shown.
    refresh: Option<Refresh>,
    requests: Requests,
    assembly: Option<Assembly>,
    transitions: u64,
    keep_alive: KeepAlive,
    /// Whether the client is listened to first.
    ear: bool,
}

/// Something that happened.
enum Event {
    Received(Incoming),
    /// A signal, a timer, or room for more to send.
    Stirred,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, peer: Peer) -> Self {
        let signal = Arc::new(Signal::default());
        Self {
            requests: Requests::new(&signal),
            keep_alive: KeepAlive::new(&shared.env),
            shared,
            signal,
            peer,
            session_id: None,
            clock_skew_ms: None,
            identity: Identity::Anonymous,
            expires_ns: None,
            verification: None,
            sent: StateVersion::default(),
            wanted: StateVersion::default(),
            owed: None,
            catch_up_by_ns: None,
            queries: QuerySet::default(),
            refresh: None,
            assembly: None,
            transitions: 0,
            ear: false,
        }
    }

    /// Serves the client until the connection ends.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut socket: Socket<S>) {
        let mut draining = self.shared.drain.watch(&self.shared.env);
        let end = tokio::select! {
            end = self.turns(&mut socket) => end,
            () = draining.is_due() => self.turns_until_answered(&mut socket).await,
        };
        tracing::debug!(?end, session = self.session_id.as_deref(), "session ends");
        let env = self.shared.env.clone();
        // Its subscriptions end now, not when the client has answered.
        drop(self);
        // Boxed: needed once, and not to take room in every idle connection.
        Box::pin(socket.close(end, &env)).await;
    }

    async fn turns<W: Wire>(&mut self, socket: &mut W) -> End {
        loop {
            if let Err(end) = self.turn(socket).await {
                return end;
            }
        }
    }

    /// The last turns of a session of a relay that is about to end.
    async fn turns_until_answered<W: Wire>(&mut self, socket: &mut W) -> End {
        while self.has_requests() {
            if let Err(end) = self.turn(socket).await {
                return end;
            }
        }
        GOING_AWAY
    }

    /// Has the session look at everything again.
    pub(crate) fn stir(&self) {
        self.signal.raise();
    }

    /// The versions of query set and identity that the client has asked for.
    pub(crate) fn wanted_versions(&self) -> (u32, u32) {
        (self.wanted.query_set, self.wanted.identity)
    }

    /// Whether a token is being verified: what was asked for after it has to wait.
    pub(crate) fn is_verifying(&self) -> bool {
        self.verification.is_some()
    }

    /// Whether a request has yet to be answered, or a token to be verified.
    pub(crate) fn has_requests(&self) -> bool {
        !self.requests.are_done() || self.verification.is_some()
    }

    /// Waits for something to happen, and deals with it. If dropped, nothing is lost.
    pub(crate) async fn turn<W: Wire>(&mut self, socket: &mut W) -> Result<(), End> {
        let event = poll_fn(|cx| self.poll_event(cx, socket)).await?;
        self.handle(event, socket)
    }

    fn poll_event<W: Wire>(&mut self, cx: &mut Context<'_>, socket: &mut W) -> Poll<Result<Event, End>> {
        let mut stirred = socket.poll_send(cx)?.is_ready();
        // Neither a busy client nor busy queries may keep the other from being heard.
        self.ear = !self.ear;
        let listens = self.verification.is_none();
        if self.ear
            && listens
            && let Poll::Ready(received) = socket.poll_receive(cx)
        {
            return Poll::Ready(received.map(Event::Received));
        }
        stirred |= self.signal.poll_raised(cx).is_ready();
        stirred |= self.keep_alive.poll_due(cx).is_ready();
        if stirred {
            return Poll::Ready(Ok(Event::Stirred));
        }
        if listens { socket.poll_receive(cx).map_ok(Event::Received) } else { Poll::Pending }
    }

    fn handle<W: Wire>(&mut self, event: Event, socket: &mut W) -> Result<(), End> {
        match event {
            Event::Received(incoming) => {
                self.keep_alive.heard(&self.shared.env);
                match incoming {
                    Incoming::Text(text) => self.receive(&text, socket)?,
                    Incoming::Alive => return Ok(()),
                    Incoming::Binary => return Err(INTERNAL),
                }
            }
            Event::Stirred => {
                self.keep_alive.act(&self.shared.env, socket)?;
                self.check_catch_up()?;
            }
        }
        self.end_verification(socket)?;
        self.deliver_answers(socket)?;
        self.start_mutation();
        self.end_refresh()?;
        self.advance(socket)
    }

    fn receive<W: Wire>(&mut self, text: &str, socket: &mut W) -> Result<(), End> {
        let message = match ClientMessage::parse(text) {
            Ok(message) => message,
            Err(error) => return Err(violation(&error.to_string(), socket)),
        };
        if message.is_for_functions() {
            self.check_expiry(socket)?;
        }
        match message {
            ClientMessage::Connect(connect) => self.connect(connect),
            ClientMessage::ModifyQuerySet(change) => self.modify_query_set(change, socket)?,
            ClientMessage::Mutation(request) => self.queue_mutation(request)?,
            ClientMessage::Action(request) => self.start_action(request, socket)?,
            ClientMessage::Authenticate(message) => self.authenticate(message, socket)?,
            ClientMessage::Event => {}
        }
        Ok(())
    }

    fn connect(&mut self, connect: Connect) {
        let env = &self.shared.env;
        self.session_id = Some(connect.session_id);
        self.clock_skew_ms = connect.client_ts.map(|client_ms| (client_ms - env.now_ns() as f64 / 1e6).round() + 0.0);
        if let Some(seen) = connect.max_observed_ts {
            self.wanted.ts = self.wanted.ts.max(seen);
            if !self.shared.cache.tracker().notify_at(seen, &self.signal) {
                let deadline = env.monotonic_ns() + CATCH_UP_NS;
                self.catch_up_by_ns = Some(deadline);
                self.keep_alive.wake_at(deadline, env);
            }
        }
    }

    /// Lets a client go that we can not show anything newer than what it has seen.
    fn check_catch_up(&mut self) -> Result<(), End> {
        let Some(deadline) = self.catch_up_by_ns else { return Ok(()) };
        if self.shared.cache.tracker().processed() >= self.wanted.ts {
            self.catch_up_by_ns = None;
        } else if self.shared.env.monotonic_ns() >= deadline {
            tracing::warn!(session = self.session_id.as_deref(), "client has seen a newer snapshot than there is");
            return Err(INTERNAL);
        }
        Ok(())
    }

    /// Sends the text of a Transition, in pieces if it is large.
    fn send_transition<W: Wire>(
        &mut self,
        end: StateVersion,
        modifications: &crate::protocol::Modifications,
        socket: &mut W,
    ) {
        let env = &self.shared.env;
        let text = transition_text(self.sent, end, modifications, self.clock_skew_ms, env.now_ns());
        self.transitions += 1;
        socket.send_transition(text, self.peer.takes_chunks.then_some(self.transitions));
        self.keep_alive.spoke(env);
        self.sent = end;
        self.wanted.ts = self.wanted.ts.max(end.ts);
        if self.owed.is_some_and(|owed| owed <= end.ts) {
            self.owed = None;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.queries.clear(&self.shared.cache);
    }
}

/// Tells the client that it broke the protocol: it stops for good.
fn violation<W: Wire>(error: &str, socket: &mut W) -> End {
    tracing::info!(error, "client broke the sync protocol");
    socket.send(fatal_error(error));
    End::Told
}

/// How a session ends over a call that could not be run; the client sends it again on its next connection.
fn end_of(failure: &CallFailure) -> End {
    match failure {
        CallFailure::Auth(error) if error.is_transient() => End::Code(1013, failure.code()),
        CallFailure::Overloaded(_) | CallFailure::Unavailable(_) | CallFailure::Conflict(_) => {
            End::Code(1013, failure.code())
        }
        _ => INTERNAL,
    }
}
