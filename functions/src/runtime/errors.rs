//! Errors on their way from JavaScript to the caller and back, stacks mapped to the sources.

use lakewire_storage::limits::MAX_ERROR_MESSAGE_LENGTH;

use super::host::SyscallError;
use super::invocation::{FailureKind, JsFailure};
use super::ops::string;
use super::prelude;
use super::state;

/// Frames whose source is in here are of no interest on top of a stack.
const PACKAGE_INTERNALS: &str = "convex/src/server/impl";
/// Property that keeps the mapped frames of an error, out of the reach of user code.
const FRAMES: &str = "lakewire:frames";

/// Called by V8 when the `stack` of an error is first read.
pub(super) fn prepare_stack_trace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let frames = format_frames(scope, sites);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
        let key = frames_key(scope);
        let text = string(scope, &frames);
        object.set_private(scope, key, text.into());
    }
    if let Some(stack) = custom_stack(scope, error, sites) {
        return stack;
    }
    let header = {
        v8::tc_scope!(let scope, scope);
        error.to_string(scope).map(|text| text.to_rust_string_lossy(scope)).unwrap_or_default()
    };
    let stack = if frames.is_empty() { header } else { format!("{header}\n{frames}") };
    string(scope, &stack).into()
}

/// What a function that user code stored in `Error.prepareStackTrace` makes of the stack.
fn custom_stack<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::tc_scope!(let scope, scope);
    let context = scope.get_current_context();
    let name = string(scope, "Error");
    let class = context.global(scope).get(scope, name.into())?.to_object(scope)?;
    let name = string(scope, "prepareStackTrace");
    let custom = class.get(scope, name.into())?;
    let custom = v8::Local::<v8::Function>::try_from(custom).ok()?;
    custom.call(scope, class.into(), &[error, sites.into()])
}

fn format_frames<'s>(scope: &mut v8::PinScope<'s, '_>, sites: v8::Local<'s, v8::Array>) -> String {
    let sources = state::current(scope).map(|execution| execution.sources.clone());
    v8::tc_scope!(let scope, scope);
    let mut text = String::new();
    for index in 0..sites.length() {
        let Some(site) = sites.get_index(scope, index) else { continue };
        let Some(site) = site.to_string(scope) else { continue };
        let site = site.to_rust_string_lossy(scope);
        let frame = parse_frame(&site);
        let mapped = frame.as_ref().and_then(|frame| sources.as_ref()?.map(frame.url, frame.line, frame.column));
        if text.is_empty() {
            let is_prelude = frame.as_ref().is_some_and(|f| f.url.starts_with(prelude::SCHEME));
            let is_package = mapped.as_ref().is_some_and(|m| m.source.contains(PACKAGE_INTERNALS));
            if is_prelude || is_package {
                continue;
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("    at ");
        match (frame, mapped) {
            (Some(frame), Some(at)) => {
                let place = format!("{}:{}:{}", at.source, at.line, at.column);
                text.push_str(&site[..frame.start]);
                text.push_str(&place);
                text.push_str(&site[frame.end..]);
            }
            _ => text.push_str(&site),
        }
    }
    text
}

/// The place in a frame such as `async f (convex:/a.js:1:2)`.
struct Frame<'a> {
    url: &'a str,
    line: u32,
    column: u32,
    /// Where the place is within the frame.
    start: usize,
    end: usize,
}

fn parse_frame(text: &str) -> Option<Frame<'_>> {
    let end = text.strip_suffix(')').map_or(text.len(), str::len);
    let start = if end < text.len() {
        text.rfind(" (").map_or(0, |i| i + 2)
    } else {
        text.strip_prefix("async ").map_or(0, |rest| text.len() - rest.len())
    };
    let (rest, column) = text.get(start..end)?.rsplit_once(':')?;
    let (url, line) = rest.rsplit_once(':')?;
    Some(Frame { url, line: line.parse().ok()?, column: column.parse().ok()?, start, end })
}

fn frames_key<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Private> {
    let name = string(scope, FRAMES);
    v8::Private::for_api(scope, Some(name))
}

/// The mapped frames of an error, one a line; empty if it has none.
pub(super) fn frames<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Value>) -> String {
    let Ok(object) = v8::Local::<v8::Object>::try_from(error) else { return String::new() };
    v8::tc_scope!(let scope, scope);
    let name = string(scope, "stack");
    // Reading it has `prepare_stack_trace` called.
    let _ = object.get(scope, name.into());
    let key = frames_key(scope);
    match object.get_private(scope, key) {
        Some(text) if text.is_string() => text.to_rust_string_lossy(scope),
        _ => String::new(),
    }
}

/// The failure that a thrown value means.
pub(super) fn failure<'s>(scope: &mut v8::PinScope<'s, '_>, thrown: v8::Local<'s, v8::Value>) -> JsFailure {
    let mut message = format!("Uncaught {}", describe(scope, thrown));
    let frames = frames(scope, thrown);
    if !frames.is_empty() {
        message.push('\n');
        message.push_str(&frames);
    }
    if message.len() > MAX_ERROR_MESSAGE_LENGTH {
        message.truncate(message.floor_char_boundary(MAX_ERROR_MESSAGE_LENGTH));
    }
    JsFailure { message, data: convex_error_data(scope, thrown), kind: FailureKind::Thrown }
}

/// `Name: message` of an error, the text of anything else.
fn describe<'s>(scope: &mut v8::PinScope<'s, '_>, thrown: v8::Local<'s, v8::Value>) -> String {
    v8::tc_scope!(let scope, scope);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(thrown) {
        let name = property(scope, object, "name");
        let message = property(scope, object, "message");
        if thrown.is_native_error() || message.is_some() {
            let name = name.unwrap_or_default();
            let message = message.unwrap_or_default();
            return match (name.is_empty(), message.is_empty()) {
                (true, _) => message,
                (false, true) => name,
                (false, false) => format!("{name}: {message}"),
            };
        }
    }
    match thrown.to_detail_string(scope) {
        Some(text) => text.to_rust_string_lossy(scope),
        None => "unknown error".to_owned(),
    }
}

/// A property as text; `None` if it is absent or can't be read.
fn property<'s>(scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>, name: &str) -> Option<String> {
    let name = string(scope, name);
    let value = object.get(scope, name.into())?;
    if value.is_undefined() || value.is_null() {
        return None;
    }
    Some(value.to_string(scope)?.to_rust_string_lossy(scope))
}

/// The data that the npm package left, as JSON text, on a `ConvexError`.
fn convex_error_data<'s>(scope: &mut v8::PinScope<'s, '_>, thrown: v8::Local<'s, v8::Value>) -> Option<String> {
    let object = v8::Local::<v8::Object>::try_from(thrown).ok()?;
    v8::tc_scope!(let scope, scope);
    let name = string(scope, "ConvexErrorSymbol");
    let marker = object.get(scope, name.into())?;
    let description = string(scope, "ConvexError");
    let symbol = v8::Symbol::for_key(scope, description);
    if !marker.strict_equals(symbol.into()) {
        return None;
    }
    let name = string(scope, "data");
    let data = object.get(scope, name.into())?;
    data.is_string().then(|| data.to_rust_string_lossy(scope))
}

/// The exception by which JavaScript learns of a failed syscall.
pub(super) fn syscall_exception<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: &SyscallError,
) -> v8::Local<'s, v8::Value> {
    let message = string(scope, &error.message);
    let exception = v8::Exception::error(scope, message);
    if let Some(data) = &error.data {
        v8::tc_scope!(let scope, scope);
        let text = string(scope, data);
        if let (Some(data), Some(object)) = (v8::json::parse(scope, text), exception.to_object(scope)) {
            let name = string(scope, "data");
            object.set(scope, name.into(), data);
        }
    }
    exception
}

/// The failure of an execution that the host ended.
pub(super) fn host_failure(error: SyscallError) -> JsFailure {
    let kind = if error.transient { FailureKind::Unavailable } else { FailureKind::Host };
    JsFailure { message: error.message, data: error.data, kind }
}
