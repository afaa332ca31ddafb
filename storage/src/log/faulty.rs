//! A log that misbehaves on purpose.

use std::collections::VecDeque;
use std::path::PathBuf;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Append, CommitLog, EntryNumber, LogEntry, LogError};
use crate::env::Env;

/// What happens to one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is lost on its way: unknown outcome, nothing written.
    LostRequest,
    /// The answer is lost on its way back: unknown outcome, but written (or another's entry found there).
    LostAnswer,
    /// The request is held up: unknown outcome, and it arrives just before the next append, whatever that one is.
    Delayed,
    /// There is no space: [`LogError::DiskFull`], nothing written.
    DiskFull,
}

/// How often random faults happen, each as a share of all appends. The shares add up to 1 at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultRates {
    /// Share of [`Fault::LostRequest`].
    pub lost_request: f64,
    /// Share of [`Fault::LostAnswer`].
    pub lost_answer: f64,
    /// Share of [`Fault::Delayed`].
    pub delayed: f64,
    /// Share of [`Fault::DiskFull`].
    pub disk_full: f64,
}

impl FaultRates {
    /// Every fault of an unreliable network, each for one append in six. The disk has room.
    pub const NETWORK: Self =
        Self { lost_request: 1.0 / 6.0, lost_answer: 1.0 / 6.0, delayed: 1.0 / 6.0, disk_full: 0.0 };
}

/// A log in front of another one that injects faults into appends: those planned with [`Self::plan`] first, then random
/// ones at given rates. Everything else passes through.
pub struct FaultyLog<L> {
    inner: L,
    env: Env,
    rates: FaultRates,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What happens to the next appends; `None` is no fault.
    planned: VecDeque<Option<Fault>>,
    /// Appends still under way.
    delayed: Vec<(EntryNumber, LogEntry)>,
}

impl<L: CommitLog> FaultyLog<L> {
    /// `inner` with random faults at `rates`, drawn from the randomness of `env`.
    pub fn new(inner: L, env: Env, rates: FaultRates) -> Self {
        Self { inner, env, rates, state: Mutex::default() }
    }

    /// `inner` with planned faults only.
    pub fn planned(inner: L, env: Env) -> Self {
        Self::new(inner, env, FaultRates::default())
    }

    /// Decides what happens to the next appends that nothing is planned for yet; `None` is no fault, not even a random
    /// one.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state.lock().planned.extend(faults);
    }

    /// Takes back what is planned.
    pub fn clear_plan(&self) {
        self.state.lock().planned.clear();
    }

    /// The log behind.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    fn next_fault(&self) -> Option<Fault> {
        if let Some(planned) = self.state.lock().planned.pop_front() {
            return planned;
        }
        let mut draw = self.env.random_u64() as f64 / u64::MAX as f64;
        let FaultRates { lost_request, lost_answer, delayed, disk_full } = self.rates;
        let shares = [
            (Fault::LostRequest, lost_request),
            (Fault::LostAnswer, lost_answer),
            (Fault::Delayed, delayed),
            (Fault::DiskFull, disk_full),
        ];
        for (fault, share) in shares {
            if draw < share {
                return Some(fault);
            }
            draw -= share;
        }
        None
    }

    async fn deliver_delayed(&self) {
        let delayed = std::mem::take(&mut self.state.lock().delayed);
        for (n, entry) in delayed {
            // Nobody waits for the answer any more.
            let _lost = self.inner.append_if_absent(n, &entry).await;
        }
    }
}

#[async_trait]
impl<L: CommitLog> CommitLog for FaultyLog<L> {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        self.deliver_delayed().await;
        match self.next_fault() {
            None => self.inner.append_if_absent(n, entry).await,
            Some(Fault::LostRequest) => Ok(Append::Unknown),
            Some(Fault::LostAnswer) => self.inner.append_if_absent(n, entry).await.map(|_| Append::Unknown),
            Some(Fault::Delayed) => {
                self.state.lock().delayed.push((n, entry.clone()));
                Ok(Append::Unknown)
            }
            Some(Fault::DiskFull) => Err(LogError::DiskFull { path: PathBuf::from("an injected fault") }),
        }
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        self.inner.read(from, max).await
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.inner.head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.inner.first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.inner.trim(through).await
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}
