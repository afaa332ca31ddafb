//! What an error of DynamoDB says about the request.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::log::remote::MediumError;

/// Codes with which DynamoDB asks to come again later. It has done nothing then.
const BUSY: [&str; 7] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
];

pub(super) fn error<E>(error: SdkError<E, HttpResponse>) -> MediumError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(service) = &error else {
        let reason = DisplayErrorContext(&error).to_string();
        return match error {
            // It could not even be made.
            SdkError::ConstructionFailure(_) => MediumError::Refused(reason),
            _ => MediumError::Unclear(reason),
        };
    };
    let status = service.raw().status().as_u16();
    let code = service.err().code().unwrap_or("an error without a code");
    let reason = match service.err().message() {
        Some(message) => format!("{code}: {message}"),
        None => format!("{code} (HTTP status {status})"),
    };
    if BUSY.contains(&code) || status == 429 {
        MediumError::Busy(reason)
    } else if status >= 500 {
        MediumError::Unclear(reason)
    } else {
        MediumError::Refused(reason)
    }
}
