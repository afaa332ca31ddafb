//! Files: upload URLs, and the URLs that files are loaded from.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::TryStreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::range::{Requested, requested};
use super::{ApiError, ApiState};
use crate::files::{self, StoredFile};

const DIGEST: HeaderName = HeaderName::from_static("digest");
/// What a URL names never changes.
const CACHED: &str = "private, max-age=2592000";

pub(super) fn routes() -> Router<ApiState> {
    Router::new().route("/api/storage/upload", post(upload)).route("/api/storage/{uuid}", get(download))
}

#[derive(Deserialize)]
struct UploadQuery {
    #[serde(default)]
    token: String,
}

async fn upload(
    State(state): State<ApiState>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<serde_json::Value>, ApiError> {
    let store = state.engine.files();
    let Some(namespace) = store.check_upload_token(&query.token) else {
        let message = "the upload token is not valid, or older than an hour; make a new upload URL";
        return Err(ApiError::bad_request("StorageTokenInvalid", message));
    };
    let bad_header =
        |name: &HeaderName| ApiError::bad_request("BadHeader", format!("the header `{name}` is not valid"));
    let text = |name: &HeaderName| match headers.get(name).map(HeaderValue::to_str) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(bad_header(name)),
    };
    let content_type = text(&CONTENT_TYPE)?;
    if content_type.is_some_and(|text| !files::is_content_type(text)) {
        return Err(bad_header(&CONTENT_TYPE));
    }
    let digest = text(&DIGEST)?.map(|text| digest(text).ok_or_else(|| bad_header(&DIGEST))).transpose()?;
    let id = store.store(namespace, body.into_data_stream(), content_type, digest).await?;
    Ok(Json(json!({"storageId": id.to_string()})))
}

/// `sha-256=<base64>`.
fn digest(text: &str) -> Option<[u8; 32]> {
    let (algorithm, value) = text.trim().split_once('=')?;
    if algorithm.eq_ignore_ascii_case("sha-256") { files::parse_sha256(value) } else { None }
}

async fn download(
    State(state): State<ApiState>,
    method: Method,
    Path(uuid): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Ok(uuid) = Uuid::try_parse(&uuid) else {
        let message = "the path does not name a stored file: use the URL that `ctx.storage.getUrl` gives";
        return Err(ApiError::bad_request("InvalidStoragePath", message));
    };
    state.refresh().await?;
    let mut tx = state.engine.db().begin(state.engine.db().latest(), "_system/storage");
    let Some(file) = files::by_uuid(&mut tx, uuid).await? else {
        let body = json!({"code": "FileNotFound", "message": "there is no such file"});
        return Ok((StatusCode::NOT_FOUND, Json(body)).into_response());
    };
    drop(tx);
    let etag = format!("\"{}\"", file.sha256);
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    // A range of what the client has another version of is of no use to it.
    let is_same = headers.get(IF_RANGE).is_none_or(|known| known.as_bytes() == etag.as_bytes());
    let range = headers.get(RANGE).filter(|_| is_same).and_then(|range| range.to_str().ok());
    let (status, range) = match requested(range, file.size) {
        Requested::All => (StatusCode::OK, None),
        Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Requested::Unsatisfiable => {
            let size = [(CONTENT_RANGE, format!("bytes */{}", file.size))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, size).into_response());
        }
    };
    let length = range.as_ref().map_or(file.size, |range| range.end - range.start);
    let mut response = match method {
        Method::HEAD => Response::new(Body::empty()),
        _ => Response::new(Body::from_stream(state.engine.files().get(&file, range.clone()).await?.into_stream())),
    };
    *response.status_mut() = status;
    describe(response.headers_mut(), &file, range.as_ref(), length, &etag);
    Ok(response)
}

fn describe(headers: &mut HeaderMap, file: &StoredFile, range: Option<&std::ops::Range<u64>>, length: u64, etag: &str) {
    let mut put = |name, value: &str| {
        // All of them were headers before, or are made of digits and base64.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(CONTENT_LENGTH, &length.to_string());
    put(CACHE_CONTROL, CACHED);
    put(ACCEPT_RANGES, "bytes");
    put(ETAG, etag);
    if let Some(content_type) = &file.content_type {
        put(CONTENT_TYPE, content_type);
    }
    match range {
        Some(range) => put(CONTENT_RANGE, &format!("bytes {}-{}/{}", range.start, range.end - 1, file.size)),
        None => put(DIGEST, &format!("sha-256={}", file.sha256)),
    }
}
