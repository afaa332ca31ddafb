//! Request bodies of administration: plain or brotli, and large.

use std::io::Read;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use lakewire_storage::env::Env;
use lakewire_storage::limits::MAX_PUSH_SIZE;

use crate::deploy::PushError;

/// Bytes brotli decodes at a time.
const DECODE_BUFFER_BYTES: usize = 64 * 1024;

/// The whole body, decompressed if `Content-Encoding` is `br`.
///
/// # Errors
/// `BadJsonBody` for a body that is too large or damaged, or in another encoding.
pub async fn read(env: &Env, headers: &HeaderMap, body: Body) -> Result<Bytes, PushError> {
    let bytes = to_bytes(body, MAX_PUSH_SIZE).await.map_err(|error| bad(format!("it cannot be read: {error}")))?;
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None | Some(b"identity") => Ok(bytes),
        Some(b"br") => decompress(env, bytes).await,
        Some(other) => Err(bad(format!("content encoding `{}` is not supported, use `br`", other.escape_ascii()))),
    }
}

/// On a thread of its own: a large push takes longer than other requests should wait.
async fn decompress(env: &Env, compressed: Bytes) -> Result<Bytes, PushError> {
    let (done, result) = tokio::sync::oneshot::channel();
    let work = move || {
        let mut text = Vec::new();
        let limit = MAX_PUSH_SIZE as u64 + 1;
        let decoded =
            brotli::Decompressor::new(&compressed[..], DECODE_BUFFER_BYTES).take(limit).read_to_end(&mut text);
        // The receiver may be gone, with its client.
        let _ = done.send(decoded.map(|_| text));
    };
    let internal = |reason: String| PushError::Internal { reason };
    env.spawn_thread("decompress", work).map_err(|error| internal(format!("cannot start a thread: {error}")))?;
    let text = result
        .await
        .map_err(|_| internal("the thread that decompresses the body ended early".to_owned()))?
        .map_err(|error| bad(format!("it is not valid brotli: {error}")))?;
    if text.len() > MAX_PUSH_SIZE {
        return Err(bad(format!("it is larger than {MAX_PUSH_SIZE} bytes")));
    }
    Ok(text.into())
}

fn bad(reason: String) -> PushError {
    PushError::BadJsonBody { reason }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{HeaderMap, HeaderValue};
    use lakewire_storage::env::Env;

    use super::read;

    fn encoding(name: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::CONTENT_ENCODING, HeaderValue::from_static(name))])
    }

    #[tokio::test]
    async fn plain_and_brotli() {
        let env = Env::system();
        let text = "{\"a\":1}".repeat(10_000);
        let mut compressed = Vec::new();
        let params = brotli::enc::BrotliEncoderParams { quality: 4, ..Default::default() };
        brotli::BrotliCompress(&mut text.as_bytes(), &mut compressed, &params).expect("compresses");
        let plain = read(&env, &HeaderMap::new(), Body::from(text.clone())).await.expect("reads");
        let packed = read(&env, &encoding("br"), Body::from(compressed.clone())).await.expect("reads");
        assert!(plain == text && packed == text);
        compressed.truncate(compressed.len() / 2);
        for (headers, body) in [(encoding("br"), compressed), (encoding("gzip"), Vec::new())] {
            assert_eq!(read(&env, &headers, Body::from(body)).await.expect_err("refused").code(), "BadJsonBody");
        }
    }
}
