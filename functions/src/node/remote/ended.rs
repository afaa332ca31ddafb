//! How a function ended that gave no answer.

use serde::Deserialize;

/// How the function of Node actions ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionEnded {
    /// It took longer than it may.
    #[error("it took too long")]
    Timeout,
    /// It used more memory than it has.
    #[error("it ran out of memory")]
    OutOfMemory,
    /// In another way: its own words.
    #[error("{0}")]
    Otherwise(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FunctionError {
    error_type: String,
    error_message: String,
}

impl FunctionEnded {
    /// What the payload of an answer with `X-Amz-Function-Error` tells.
    pub fn of_payload(payload: &[u8]) -> Self {
        let Ok(FunctionError { error_type, error_message: message }) = serde_json::from_slice(payload) else {
            return Self::Otherwise(String::from_utf8_lossy(payload).into_owned());
        };
        if error_type == "Sandbox.Timedout" || message.contains("Task timed out after") {
            Self::Timeout
        } else if error_type == "Runtime.OutOfMemory" || message.contains("signal: killed") {
            // Nothing but the lack of memory kills it from outside.
            Self::OutOfMemory
        } else if message.is_empty() {
            Self::Otherwise(error_type)
        } else {
            Self::Otherwise(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FunctionEnded;

    #[test]
    fn payloads_of_lambda() {
        let of = |text: &str| FunctionEnded::of_payload(text.as_bytes());
        let timeout = r#"{"errorMessage":"2026-01-01T00:00:00.000Z 1-2-3 Task timed out after 600.10 seconds"}"#;
        assert_eq!(of(timeout), FunctionEnded::Timeout);
        assert_eq!(of(r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1"}"#), FunctionEnded::Timeout);
        let killed = "RequestId: 1 Error: Runtime exited with error: signal: killed";
        let killed = format!(r#"{{"errorType":"Runtime.ExitError","errorMessage":"{killed}"}}"#);
        assert_eq!(of(&killed), FunctionEnded::OutOfMemory);
        let thrown = r#"{"errorType":"Error","errorMessage":"boom","trace":[]}"#;
        assert_eq!(of(thrown), FunctionEnded::Otherwise("boom".to_owned()));
        assert_eq!(of("<html>"), FunctionEnded::Otherwise("<html>".to_owned()));
    }
}
