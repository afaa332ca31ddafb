//! The function in AWS Lambda.

use async_trait::async_trait;
use bytes::Bytes;
use lakewire_storage::aws::rest::{AwsRest, Invocation, InvokeError};

use super::{FunctionEnded, NodeFunction};
use crate::node::NodeError;

/// A Lambda function by its name.
pub struct LambdaNode {
    /// Invokes it, once.
    pub rest: AwsRest,
    /// Its name or ARN.
    pub function: String,
}

#[async_trait]
impl NodeFunction for LambdaNode {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, NodeError> {
        self.rest.invoke(&self.function, payload, Invocation::Wait).await.map_err(|error| match error {
            InvokeError::Throttled(_) => NodeError::Overloaded,
            InvokeError::Function { payload, .. } => NodeError::Ended(FunctionEnded::of_payload(&payload)),
            InvokeError::Rest(error) => NodeError::Internal(error.to_string()),
        })
    }
}
