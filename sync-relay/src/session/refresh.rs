//! What other processes have committed, asked for when queries are added.
//!
//! A client that was told of a commit by one server and then asks another one for a query has to find it there. So a session over a
//! log with several writers asks the log for its end when queries are added, and shows nothing until it knows.

use std::sync::{Arc, OnceLock};

use lakewire_functions::udf::CallFailure;
use lakewire_storage::log::Timestamp;

use super::{End, Session, end_of};
use crate::signal::Signal;

type Answer = Result<Timestamp, CallFailure>;

/// The newest snapshot of all processes, once it is known.
pub(super) struct Refresh(Arc<OnceLock<Answer>>);

/// Answers also when the task that asks is dropped or panics.
struct Asking {
    answer: Arc<OnceLock<Answer>>,
    signal: Arc<Signal>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let interrupted = || Err(CallFailure::Internal("the look at the log was interrupted".to_owned()));
        self.answer.get_or_init(interrupted);
        self.signal.raise();
    }
}

impl Session {
    /// Shows nothing from now on that lacks a commit acknowledged before, by whatever process. One that is under way may have
    /// begun too early: it is forgotten.
    pub(super) fn refresh(&mut self) {
        let Some(refreshed) = self.shared.backend.refresh() else { return };
        let asking = Asking { answer: Arc::default(), signal: Arc::clone(&self.signal) };
        self.refresh = Some(Refresh(Arc::clone(&asking.answer)));
        let backend = Arc::clone(&self.shared.backend);
        self.shared.env.spawn("refresh", async move {
            let refreshed = refreshed.await;
            asking.answer.get_or_init(|| refreshed.map(|()| backend.latest().ts()));
        });
    }

    /// As [`Session::refresh`]; and what is known here already is shown, even if it has yet to be looked at.
    pub(crate) fn look_again(&mut self) {
        self.wanted.ts = self.wanted.ts.max(self.shared.backend.latest().ts());
        self.refresh();
        self.stir();
    }

    /// Takes note of the answer.
    ///
    /// # Errors
    /// How the session ends if the log does not say: the client asks again on its next connection.
    pub(super) fn end_refresh(&mut self) -> Result<(), End> {
        let Some(answer) = self.refresh.as_ref().and_then(|refresh| refresh.0.get()) else { return Ok(()) };
        match answer {
            Ok(ts) => {
                self.wanted.ts = self.wanted.ts.max(*ts);
                self.refresh = None;
                Ok(())
            }
            Err(failure) => {
                tracing::warn!(session = self.session_id.as_deref(), %failure, "cannot see what others committed");
                Err(end_of(failure))
            }
        }
    }
}
