//! Right of way for mutations that would otherwise lose for ever.
//!
//! A mutation that takes long loses against those that are quick, however often it is run again: they come and go while
//! it runs, and never have to queue. After [`STARVED`] losses it gets the right of way: until its commit is accepted,
//! whoever is about to write what it has read waits. One mutation has it at a time; the next are served in the order they came.
//!
//! No deadlock: who has the right of way waits for nobody, and who waits for it holds nothing that it wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lakewire_storage::interval::ReadSet;
use lakewire_storage::transaction::Transaction;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, Semaphore};

/// Lost attempts after which a mutation gets the right of way.
pub(super) const STARVED: u32 = 6;

/// Who has the right of way.
#[derive(Default)]
pub(super) struct Starvation {
    lane: AsyncMutex<()>,
    /// So that looking costs next to nothing while nobody starves.
    is_active: AtomicBool,
    active: Mutex<Option<Arc<Protected>>>,
}

struct Protected {
    reads: Mutex<ReadSet>,
    /// Closed when it is over.
    over: Semaphore,
}

/// The right of way, until it is dropped.
pub(super) struct RightOfWay<'a> {
    starvation: &'a Starvation,
    protected: Arc<Protected>,
    _lane: MutexGuard<'a, ()>,
}

impl Starvation {
    /// Waits for the right of way of a mutation that has read `reads` before and will read much the same again.
    pub(super) async fn right_of_way(&self, reads: ReadSet) -> RightOfWay<'_> {
        let lane = self.lane.lock().await;
        let protected = Arc::new(Protected { reads: Mutex::new(reads), over: Semaphore::new(0) });
        *self.active.lock() = Some(protected.clone());
        self.is_active.store(true, Ordering::SeqCst);
        RightOfWay { starvation: self, protected, _lane: lane }
    }

    /// Waits while another mutation has the right of way over what `tx` is about to write.
    pub(super) async fn give_way(&self, tx: &Transaction) {
        while self.is_active.load(Ordering::SeqCst) {
            let active = self.active.lock().clone();
            let Some(protected) = active.filter(|protected| tx.writes_into(&protected.reads.lock())) else { return };
            // Never has a permit: this ends when it is closed.
            let _closed = protected.over.acquire().await;
        }
    }
}

impl RightOfWay<'_> {
    /// Adds what the mutation has read this time.
    pub(super) fn widen(&self, reads: &ReadSet) {
        self.protected.reads.lock().extend(reads);
    }
}

impl Drop for RightOfWay<'_> {
    fn drop(&mut self) {
        self.starvation.is_active.store(false, Ordering::SeqCst);
        *self.starvation.active.lock() = None;
        self.protected.over.close();
    }
}
