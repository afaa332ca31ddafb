//! The order in which the messages of a client are read.
//!
//! API Gateway invokes the function for each message by itself: two that a client sends one after the other may run at once, and the
//! second may be there first, most of all when the first one meets a cold start. What there is to go by:
//!
//! - The time at which API Gateway got them, in milliseconds.
//! - `Connect` comes first. Others wait for it, for [`PATIENCE_MS`].
//! - `ModifyQuerySet` and `Authenticate` say which version they change. They wait for the one before, as long.
//! - Clients count their requests, from 0 if they were never connected: 4 waits for 3, for [`REQUEST_PATIENCE_MS`], because mutations
//!   of a client are in order, and a burst of messages may meet as many cold starts. A client that turns out not to count is not
//!   waited for again, unless what was missed comes after all.
//! - `Authenticate` comes right after `Connect`, if at all, and what comes then does not say whether there was one. So the first
//!   message after `Connect` that asks for functions waits for [`GATHER_MS`], unless an `Authenticate` has come.
//!
//! What remains is an `Authenticate` that arrives later than that. It is known from its time, and the connection is closed: the
//! client makes another one, at a time when more instances are warm, rather than being served as somebody else without notice.

use serde::{Deserialize, Serialize};

use super::event::Message;
use crate::protocol::{ClientMessage, FunctionRequest};

/// How long a message waits for one that must have been sent before, in milliseconds.
pub(super) const PATIENCE_MS: u64 = 1_500;
/// How long a request waits for one with a smaller number, in milliseconds.
pub(super) const REQUEST_PATIENCE_MS: u64 = 6_000;
/// How long the first request waits for an `Authenticate`, in milliseconds.
pub(super) const GATHER_MS: u64 = 100;

/// What is remembered of the messages that were read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OrderRecord {
    /// When `Connect` was read, in milliseconds since the Unix epoch.
    connected_ms: Option<u64>,
    /// Nothing waits for an `Authenticate` any more.
    is_gathered: bool,
    /// When API Gateway got the newest message that asked for functions.
    newest_ms: u64,
    /// The number of the next request, if that is known: one more than the greatest, 0 of a new client.
    next_request: Option<u32>,
    /// The client skips numbers.
    is_sparse: bool,
}

/// What the session has come to, as far as messages name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) query_set: u32,
    pub(super) identity: u32,
}

/// Messages that are there and were not read.
pub(super) struct Pool {
    record: OrderRecord,
    waiting: Vec<Waiting>,
}

struct Waiting {
    message: Message,
    kind: Kind,
    /// When it came here.
    since_ms: u64,
}

/// What a message is, as far as the order goes. In the order in which clients send them when they connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Connect {
        is_first: bool,
    },
    Authenticate {
        base: u32,
    },
    ModifyQuerySet {
        base: u32,
    },
    Request {
        id: u32,
    },
    /// Diagnostics, and what is no message of the protocol.
    Other,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Read this message.
    Read(Message),
    /// Wait for others until then, in milliseconds since the Unix epoch.
    Wait(u64),
    /// All is read.
    Nothing,
    /// Messages were read in a wrong order, or one is lost.
    Broken(&'static str),
}

impl Kind {
    fn of(text: &str) -> Self {
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Connect(it)) => Self::Connect { is_first: it.is_first },
            Ok(ClientMessage::Authenticate(it)) => Self::Authenticate { base: it.base_version },
            Ok(ClientMessage::ModifyQuerySet(it)) => Self::ModifyQuerySet { base: it.base_version },
            Ok(ClientMessage::Mutation(FunctionRequest { request_id, .. }))
            | Ok(ClientMessage::Action(FunctionRequest { request_id, .. })) => Self::Request { id: request_id },
            Ok(ClientMessage::Event) | Err(_) => Self::Other,
        }
    }

    fn is_for_functions(self) -> bool {
        matches!(self, Self::ModifyQuerySet { .. } | Self::Request { .. })
    }
}

impl Pool {
    pub(super) fn new(record: OrderRecord) -> Self {
        Self { record, waiting: Vec::new() }
    }

    /// What to remember. All messages must have been read.
    pub(super) fn record(&self) -> &OrderRecord {
        &self.record
    }

    /// Adds a message, unless it is there.
    pub(super) fn add(&mut self, message: Message, now_ms: u64) {
        if self.waiting.iter().any(|waiting| !message.id.is_empty() && waiting.message.id == message.id) {
            return;
        }
        let kind = Kind::of(&message.text);
        self.waiting.push(Waiting { message, kind, since_ms: now_ms });
        self.waiting.sort_by_key(|waiting| (waiting.message.at_ms, waiting.kind));
    }

    /// The message to read now, at the latest [`PATIENCE_MS`], or [`REQUEST_PATIENCE_MS`], after it came.
    pub(super) fn next(&mut self, progress: Progress, now_ms: u64) -> Next {
        let mut wake_ms: Option<u64> = None;
        for at in 0..self.waiting.len() {
            let Waiting { message, kind, since_ms } = &self.waiting[at];
            let until = self.waits_until(*kind, *since_ms, progress);
            if until.is_some_and(|until| now_ms < until) {
                wake_ms = wake_ms.into_iter().chain(until).min();
                continue;
            }
            let is_ahead = match kind {
                Kind::Authenticate { base } => *base > progress.identity,
                Kind::ModifyQuerySet { base } => *base > progress.query_set,
                _ => false,
            };
            if is_ahead {
                return Next::Broken("a message that was sent before another one is lost");
            }
            if matches!(kind, Kind::Authenticate { .. }) && message.at_ms < self.record.newest_ms {
                return Next::Broken("an identity arrived after requests that were meant for it");
            }
            let Waiting { message, kind, .. } = self.waiting.remove(at);
            self.take_note(kind, message.at_ms, now_ms);
            return Next::Read(message);
        }
        wake_ms.map_or(Next::Nothing, Next::Wait)
    }

    /// Until when a message waits for others; `None` if it need not.
    fn waits_until(&self, kind: Kind, since_ms: u64, progress: Progress) -> Option<u64> {
        let patience = Some(since_ms + PATIENCE_MS);
        let Some(connected_ms) = self.record.connected_ms else {
            return patience.filter(|_| !matches!(kind, Kind::Connect { .. }));
        };
        let follows = match kind {
            Kind::Authenticate { base } => base <= progress.identity,
            Kind::ModifyQuerySet { base } => base <= progress.query_set,
            Kind::Request { id } => self.record.is_sparse || self.record.next_request.is_none_or(|next| id <= next),
            Kind::Connect { .. } | Kind::Other => true,
        };
        if !follows {
            let is_request = matches!(kind, Kind::Request { .. });
            return if is_request { Some(since_ms + REQUEST_PATIENCE_MS) } else { patience };
        }
        Some(connected_ms + GATHER_MS).filter(|_| kind.is_for_functions() && !self.record.is_gathered)
    }

    fn take_note(&mut self, kind: Kind, at_ms: u64, now_ms: u64) {
        let record = &mut self.record;
        if let Kind::Connect { is_first: true } = kind {
            record.next_request = Some(0);
        }
        if matches!(kind, Kind::Connect { .. }) || record.connected_ms.is_none() {
            record.connected_ms = Some(now_ms);
        }
        if kind.is_for_functions() {
            record.newest_ms = record.newest_ms.max(at_ms);
        }
        record.is_gathered |= kind.is_for_functions() || matches!(kind, Kind::Authenticate { .. });
        if let Kind::Request { id } = kind {
            record.is_sparse = match record.next_request {
                Some(next) if id != next => id > next,
                _ => record.is_sparse,
            };
            record.next_request = record.next_request.max(id.checked_add(1));
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
