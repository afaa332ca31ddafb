use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::{presence, request, response};
use crate::engine::SiteResponse;
use crate::engine::tests::harness::App;
use crate::runtime::StreamError;

type Pieces = mpsc::Sender<Result<Bytes, StreamError>>;

/// A response of 200 with `headers`, whose body is what the sender sends.
fn of_action(headers: &[(&'static str, &'static str)], presence: presence::Presence) -> (Pieces, Response) {
    let (sender, receiver) = mpsc::channel(8);
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).collect();
    let answer = SiteResponse { status: StatusCode::OK, headers, body: Some(receiver) };
    (sender, response::of_action(answer, false, presence))
}

#[tokio::test]
async fn a_client_is_gone_if_it_leaves_before_the_end() {
    let (held, gone) = presence::pair();
    let (mut sender, answer) = of_action(&[], held);
    sender.try_send(Ok("a".into())).expect("room");
    let mut body = answer.into_body().into_data_stream();
    assert_eq!(body.next().await.expect("a piece").expect("bytes"), "a");
    drop(body);
    gone.now_or_never().expect("completes");

    let (held, gone) = presence::pair();
    let (mut sender, answer) = of_action(&[], held);
    sender.try_send(Ok("a".into())).expect("room");
    drop(sender);
    assert_eq!(to_bytes(answer.into_body(), 9).await.expect("a body"), "a");
    assert_eq!(gone.now_or_never(), None);
}

/// Who sends the response may stop reading when it has as much as was declared.
#[tokio::test]
async fn a_declared_length_ends_the_body() {
    let (held, gone) = presence::pair();
    let (mut sender, answer) = of_action(&[("content-length", "3")], held);
    sender.try_send(Ok("abc".into())).expect("room");
    let mut body = answer.into_body().into_data_stream();
    assert_eq!(body.next().await.expect("a piece").expect("bytes"), "abc");
    drop(body);
    assert_eq!(gone.now_or_never(), None);
    let (held, _gone) = presence::pair();
    let (_sender, answer) = of_action(&[("content-length", "many"), ("keep-alive", "timeout=9"), ("x", "y")], held);
    assert_eq!(answer.headers().keys().collect::<Vec<_>>(), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_bounded_and_tell_where_they_came_from() {
    let app = App::start_with(|_, limits| limits.http_action_request_size = 10).await;
    let read = |request: Request<Body>| request::read(&app.engine, request, futures::future::pending().boxed());
    let post = || Request::post("/a/b?c").header("host", "app.test:81");
    let refused = async |request| read(request).await.err().expect("refused").status().as_u16();
    assert_eq!(refused(post().header("content-length", "11").body(Body::empty()).expect("a request")).await, 413);
    assert_eq!(refused(Request::get("/").header("host", "a b").body(Body::empty()).expect("a request")).await, 400);
    assert_eq!(refused(post().method("TRACE").body(Body::empty()).expect("a request")).await, 405);

    let hostless = read(Request::get("/a?b").body(Body::empty()).expect("a request")).await.expect("fits").http;
    assert_eq!(hostless.url, "http://127.0.0.1:3211/a?b");
    let sent = post().header("x", HeaderValue::from_bytes(b"caf\xe9").expect("a value")).body(Body::from("ten bytes!"));
    let sent = read(sent.expect("a request")).await.expect("fits").http;
    assert_eq!((sent.url.as_str(), sent.path.as_str()), ("http://app.test:81/a/b?c", "/a/b"));
    assert!(sent.headers.contains(&("x".to_owned(), "caf\u{e9}".to_owned())));
    assert!(sent.body.expect("a body").all(|piece| async move { piece.is_ok() }).await);
    let pieces = futures::stream::iter(["six by", "more"].map(Ok::<_, std::io::Error>))
        .chain(futures::stream::once(async { Ok("!") }));
    let sent =
        read(post().body(Body::from_stream(pieces)).expect("a request")).await.expect("not known to be too large");
    let pieces: Vec<_> = sent.http.body.expect("a body").collect().await;
    assert_eq!(pieces.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);

    for (name, value, scheme) in [
        ("x-forwarded-proto", "HTTPS", "https"),
        ("x-forwarded-proto", "https, http", "https"),
        ("x-forwarded-proto", "gopher", "http"),
        ("forwarded", "for=1.2.3.4; Proto=\"https\", proto=http", "https"),
        ("forwarded", "for=1.2.3.4", "http"),
    ] {
        let sent = read(post().header(name, value).body(Body::empty()).expect("a request")).await.expect("fits").http;
        assert_eq!(sent.url, format!("{scheme}://app.test:81/a/b?c"), "{name}: {value}");
        assert!(sent.body.is_none());
    }
}
