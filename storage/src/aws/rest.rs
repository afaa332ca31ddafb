//! Requests to AWS services that Lakewire asks for one or two operations each: Lambda, Secrets Manager, API Gateway.
//!
//! Signed by the SDK's own signer and sent by `reqwest`, because the SDK's crate of each of these services takes longer to compile
//! than all of ours together.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use reqwest::{Method, StatusCode};

use super::credentials::StoreCredentials;
use super::sign::{Scope, UNRESERVED, signature};
use super::{ENDPOINT, region_of, variable};
use crate::env::Env;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take: the longest that Lambda runs.
const ANSWER: Duration = Duration::from_secs(905);

/// The version of Lambda's API, which is part of its paths.
const LAMBDA_API: &str = "2015-03-31";

/// Signed requests to AWS.
#[derive(Clone)]
pub struct AwsRest {
    client: reqwest::Client,
    credentials: Option<Arc<StoreCredentials>>,
    region: Arc<str>,
    endpoint: Option<Arc<str>>,
    env: Env,
}

/// Whether whoever invokes a function waits for its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// The result is the answer.
    Wait,
    /// Lambda answers as soon as it has the event, and runs the function once or twice.
    Async,
}

/// A request without the answer that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// Nobody says who asks.
    #[error("cannot sign a request to {service}: {reason}")]
    Credentials {
        /// The service.
        service: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There was no answer. What was asked for may have been done.
    #[error("no answer of {service}: {reason}")]
    NoAnswer {
        /// The service.
        service: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The service refused.
    #[error("{service} answers {status}: {message}")]
    Refused {
        /// The service.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// The body of the answer.
        message: String,
    },
}

/// An invocation without result.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// Lambda could not be asked, or did not run the function.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// Too many run at a time.
    #[error("`{0}` runs too often at a time, or Lambda is asked too often")]
    Throttled(String),
    /// The function ended without a result: an error of its own, its time or its memory was over, or its process ended.
    #[error("`{function}` failed: {}", String::from_utf8_lossy(.payload))]
    Function {
        /// Its name.
        function: String,
        /// What Lambda says of it: a JSON object with `errorType` and `errorMessage`, usually.
        payload: Bytes,
    },
}

/// A message that did not go to a WebSocket.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The client has left.
    #[error("the connection is gone")]
    Gone,
    /// API Gateway takes no such message.
    #[error("the message is too large")]
    TooLarge,
    /// API Gateway could not be asked.
    #[error(transparent)]
    Rest(#[from] RestError),
}

struct Request<'a> {
    service: &'static str,
    /// The name under which requests are signed.
    signing_name: &'static str,
    method: Method,
    url: String,
    headers: &'a [(&'static str, &'a str)],
    body: Bytes,
}

impl AwsRest {
    /// Asks as `config` says.
    ///
    /// # Errors
    /// If the machine has no TLS.
    pub fn new(config: &SdkConfig, env: Env) -> Result<Self, RestError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| RestError::NoAnswer { service: "AWS", reason: error.to_string() })?;
        Ok(Self {
            client,
            credentials: config.credentials_provider().map(|held| Arc::new(StoreCredentials::new(held, env.clone()))),
            region: region_of(config).into(),
            endpoint: config.endpoint_url().map(Into::into),
            env,
        })
    }

    /// Invokes a Lambda function by its name or ARN; the result is its response, empty if nobody waits for it.
    ///
    /// # Errors
    /// [`InvokeError`]. Without an answer the function may have run.
    pub async fn invoke(&self, function: &str, payload: Bytes, kind: Invocation) -> Result<Bytes, InvokeError> {
        let endpoint = self.endpoint("LAMBDA", "lambda");
        let name = utf8_percent_encode(function, UNRESERVED);
        let kind = match kind {
            Invocation::Wait => "RequestResponse",
            Invocation::Async => "Event",
        };
        let request = Request {
            service: "Lambda",
            signing_name: "lambda",
            method: Method::POST,
            url: format!("{endpoint}/{LAMBDA_API}/functions/{name}/invocations"),
            headers: &[("x-amz-invocation-type", kind), ("content-type", "application/json")],
            body: payload,
        };
        let (failed, answer) = match self.send(request).await {
            Ok(answer) => answer,
            Err(RestError::Refused { status: 429, .. }) => return Err(InvokeError::Throttled(function.to_owned())),
            Err(error) => return Err(error.into()),
        };
        if failed { Err(InvokeError::Function { function: function.to_owned(), payload: answer }) } else { Ok(answer) }
    }

    /// The text of a secret in Secrets Manager.
    ///
    /// # Errors
    /// If it may not be read, or is not there.
    pub async fn secret(&self, id: &str) -> Result<String, RestError> {
        const SERVICE: &str = "Secrets Manager";
        #[derive(serde::Deserialize)]
        struct Answer {
            #[serde(rename = "SecretString")]
            secret_string: String,
        }
        let request = Request {
            service: SERVICE,
            signing_name: "secretsmanager",
            method: Method::POST,
            url: format!("{}/", self.endpoint("SECRETS_MANAGER", "secretsmanager")),
            headers: &[
                ("x-amz-target", "secretsmanager.GetSecretValue"),
                ("content-type", "application/x-amz-json-1.1"),
            ],
            body: serde_json::json!({ "SecretId": id }).to_string().into(),
        };
        let (_, answer) = self.send(request).await?;
        // The answer itself is in no message: the secret is in it.
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| RestError::NoAnswer {
            service: SERVICE,
            reason: format!("`{id}` is not a secret with a text"),
        })?;
        Ok(answer.secret_string)
    }

    /// Sends a message to a client of a WebSocket API. `endpoint` is the URL of its stage (`https://...`).
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn post_to_connection(&self, endpoint: &str, id: &str, data: Bytes) -> Result<(), ConnectionError> {
        self.connection(Method::POST, endpoint, id, data).await
    }

    /// Ends a connection of a WebSocket API.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn delete_connection(&self, endpoint: &str, id: &str) -> Result<(), ConnectionError> {
        self.connection(Method::DELETE, endpoint, id, Bytes::new()).await
    }

    async fn connection(&self, method: Method, endpoint: &str, id: &str, data: Bytes) -> Result<(), ConnectionError> {
        let id = utf8_percent_encode(id, UNRESERVED);
        let request = Request {
            service: "API Gateway",
            signing_name: "execute-api",
            method,
            url: format!("{}/@connections/{id}", endpoint.trim_end_matches('/')),
            headers: &[],
            body: data,
        };
        match self.send(request).await {
            Ok(_) => Ok(()),
            Err(RestError::Refused { status: 410, .. }) => Err(ConnectionError::Gone),
            Err(RestError::Refused { status: 413, .. }) => Err(ConnectionError::TooLarge),
            Err(error) => Err(error.into()),
        }
    }

    /// Where a service is: as the environment says, or at AWS.
    fn endpoint(&self, variable_name: &str, host: &str) -> String {
        let given =
            variable(&format!("{ENDPOINT}_{variable_name}")).or_else(|| self.endpoint.as_deref().map(Into::into));
        let endpoint = given.unwrap_or_else(|| format!("https://{host}.{}.amazonaws.com", self.region));
        endpoint.trim_end_matches('/').to_owned()
    }

    /// The body of the answer, and whether it is the error of a function.
    async fn send(&self, request: Request<'_>) -> Result<(bool, Bytes), RestError> {
        let service = request.service;
        let signature = self.sign(&request).await?;
        let mut builder = self.client.request(request.method, &request.url);
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        for (name, value) in signature {
            builder = builder.header(name, value);
        }
        let no_answer = |error: reqwest::Error| RestError::NoAnswer { service, reason: root(&error) };
        let answer = builder.body(request.body).send().await.map_err(no_answer)?;
        let status = answer.status();
        let failed = answer.headers().contains_key("x-amz-function-error");
        let body = answer.bytes().await.map_err(no_answer)?;
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok((failed, body));
        }
        let message = String::from_utf8_lossy(&body).chars().take(1000).collect();
        Err(RestError::Refused { service, status: status.as_u16(), message })
    }

    async fn sign(&self, request: &Request<'_>) -> Result<Vec<(String, String)>, RestError> {
        let service = request.service;
        let failed = |reason: String| RestError::Credentials { service, reason };
        let provider = self.credentials.as_ref().ok_or_else(|| failed("there are no AWS credentials".to_owned()))?;
        let body = SignableBody::Bytes(&request.body);
        let headers = request.headers.iter().copied();
        let signable = SignableRequest::new(request.method.as_str(), request.url.as_str(), headers, body)
            .map_err(|error| failed(error.to_string()))?;
        let settings = SigningSettings::default();
        let scope = Scope { service: request.signing_name, region: &self.region, settings };
        let instructions = signature(provider, &self.env, scope, signable).await;
        let instructions = instructions.map_err(|error| failed(error.to_string()))?;
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl std::fmt::Debug for AwsRest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsRest").field("region", &self.region).finish_non_exhaustive()
    }
}

/// The reason at the bottom of an error: reqwest's own text leaves it out.
fn root(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    source.to_string()
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
