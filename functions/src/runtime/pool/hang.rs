//! Threads whose JavaScript does not stop when it is told to: V8 looks for that between steps of JavaScript, and some of
//! its own functions take minutes for one (`indexOf` of an array-like of four billion elements).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::oneshot;
use parking_lot::Mutex;

use super::worker::{Shared, State, UdfReply};
use crate::runtime::invocation::{FailureKind, JsFailure, Outcome};

/// Threads that are written off at a time. More of them count as running: a pool does not grow without end.
const MAX_WRITTEN_OFF: usize = 32;

/// Who waits for a call.
pub(super) enum Reply {
    Udf(UdfReply),
    Action(oneshot::Sender<Outcome>),
}

/// What is known of one thread.
pub(super) struct Hang {
    shared: Arc<Shared>,
    state: Arc<State>,
    reply: Mutex<Option<Reply>>,
    written_off: AtomicBool,
    /// Another thread may have its place.
    replaced: AtomicBool,
    #[cfg(target_os = "linux")]
    thread: rustix::thread::Pid,
}

impl Hang {
    /// Of the current thread.
    pub(super) fn new(shared: Arc<Shared>, state: Arc<State>) -> Arc<Self> {
        Arc::new(Self {
            shared,
            state,
            reply: Mutex::default(),
            written_off: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            #[cfg(target_os = "linux")]
            thread: rustix::thread::gettid(),
        })
    }

    /// Notes who waits for the call that begins.
    pub(super) fn begin(&self, reply: Reply) {
        *self.reply.lock() = Some(reply);
    }

    /// Who waits for the call that has ended; nobody any more if it took too long.
    pub(super) fn end(&self) -> Option<Reply> {
        self.reply.lock().take()
    }

    /// True if the thread should end as soon as it can.
    pub(super) fn is_written_off(&self) -> bool {
        self.written_off.load(Ordering::SeqCst)
    }

    /// Called when the thread does not react: answers whoever waits, and has another thread take its place.
    pub(super) fn write_off(&self) {
        let Some(reply) = self.end() else { return };
        let outcome = Outcome::failed(JsFailure::new(FailureKind::Timeout, "Function execution timed out"));
        // Whoever waited may be gone.
        match reply {
            Reply::Udf(reply) => drop(reply.send((outcome, None))),
            Reply::Action(reply) => drop(reply.send(outcome)),
        }
        // What it computes is of no use to anybody: everything else comes first.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(Some(self.thread), 19);
        let written_off = self.shared.written_off.fetch_add(1, Ordering::SeqCst) + 1;
        self.written_off.store(true, Ordering::SeqCst);
        tracing::error!(written_off, "a function does not stop although its time is up; its thread is given up");
        if written_off <= MAX_WRITTEN_OFF {
            self.replaced.store(true, Ordering::SeqCst);
            self.shared.leave(&self.state);
            Shared::grow(&self.shared);
        }
    }
}

/// The thread ends.
impl Drop for Hang {
    fn drop(&mut self) {
        if *self.written_off.get_mut() {
            self.shared.written_off.fetch_sub(1, Ordering::SeqCst);
        }
        if !*self.replaced.get_mut() {
            self.shared.leave(&self.state);
        }
        // A call may have come while this thread made up its mind to end.
        Shared::grow(&self.shared);
    }
}
