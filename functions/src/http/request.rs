//! What every request tells: who calls, with which client, under which id; and its JSON body.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName};
use lakewire_storage::env::Env;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::{ApiError, ApiState, ClientVersion};
use crate::auth::Identity;
use crate::udf::{ClientInfo, RequestId};

/// Bytes of a JSON body around the arguments: the path of the function, the format.
const BYTES_AROUND_ARGUMENTS: usize = 2000;

const CONVEX_CLIENT: HeaderName = HeaderName::from_static("convex-client");
const CONVEX_REQUEST_ID: HeaderName = HeaderName::from_static("convex-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who calls, and how.
#[derive(Clone)]
pub(super) struct Caller {
    /// Who.
    pub identity: Identity,
    /// The package and version that sent the request, if it says so.
    pub version: Option<ClientVersion>,
    /// Chosen by the caller, or made here.
    pub request_id: RequestId,
    /// Address and user agent.
    pub client: ClientInfo,
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let engine = &state.engine;
        let headers = &parts.headers;
        let version = text(headers, &CONVEX_CLIENT)?.map(ClientVersion::parse).transpose()?;
        let key = parts.uri.query().and_then(admin_key);
        let identity = engine.authenticate(text(headers, &AUTHORIZATION)?, key.as_deref()).await?;
        text(headers, &CONVEX_REQUEST_ID)?;
        let request_id = request_id(engine.env(), headers);
        let client = client_info(parts, &identity);
        Ok(Self { identity, version, request_id, client })
    }
}

/// The id that the client chose, if it is valid, or a new one.
pub(super) fn request_id(env: &Env, headers: &HeaderMap) -> RequestId {
    let chosen = text(headers, &CONVEX_REQUEST_ID).ok().flatten();
    chosen.and_then(RequestId::from_client).unwrap_or_else(|| RequestId::random(env))
}

/// Address, user agent and token behind a request of `identity`.
pub(super) fn client_info(parts: &Parts, identity: &Identity) -> ClientInfo {
    let headers = &parts.headers;
    ClientInfo {
        ip: client_ip(headers, &parts.extensions),
        user_agent: text(headers, &USER_AGENT).ok().flatten().map(Into::into),
        auth_token: token_of(identity, headers),
    }
}

/// The address of the client behind a request.
pub fn client_ip(headers: &HeaderMap, extensions: &Extensions) -> Option<Arc<str>> {
    let peer = || extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_string().into());
    // Set by the proxy in front, first the client as the outermost one saw it.
    let forwarded = text(headers, &FORWARDED_FOR).ok().flatten().and_then(|list| list.split(',').next());
    forwarded.map(|ip| ip.trim().into()).or_else(peer)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let invalid = |_| ApiError::bad_request("InvalidHeaderFailure", format!("the header `{name}` is not ASCII text"));
    value.to_str().map(Some).map_err(invalid)
}

/// The token that `identity` was proven with.
fn token_of(identity: &Identity, headers: &HeaderMap) -> Option<Arc<str>> {
    let header = text(headers, &AUTHORIZATION).ok().flatten().filter(|_| matches!(identity, Identity::User(_)))?;
    header.split_once(' ').map(|(_, token)| token.trim().into())
}

/// The `adminKey` parameter of a query string.
fn admin_key(query: &str) -> Option<String> {
    let (_, value) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "adminKey")?;
    let value = value.replace('+', " ");
    percent_decode_str(&value).decode_utf8().ok().map(|key| key.into_owned())
}

/// A JSON body, declared as such.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let message = "the content type must be `application/json` or `application/*+json`";
            return Err(ApiError::bad_request("BadJsonBody", message));
        }
        let body: Body = request.into_body();
        let limit = state.engine.db().limits().arguments_size + BYTES_AROUND_ARGUMENTS;
        let bytes = to_bytes(body, limit).await.map_err(|error| {
            let message = format!("cannot read the body, which may have {limit} bytes: {error}");
            ApiError::bad_request("BadJsonBody", message)
        })?;
        let parsed = serde_json::from_slice(&bytes);
        parsed
            .map(Self)
            .map_err(|error| ApiError::bad_request("BadJsonBody", format!("the body is not valid: {error}")))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;
    use http::{HeaderMap, HeaderValue};

    use super::{admin_key, is_json};

    #[test]
    fn json_content_types() {
        let of = |text: &'static str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(text))]));
        assert!(of("application/json") && of("Application/JSON; charset=utf-8") && of("application/problem+json"));
        assert!(!of("text/plain") && !of("application/jsonp") && !of("text/json") && !is_json(&HeaderMap::new()));
    }

    #[test]
    fn keys_in_query_strings_are_decoded() {
        assert_eq!(admin_key("a=1&adminKey=demo%7C0a").as_deref(), Some("demo|0a"));
        assert_eq!(admin_key("a=1"), None);
    }
}
