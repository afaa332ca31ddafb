//! Requests to other servers, and files.

use futures::FutureExt as _;
use serde::Deserialize;

use super::allowed::{FETCH, STORAGE, action_host};
use super::{bytes, throw_type_error};
use crate::runtime::body::{FetchBody, FetchRequest, NewFile};
use crate::runtime::native::{self, NativeReply, Weight};
use crate::runtime::state::{self, Execution};

#[derive(Deserialize)]
struct Head {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
}

/// `(head, body) => [Promise<head>, number for abort]`. The body: bytes, the number of a stream, or nothing.
pub(super) fn fetch<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some((execution, host)) = action_host(scope, &FETCH, "fetch()") else { return };
    let head: Head = match serde_json::from_str(&args.get(0).to_rust_string_lossy(scope)) {
        Ok(head) => head,
        Err(error) => return throw_type_error(scope, &format!("fetch: {error}")),
    };
    let request = FetchRequest {
        method: head.method,
        url: head.url,
        headers: head.headers,
        body: body_of(scope, &execution, args.get(1)),
    };
    let future = host.fetch(request).map(|done| done.map(NativeReply::Fetched)).boxed();
    let (future, abort) = native::abortable(future);
    let number = execution.streams.borrow_mut().add_abort(abort);
    let Some(promise) = native::queue(scope, &execution, Some("fetch"), Weight::Operation, future) else { return };
    let number = v8::Integer::new_from_unsigned(scope, number);
    let pair = v8::Array::new_with_elements(scope, &[promise.into(), number.into()]);
    result.set(pair.into());
}

fn body_of(scope: &mut v8::PinScope<'_, '_>, execution: &Execution, value: v8::Local<v8::Value>) -> Option<FetchBody> {
    if value.is_number() {
        let id = value.uint32_value(scope)?;
        return execution.streams.borrow_mut().take_outgoing(id).map(FetchBody::Stream);
    }
    bytes::copy(value).map(|bytes| FetchBody::Bytes(bytes.into()))
}

/// `(number)`: stops an operation.
pub(super) fn abort<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let number = args.get(0).uint32_value(scope).unwrap_or(0);
    execution.streams.borrow_mut().abort(number);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileHead {
    content_type: Option<String>,
    sha256: Option<String>,
    length: Option<u64>,
}

/// `(head, stream number) => Promise<id>`.
pub(super) fn store_file<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some((execution, host)) = action_host(scope, &STORAGE, "storage.store()") else { return };
    let head: FileHead = match serde_json::from_str(&args.get(0).to_rust_string_lossy(scope)) {
        Ok(head) => head,
        Err(error) => return throw_type_error(scope, &format!("storage.store: {error}")),
    };
    let id = args.get(1).uint32_value(scope).unwrap_or(0);
    let Some(body) = execution.streams.borrow_mut().take_outgoing(id) else { return };
    let FileHead { content_type, sha256, length } = head;
    let file = NewFile { content_type, sha256, length, body };
    let future = host.store_file(file).map(|done| done.map(NativeReply::Text)).boxed();
    if let Some(promise) = native::queue(scope, &execution, Some("storage.store"), Weight::Operation, future) {
        result.set(promise.into());
    }
}

/// `(storage id) => Promise<head or "null">`.
pub(super) fn open_file<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some((execution, host)) = action_host(scope, &STORAGE, "storage.get()") else { return };
    let id = args.get(0).to_rust_string_lossy(scope);
    let future = host.open_file(id).map(|done| done.map(NativeReply::Opened)).boxed();
    if let Some(promise) = native::queue(scope, &execution, Some("storage.get"), Weight::Operation, future) {
        result.set(promise.into());
    }
}
