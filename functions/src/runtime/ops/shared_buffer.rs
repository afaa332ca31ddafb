//! The way to the native `SharedArrayBuffer`, which is no global.

/// `() => SharedArrayBuffer` of no bytes.
pub(super) fn make<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    if let Some(buffer) = v8::SharedArrayBuffer::new(scope, 0) {
        result.set(buffer.into());
    }
}
