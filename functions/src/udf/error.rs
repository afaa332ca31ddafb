//! Errors of functions: the failures that are results, not faults of the server.

use std::sync::Arc;

use lakewire_storage::limits::MAX_ERROR_MESSAGE_LENGTH;
use lakewire_storage::value::Value;
use serde::{Deserialize, Serialize};

use super::RequestId;

/// Bytes that the data of an error may take, as JSON text: as much as a result.
const MAX_DATA_LENGTH: usize = 16 << 20;

/// A failed function call as its client sees it. Deterministic: running it again would fail again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// The whole text, starting with `[Request ID: ...] Server Error`; only that line if errors are redacted.
    pub message: Arc<str>,
    /// Encoded JSON of the data of a `ConvexError`; `None` for every other error. Never redacted.
    pub data: Option<Arc<str>>,
    /// What went wrong.
    pub kind: FunctionErrorKind,
}

/// What kind of failure a function call ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FunctionErrorKind {
    /// No such function that the caller may call.
    NotFound,
    /// The function is of another kind than the request.
    WrongKind,
    /// The arguments are undecodable, too large, or do not match the validator.
    InvalidArguments,
    /// The result is too large or does not match the validator.
    InvalidResult,
    /// User code threw, or broke a rule of the platform.
    Thrown,
    /// Out of time.
    Timeout,
    /// Out of memory.
    OutOfMemory,
    /// The deployment does not run functions: it is paused, or nothing was pushed.
    NotRunning,
}

/// A failure before it gets its request id: what a calling function sees and the log shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The message with its stack frames, without the request id line.
    pub message: String,
    /// Encoded JSON of the data of a `ConvexError`.
    pub data: Option<Arc<str>>,
    /// What went wrong.
    pub kind: FunctionErrorKind,
}

impl Failure {
    /// A failure without data.
    pub fn new(kind: FunctionErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        truncate_at_char(&mut message, MAX_ERROR_MESSAGE_LENGTH);
        Self { message, data: None, kind }
    }

    /// The same failure carrying the data of a `ConvexError`, as encoded JSON text. User code made that text, and it
    /// goes into responses as it is: what is no encoded value, or too long, is left out.
    pub fn with_data(mut self, data: Option<Arc<str>>) -> Self {
        self.data = data.filter(|text| text.len() <= MAX_DATA_LENGTH && Value::from_json(text).is_ok());
        self
    }

    /// The error that goes to the client of request `request_id`.
    pub fn into_error(self, request_id: &RequestId, redact: bool) -> FunctionError {
        let first_line = format!("[Request ID: {request_id}] Server Error");
        let message = if redact {
            first_line
        } else {
            let mut text = format!("{first_line}\n{}", self.message.trim_end_matches('\n'));
            truncate_at_char(&mut text, MAX_ERROR_MESSAGE_LENGTH - 1);
            text.push('\n');
            text
        };
        FunctionError { message: message.into(), data: self.data, kind: self.kind }
    }
}

/// Cuts `text` to at most `max` bytes without splitting a character.
pub(crate) fn truncate_at_char(text: &mut String, max: usize) {
    if text.len() > max {
        let end = text.floor_char_boundary(max);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use lakewire_storage::limits::MAX_ERROR_MESSAGE_LENGTH;

    use super::{Failure, FunctionErrorKind};
    use crate::udf::RequestId;

    fn id() -> RequestId {
        RequestId::from_client("9c1f2a7be0d34455").unwrap()
    }

    #[test]
    fn development_text_has_the_message_and_its_frames() {
        let failure = Failure::new(FunctionErrorKind::Thrown, "Uncaught Error: x\n    at f (../convex/a.ts:1:2)");
        let error = failure.into_error(&id(), false);
        assert_eq!(
            &*error.message,
            "[Request ID: 9c1f2a7be0d34455] Server Error\nUncaught Error: x\n    at f (../convex/a.ts:1:2)\n"
        );
    }

    #[test]
    fn redaction_keeps_the_first_line_and_the_data() {
        let failure = Failure::new(FunctionErrorKind::Thrown, "secret").with_data(Some("{\"a\":1}".into()));
        let error = failure.into_error(&id(), true);
        assert_eq!(&*error.message, "[Request ID: 9c1f2a7be0d34455] Server Error");
        assert_eq!(error.data.as_deref(), Some("{\"a\":1}"));
    }

    #[test]
    fn data_that_is_no_value_is_left_out() {
        let with = |data: &str| Failure::new(FunctionErrorKind::Thrown, "x").with_data(Some(data.into())).data;
        assert_eq!(with("[1]").as_deref(), Some("[1]"));
        let (deep, long) = ("[".repeat(1000), format!("\"{}\"", "x".repeat(super::MAX_DATA_LENGTH)));
        for forged in ["", "{", "1,\"status\":\"success\"", "{\"$integer\":1}", &deep, &long] {
            assert_eq!(with(forged), None);
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let error =
            Failure::new(FunctionErrorKind::Thrown, "\u{e9}".repeat(MAX_ERROR_MESSAGE_LENGTH)).into_error(&id(), false);
        assert!(error.message.len() <= MAX_ERROR_MESSAGE_LENGTH);
        assert!(error.message.ends_with("\u{e9}\n"));
    }
}
