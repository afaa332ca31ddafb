//! Connections in memory, for tests.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use lakewire_storage::log::EntryNumber;
use parking_lot::Mutex;

use super::connections::{
    Connections, ConnectionsError, Free, GRACE_MS, Glance, Holder, Left, MAX_BYTES, Mail, Released, Seen, Take,
};

/// Connections that end with the process.
#[derive(Default)]
pub(crate) struct MemoryConnections {
    items: Mutex<HashMap<String, Item>>,
}

struct Item {
    free: Free,
    lease: Option<(Holder, u64)>,
    last_holder: Option<Holder>,
    mail: Mail,
}

impl Item {
    fn is_held_by(&self, holder: Holder) -> bool {
        self.lease.is_some_and(|(other, _)| other == holder)
    }
}

impl MemoryConnections {
    fn free(&self, id: &str, holder: Holder, seen: Seen, next: Free, leaves_letters: bool) -> Released {
        let mut items = self.items.lock();
        let Some(item) = items.get_mut(id) else { return Released::Lost };
        if !item.is_held_by(holder) {
            // Released already, and nobody came since?
            let again = item.lease.is_none() && item.last_holder == Some(holder);
            return if again { Released::Done } else { Released::Lost };
        }
        let is_seen = (Seen { letters: item.mail.letters.len(), nudged: item.mail.nudged }) == seen;
        if !is_seen && !leaves_letters {
            return Released::Unseen;
        }
        item.free = next;
        item.lease = None;
        item.mail.letters.drain(..seen.letters);
        Released::Done
    }
}

#[async_trait]
impl Connections for MemoryConnections {
    async fn open(&self, id: &str, state: Bytes, now_ms: u64) -> Result<(), ConnectionsError> {
        let free = Free { state, spoke_ms: now_ms, is_due: false };
        let item = Item { free, lease: None, last_holder: None, mail: Mail::default() };
        self.items.lock().insert(id.to_owned(), item);
        Ok(())
    }

    async fn take(&self, id: &str, holder: Holder, now_ms: u64, until_ms: u64) -> Result<Take, ConnectionsError> {
        let mut items = self.items.lock();
        let Some(item) = items.get_mut(id) else { return Ok(Take::Gone) };
        match item.lease {
            Some((_, until)) if until + GRACE_MS < now_ms => return Ok(Take::Abandoned),
            Some((other, _)) if other != holder => return Ok(Take::Held(other)),
            _ => {}
        }
        item.lease = Some((holder, until_ms));
        item.last_holder = Some(holder);
        let Free { state, spoke_ms, .. } = item.free.clone();
        Ok(Take::Taken { state, mail: item.mail.clone(), spoke_ms })
    }

    async fn leave(&self, id: &str, holder: Holder, letter: Bytes) -> Result<Left, ConnectionsError> {
        let mut items = self.items.lock();
        let Some(item) = items.get_mut(id).filter(|item| item.is_held_by(holder)) else { return Ok(Left::Moved) };
        let bytes: usize = item.mail.letters.iter().map(Bytes::len).sum();
        if bytes + item.free.state.len() + letter.len() > MAX_BYTES {
            return Ok(Left::Full);
        }
        item.mail.letters.push(letter);
        Ok(Left::Done)
    }

    async fn nudge(&self, id: &str, holder: Holder, through: EntryNumber) -> Result<Left, ConnectionsError> {
        let mut items = self.items.lock();
        let Some(item) = items.get_mut(id).filter(|item| item.is_held_by(holder)) else { return Ok(Left::Moved) };
        item.mail.nudged = item.mail.nudged.max(through);
        Ok(Left::Done)
    }

    async fn left(&self, id: &str, holder: Holder) -> Result<Option<Mail>, ConnectionsError> {
        let items = self.items.lock();
        Ok(items.get(id).filter(|item| item.is_held_by(holder)).map(|item| item.mail.clone()))
    }

    async fn extend(&self, id: &str, holder: Holder, until_ms: u64) -> Result<bool, ConnectionsError> {
        let mut items = self.items.lock();
        let Some(item) = items.get_mut(id).filter(|item| item.is_held_by(holder)) else { return Ok(false) };
        item.lease = Some((holder, until_ms));
        Ok(true)
    }

    async fn release(&self, id: &str, holder: Holder, seen: Seen, next: Free) -> Result<Released, ConnectionsError> {
        Ok(self.free(id, holder, seen, next, false))
    }

    async fn hand_over(&self, id: &str, holder: Holder, seen: Seen, next: Free) -> Result<Released, ConnectionsError> {
        Ok(self.free(id, holder, seen, next, true))
    }

    async fn remove(&self, id: &str) -> Result<(), ConnectionsError> {
        self.items.lock().remove(id);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, ConnectionsError> {
        Ok(self.items.lock().keys().cloned().collect())
    }

    async fn look(&self, ids: &[String]) -> Result<Vec<(String, Glance)>, ConnectionsError> {
        let items = self.items.lock();
        let glance = |id: &String| {
            let item = items.get(id)?;
            let Free { state, spoke_ms, is_due } = item.free.clone();
            Some((id.clone(), Glance { state, held: item.lease, spoke_ms, is_due }))
        };
        Ok(ids.iter().filter_map(glance).collect())
    }
}
