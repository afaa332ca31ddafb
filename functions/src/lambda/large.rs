//! Responses that are too large for Lambda: put into the bucket, from where the client is sent to get them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::BodyDataStream;
use futures::StreamExt as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, LOCATION, VARY,
};
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode};
use lakewire_storage::aws::Presigner;
use lakewire_storage::env::Env;
use lakewire_storage::segment::Upload;
use object_store::ObjectStore;

use crate::temporary;

/// How long a client has to follow.
const EXPIRES: Duration = Duration::from_secs(300);

/// Puts large responses into a bucket.
#[derive(Clone)]
pub struct LargeAnswers {
    /// The deployment's store.
    pub store: Arc<dyn ObjectStore>,
    /// Signs URLs of it.
    pub presigner: Presigner,
    /// For names nobody can guess.
    pub env: Env,
}

/// Why the bucket has not taken a response.
#[derive(Debug, thiserror::Error)]
pub enum LargeAnswerError {
    /// It ended early.
    #[error("it ended early: {0}")]
    Body(axum::Error),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] object_store::Error),
    /// A header cannot be written.
    #[error("the address of the object is no header: {0}")]
    Location(#[from] http::header::InvalidHeaderValue),
}

impl LargeAnswers {
    /// Stores the body that begins with `begun`; the response, without a body, leads to it. `fetch` and browsers follow by themselves.
    pub(super) async fn answer(
        &self,
        parts: Parts,
        begun: Vec<u8>,
        mut rest: BodyDataStream,
    ) -> Result<Parts, LargeAnswerError> {
        let path = temporary::unguessable(&self.env);
        let mut upload = Upload::new(self.store.clone(), path.clone());
        upload.write(&begun).await?;
        drop(begun);
        while let Some(piece) = rest.next().await {
            match piece {
                Ok(piece) => upload.write(&piece).await?,
                Err(error) => {
                    upload.abort().await;
                    return Err(LargeAnswerError::Body(error));
                }
            }
        }
        upload.finish().await?;
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let url = self.presigner.get(&path, EXPIRES, content_type).await?;
        let mut response = Response::new(());
        // What was asked for by POST is got by GET.
        *response.status_mut() = StatusCode::SEE_OTHER;
        let headers = response.headers_mut();
        for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, VARY] {
            if let Some(value) = parts.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        headers.insert(LOCATION, HeaderValue::from_str(&url)?);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response.into_parts().0)
    }
}
