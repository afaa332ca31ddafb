//! Documents of providers: discovery and key sets.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use url::{Host, Url};

use super::AuthError;
use crate::fetch::{EgressPolicy, FetchClient, FetchOptions};
use crate::runtime::FetchRequest;

/// Longest document that is read.
const MAX_BYTES: usize = 1 << 20;
/// Redirects that are followed.
const MAX_HOPS: usize = 4;

/// A document, and what the server said about it.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    /// How long it may be kept, if the server says so.
    pub max_age: Option<Duration>,
}

/// Gets documents. Whoever calls it limits the time.
#[async_trait]
pub(super) trait Download: Send + Sync {
    /// The document at a URL that [`is_safe`] allows.
    ///
    /// # Errors
    /// [`AuthError::ProviderUnavailable`] if it may be there later, [`AuthError::ProviderRefused`] if not.
    async fn get(&self, url: &Url) -> Result<Document, AuthError>;
}

/// Whether a provider's document may be asked for at `url`: nobody on the way may replace it.
pub(super) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || is_here(url)
}

/// Plain HTTP to this very machine.
fn is_here(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

/// Gets them over HTTP, from where requests of functions may go, and from this machine.
pub(super) struct HttpDownload {
    options: FetchOptions,
    /// Made when first needed: most deployments never do.
    client: OnceLock<Arc<FetchClient>>,
}

impl HttpDownload {
    pub(super) fn new(options: &FetchOptions) -> Self {
        let policy = EgressPolicy { loopback: true, ..options.policy.clone() };
        Self { options: FetchOptions { policy, ..options.clone() }, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Arc<FetchClient>, AuthError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = FetchClient::new(self.options.clone());
        let made = made.map_err(|error| AuthError::ProviderUnavailable(format!("TLS can't be set up: {error}")))?;
        Ok(self.client.get_or_init(|| Arc::new(made)))
    }
}

#[async_trait]
impl Download for HttpDownload {
    async fn get(&self, url: &Url) -> Result<Document, AuthError> {
        let mut at = url.clone();
        for _ in 0..MAX_HOPS {
            let headers = vec![("accept".to_owned(), "application/json".to_owned())];
            let request = FetchRequest { method: "GET".to_owned(), url: at.to_string(), headers, body: None };
            let response = self.client()?.fetch(request).await;
            let mut response = response.map_err(|error| AuthError::ProviderUnavailable(error.message))?;
            let header = |name: &str| {
                let found = response.headers.iter().find(|(other, _)| other == name);
                found.map(|(_, value)| value.clone())
            };
            match response.status {
                200 => {
                    let max_age = header("cache-control").and_then(|text| max_age(&text));
                    let content_type = header("content-type");
                    let mut body = Vec::new();
                    while let Some(piece) = response.body.next().await {
                        let piece = piece.map_err(|error| AuthError::ProviderUnavailable(error.to_string()))?;
                        body.extend_from_slice(&piece);
                        if body.len() > MAX_BYTES {
                            let text = format!("the document at {at} has more than {MAX_BYTES} bytes");
                            return Err(AuthError::ProviderRefused(text));
                        }
                    }
                    return Ok(Document { body, content_type, max_age });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let next = header("location").and_then(|to| at.join(&to).ok());
                    // Nobody elsewhere may send us to servers on this machine.
                    let is_allowed = |next: &Url| is_safe(next) && (!is_here(next) || is_here(&at));
                    at = next.filter(is_allowed).ok_or_else(|| {
                        AuthError::ProviderRefused(format!("{at} redirects to where no provider may be"))
                    })?;
                }
                status @ (429 | 500..) => {
                    return Err(AuthError::ProviderUnavailable(format!("{at} answers with status {status}")));
                }
                status => return Err(AuthError::ProviderRefused(format!("{at} answers with status {status}"))),
            }
        }
        Err(AuthError::ProviderRefused(format!("{url} redirects too often")))
    }
}

/// The `max-age` of a `Cache-Control` header; zero if the answer should not be kept.
fn max_age(header: &str) -> Option<Duration> {
    let directives = header.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    let mut age = None;
    for directive in directives {
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            age = seconds.trim_matches('"').parse().ok().map(Duration::from_secs).or(age);
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::{is_safe, max_age};

    #[test]
    fn only_tls_or_this_machine() {
        let safe = |text: &str| is_safe(&Url::parse(text).unwrap());
        assert!(
            safe("https://a.test") && safe("http://localhost:1") && safe("http://127.0.0.1") && safe("http://[::1]")
        );
        assert!(!safe("http://a.test") && !safe("http://10.0.0.1") && !safe("http://localhost.a.test"));
        assert!(!safe("file:///etc/passwd") && !safe("http://169.254.169.254"));
    }

    #[test]
    fn cache_control() {
        assert_eq!(max_age("public, Max-Age=60, must-revalidate"), Some(Duration::from_secs(60)));
        assert_eq!(max_age("max-age=60, no-cache"), Some(Duration::ZERO));
        assert_eq!(max_age("public"), None);
        assert_eq!(max_age("max-age=-1"), None);
    }
}
