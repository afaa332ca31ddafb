//! Signatures (version 4) with the credentials of this process, by the SDK's own signer.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableRequest, SigningInstructions, SigningSettings, sign};
use aws_sigv4::sign::v4;
use object_store::CredentialProvider as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::credentials::StoreCredentials;
use crate::env::Env;

/// What AWS leaves as it is in names and values.
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why nothing was signed.
pub(super) type SignError = Box<dyn std::error::Error + Send + Sync>;

/// For whom a request is.
pub(super) struct Scope<'a> {
    /// The name under which requests to the service are signed.
    pub service: &'a str,
    pub region: &'a str,
    pub settings: SigningSettings,
}

/// What makes `request` a signed one.
///
/// # Errors
/// If there are no credentials, or the request is none.
pub(super) async fn signature(
    credentials: &StoreCredentials,
    env: &Env,
    scope: Scope<'_>,
    request: SignableRequest<'_>,
) -> Result<SigningInstructions, SignError> {
    let held = credentials.get_credential().await?;
    let identity = Credentials::new(&held.key_id, &held.secret_key, held.token.clone(), None, "held").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(UNIX_EPOCH + Duration::from_nanos(env.now_ns()))
        .settings(scope.settings)
        .build()?
        .into();
    Ok(sign(request, &params)?.into_parts().0)
}
