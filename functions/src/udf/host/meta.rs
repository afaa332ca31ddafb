//! `ctx.meta`: what a function can learn about itself and its surroundings.

use serde_json::json;

use super::TransactionHost;
use super::error::developer;
use crate::runtime::{SyscallError, UdfKind};
use crate::udf::{ClientInfo, FunctionPath, JobRef, RequestId};

/// The class of machine a function runs on, out of those the client package knows.
const DEPLOYMENT_CLASS: &str = "s256";

impl TransactionHost {
    /// How much of its limits the whole transaction has used, calling functions included.
    pub(super) fn transaction_metrics(&mut self) -> String {
        let limits = self.tx().limits().clone();
        let usage = *self.tx().usage();
        let metric = |used: usize, limit: usize| json!({"used": used as f64, "remaining": limit as f64 - used as f64});
        json!({
            "bytesRead": metric(usage.bytes_read, limits.bytes_read),
            "bytesWritten": metric(usage.bytes_written, limits.bytes_written),
            "databaseQueries": metric(usage.intervals_read, limits.intervals_read),
            "documentsRead": metric(usage.documents_read, limits.documents_read),
            "documentsWritten": metric(usage.documents_written, limits.documents_written),
            "functionsScheduled": metric(self.scheduled.functions, limits.functions_scheduled),
            "scheduledFunctionArgsBytes": metric(self.scheduled.bytes, limits.scheduled_arguments_size),
            "filesWritten": metric(self.filed.written, limits.files_written),
            "fileWriteBytes": metric(self.filed.bytes_written, limits.file_bytes_written),
            "filesRead": metric(self.filed.read, limits.files_read),
            "fileReadBytes": metric(self.filed.bytes_read, limits.file_bytes_read),
        })
        .to_string()
    }

    pub(super) fn request_metadata(&mut self) -> Result<String, SyscallError> {
        if self.frame().kind == UdfKind::Query {
            return Err(developer(
                "RequestMetadataNotAllowed",
                "`ctx.meta.getRequestMetadata` can not be used in queries: their results are shared between requests",
            ));
        }
        Ok(request_metadata(&self.context.client, &self.context.request_id, self.context.job))
    }
}

/// `{name, componentPath}` of a function.
pub(crate) fn function_metadata(path: &FunctionPath) -> String {
    json!({"name": path.udf_path(), "componentPath": path.component.as_str()}).to_string()
}

/// `{name, region, class}` of the deployment.
pub(crate) fn deployment_metadata(name: &str) -> String {
    json!({"name": name, "region": null, "class": DEPLOYMENT_CLASS}).to_string()
}

/// What is known about the request behind a call.
pub(crate) fn request_metadata(client: &ClientInfo, request_id: &RequestId, job: Option<JobRef>) -> String {
    json!({
        "ip": client.ip.as_deref(),
        "userAgent": client.user_agent.as_deref(),
        "requestId": request_id.as_str(),
        "scheduledFunctionId": job.map(|job| job.id.to_string()),
        "authToken": client.auth_token.as_deref(),
    })
    .to_string()
}
