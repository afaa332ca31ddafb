//! The credentials of the AWS SDK, for the object store.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use crate::env::Env;

/// So long before they expire, credentials are renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Asks the provider of the SDK, and keeps what it says for as long as it holds: roles are asked for over the network.
#[derive(Debug)]
pub(super) struct StoreCredentials {
    provider: SharedCredentialsProvider,
    env: Env,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    credential: Arc<AwsCredential>,
    /// Until when to use it, in nanoseconds since the Unix epoch.
    until_ns: u64,
}

impl StoreCredentials {
    pub(super) fn new(provider: SharedCredentialsProvider, env: Env) -> Self {
        Self { provider, env, held: Mutex::new(None) }
    }
}

#[async_trait]
impl CredentialProvider for StoreCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| self.env.now_ns() < held.until_ns) {
            return Ok(Arc::clone(&held.credential));
        }
        let given = self
            .provider
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        let until_ns = given.expiry().map_or(u64::MAX, |expiry| {
            let since_epoch = expiry.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(RENEW_BEFORE);
            u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
        });
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        });
        *held = Some(Held { credential: Arc::clone(&credential), until_ns });
        Ok(credential)
    }
}
