//! Memory of array buffers, with a ceiling for each isolate.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what the array buffers of an isolate take.
pub(super) struct Account {
    used: AtomicUsize,
    limit: usize,
    /// Requests refused since [`take_refusals`](Account::take_refusals).
    refused: AtomicUsize,
}

impl Account {
    /// Counts `size` bytes, unless that were too many.
    pub(super) fn take(&self, size: usize) -> bool {
        let before = self.used.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > self.limit {
            self.used.fetch_sub(size, Ordering::Relaxed);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Counts `size` bytes back.
    pub(super) fn give(&self, size: usize) {
        self.used.fetch_sub(size, Ordering::Relaxed);
    }

    /// How many requests were refused since the last call.
    pub(super) fn take_refusals(&self) -> usize {
        self.refused.swap(0, Ordering::Relaxed)
    }
}

const VTABLE: v8::RustAllocatorVtable<Account> =
    v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop: drop_account };

/// An allocator that gives at most `limit` bytes at a time. Beyond, V8 throws a `RangeError`.
pub(super) fn limited_allocator(limit: usize) -> (v8::UniqueRef<v8::Allocator>, Arc<Account>) {
    let account = Arc::new(Account { used: AtomicUsize::new(0), limit, refused: AtomicUsize::new(0) });
    // SAFETY: the table's functions take the type of the handle, and its `drop` gives the
    // reference back that `into_raw` takes.
    let allocator = unsafe { v8::new_rust_allocator(Arc::into_raw(account.clone()), &VTABLE) };
    (allocator, account)
}

fn layout(len: usize) -> Option<Layout> {
    // V8 wants a distinct pointer even for nothing, aligned as `malloc` would.
    Layout::from_size_align(len.max(1), 16).ok()
}

unsafe extern "C" fn allocate(account: &Account, len: usize) -> *mut c_void {
    match layout(len) {
        // SAFETY: the size is not zero.
        Some(layout) if account.take(len) => unsafe { alloc_zeroed(layout) }.cast(),
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn allocate_uninitialized(account: &Account, len: usize) -> *mut c_void {
    match layout(len) {
        // SAFETY: the size is not zero.
        Some(layout) if account.take(len) => unsafe { alloc(layout) }.cast(),
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn free(account: &Account, data: *mut c_void, len: usize) {
    if let Some(layout) = layout(len) {
        account.give(len);
        // SAFETY: V8 gives back what `allocate` gave for this length.
        unsafe { dealloc(data.cast(), layout) };
    }
}

unsafe extern "C" fn drop_account(account: *const Account) {
    // SAFETY: this is the reference of `limited_allocator`.
    drop(unsafe { Arc::from_raw(account) });
}
