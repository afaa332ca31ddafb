//! Which syscalls of a query or mutation are answered together.

use std::collections::VecDeque;

use super::state::PendingCall;

/// Reads that are answered together.
const MAX_BATCH: usize = 16;

/// Takes the syscalls that are run next: a single one, or reads that follow one another.
pub(super) fn next_batch(pending: &mut VecDeque<PendingCall>) -> Vec<PendingCall> {
    let Some(first) = pending.pop_front() else { return Vec::new() };
    let class = batch_class(&first.call.op);
    let mut batch = vec![first];
    while class.is_some()
        && batch.len() < MAX_BATCH
        && let Some(next) = pending.pop_front_if(|next| batch_class(&next.call.op) == class)
    {
        batch.push(next);
    }
    batch
}

/// Syscalls of the same class are answered together, those without one alone.
fn batch_class(op: &str) -> Option<u8> {
    match op {
        "1.0/get" | "1.0/queryStreamNext" => Some(0),
        "1.0/storageGetUrl" => Some(1),
        _ => None,
    }
}
