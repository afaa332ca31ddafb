//! `setTimeout` and its relatives: only actions have them.

use super::allowed::{SLEEP, action_only};
use super::{set_function, throw_type_error};
use crate::runtime::state;
use crate::runtime::timers::{Timer, delay};

pub(super) fn install(scope: &mut v8::PinScope<'_, '_>, global: v8::Local<v8::Object>) {
    set_function(scope, global, "setTimeout", set_timeout);
    set_function(scope, global, "setInterval", set_interval);
    set_function(scope, global, "clearTimeout", clear);
    set_function(scope, global, "clearInterval", clear);
}

pub(super) fn set_timeout<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    result: v8::ReturnValue<'s, v8::Value>,
) {
    set(scope, &args, result, "setTimeout", false);
}

pub(super) fn set_interval<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    result: v8::ReturnValue<'s, v8::Value>,
) {
    set(scope, &args, result, "setInterval", true);
}

fn set<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
    name: &str,
    repeats: bool,
) {
    let Some(execution) = action_only(scope, &SLEEP, name) else { return };
    let Ok(callback) = v8::Local::<v8::Function>::try_from(args.get(0)) else {
        return throw_type_error(scope, &format!("{name}: the first argument must be a function"));
    };
    let ms = args.get(1).number_value(scope).unwrap_or(0.0);
    let delay_ns = delay(ms).as_nanos() as u64;
    let timer = Timer {
        callback: v8::Global::new(scope, callback),
        arguments: (2..args.length()).map(|i| v8::Global::new(scope, args.get(i))).collect(),
        async_context: {
            let data = scope.get_continuation_preserved_embedder_data();
            v8::Global::new(scope, data)
        },
        interval_ns: repeats.then_some(delay_ns),
    };
    let due = execution.clock.monotonic_ns() + delay_ns;
    result.set_uint32(execution.timers.borrow_mut().set(due, timer));
}

pub(super) fn clear<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    if let Some(id) = args.get(0).uint32_value(scope) {
        execution.timers.borrow_mut().clear(id);
    }
}
