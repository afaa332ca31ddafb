//! `Date.now` and `performance`.

use super::throw_error;
use crate::runtime::state::{self, Mode};

pub(super) fn date_now<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    if matches!(execution.mode, Mode::AuthConfig | Mode::Definition(_)) {
        execution.forbid("NoDateDuringImport");
        return throw_error(scope, "Date is not available in a configuration");
    }
    result.set_double(execution.date_now());
}

pub(super) fn performance_now<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    result.set_double(execution.performance_now());
}

pub(super) fn time_origin<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    result.set_double(execution.import_now_ms);
}
