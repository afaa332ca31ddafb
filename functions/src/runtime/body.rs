//! Bytes on their way between the host and JavaScript, and what they belong to.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::invocation::{JsFailure, Outcome};

/// Bytes in pieces, as they come. Polled only when the other side has room for more.
pub type ByteStream = BoxStream<'static, Result<Bytes, StreamError>>;

/// Why a stream of bytes ended before its end.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct StreamError(pub String);

/// The body of an outgoing request.
pub enum FetchBody {
    /// All of it; sent with its length.
    Bytes(Bytes),
    /// Sent in chunks, as it is made.
    Stream(ByteStream),
}

/// A request that an action sends: one hop, redirects are followed in JavaScript.
pub struct FetchRequest {
    pub method: String,
    /// Absolute, `http` or `https`, without fragment.
    pub url: String,
    /// In the order in which they are sent; values are Latin-1, one byte a `char`.
    pub headers: Vec<(String, String)>,
    pub body: Option<FetchBody>,
}

/// The head of a response and the body that follows.
pub struct FetchResponse {
    pub status: u16,
    /// As for [`FetchRequest::headers`].
    pub headers: Vec<(String, String)>,
    pub body: ByteStream,
}

/// A file that an action stores.
pub struct NewFile {
    /// `None` if the blob has no type.
    pub content_type: Option<String>,
    /// The digest that the app expects, as it gave it (base64 or hex), unchecked.
    pub sha256: Option<String>,
    /// Bytes in `body`, if known.
    pub length: Option<u64>,
    /// Ends with an error if the function ended before all of it was there.
    pub body: ByteStream,
}

/// A file that an action reads.
pub struct StoredFile {
    pub content_type: Option<String>,
    /// Bytes in `body`.
    pub length: u64,
    pub body: ByteStream,
}

/// A request to an HTTP action.
pub struct HttpRequest {
    pub method: String,
    /// As the client sees it.
    pub url: String,
    /// Path within the mount of the component, with a leading `/`: what routes are compared with.
    pub path: String,
    /// As for [`FetchRequest::headers`].
    pub headers: Vec<(String, String)>,
    pub body: Option<ByteStream>,
    /// Completes when the client is gone; aborts `request.signal`.
    pub gone: BoxFuture<'static, ()>,
}

/// The head of an HTTP action's response, and the body that follows while the action goes on.
pub struct HttpResponse {
    pub status: u16,
    /// As for [`FetchRequest::headers`].
    pub headers: Vec<(String, String)>,
    /// `None` for no body, and for `HEAD`. Ends with an error if the action fails, or goes over
    /// the limit on the size of responses.
    pub body: Option<ByteStream>,
    /// Method and pattern of the route that was taken: `GET`, `/a` or `/a/*`. `None` if there was none.
    pub route: Option<(String, String)>,
}

/// A run of an HTTP action.
pub struct HttpRun {
    /// The head, as soon as there is one, or why there will be none.
    pub response: Result<HttpResponse, JsFailure>,
    /// What came of the whole run: completes once the body has been handed over. Its result is the
    /// empty text; failures after the head also went to the log.
    pub outcome: BoxFuture<'static, Outcome>,
}
