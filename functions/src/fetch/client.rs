//! Sending one request.

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Url};

use super::policy::{EgressPolicy, ParseError};
use super::resolver::{Forbidden, Lookup, PolicyResolver, SystemLookup};
use crate::runtime::{FetchBody, FetchRequest, FetchResponse, StreamError, SyscallError};

/// What servers see unless the app says otherwise.
const USER_AGENT: &str = "Convex/1.0";
/// How long connecting may take; how long a response may take is the action's business.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection is kept for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Set by the client from the body and the connection, not by apps.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Requests to one host that go to another one, for tests of services with a built-in address.
#[derive(Clone, Debug)]
pub struct Override {
    /// Host of the URL, lower case.
    host: String,
    /// Scheme, host and port that the request is sent to, whatever the policy says.
    target: Url,
}

impl FromStr for Override {
    type Err = ParseError;

    /// `api.example.com=http://127.0.0.1:8080`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError::Override(text.to_owned());
        let (host, target) = text.split_once('=').ok_or_else(bad)?;
        let target = Url::parse(target).map_err(|_| bad())?;
        let is_http = matches!(target.scheme(), "http" | "https") && target.has_host();
        if host.is_empty() || !is_http {
            return Err(bad());
        }
        Ok(Self { host: host.to_ascii_lowercase(), target })
    }
}

/// Where requests may go and where they do.
#[derive(Clone, Debug, Default)]
pub struct FetchOptions {
    pub policy: EgressPolicy,
    pub overrides: Vec<Override>,
}

/// Sends the requests of actions. Redirects are not followed: every hop is a request of its own.
pub struct FetchClient {
    policy: Arc<EgressPolicy>,
    overrides: HashMap<String, Url>,
    client: reqwest::Client,
    /// For overridden hosts, which the operator has chosen himself.
    trusted: reqwest::Client,
}

impl FetchClient {
    /// A client with the resolver of the operating system.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new(options: FetchOptions) -> Result<Self, reqwest::Error> {
        Self::with_lookup(options, Arc::new(SystemLookup))
    }

    pub(super) fn with_lookup(options: FetchOptions, lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(options.policy);
        let resolver = PolicyResolver { policy: policy.clone(), lookup };
        let overrides = options.overrides.into_iter().map(|over| (over.host, over.target)).collect();
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIMEOUT)
        };
        Ok(Self { policy, overrides, client: builder().dns_resolver(resolver).build()?, trusted: builder().build()? })
    }

    /// Sends a request and waits for the head of the response.
    ///
    /// # Errors
    /// Texts that name the URL, and the policy if that is the reason.
    pub async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, SyscallError> {
        let shown = request.url.clone();
        let failed = |why: String| SyscallError::developer(format!("fetch of {shown} failed: {why}"));
        let mut url = Url::parse(&request.url).map_err(|error| failed(error.to_string()))?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| failed(error.to_string()))?;
        let mut headers = headers_of(&request.headers).map_err(&failed)?;
        let client = match url.host_str().and_then(|host| self.overrides.get(host)) {
            Some(target) => {
                redirect_to(&mut url, target, &mut headers);
                &self.trusted
            }
            None => {
                self.check_address(&url).map_err(|forbidden| failed(forbidden.to_string()))?;
                &self.client
            }
        };
        let mut builder = client.request(method, url).headers(headers);
        builder = match request.body {
            None => builder,
            Some(FetchBody::Bytes(bytes)) => builder.body(bytes),
            Some(FetchBody::Stream(stream)) => builder.body(Body::wrap_stream(stream)),
        };
        let response = builder.send().await.map_err(|error| failed(reason(&error)))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), latin1(value))).collect();
        let body = response
            .bytes_stream()
            .map_err(move |error| StreamError(format!("the response body of {shown} ended early: {}", reason(&error))));
        Ok(FetchResponse { status, headers, body: body.boxed() })
    }

    /// Hosts that are addresses are connected to without being looked up.
    fn check_address(&self, url: &Url) -> Result<(), Forbidden> {
        let address: IpAddr = match url.host() {
            Some(url::Host::Ipv4(v4)) => v4.into(),
            Some(url::Host::Ipv6(v6)) => v6.into(),
            Some(url::Host::Domain(_)) | None => return Ok(()),
        };
        if self.policy.permits(&address.to_string(), address) {
            return Ok(());
        }
        Err(Forbidden { host: url.host_str().unwrap_or_default().to_owned(), addresses: address.to_string() })
    }
}

/// Sends the request elsewhere, with the host that it was for.
fn redirect_to(url: &mut Url, target: &Url, headers: &mut HeaderMap) {
    let authority = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    if let Ok(authority) = HeaderValue::from_str(&authority) {
        headers.entry("host").or_insert(authority);
    }
    let mut there = target.clone();
    there.set_path(url.path());
    there.set_query(url.query());
    *url = there;
}

fn headers_of(pairs: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("bad header name `{name}`"))?;
        if OWN_HEADERS.contains(&name.as_str()) {
            continue;
        }
        let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        headers.append(name.clone(), value.ok_or_else(|| format!("bad value of the header `{name}`"))?);
    }
    headers.entry("user-agent").or_insert(HeaderValue::from_static(USER_AGENT));
    headers.entry("accept").or_insert(HeaderValue::from_static("*/*"));
    Ok(headers)
}

fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

/// The innermost reason, which is the one that tells something.
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
