//! Cross-origin access to the API: any page may call it, with whatever credentials it sends itself.

use std::time::Duration;

use http::Method;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers preflights and adds the headers to every other response, errors included.
pub(super) fn layer() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS, Method::PATCH, Method::DELETE, Method::PUT])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(MAX_AGE)
}
