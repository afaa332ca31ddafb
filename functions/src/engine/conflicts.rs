//! Queues in front of hot documents.
//!
//! Mutations are optimistic: they run without locks and lose if something they read changed. That is the fastest
//! way as long as it seldom happens. A mutation that keeps losing against the same documents stops racing and
//! queues up for them: those who queue run one at a time, in the order they came, and whoever is at the head
//! competes only with mutations that have not lost yet.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Documents one mutation queues for at most; the oldest losses are the ones it remembers.
const MAX_KEYS: usize = 16;

/// The queues of all hot keys. A key has one only while somebody is in it.
pub(super) struct ConflictQueues<K> {
    queues: Mutex<HashMap<K, Arc<AsyncMutex<()>>>>,
}

/// What one mutation has lost against so far.
pub(super) struct Losses<K> {
    keys: BTreeSet<K>,
    count: u32,
}

/// A place at the head of the queues; dropping it lets the next ones run.
pub(super) struct Turn<'a, K: Eq + Hash> {
    queues: &'a ConflictQueues<K>,
    places: Vec<Place<K>>,
}

/// A place in one queue; at its head once it has the guard.
struct Place<K> {
    key: K,
    queue: Arc<AsyncMutex<()>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl<K> Default for Losses<K> {
    fn default() -> Self {
        Self { keys: BTreeSet::new(), count: 0 }
    }
}

impl<K: Ord> Losses<K> {
    /// Remembers a lost attempt.
    pub(super) fn add(&mut self, key: K) {
        self.count += 1;
        if self.keys.len() < MAX_KEYS {
            self.keys.insert(key);
        }
    }

    /// How many attempts were lost.
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

impl<K: Clone + Eq + Hash + Ord> ConflictQueues<K> {
    pub(super) fn new() -> Self {
        Self { queues: Mutex::new(HashMap::new()) }
    }

    /// Waits for the turn of a mutation with these losses. One that lost once runs again at once, unless others
    /// queue for the same key already; one that lost twice queues.
    pub(super) async fn turn(&self, losses: &Losses<K>) -> Option<Turn<'_, K>> {
        if losses.count == 0 || (losses.count == 1 && !losses.keys.iter().any(|key| self.is_hot(key))) {
            return None;
        }
        // Always in the order of the keys, so that two mutations never wait for each other.
        let mut turn = Turn { queues: self, places: Vec::with_capacity(losses.keys.len()) };
        for key in &losses.keys {
            let queue = self.queues.lock().entry(key.clone()).or_default().clone();
            // Noted before the wait, so that giving up while waiting leaves the queue, too.
            turn.places.push(Place { key: key.clone(), queue: queue.clone(), guard: None });
            let guard = queue.lock_owned().await;
            if let Some(place) = turn.places.last_mut() {
                place.guard = Some(guard);
            }
        }
        Some(turn)
    }

    fn is_hot(&self, key: &K) -> bool {
        self.queues.lock().contains_key(key)
    }
}

impl<K: Eq + Hash + Ord> Turn<'_, K> {
    /// Whether this is the turn for everything that was lost against.
    pub(super) fn covers(&self, losses: &Losses<K>) -> bool {
        losses.keys.iter().all(|key| self.places.iter().any(|place| place.key == *key))
    }
}

impl<K: Eq + Hash> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        let mut queues = self.queues.queues.lock();
        for Place { key, queue, guard } in self.places.drain(..) {
            drop((guard, queue));
            // Whoever is in the queue holds a reference, taken under this lock.
            if queues.get(&key).is_some_and(|queue| Arc::strong_count(queue) == 1) {
                queues.remove(&key);
            }
        }
    }
}

#[cfg(test)]
#[path = "conflicts_tests.rs"]
mod tests;
