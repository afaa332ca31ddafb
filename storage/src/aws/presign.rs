//! URLs that let who has no credentials read or write one object for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
};
use http::Method;
use object_store::path::Path;
use object_store::signer::Signer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::credentials::StoreCredentials;
use super::sign::{Scope, SignError, UNRESERVED, signature};
use crate::env::Env;

/// What stays as it is in a name of an object.
const KEY: &AsciiSet = &UNRESERVED.remove(b'/');

/// Signs URLs of objects of one store. See [`super::s3_presigner`].
#[derive(Clone)]
pub struct Presigner {
    pub(super) credentials: Arc<StoreCredentials>,
    pub(super) region: Arc<str>,
    /// The URL of the store's prefix in its bucket, with a slash at the end.
    pub(super) root: Arc<str>,
    pub(super) env: Env,
}

impl Presigner {
    /// The URL at which whoever has it may `GET` the object at `path` of the store until `expires` is over, or less if the
    /// credentials of this process expire earlier. `content_type` is the one of the answer, if it is to be another than that of
    /// the object.
    ///
    /// # Errors
    /// If there are no credentials.
    pub async fn get(
        &self,
        path: &Path,
        expires: Duration,
        content_type: Option<&str>,
    ) -> object_store::Result<String> {
        let query =
            content_type.map(|text| format!("?response-content-type={}", utf8_percent_encode(text, NON_ALPHANUMERIC)));
        self.sign("GET", path, expires, query.as_deref().unwrap_or_default()).await
    }

    async fn sign(&self, method: &str, path: &Path, expires: Duration, query: &str) -> object_store::Result<String> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(expires);
        let failed = |source: SignError| object_store::Error::Generic { store: "S3", source };
        let url = format!("{}{}{query}", self.root, utf8_percent_encode(path.as_ref(), KEY));
        let request = SignableRequest::new(method, url.as_str(), std::iter::empty(), SignableBody::UnsignedPayload)
            .map_err(|error| failed(error.into()))?;
        let scope = Scope { service: "s3", region: &self.region, settings };
        let instructions = signature(&self.credentials, &self.env, scope, request).await.map_err(failed)?;
        let pairs = instructions.params().iter().map(|(name, value)| {
            format!("{}={}", utf8_percent_encode(name, NON_ALPHANUMERIC), utf8_percent_encode(value, UNRESERVED))
        });
        let separator = if query.is_empty() { '?' } else { '&' };
        Ok(format!("{url}{separator}{}", pairs.collect::<Vec<_>>().join("&")))
    }
}

#[async_trait]
impl Signer for Presigner {
    async fn signed_url(&self, method: Method, path: &Path, expires_in: Duration) -> object_store::Result<Url> {
        let url = self.sign(method.as_str(), path, expires_in, "").await?;
        Url::parse(&url).map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}

impl std::fmt::Debug for Presigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presigner").field("root", &self.root).finish_non_exhaustive()
    }
}
