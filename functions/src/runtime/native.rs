//! Operations of actions that are more than text: requests, files, pieces of streams.

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{AbortHandle, Abortable, BoxFuture};

use super::body::{FetchResponse, StoredFile};
use super::host::SyscallError;
use super::ops::{self, string};
use super::state::Execution;

/// What an operation gives.
pub(super) enum NativeReply {
    Text(String),
    /// A piece of a stream, `None` at its end.
    Bytes(Option<Bytes>),
    Fetched(FetchResponse),
    Opened(Option<StoredFile>),
    Written,
    /// The stream of this number is at its end.
    Ended(u32),
}

/// How an operation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// As one of those that may be in flight at a time.
    Operation,
    /// As part of another one.
    Part,
    /// As part of another one: a piece of a body, or its end, on the way out.
    Write,
    /// Not at all: the function doesn't wait for it.
    Background,
}

/// An operation that waits to be started.
pub(super) struct NativeCall {
    /// What developers call it, if they should be told that they did not wait for it.
    pub(super) name: Option<&'static str>,
    pub(super) weight: Weight,
    pub(super) future: BoxFuture<'static, Result<NativeReply, SyscallError>>,
    pub(super) resolver: v8::Global<v8::PromiseResolver>,
}

/// Queues an operation; the promise is JavaScript's.
pub(super) fn queue<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    execution: &Execution,
    name: Option<&'static str>,
    weight: Weight,
    future: BoxFuture<'static, Result<NativeReply, SyscallError>>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    let resolver = v8::Global::new(scope, resolver);
    execution.native.borrow_mut().push_back(NativeCall { name, weight, future, resolver });
    Some(promise)
}

/// A future that can be stopped from outside.
pub(super) fn abortable(
    future: BoxFuture<'static, Result<NativeReply, SyscallError>>,
) -> (BoxFuture<'static, Result<NativeReply, SyscallError>>, AbortHandle) {
    let (handle, registration) = AbortHandle::new_pair();
    let future = Abortable::new(future, registration)
        .map(|done| done.unwrap_or_else(|_| Err(SyscallError::developer("The operation was aborted"))));
    (future.boxed(), handle)
}

/// The value that a reply is in JavaScript. `None` if an exception was thrown.
pub(super) fn value_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    execution: &Execution,
    reply: NativeReply,
) -> Option<v8::Local<'s, v8::Value>> {
    let value = match reply {
        NativeReply::Text(text) => string(scope, &text).into(),
        NativeReply::Bytes(None) => v8::null(scope).into(),
        NativeReply::Bytes(Some(bytes)) => ops::bytes::array(scope, bytes.into())?.into(),
        NativeReply::Fetched(FetchResponse { status, headers, body }) => {
            let id = execution.streams.borrow_mut().add_incoming(body);
            let text = serde_json::json!({ "status": status, "headers": headers, "body": id }).to_string();
            string(scope, &text).into()
        }
        NativeReply::Opened(None) => string(scope, "null").into(),
        NativeReply::Opened(Some(StoredFile { content_type, length, body })) => {
            let id = execution.streams.borrow_mut().add_incoming(body);
            let text = serde_json::json!({ "type": content_type, "size": length, "body": id }).to_string();
            string(scope, &text).into()
        }
        NativeReply::Written => v8::undefined(scope).into(),
        NativeReply::Ended(id) => {
            execution.streams.borrow_mut().forget(id);
            v8::undefined(scope).into()
        }
    };
    Some(value)
}
