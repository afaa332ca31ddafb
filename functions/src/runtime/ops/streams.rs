//! Streams of bytes, by number.

use futures::FutureExt as _;

use super::{bytes, throw_type_error};
use crate::runtime::native::{self, NativeReply, Weight};
use crate::runtime::state;

/// `(id, name?) => Promise<Uint8Array | null>`: the next piece. With a name, developers are told if
/// they don't wait for it.
pub(super) fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    result: v8::ReturnValue<'s, v8::Value>,
) {
    let name = match args.get(1).to_rust_string_lossy(scope).as_str() {
        "formData" => Some("formData"),
        "fetch" => Some("fetch"),
        "storage.get" => Some("storage.get"),
        _ => None,
    };
    read_as(scope, &args, result, name, Weight::Part);
}

/// `(id) => Promise<Uint8Array | null>`, which the function does not wait for.
pub(super) fn watch<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    result: v8::ReturnValue<'s, v8::Value>,
) {
    read_as(scope, &args, result, None, Weight::Background);
}

fn read_as<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
    name: Option<&'static str>,
    weight: Weight,
) {
    let Some(execution) = state::current(scope) else { return };
    let id = args.get(0).uint32_value(scope).unwrap_or(0);
    let future = execution.streams.borrow().read(id).map(|read| read.map(NativeReply::Bytes)).boxed();
    if let Some(promise) = native::queue(scope, &execution, name, weight, future) {
        result.set(promise.into());
    }
}

/// `(id)`: nothing more will be read.
pub(super) fn cancel<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let id = args.get(0).uint32_value(scope).unwrap_or(0);
    execution.streams.borrow_mut().cancel(id);
}

/// `(is response) => id` of a stream to write.
pub(super) fn create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    result.set_uint32(execution.streams.borrow_mut().add_outgoing(args.get(0).is_true()));
}

/// `(id, view) => Promise<undefined>`: resolves when there is room for the next piece.
pub(super) fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let id = args.get(0).uint32_value(scope).unwrap_or(0);
    let Some(piece) = bytes::copy(args.get(1)) else {
        return throw_type_error(scope, "a piece of a body must be a Uint8Array");
    };
    let write = execution.streams.borrow_mut().write(id, piece.into());
    let future = write.map(|written| written.map(|()| NativeReply::Written)).boxed();
    if let Some(promise) = native::queue(scope, &execution, None, Weight::Write, future) {
        result.set(promise.into());
    }
}

/// `(id, failure?) => Promise<undefined>`: all has been written, or the rest will not come.
pub(super) fn end<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let id = args.get(0).uint32_value(scope).unwrap_or(0);
    let failure = args.get(1).is_string().then(|| args.get(1).to_rust_string_lossy(scope));
    let end = execution.streams.borrow_mut().end(id, failure);
    // A reader that is gone doesn't need to be told.
    let future = end.map(move |_| Ok(NativeReply::Ended(id))).boxed();
    if let Some(promise) = native::queue(scope, &execution, None, Weight::Write, future) {
        result.set(promise.into());
    }
}
