//! Index keys, each written as its difference from two that came before.
//!
//! The keys of one write end alike (creation time and id), and the keys of one index begin alike (index id), so most of
//! a key is in another one. A key is stored as how many bytes it has in common with the front of its *head* reference,
//! how many with the end of its *tail* reference, and what is between:
//!
//! - Its head reference is the last key before it in the entry that stands at the same position in its write's list of
//!   deltas. For a key added that is the key removed from the same index; otherwise most often a key of the same index
//!   in the write before. Without one it is the empty key.
//! - Its tail reference is the key before it in the same write; for the first one it is the document's internal id.

use std::iter::zip;

use smallvec::SmallVec;

use super::CorruptEntry;
use super::bytes::{Reader, put_bytes, put_varint};
use crate::id::InternalId;
use crate::key::Key;
use crate::log::KeyDelta;

const NEITHER: u8 = 0;
const REMOVED: u8 = 1;
const ADDED: u8 = 2;
const BOTH: u8 = 3;
/// The key removed is added again: it is stored once.
const SAME: u8 = 4;

/// Writes the key deltas of the writes of one entry.
#[derive(Default)]
pub(super) struct KeyWriter<'a> {
    /// The head reference of each position.
    heads: Vec<&'a [u8]>,
}

impl<'a> KeyWriter<'a> {
    /// Appends the deltas of the write to document `id`.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, id: &'a InternalId, deltas: &'a [KeyDelta]) {
        put_varint(out, deltas.len() as u64);
        if self.heads.len() < deltas.len() {
            self.heads.resize(deltas.len(), &[]);
        }
        let mut tail: &[u8] = &id.0;
        for (delta, head) in zip(deltas, &mut self.heads) {
            let (kind, first, second) = match (&delta.removed, &delta.added) {
                (None, None) => (NEITHER, None, None),
                (Some(removed), None) => (REMOVED, Some(removed), None),
                (None, Some(added)) => (ADDED, Some(added), None),
                (Some(removed), Some(added)) if removed == added => (SAME, Some(removed), None),
                (Some(removed), Some(added)) => (BOTH, Some(removed), Some(added)),
            };
            out.push(kind);
            for key in first.into_iter().chain(second) {
                put_key(out, key, head, tail);
                (*head, tail) = (key, key);
            }
        }
    }
}

/// Reads what a [`KeyWriter`] wrote.
#[derive(Default)]
pub(super) struct KeyReader {
    heads: Vec<Key>,
}

impl KeyReader {
    /// Takes the deltas of the write to document `id`.
    pub(super) fn take(
        &mut self,
        body: &mut Reader<'_>,
        id: &InternalId,
    ) -> Result<SmallVec<[KeyDelta; 4]>, CorruptEntry> {
        let count = body.count()?;
        if self.heads.len() < count {
            self.heads.resize(count, Key::from(&[][..]));
        }
        let mut tail: Option<Key> = None;
        let mut deltas = SmallVec::with_capacity(count);
        for head in &mut self.heads[..count] {
            let [kind] = body.array()?;
            let mut key = || -> Result<Option<Key>, CorruptEntry> {
                let key = take_key(body, head, tail.as_deref().unwrap_or(&id.0))?;
                *head = key.clone();
                tail = Some(key.clone());
                Ok(Some(key))
            };
            let (removed, added) = match kind {
                NEITHER => (None, None),
                REMOVED => (key()?, None),
                ADDED => (None, key()?),
                BOTH => (key()?, key()?),
                SAME => {
                    let key = key()?;
                    (key.clone(), key)
                }
                _ => return Err(CorruptEntry("unknown kind of key delta")),
            };
            deltas.push(KeyDelta { removed, added });
        }
        Ok(deltas)
    }
}

fn put_key(out: &mut Vec<u8>, key: &[u8], head: &[u8], tail: &[u8]) {
    let front = zip(key, head).take_while(|(a, b)| a == b).count();
    let rest = &key[front..];
    let back = zip(rest.iter().rev(), tail.iter().rev()).take_while(|(a, b)| a == b).count();
    put_varint(out, front as u64);
    put_varint(out, back as u64);
    put_bytes(out, &rest[..rest.len() - back]);
}

fn take_key(body: &mut Reader<'_>, head: &[u8], tail: &[u8]) -> Result<Key, CorruptEntry> {
    const BEYOND: CorruptEntry = CorruptEntry("refers beyond another key");
    let front = usize::try_from(body.varint()?).map_err(|_| BEYOND)?;
    let back = usize::try_from(body.varint()?).map_err(|_| BEYOND)?;
    let length = body.varint()?;
    let middle = body.bytes(length)?;
    let front = head.get(..front).ok_or(BEYOND)?;
    let back = tail.len().checked_sub(back).map(|from| &tail[from..]).ok_or(BEYOND)?;
    Ok(Key::from([front, middle, back].concat()))
}
