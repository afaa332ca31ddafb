//! The value that V8 carries along every `await`.

pub(super) fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    result.set(scope.get_continuation_preserved_embedder_data());
}

pub(super) fn set<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    scope.set_continuation_preserved_embedder_data(args.get(0));
}
