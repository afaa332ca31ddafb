//! Promises that are rejected while nobody listens.

use super::state::{self, Rejection};

/// Called by V8 when a promise without handler is rejected, and when one gets its handler late.
pub(super) unsafe extern "C" fn on_promise_reject(message: v8::PromiseRejectMessage) {
    v8::callback_scope!(unsafe scope, &message);
    let Some(execution) = state::current(scope) else { return };
    let promise = message.get_promise();
    match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => {
            let value = message.get_value().unwrap_or_else(|| v8::undefined(scope).into());
            let rejection =
                Rejection { promise: v8::Global::new(scope, promise), value: v8::Global::new(scope, value) };
            execution.rejections.borrow_mut().push(rejection);
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            let promise = v8::Global::new(scope, promise);
            execution.rejections.borrow_mut().retain(|rejection| rejection.promise != promise);
        }
        v8::PromiseRejectEvent::PromiseRejectAfterResolved | v8::PromiseRejectEvent::PromiseResolveAfterResolved => {}
    }
}
