//! Reads under way: one for each item, however many wait for it.

use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures::FutureExt;
use futures::future::Shared;
use tokio::sync::oneshot;

use super::cache::{Item, ItemKey};
use super::{ReadError, SegmentCache};

/// What comes of reading an item.
pub(super) type Outcome = Result<Item, ReadError>;
/// Waits for an item that somebody reads.
pub(crate) type Coming = Shared<oneshot::Receiver<Outcome>>;

/// What is to be done to have an item.
pub(super) enum Claim {
    /// Nothing.
    Here(Item),
    /// Wait.
    Coming(Coming),
    /// Read it.
    Mine(Ticket, Coming),
}

/// The duty to read an item. If it is dropped, whoever waits is told that the read was interrupted, and the next one
/// reads.
pub(super) struct Ticket {
    cache: Arc<SegmentCache>,
    key: ItemKey,
    sender: Option<oneshot::Sender<Outcome>>,
}

impl SegmentCache {
    /// Looks for an item in the cache and among those under way, and takes it on if it is in neither.
    pub(super) fn claim(self: &Arc<Self>, key: ItemKey) -> Claim {
        if let Some(item) = self.items.get(&key) {
            self.counters.hits.fetch_add(1, Relaxed);
            return Claim::Here(item);
        }
        let mut loading = self.loading.lock();
        let entry = match loading.entry(key) {
            Entry::Occupied(entry) => {
                self.counters.misses.fetch_add(1, Relaxed);
                return Claim::Coming(entry.get().clone());
            }
            Entry::Vacant(entry) => entry,
        };
        // It may have arrived since.
        if let Some(item) = self.items.peek(&key) {
            self.counters.hits.fetch_add(1, Relaxed);
            return Claim::Here(item);
        }
        self.counters.misses.fetch_add(1, Relaxed);
        let (sender, receiver) = oneshot::channel();
        let coming = entry.insert(receiver.shared()).clone();
        Claim::Mine(Ticket { cache: self.clone(), key, sender: Some(sender) }, coming)
    }
}

impl Ticket {
    /// Hands the item to the cache and to all who wait.
    pub fn complete(mut self, outcome: Outcome) {
        if let Ok(item) = &outcome {
            self.cache.items.insert(self.key, item.clone());
        }
        if let Some(sender) = self.sender.take() {
            // Those who waited may have gone.
            let _gone = sender.send(outcome);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cache.loading.lock().remove(&self.key);
    }
}
