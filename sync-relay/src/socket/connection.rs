//! One WebSocket, read and written by one task without waiting for either.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use lakewire_storage::env::Env;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Incoming, Wire};
use crate::protocol::{CHUNK_THRESHOLD, split_transition};
use crate::session::{End, INTERNAL};

/// Read buffer of a connection, allocated while it lives: what an idle one costs matters more than reading large messages at once.
const READ_BUFFER_BYTES: usize = 1 << 10;
/// Messages are handed to the operating system together up to about this many bytes.
const WRITE_BATCH_BYTES: usize = 64 << 10;
/// Longest message and frame of a client. Arguments may have 16 MiB; larger ones are the engine's to refuse, for that call only.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// Nothing is read from a client that leaves this much unread.
const MAX_UNSENT_BYTES: usize = 32 << 20;
/// How long a client has to take what is left and to answer a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// A connection to a client.
pub(crate) struct Socket<S> {
    stream: WebSocketStream<S>,
    queue: VecDeque<Outgoing>,
    queued_bytes: usize,
    /// Messages were handed to `stream` that may not have gone out.
    flushing: bool,
    /// Transitions not sent, queued or being flushed.
    unsent: usize,
    /// Of these, the ones being flushed.
    in_flush: usize,
}

struct Outgoing {
    message: Message,
    /// The last, or only, part of a Transition.
    ends_transition: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// The server's end of a connection whose handshake is done.
    pub(crate) async fn new(io: S) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(2 * WRITE_BATCH_BYTES)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        Self { stream, queue: VecDeque::new(), queued_bytes: 0, flushing: false, unsent: 0, in_flush: 0 }
    }

    fn push(&mut self, message: Message, ends_transition: bool) {
        self.queued_bytes += message.len();
        self.queue.push_back(Outgoing { message, ends_transition });
    }

    /// Sends what is queued, closes the connection, and waits a while for the client to do so too.
    pub(crate) async fn close(mut self, end: End, env: &Env) {
        let frame = match end {
            End::Gone => return,
            End::Told => None,
            End::Code(code, reason) => {
                Some(CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) })
            }
        };
        let goodbye = async {
            while !self.queue.is_empty() || self.flushing {
                if std::future::poll_fn(|cx| self.poll_send(cx)).await.is_err() {
                    return;
                }
            }
            if self.stream.close(frame).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        // A client that does not answer in time is gone all the same.
        let _answered = env.timeout(CLOSE_PATIENCE, goodbye).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for Socket<S> {
    fn send(&mut self, text: String) {
        self.push(Message::text(text), false);
    }

    fn send_transition(&mut self, text: String, chunk_id: Option<u64>) {
        self.unsent += 1;
        match chunk_id {
            Some(id) if text.len() > CHUNK_THRESHOLD => {
                let mut pieces = split_transition(&text, CHUNK_THRESHOLD, id);
                drop(text);
                let last = pieces.pop();
                pieces.into_iter().for_each(|piece| self.push(Message::text(piece), false));
                last.into_iter().for_each(|piece| self.push(Message::text(piece), true));
            }
            _ => self.push(Message::text(text), true),
        }
    }

    fn probe(&mut self) {
        self.push(Message::Ping(Bytes::new()), false);
    }

    fn unsent_transitions(&self) -> usize {
        self.unsent
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        loop {
            if !self.flushing {
                let mut batched = 0;
                while batched < WRITE_BATCH_BYTES
                    && let Some(Outgoing { message, ends_transition }) = self.queue.pop_front()
                {
                    batched += message.len();
                    self.queued_bytes -= message.len();
                    self.in_flush += usize::from(ends_transition);
                    self.flushing = true;
                    self.stream.start_send_unpin(message).map_err(|_| End::Gone)?;
                }
                if !self.flushing {
                    return Poll::Pending;
                }
            }
            ready!(self.stream.poll_flush_unpin(cx)).map_err(|_| End::Gone)?;
            self.flushing = false;
            self.unsent -= std::mem::take(&mut self.in_flush);
            if self.queue.is_empty() {
                self.queue.shrink_to(4);
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, End>> {
        use tokio_tungstenite::tungstenite::Error;

        if self.queued_bytes > MAX_UNSENT_BYTES {
            // Sending goes on, and wakes the task.
            return Poll::Pending;
        }
        Poll::Ready(match ready!(self.stream.poll_next_unpin(cx)) {
            Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text)),
            Some(Ok(Message::Binary(_))) => Ok(Incoming::Binary),
            Some(Ok(_)) => Ok(Incoming::Alive),
            Some(Err(Error::Capacity(_) | Error::Utf8(_))) => Err(INTERNAL),
            Some(Err(_)) | None => Err(End::Gone),
        })
    }
}
