//! Where entries are found, and in which order unused ones are given up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use lakewire_functions::udf::FunctionPath;

use super::entry::Entry;
use super::key::QueryKey;

/// How many functions are remembered as asking who calls; beyond that all are forgotten, which costs a run each.
const MAX_ASKING: usize = 10_000;

/// All entries by key; the idle ones also by age.
pub(super) struct Shelf {
    slots: HashMap<Arc<QueryKey>, Slot>,
    /// Idle entries by the tick at which they became so.
    idle: BTreeMap<u64, Arc<Entry>>,
    idle_bytes: usize,
    max_idle_bytes: usize,
    next_tick: u64,
    asking: HashSet<FunctionPath>,
}

struct Slot {
    entry: Arc<Entry>,
    idle: Option<Idle>,
}

#[derive(Clone, Copy)]
struct Idle {
    tick: u64,
    bytes: usize,
}

impl Shelf {
    pub(super) fn new(max_idle_bytes: usize) -> Self {
        Self {
            slots: HashMap::new(),
            idle: BTreeMap::new(),
            idle_bytes: 0,
            max_idle_bytes,
            next_tick: 0,
            asking: HashSet::new(),
        }
    }

    /// The entry with `key`, made by `make` if there is none.
    pub(super) fn get_or_insert(&mut self, key: QueryKey, make: impl FnOnce(Arc<QueryKey>) -> Entry) -> Arc<Entry> {
        if let Some(slot) = self.slots.get(&key) {
            return Arc::clone(&slot.entry);
        }
        let key = Arc::new(key);
        let entry = Arc::new(make(Arc::clone(&key)));
        self.slots.insert(key, Slot { entry: Arc::clone(&entry), idle: None });
        entry
    }

    /// Whether the last known run of the function asked who calls.
    pub(super) fn asks_who_calls(&self, path: &FunctionPath) -> bool {
        self.asking.contains(path)
    }

    /// Notes whether a run of the function asked who calls.
    pub(super) fn note_asking(&mut self, path: &FunctionPath, asks: bool) {
        if !asks {
            self.asking.remove(path);
            return;
        }
        if self.asking.len() >= MAX_ASKING {
            self.asking.clear();
        }
        self.asking.insert(path.clone());
    }

    /// Notes that `entry` is in use.
    pub(super) fn take_off(&mut self, entry: &Arc<Entry>) {
        if let Some(slot) = self.slots.get_mut(&entry.key)
            && Arc::ptr_eq(&slot.entry, entry)
            && let Some(idle) = slot.idle.take()
        {
            self.idle.remove(&idle.tick);
            self.idle_bytes -= idle.bytes;
        }
    }

    /// Notes that `entry` is unused from now on, and holds `bytes`. Gives the entries that had to be removed for it.
    pub(super) fn put(&mut self, entry: &Arc<Entry>, bytes: usize) -> Vec<Arc<Entry>> {
        self.take_off(entry);
        let Some(slot) = self.slots.get_mut(&entry.key).filter(|slot| Arc::ptr_eq(&slot.entry, entry)) else {
            return Vec::new();
        };
        let tick = self.next_tick;
        self.next_tick += 1;
        slot.idle = Some(Idle { tick, bytes });
        self.idle.insert(tick, Arc::clone(entry));
        self.idle_bytes += bytes;
        let mut evicted = Vec::new();
        while self.idle_bytes > self.max_idle_bytes
            && let Some((_, oldest)) = self.idle.first_key_value()
        {
            let oldest = Arc::clone(oldest);
            evicted.extend(self.remove(&oldest));
        }
        evicted
    }

    /// Removes `entry`; gives it if it was there.
    pub(super) fn remove(&mut self, entry: &Arc<Entry>) -> Option<Arc<Entry>> {
        self.take_off(entry);
        if !self.slots.get(&entry.key).is_some_and(|slot| Arc::ptr_eq(&slot.entry, entry)) {
            return None;
        }
        self.slots.remove(&entry.key).map(|slot| slot.entry)
    }

    /// How many entries there are, and how many bytes the idle ones hold.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.slots.len(), self.idle_bytes)
    }
}
