//! The streams of bytes of one action, by number. JavaScript holds the numbers.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::{AbortHandle, BoxFuture};
use futures::lock::Mutex;
use futures::stream::Abortable;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};

use super::body::{ByteStream, StreamError};
use super::host::SyscallError;

/// Streams from the host to JavaScript and from JavaScript to the host.
#[derive(Default)]
pub(super) struct Streams {
    last_id: u32,
    incoming: HashMap<u32, Incoming>,
    outgoing: HashMap<u32, Outgoing>,
    aborts: HashMap<u32, AbortHandle>,
    /// Why streams that JavaScript wrote were cut off.
    failures: HashMap<u32, String>,
    response_limit: Option<u64>,
}

struct Incoming {
    stream: Arc<Mutex<Abortable<ByteStream>>>,
    abort: AbortHandle,
}

struct Outgoing {
    sender: Arc<Mutex<mpsc::Sender<Piece>>>,
    /// Until the host takes it.
    receiver: Option<mpsc::Receiver<Piece>>,
    sent: u64,
    limit: u64,
}

enum Piece {
    Bytes(Bytes),
    Failed(StreamError),
    End,
}

impl Streams {
    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    /// Gives JavaScript a stream of the host's to read.
    pub(super) fn add_incoming(&mut self, stream: ByteStream) -> u32 {
        let id = self.next_id();
        let (abort, registration) = AbortHandle::new_pair();
        let stream = Arc::new(Mutex::new(Abortable::new(stream, registration)));
        self.incoming.insert(id, Incoming { stream, abort });
        id
    }

    /// The next piece of a stream; `None` at its end, and if there is no such stream.
    pub(super) fn read(&self, id: u32) -> BoxFuture<'static, Result<Option<Bytes>, SyscallError>> {
        let Some(incoming) = self.incoming.get(&id) else { return async { Ok(None) }.boxed() };
        let stream = incoming.stream.clone();
        async move {
            loop {
                return match stream.lock().await.next().await {
                    Some(Ok(bytes)) if bytes.is_empty() => continue,
                    Some(Ok(bytes)) => Ok(Some(bytes)),
                    Some(Err(error)) => Err(SyscallError::developer(error.0)),
                    None => Ok(None),
                };
            }
        }
        .boxed()
    }

    /// Lets go of a stream of the host's, also of a read under way.
    pub(super) fn cancel(&mut self, id: u32) {
        if let Some(incoming) = self.incoming.remove(&id) {
            incoming.abort.abort();
        }
    }

    /// A number by which JavaScript can stop an operation.
    pub(super) fn add_abort(&mut self, handle: AbortHandle) -> u32 {
        let id = self.next_id();
        self.aborts.retain(|_, handle| !handle.is_aborted());
        self.aborts.insert(id, handle);
        id
    }

    /// Stops an operation, if it is still under way.
    pub(super) fn abort(&mut self, id: u32) {
        if let Some(handle) = self.aborts.remove(&id) {
            handle.abort();
        }
    }

    /// Bounds the responses that are made from now on, in bytes.
    pub(super) fn limit_responses(&mut self, limit: u64) {
        self.response_limit = Some(limit);
    }

    /// A stream that JavaScript writes.
    pub(super) fn add_outgoing(&mut self, is_response: bool) -> u32 {
        let id = self.next_id();
        let limit = self.response_limit.filter(|_| is_response).unwrap_or(u64::MAX);
        // Room for one piece: the next is made when the host has taken it.
        let (sender, receiver) = mpsc::channel(0);
        let sender = Arc::new(Mutex::new(sender));
        self.outgoing.insert(id, Outgoing { sender, receiver: Some(receiver), sent: 0, limit });
        id
    }

    /// The host's end of a stream that JavaScript writes. `None` if there is no such stream, or it was taken.
    pub(super) fn take_outgoing(&mut self, id: u32) -> Option<ByteStream> {
        self.outgoing.get_mut(&id)?.receiver.take().map(bytes_of)
    }

    /// True until [`forget`](Self::forget).
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.outgoing.contains_key(&id)
    }

    /// Hands a piece to the host; completes when there is room for the next one.
    pub(super) fn write(&mut self, id: u32, bytes: Bytes) -> BoxFuture<'static, Result<(), SyscallError>> {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return closed() };
        outgoing.sent += bytes.len() as u64;
        if outgoing.sent > outgoing.limit {
            let message = format!("The body is too large: more than {} bytes", outgoing.limit);
            return async { Err(SyscallError::developer(message)) }.boxed();
        }
        send(outgoing, Piece::Bytes(bytes))
    }

    /// Tells the host that all has been written, or, with a message, that the rest will not come.
    /// The stream stays open until [`forget`](Self::forget).
    pub(super) fn end(&mut self, id: u32, failure: Option<String>) -> BoxFuture<'static, Result<(), SyscallError>> {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return closed() };
        // A reader that is gone is no failure of the writer.
        let is_read = outgoing.sender.try_lock().is_none_or(|sender| !sender.is_closed());
        if let Some(failure) = &failure
            && is_read
        {
            self.failures.insert(id, failure.clone());
        }
        send(outgoing, failure.map_or(Piece::End, |message| Piece::Failed(StreamError(message))))
    }

    /// Why a stream that JavaScript wrote was cut off, if it was.
    pub(super) fn take_failure(&mut self, id: u32) -> Option<String> {
        self.failures.remove(&id)
    }

    pub(super) fn forget(&mut self, id: u32) {
        self.outgoing.remove(&id);
    }
}

fn send(outgoing: &Outgoing, piece: Piece) -> BoxFuture<'static, Result<(), SyscallError>> {
    let sender = outgoing.sender.clone();
    async move {
        let gone = |_| SyscallError::developer("The other side does not read the body any more");
        sender.lock().await.send(piece).await.map_err(gone)
    }
    .boxed()
}

fn closed() -> BoxFuture<'static, Result<(), SyscallError>> {
    async { Err(SyscallError::developer("The stream is closed")) }.boxed()
}

/// What comes through the channel. That the sender is gone doesn't mean that all has been sent.
fn bytes_of(receiver: mpsc::Receiver<Piece>) -> ByteStream {
    futures::stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.next().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            Some(Piece::Failed(error)) => Some((Err(error), None)),
            None => Some((Err(StreamError("The function ended before the body was complete".to_owned())), None)),
        }
    })
    .boxed()
}
