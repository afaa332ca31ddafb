//! Memory that objects of V8's own hold outside of its heap without telling it.

use std::ffi::c_void;
use std::sync::Arc;

use super::string;
use crate::runtime::allocator::Account;

/// What an object of `Intl` takes at most, bytes: patterns, symbols, a calendar, a time zone.
static WEIGHT: [u8; 64 << 10] = [0; 64 << 10];

unsafe extern "C" fn keep(_data: *mut c_void, _length: usize, _: *mut c_void) {}

/// `(object)`: has V8 take the object for as heavy as it is, by an array buffer that belongs to it and that nobody
/// reaches. Its memory is the same for all.
pub(super) fn weigh<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _result: v8::ReturnValue<'s, v8::Value>,
) {
    // Without an account, this is an isolate that makes a snapshot: it can't freeze the buffer.
    if scope.get_slot::<Arc<Account>>().is_none() {
        return;
    }
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else { return };
    let data = WEIGHT.as_ptr().cast_mut().cast::<c_void>();
    // SAFETY: the memory is there for ever, and no JavaScript that could write to it gets the buffer.
    let store = unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data, WEIGHT.len(), keep, std::ptr::null_mut()) };
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store.make_shared());
    let name = string(scope, "lakewire:weight");
    let key = v8::Private::for_api(scope, Some(name));
    object.set_private(scope, key, buffer.into());
}
