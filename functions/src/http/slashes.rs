//! Paths with doubled slashes, which clients make from an address with a trailing one.

use axum::Router;
use axum::extract::Request;
use http::Uri;
use http::uri::PathAndQuery;
use tower::ServiceBuilder;

/// Where the app decides what a path means.
const SITE: &str = "/http/";

/// Serves `router` with every run of slashes in a path taken for one, up to where the site begins. Middleware of a router sees a request only once
/// it is routed, so this one goes around it.
pub(super) fn tolerate_duplicates(router: Router) -> Router {
    let service = ServiceBuilder::new()
        .map_request(|mut request: Request| {
            if let Some(uri) = collapsed(request.uri()) {
                *request.uri_mut() = uri;
            }
            request
        })
        .service(router);
    Router::new().fallback_service(service)
}

/// The address with single slashes, if that is another one.
fn collapsed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") {
        return None;
    }
    let mut text = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !text.ends_with('/') || text.starts_with(SITE) {
            text.push(letter);
        }
    }
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::collapsed;

    #[test]
    fn runs_of_slashes_are_one() {
        let of = |text: &'static str| collapsed(&Uri::from_static(text)).map(|uri| uri.to_string());
        assert_eq!(of("//api///query?a=//b").as_deref(), Some("/api/query?a=//b"));
        assert_eq!(of("/api/query?a=//b"), None);
        assert_eq!(of("//http//a//b").as_deref(), Some("/http//a//b"));
        assert_eq!(of("http://h//x").as_deref(), Some("http://h/x"));
    }
}
