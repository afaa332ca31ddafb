//! What a session needs of a connection.

use std::task::{Context, Poll};

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::session::End;

/// A connection to a client as its session sees it: a WebSocket of this process, or one that API Gateway holds.
pub(crate) trait Wire {
    /// Queues a message.
    fn send(&mut self, text: String);

    /// Queues a Transition; if it is long and `chunk_id` is there, in pieces with that id, which stay together.
    fn send_transition(&mut self, text: String, chunk_id: Option<u64>);

    /// Asks the other end for a sign of life.
    fn probe(&mut self);

    /// Transitions that have not gone out.
    fn unsent_transitions(&self) -> usize;

    /// Sends what is queued. Ready when all of it has gone out just now; pending also if there was nothing.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>>;

    /// The next thing the client sends.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, End>>;
}

/// What came from the client.
#[derive(Debug)]
pub(crate) enum Incoming {
    Text(Utf8Bytes),
    /// Not a message, but a sign of life.
    Alive,
    /// A message that the protocol has no use for.
    Binary,
}
