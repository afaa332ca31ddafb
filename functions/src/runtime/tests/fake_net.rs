//! The network and the files of a [`FakeHost`].

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use super::fake::{FakeHost, futures_sleep};
use crate::runtime::*;

/// Size of the pieces of `/big` and `big`, and how many there are: more than all array buffers may hold.
pub(super) const PIECE: usize = 1 << 20;
pub(super) const PIECES: usize = 200;

async fn all_of(body: ByteStream) -> Result<Vec<u8>, SyscallError> {
    let pieces: Vec<Bytes> = body.try_collect().await.map_err(|error| SyscallError::developer(error.0))?;
    Ok(pieces.concat())
}

fn response(status: u16, headers: &[(&str, &str)], body: ByteStream) -> FetchResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    FetchResponse { status, headers, body }
}

fn text(text: impl Into<Bytes>) -> ByteStream {
    futures::stream::iter([Ok(text.into())]).boxed()
}

fn big(host: FakeHost) -> ByteStream {
    let pieces = futures::stream::iter(0..PIECES).map(move |_| {
        host.seen.lock().pieces += 1;
        Ok(Bytes::from(vec![7; PIECE]))
    });
    pieces.boxed()
}

/// Answers by path: `/echo` with what was sent, `/redirect/CODE` with one to `/echo`, ...
pub(super) async fn answer(host: FakeHost, request: FetchRequest) -> Result<FetchResponse, SyscallError> {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
    if path == "swallow" {
        // The size is all that is kept of a large body.
        let mut size = 0;
        if let Some(FetchBody::Stream(mut body)) = request.body {
            while let Some(piece) = body.next().await {
                size += piece.map_err(|error| SyscallError::developer(error.0))?.len();
            }
        }
        return Ok(response(200, &[], text(size.to_string())));
    }
    let body = match request.body {
        None => Vec::new(),
        Some(FetchBody::Bytes(bytes)) => bytes.to_vec(),
        Some(FetchBody::Stream(body)) => all_of(body).await?,
    };
    let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let seen = format!("{} {} {} {}", request.method, request.url, headers.join(","), String::from_utf8_lossy(&body));
    host.seen.lock().sent.push(seen);
    match path.split('/').collect::<Vec<_>>()[..] {
        ["echo"] => Ok(response(200, &[("x-a", "1"), ("content-type", "text/plain")], text(body))),
        ["redirect", code] => {
            let location = "http://b.test/echo#frag";
            Ok(response(code.parse().unwrap_or(302), &[("location", location)], text("gone")))
        }
        ["loop"] => Ok(response(302, &[("location", "/loop")], text(""))),
        ["metadata"] => Ok(response(302, &[("location", "http://169.254.169.254/")], text(""))),
        [] | [""] if request.url.contains("169.254") => {
            Err(SyscallError::developer("the policy forbids 169.254.169.254"))
        }
        ["slow"] => {
            futures_sleep(Duration::from_secs(60)).await;
            Ok(response(200, &[], text("late")))
        }
        ["stalls"] => {
            let first = futures::stream::iter([Ok(Bytes::from_static(b"first"))]);
            Ok(response(200, &[], first.chain(futures::stream::pending()).boxed()))
        }
        ["big"] => Ok(response(200, &[], big(host))),
        ["broken"] => {
            let pieces = [Ok(Bytes::from_static(b"half")), Err(StreamError("the line went dead".to_owned()))];
            Ok(response(200, &[], futures::stream::iter(pieces).boxed()))
        }
        ["form"] => {
            let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\nContent-Type: text/html\r\n\r\nfile\r\n--x--\r\n";
            Ok(response(200, &[("content-type", "multipart/form-data; boundary=x")], text(body)))
        }
        _ => Err(SyscallError::developer(format!("fetch of {} failed: connection refused", request.url))),
    }
}

pub(super) async fn store(host: FakeHost, file: NewFile) -> Result<String, SyscallError> {
    let bytes = all_of(file.body).await?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
    let seen = format!("{:?} {:?} {:?} {} {text}", file.content_type, file.sha256, file.length, bytes.len());
    host.seen.lock().sent.push(seen);
    Ok("storage-id".to_owned())
}

pub(super) async fn open(id: String) -> Result<Option<StoredFile>, SyscallError> {
    let (length, body) = match id.as_str() {
        "small" => (5, text("hello")),
        "big" => ((PIECE * PIECES) as u64, big(FakeHost::default())),
        _ => return Ok(None),
    };
    Ok(Some(StoredFile { content_type: Some("text/plain".to_owned()), length, body }))
}
