//! The way back to clients, and to the function itself.

use async_trait::async_trait;
use bytes::Bytes;

/// Sends to connections that API Gateway holds.
#[async_trait]
pub trait Poster: Send + Sync + 'static {
    /// Sends one text message, of at most 128 KiB. Answered once API Gateway has it; messages that are posted one after the other
    /// arrive in that order.
    ///
    /// # Errors
    /// [`PostError`].
    async fn post(&self, connection: &str, message: Bytes) -> Result<(), PostError>;

    /// Closes a connection. One that is gone already is fine.
    ///
    /// # Errors
    /// [`PostError::Failed`].
    async fn close(&self, connection: &str) -> Result<(), PostError>;

    /// Invokes this function once more, asynchronously, with a payload that [`GatewayEvent::parse`](super::GatewayEvent::parse)
    /// knows. It must not be repeated if it fails: nobody knows how far it came.
    ///
    /// # Errors
    /// [`PostError::Failed`].
    async fn invoke(&self, payload: Bytes) -> Result<(), PostError>;
}

/// A message that did not go out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PostError {
    /// There is no such connection any more.
    #[error("the connection is gone")]
    Gone,
    /// API Gateway asks for a pause. The message did not go out.
    #[error("API Gateway is busy: {0}")]
    Busy(String),
    /// It is not known whether the message went out.
    #[error("API Gateway failed: {0}")]
    Failed(String),
}
