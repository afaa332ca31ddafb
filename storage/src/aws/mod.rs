//! How AWS is reached, by all parts in the same way: credentials, region and endpoints from the environment as every AWS tool
//! takes them, and timeouts that are short, since the callers try again by themselves.
//!
//! `AWS_ENDPOINT_URL` (or `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_S3`) leads to another service with the same interface.

mod credentials;
pub mod faults;
mod presign;
pub mod rest;
mod sign;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use object_store::ObjectStore;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::client::ClientOptions;
use object_store::prefix::PrefixStore;

use self::credentials::StoreCredentials;
pub use self::presign::Presigner;

use crate::env::Env;

/// The region if nothing says which: what S3-compatible services call themselves.
pub const DEFAULT_REGION: &str = "us-east-1";

const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const S3_ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";

/// How long connecting to DynamoDB may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How long one request to DynamoDB may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long connecting to S3 may take.
const S3_CONNECT: Duration = Duration::from_secs(2);
/// How long one request to S3 may take: segments are some megabytes each.
const S3_ATTEMPT: Duration = Duration::from_secs(30);
/// How long failed requests to S3 are repeated.
const S3_RETRIES: Duration = Duration::from_secs(10);

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the bucket `{bucket}`: {reason}")]
pub struct BucketError {
    /// Its name.
    pub bucket: String,
    /// What is wrong.
    pub reason: String,
}

/// The configuration that the environment gives: variables, the files in `~/.aws`, a container's or machine's role.
pub async fn config() -> SdkConfig {
    let region = if variable(ENDPOINT).is_some() || variable(S3_ENDPOINT).is_some() {
        // Not a machine of AWS, probably; asking such a machine's metadata service would take seconds.
        RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
    } else {
        RegionProviderChain::default_provider()
    };
    aws_config::defaults(BehaviorVersion::latest()).region(region.or_else(Region::new(DEFAULT_REGION))).load().await
}

/// A configuration of which nothing comes from the environment, for an emulator at `endpoint`.
pub async fn config_of(endpoint: &str, access_key_id: &str, secret_access_key: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(DEFAULT_REGION))
        .credentials_provider(Credentials::new(access_key_id, secret_access_key, None, None, "given"))
        .load()
        .await
}

/// A client that sends each request once. `crate::log::DynamoDbLog` knows which ones may be repeated, and when.
pub fn dynamodb_client(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).read_timeout(ATTEMPT);
    let config = aws_sdk_dynamodb::config::Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The objects of `bucket` whose names begin with `prefix` and a slash (all of them if it is empty), with `PutMode::Create` and
/// `PutMode::Update`.
///
/// # Errors
/// [`BucketError`] if the configuration cannot be used. Whether the bucket is there is not looked up.
pub fn s3_store(
    config: &SdkConfig,
    env: &Env,
    bucket: &str,
    prefix: &str,
) -> Result<Arc<dyn ObjectStore>, BucketError> {
    let store = s3(config, env, bucket)?;
    let prefix = prefix.trim_matches('/');
    Ok(if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
}

/// Makes URLs for the objects that [`s3_store`] gives with the same arguments.
///
/// # Errors
/// As [`s3_store`].
pub fn s3_presigner(config: &SdkConfig, env: &Env, bucket: &str, prefix: &str) -> Result<Presigner, BucketError> {
    let region = region_of(config);
    let endpoint = s3_endpoint(config).unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    let prefix = prefix.trim_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    Ok(Presigner {
        credentials: bucket_credentials(config, env, bucket)?,
        region: region.into(),
        root: format!("{}/{bucket}/{prefix}{slash}", endpoint.trim_end_matches('/')).into(),
        env: env.clone(),
    })
}

fn bucket_credentials(config: &SdkConfig, env: &Env, bucket: &str) -> Result<Arc<StoreCredentials>, BucketError> {
    let missing = || BucketError { bucket: bucket.to_owned(), reason: "there are no AWS credentials".to_owned() };
    let provider = config.credentials_provider().ok_or_else(missing)?;
    Ok(Arc::new(StoreCredentials::new(provider, env.clone())))
}

fn region_of(config: &SdkConfig) -> &str {
    config.region().map_or(DEFAULT_REGION, |region| region.as_ref())
}

fn s3_endpoint(config: &SdkConfig) -> Option<String> {
    variable(S3_ENDPOINT).or_else(|| config.endpoint_url().map(str::to_owned))
}

fn s3(config: &SdkConfig, env: &Env, bucket: &str) -> Result<AmazonS3, BucketError> {
    let error = |reason: String| BucketError { bucket: bucket.to_owned(), reason };
    let retries = object_store::RetryConfig {
        backoff: object_store::BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 4,
        retry_timeout: S3_RETRIES,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region_of(config))
        .with_credentials(bucket_credentials(config, env, bucket)?)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(ClientOptions::new().with_connect_timeout(S3_CONNECT).with_timeout(S3_ATTEMPT))
        .with_retry(retries);
    // The bucket in the path, not in the name of the host; also what `AmazonS3Builder` does without an endpoint.
    builder = builder.with_virtual_hosted_style_request(false);
    if let Some(endpoint) = s3_endpoint(config) {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    builder.build().map_err(|build| error(build.to_string()))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
