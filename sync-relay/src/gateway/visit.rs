//! One visit to a connection: take the lease, go on with the session, write it down.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lakewire_storage::log::EntryNumber;
use serde::{Deserialize, Serialize};

use super::connections::{Free, Holder, Left, MAX_BYTES, Mail, Released, Seen, Take};
use super::event::{DetachedAction, Message, visit_payload};
use super::order::{Next, OrderRecord, Pool, Progress};
use super::poster::PostError;
use super::wire::Letterbox;
use super::{Gateway, GatewayError};
use crate::protocol::ClientMessage;
use crate::session::{End, Rest, Session, SessionRecord};

/// How long a lease is held before it is extended or released, in milliseconds.
const LEASE_MS: u64 = 30_000;
/// How long a visit may take; API Gateway waits for 29 s. Requests that are not done by then are sent again by the client, on another
/// connection; queries are left for the next visit.
const PATIENCE_MS: u64 = 25_000;
/// How long a visit goes on for letters that come meanwhile; then another invocation does.
const HELD_MS: u64 = 10_000;
/// How often a holder that waits looks whether something was left for it.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// The pause of somebody who waits for a lease.
const WAIT: Duration = Duration::from_millis(60);
/// How often a message is posted while API Gateway is busy, and the first pause; it doubles.
const POSTS: u32 = 6;
const POST_PAUSE: Duration = Duration::from_millis(50);

/// Something for a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Letter {
    /// A message of the client.
    Message(Message),
    /// A message to the client: the answer to an action. The number is to tell repetitions.
    Answer { id: u64, text: String },
    /// Commits up to an entry; nothing is due otherwise.
    Nudge(EntryNumber),
}

/// What is stored of a connection.
#[derive(Serialize, Deserialize)]
pub(super) struct ConnectionRecord {
    pub(super) session: SessionRecord,
    #[serde(default)]
    pub(super) order: OrderRecord,
}

/// How a visit ends before its time.
pub(super) enum Fate {
    /// The session is over, or the connection not to be saved.
    Over(End),
    /// The client is gone.
    Gone,
    /// Somebody gave the connection up.
    Lost,
    /// Something that it needs fails.
    Failed(GatewayError),
}

impl<E: Into<GatewayError>> From<E> for Fate {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One who holds a lease.
struct Visit<'a> {
    gateway: &'a Gateway,
    id: &'a str,
    holder: Holder,
    until_ms: u64,
    session: Session,
    pool: Pool,
    wire: Letterbox,
    seen: Seen,
    /// The ids of the answers that were posted.
    answered: HashSet<u64>,
    spoke_ms: u64,
    /// Actions to be run.
    actions: Vec<DetachedAction>,
}

impl Gateway {
    /// Brings a letter to a connection. If somebody else holds the lease, the letter is left for them.
    pub(super) async fn visit(&self, id: &str, letter: Letter) -> Result<(), GatewayError> {
        let holder = self.env().random_u64() >> 1;
        let began = self.now_ms();
        loop {
            let now = self.now_ms();
            let until_ms = now + LEASE_MS;
            let held = match self.connections().take(id, holder, now, until_ms).await? {
                Take::Taken { state, mail, spoke_ms } => {
                    return self.hold(id, (holder, until_ms), state, (mail, spoke_ms), letter).await;
                }
                Take::Gone => {
                    // API Gateway may still have it, and nobody would ever serve it.
                    self.give_up(id).await;
                    return Ok(());
                }
                Take::Abandoned => {
                    tracing::warn!(connection = id, "somebody did not come back from a connection: it is closed");
                    self.give_up(id).await;
                    return Ok(());
                }
                Take::Held(held) => held,
            };
            let left = match &letter {
                Letter::Nudge(through) => self.connections().nudge(id, held, *through).await?,
                letter => {
                    let bytes = serde_json::to_vec(letter).expect("texts and numbers are JSON");
                    self.connections().leave(id, held, bytes.into()).await?
                }
            };
            match left {
                Left::Done => return Ok(()),
                Left::Moved => {}
                Left::Full if now > began + PATIENCE_MS => {
                    tracing::warn!(connection = id, "a connection that is always busy is closed");
                    self.give_up(id).await;
                    return Ok(());
                }
                Left::Full => self.env().sleep(WAIT).await,
            }
        }
    }

    async fn hold(
        &self,
        id: &str,
        (holder, until_ms): (Holder, u64),
        state: Bytes,
        (mail, spoke_ms): (Mail, u64),
        letter: Letter,
    ) -> Result<(), GatewayError> {
        let resumed = serde_json::from_slice::<ConnectionRecord>(&state).map_err(|error| error.to_string());
        let resumed = resumed.and_then(|ConnectionRecord { session, order }| {
            let session = Session::resume(Arc::clone(self.shared()), session).map_err(|error| error.to_string())?;
            Ok((session, Pool::new(order)))
        });
        let (session, pool) = match resumed {
            Ok(resumed) => resumed,
            Err(error) => {
                tracing::warn!(connection = id, error, "the record of a connection cannot be used: it is closed");
                self.give_up(id).await;
                return Ok(());
            }
        };
        let mut visit = Visit {
            gateway: self,
            id,
            holder,
            until_ms,
            session,
            pool,
            wire: Letterbox::default(),
            seen: Seen { letters: 0, nudged: mail.nudged },
            answered: HashSet::new(),
            spoke_ms,
            actions: Vec::new(),
        };
        let opened = visit.open(&mail);
        visit.take_in(letter);
        let worked = match opened {
            Ok(()) => visit.work().await,
            Err(fate) => Err(fate),
        };
        match worked {
            Ok(()) | Err(Fate::Lost) => Ok(()),
            Err(Fate::Gone) => Ok(self.connections().remove(id).await?),
            Err(Fate::Over(end)) => {
                tracing::debug!(?end, connection = id, "session ends");
                // What the client is told last.
                let _gone = visit.post().await;
                self.give_up(id).await;
                Ok(())
            }
            Err(Fate::Failed(error)) => {
                self.give_up(id).await;
                Err(error)
            }
        }
    }

    /// Closes a connection and forgets it; the client makes another one. What fails is left to the next who comes.
    pub(super) async fn give_up(&self, id: &str) {
        if let Err(error) = self.poster().close(id).await {
            tracing::warn!(connection = id, %error, "a connection can't be closed");
        }
        if let Err(error) = self.connections().remove(id).await {
            tracing::warn!(connection = id, %error, "a connection can't be forgotten");
        }
    }
}

impl Visit<'_> {
    /// Serves the connection until there is nothing left to do.
    async fn work(&mut self) -> Result<(), Fate> {
        let began = self.gateway.now_ms();
        let deadline_ms = began + PATIENCE_MS;
        loop {
            let now = self.gateway.now_ms();
            if self.until_ms < now + LEASE_MS / 2 {
                self.extend(now).await?;
            }
            let is_busy = self.wire.is_unread() || self.session.is_verifying();
            let next = if is_busy { Next::Wait(deadline_ms) } else { self.pool.next(self.progress(), now) };
            match next {
                Next::Read(message) => {
                    self.read(message)?;
                    // To its end before the next one, which may depend on it.
                    if self.wire.is_unread() {
                        self.turn(LOOK_EVERY).await?;
                    }
                }
                Next::Broken(why) => {
                    tracing::info!(connection = self.id, why, "a connection is closed");
                    return Err(Fate::Over(End::Gone));
                }
                waiting => {
                    let rest = self.session.rest();
                    let is_late = now >= deadline_ms;
                    let rests = rest != Rest::Busy && !self.wire.is_unread();
                    let is_read = waiting == Next::Nothing;
                    if is_read && rests || is_late {
                        if !is_read || self.session.has_requests() {
                            tracing::warn!(connection = self.id, "a request takes too long: the connection is closed");
                            return Err(Fate::Over(End::Gone));
                        }
                        self.post().await?;
                        if self.release(rest, now >= began + HELD_MS).await? {
                            return Ok(());
                        }
                        self.collect().await?;
                    } else if !self.turn(LOOK_EVERY).await? {
                        self.collect().await?;
                    }
                }
            }
            self.post().await?;
        }
    }

    fn progress(&self) -> Progress {
        let (query_set, identity) = self.session.wanted_versions();
        Progress { query_set, identity }
    }

    /// Lets the session act on the next thing that happens. Whether something did before `patience` ended.
    async fn turn(&mut self, patience: Duration) -> Result<bool, Fate> {
        match self.gateway.env().timeout(patience, self.session.turn(&mut self.wire)).await {
            Ok(turned) => turned.map(|()| true).map_err(Fate::Over),
            Err(_) => {
                // Commits that touch what it has from its record do not wake it.
                self.session.stir();
                Ok(false)
            }
        }
    }

    fn read(&mut self, message: Message) -> Result<(), Fate> {
        match ClientMessage::parse(&message.text) {
            Ok(ClientMessage::Action(request)) => {
                let action = self.session.detach_action(request, &mut self.wire).map_err(Fate::Over)?;
                self.actions.extend(action.map(|action| DetachedAction { connection: self.id.into(), action }));
            }
            _ => self.wire.put(message.text),
        }
        Ok(())
    }

    /// Looks at what was left.
    async fn collect(&mut self) -> Result<(), Fate> {
        let Some(mail) = self.gateway.connections().left(self.id, self.holder).await? else {
            return Err(Fate::Lost);
        };
        if mail.nudged != self.seen.nudged {
            self.session.look_again();
        }
        self.open(&mail)
    }

    /// Takes in the letters that it has not seen.
    fn open(&mut self, mail: &Mail) -> Result<(), Fate> {
        for letter in mail.letters.get(self.seen.letters..).unwrap_or_default() {
            let letter: Letter = serde_json::from_slice(letter).map_err(GatewayError::Letter)?;
            self.take_in(letter);
        }
        self.seen = Seen { letters: mail.letters.len(), nudged: mail.nudged };
        Ok(())
    }

    fn take_in(&mut self, letter: Letter) {
        match letter {
            Letter::Message(message) => self.pool.add(message, self.gateway.now_ms()),
            Letter::Answer { id, text } => {
                if self.answered.insert(id) {
                    self.wire.answer(text);
                }
            }
            // The session looks at the log whenever it goes on.
            Letter::Nudge(_) => {}
        }
    }

    /// Posts what there is for the client, and has its actions run.
    async fn post(&mut self) -> Result<(), Fate> {
        while let Some(text) = self.wire.take() {
            let message = Bytes::from(text);
            let mut attempt = 1;
            loop {
                match self.gateway.poster().post(self.id, message.clone()).await {
                    Ok(()) => break,
                    Err(PostError::Gone) => return Err(Fate::Gone),
                    Err(PostError::Busy(_)) if attempt < POSTS => {
                        self.gateway.env().sleep(POST_PAUSE * 2_u32.pow(attempt - 1)).await;
                        attempt += 1;
                    }
                    // Not known whether it arrived, or never will: no message may be missing, and none be there twice.
                    Err(error) => return Err(error.into()),
                }
            }
            self.spoke_ms = self.gateway.now_ms();
        }
        for action in std::mem::take(&mut self.actions) {
            self.gateway.poster().invoke(action.to_payload().into()).await?;
        }
        if self.wire.is_broken() { Err(Fate::Over(End::Told)) } else { Ok(()) }
    }

    async fn extend(&mut self, now: u64) -> Result<(), Fate> {
        let until_ms = now + LEASE_MS;
        if !self.gateway.connections().extend(self.id, self.holder, until_ms).await? {
            return Err(Fate::Lost);
        }
        self.until_ms = until_ms;
        Ok(())
    }

    /// Writes the session down and ends the visit, if nothing was left meanwhile, or somebody else is to take care of that.
    async fn release(&mut self, rest: Rest, hands_over: bool) -> Result<bool, Fate> {
        let mut session = self.session.record();
        let order = self.pool.record().clone();
        let bytes = |session: &SessionRecord| {
            serde_json::to_vec(&ConnectionRecord { session: session.clone(), order: order.clone() })
                .expect("texts and numbers are JSON")
        };
        let mut state = bytes(&session);
        if state.len() > MAX_BYTES / 2 {
            // The other half is for letters.
            session.forget_reads(state.len(), MAX_BYTES / 2);
            state = bytes(&session);
        }
        if state.len() > MAX_BYTES / 2 {
            let error = format!(
                "the subscriptions of one client take {} bytes with their arguments, of at most {} on API Gateway",
                state.len(),
                MAX_BYTES / 2
            );
            self.wire.fail(&error);
            return Err(Fate::Over(End::Told));
        }
        let next = Free { state: state.into(), spoke_ms: self.spoke_ms, is_due: rest != Rest::Settled };
        let (connections, seen) = (self.gateway.connections(), self.seen);
        let released = connections.release(self.id, self.holder, seen, next.clone()).await?;
        match released {
            Released::Done => Ok(true),
            Released::Lost => Err(Fate::Lost),
            Released::Unseen if !hands_over => Ok(false),
            Released::Unseen => match connections.hand_over(self.id, self.holder, seen, next).await? {
                Released::Done => {
                    self.gateway.poster().invoke(visit_payload(self.id).into()).await?;
                    Ok(true)
                }
                Released::Lost | Released::Unseen => Err(Fate::Lost),
            },
        }
    }
}
