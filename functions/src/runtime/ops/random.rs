//! `Math.random` and `crypto`, from the seed of the execution.

use std::rc::Rc;

use rand::Rng;

use super::{string, throw_error};
use crate::runtime::state::{self, Execution, Mode};

pub(super) fn math_random<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = allowed(scope) else { return };
    // The 53 bits that a double in [0, 1) can hold.
    let bits = execution.random.borrow_mut().next_u64() >> 11;
    result.set_double(bits as f64 / (1u64 << 53) as f64);
}

/// Fills a `Uint8Array`.
pub(super) fn fill<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = allowed(scope) else { return };
    let Ok(array) = v8::Local::<v8::Uint8Array>::try_from(args.get(0)) else { return };
    let mut bytes = vec![0; array.byte_length()];
    execution.random.borrow_mut().fill_bytes(&mut bytes);
    let Some(buffer) = array.buffer(scope) else { return };
    let store = buffer.get_backing_store();
    for (cell, byte) in store[array.byte_offset()..].iter().zip(bytes) {
        cell.set(byte);
    }
}

/// A random UUID, version 4.
pub(super) fn uuid<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = allowed(scope) else { return };
    let mut bytes = [0; 16];
    execution.random.borrow_mut().fill_bytes(&mut bytes);
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    result.set(string(scope, &uuid.to_string()).into());
}

fn allowed(scope: &mut v8::PinScope<'_, '_>) -> Option<Rc<Execution>> {
    let execution = state::current(scope)?;
    if matches!(execution.mode, Mode::AuthConfig | Mode::Definition(_)) {
        execution.forbid("NoRandomDuringImport");
        throw_error(scope, "Random numbers are not available in a configuration");
        return None;
    }
    execution.observe_random();
    Some(execution)
}
