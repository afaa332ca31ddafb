//! `structuredClone`.

use v8::{ValueDeserializerHelper as _, ValueSerializerHelper as _};

use super::string;

struct Delegate;

impl v8::ValueSerializerImpl for Delegate {
    fn throw_data_clone_error<'s>(&self, scope: &mut v8::PinScope<'s, '_>, message: v8::Local<'s, v8::String>) {
        // The bare message tells it from what getters of the value throw.
        scope.throw_exception(message.into());
    }
}

impl v8::ValueDeserializerImpl for Delegate {}

/// A value to `{value}`, or to `{error: message}` if it can't be cloned.
pub(super) fn clone<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let context = scope.get_current_context();
    let answer = v8::Object::new(scope);
    let outcome = {
        v8::tc_scope!(let scope, scope);
        let cloned = copy(scope, context, args.get(0));
        match cloned {
            Some(value) => Ok(("value", value)),
            None => match scope.exception() {
                Some(error) if error.is_string() => Ok(("error", error)),
                error => Err(error),
            },
        }
    };
    match outcome {
        Ok((name, value)) => {
            let name = string(scope, name);
            answer.set(scope, name.into(), value);
            result.set(answer.into());
        }
        Err(Some(error)) => {
            scope.throw_exception(error);
        }
        Err(None) => {}
    }
}

fn copy<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let serializer = v8::ValueSerializer::new(scope, Box::new(Delegate));
    serializer.write_header();
    if serializer.write_value(context, value) != Some(true) {
        return None;
    }
    let bytes = serializer.release();
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(Delegate), &bytes);
    if deserializer.read_header(context) != Some(true) {
        return None;
    }
    deserializer.read_value(context)
}
