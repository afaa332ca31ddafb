//! Errors of the API: `{"code", "message"}`.

use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::udf::CallFailure;

/// A failure that is answered with its status, code and text.
#[derive(Debug)]
pub struct ApiError(pub CallFailure);

impl ApiError {
    /// 400 with `code`.
    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self(CallFailure::BadRequest { code, message: message.into() })
    }
}

impl<E: Into<CallFailure>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        let status = failure.status();
        if status.is_server_error() {
            tracing::error!(code = failure.code(), error = %failure, "a request failed");
        }
        (status, axum::Json(json!({"code": failure.code(), "message": failure.public_message()}))).into_response()
    }
}
