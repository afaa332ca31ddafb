//! A connection that API Gateway holds, as a session sees it during one visit.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use crate::protocol::{fatal_error, split_transition};
use crate::session::End;
use crate::socket::{Incoming, Wire};

/// The largest message that API Gateway takes, in bytes.
const MAX_MESSAGE_BYTES: usize = 128 << 10;
/// Transitions that are longer are cut into pieces of so many bytes. As a JSON string, a piece may take twice as many.
const PIECE_BYTES: usize = 60_000;

/// What is read and written during a visit.
#[derive(Default)]
pub(super) struct Letterbox {
    incoming: VecDeque<String>,
    outgoing: VecDeque<String>,
    /// There was a message too large, and the client was told so.
    is_broken: bool,
}

impl Letterbox {
    /// Something for the session to read.
    pub(super) fn put(&mut self, text: String) {
        self.incoming.push_back(text);
    }

    /// Whether the session has something to read.
    pub(super) fn is_unread(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// Whether the client was told to stop.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// The next message to the client.
    pub(super) fn take(&mut self) -> Option<String> {
        self.outgoing.pop_front()
    }

    /// A message to the client from outside of the session.
    pub(super) fn answer(&mut self, text: String) {
        self.push(text, "the answer to an action");
    }

    /// Tells the client that it can't be served: it stops for good.
    pub(super) fn fail(&mut self, error: &str) {
        self.is_broken = true;
        self.outgoing.push_back(fatal_error(error));
    }

    fn push(&mut self, text: String, what: &str) {
        if self.is_broken {
            return;
        }
        self.is_broken = text.len() > MAX_MESSAGE_BYTES;
        if self.is_broken {
            let bytes = text.len();
            tracing::warn!(bytes, what, "a message is larger than API Gateway takes");
            let error = format!(
                "{what} of {bytes} bytes is larger than the {MAX_MESSAGE_BYTES} bytes that a message may have on API Gateway: \
                 return less, page through it, or connect to a relay that is a service"
            );
            self.fail(&error);
        } else {
            self.outgoing.push_back(text);
        }
    }
}

impl Wire for Letterbox {
    fn send(&mut self, text: String) {
        self.push(text, "the answer to a request");
    }

    fn send_transition(&mut self, text: String, chunk_id: Option<u64>) {
        match chunk_id {
            Some(id) if text.len() > PIECE_BYTES => {
                let pieces = split_transition(&text, PIECE_BYTES, id);
                pieces.into_iter().for_each(|piece| self.push(piece, "a piece of a transition"));
            }
            _ => self.push(text, "a transition to a client that takes no pieces"),
        }
    }

    /// API Gateway looks after its connections.
    fn probe(&mut self) {}

    fn unsent_transitions(&self) -> usize {
        0
    }

    fn poll_send(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.is_broken { Poll::Ready(Err(End::Told)) } else { Poll::Pending }
    }

    fn poll_receive(&mut self, _cx: &mut Context<'_>) -> Poll<Result<Incoming, End>> {
        match self.incoming.pop_front() {
            Some(text) => Poll::Ready(Ok(Incoming::Text(text.into()))),
            None => Poll::Pending,
        }
    }
}
