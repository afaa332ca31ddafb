//! Bytes between Rust and array buffers.

use std::ffi::c_void;
use std::sync::Arc;

use super::string;
use crate::runtime::allocator::Account;

/// Memory of a buffer that Rust allocated, counted like those that V8 allocates.
struct Owned {
    bytes: Vec<u8>,
    account: Option<Arc<Account>>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.give(self.bytes.len());
        }
    }
}

unsafe extern "C" fn free(_: *mut c_void, _: usize, owned: *mut c_void) {
    // SAFETY: `array` made it of a box, and V8 calls this once.
    drop(unsafe { Box::from_raw(owned.cast::<Owned>()) });
}

/// A `Uint8Array` of these bytes. Throws a `RangeError` and returns `None` if the isolate's buffers
/// would take more than they may.
pub(in crate::runtime) fn array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let length = bytes.len();
    if length == 0 {
        let buffer = v8::ArrayBuffer::new(scope, 0);
        return v8::Uint8Array::new(scope, buffer, 0, 0);
    }
    let account = scope.get_slot::<Arc<Account>>().cloned();
    if let Some(account) = &account
        && !account.take(length)
    {
        // What is garbage by now still counts.
        scope.low_memory_notification();
        if !account.take(length) {
            let message = string(scope, "Array buffer allocation failed");
            let error = v8::Exception::range_error(scope, message);
            scope.throw_exception(error);
            return None;
        }
    }
    let mut owned = Box::new(Owned { bytes, account });
    let data = owned.bytes.as_mut_ptr().cast();
    let owned = Box::into_raw(owned).cast();
    // SAFETY: the memory stays where it is until `free` is called with `owned`.
    let store = unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data, length, free, owned) };
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store.make_shared());
    v8::Uint8Array::new(scope, buffer, 0, length)
}

/// A copy of the bytes of a view. `None` for anything else.
pub(in crate::runtime) fn copy(value: v8::Local<v8::Value>) -> Option<Vec<u8>> {
    let view = v8::Local::<v8::ArrayBufferView>::try_from(value).ok()?;
    let mut bytes = vec![0; view.byte_length()];
    let length = view.copy_contents(&mut bytes);
    bytes.truncate(length);
    Some(bytes)
}
