use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::resolver::Lookup;
use super::*;
use crate::runtime::{FetchBody, FetchRequest};

fn request(url: impl Into<String>) -> FetchRequest {
    FetchRequest { method: "GET".to_owned(), url: url.into(), headers: Vec::new(), body: None }
}

#[test]
fn only_public_addresses_are_permitted() {
    let policy = EgressPolicy::default();
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.0.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "3fff::1",
    ] {
        assert!(!policy.permits("host", address.parse().unwrap()), "{address}");
    }
    for address in
        ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
    {
        assert!(policy.permits("host", address.parse().unwrap()), "{address}");
    }
}

#[test]
fn operators_allow_hosts_and_ranges() {
    let allowed = ["db.internal", "10.1.0.0/16", "::1", "[fd00::1]"].map(|text| text.parse().unwrap());
    let policy = EgressPolicy { loopback: false, allowed: allowed.into() };
    let permits = |host: &str, address: &str| policy.permits(host, address.parse::<IpAddr>().unwrap());
    assert!(permits("DB.internal.", "192.168.0.1") && permits("x", "10.1.2.3") && permits("x", "::ffff:10.1.2.3"));
    assert!(permits("x", "::1") && permits("x", "fd00::1"));
    assert!(!permits("db.internal.evil.com", "192.168.0.1") && !permits("x", "10.2.0.1") && !permits("x", "127.0.0.1"));
    for bad in ["", "a b", "http://x", "10.0.0.0/99", "x:80"] {
        assert!(bad.parse::<Allowed>().is_err(), "{bad}");
    }
    for bad in ["x", "=http://y", "x=y", "x=ftp://y"] {
        assert!(bad.parse::<Override>().is_err(), "{bad}");
    }
}

/// Answers the first request of every connection with `response` and keeps what came.
async fn server(response: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = seen.clone();
    #[expect(clippy::disallowed_methods, reason = "a test server")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            while !text.ends_with(b"\r\n\r\n") && !text.ends_with(b"0\r\n\r\n") {
                match stream.read(&mut buffer).await {
                    Ok(n) if n > 0 => text.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            requests.lock().push(String::from_utf8_lossy(&text).into_owned());
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    (address, seen)
}

async fn failure(client: &FetchClient, url: &str) -> String {
    match client.fetch(request(url)).await {
        Ok(response) => panic!("{url} answered {}", response.status),
        Err(error) => error.message,
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: \u{e9}\r\nConnection: close\r\n\r\nhi";

#[tokio::test]
async fn addresses_are_refused_before_anything_is_sent() {
    let (address, seen) = server(OK).await;
    let port = address.port();
    let client = FetchClient::new(FetchOptions::default()).unwrap();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let message = failure(&client, &url).await;
        assert!(message.starts_with(&format!("fetch of {url} failed: ")), "{message}");
        assert!(message.contains("egress policy") && message.contains("--allow-fetch"), "{message}");
    }
    assert!(seen.lock().is_empty());
}

/// A name server whose first answer is harmless and whose later ones are not.
struct Rebinding {
    asked: Mutex<usize>,
}

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        let mut asked = self.asked.lock();
        *asked += 1;
        let address = if *asked == 1 { "1.1.1.1:0" } else { "127.0.0.1:0" };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_of_no_use() {
    let (address, seen) = server(OK).await;
    let lookup = Arc::new(Rebinding { asked: Mutex::new(1) });
    let client = FetchClient::with_lookup(FetchOptions::default(), lookup.clone()).unwrap();
    let url = format!("http://rebind.example:{}/", address.port());
    // What was permitted a moment ago (the first answer) does not count: the answer that would be connected to does.
    let message = failure(&client, &url).await;
    assert!(message.contains("rebind.example is at an address that functions may not reach: 127.0.0.1"), "{message}");
    assert_eq!(*lookup.asked.lock(), 2, "looked up once, by the one who connects");
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn requests_arrive_and_answers_come_back() {
    let (address, seen) = server(OK).await;
    let policy = EgressPolicy { loopback: true, allowed: Vec::new() };
    let client = FetchClient::new(FetchOptions { policy, overrides: Vec::new() }).unwrap();
    let mut sent = request(format!("http://{address}/a?b"));
    sent.method = "POST".to_owned();
    sent.headers = vec![("x-b".into(), "\u{fc}".into()), ("content-length".into(), "999".into())];
    let pieces = ["one", "two"].map(|piece| Ok(piece.into()));
    sent.body = Some(FetchBody::Stream(futures::stream::iter(pieces).boxed()));
    let mut response = client.fetch(sent).await.unwrap();
    assert_eq!(response.status, 200);
    // The server sent the two bytes of UTF-8, which are two characters of Latin-1.
    assert!(response.headers.contains(&("x-a".to_owned(), "\u{c3}\u{a9}".to_owned())));
    assert_eq!(response.body.next().await.unwrap().unwrap(), "hi");
    assert!(response.body.next().await.is_none());
    let text = seen.lock()[0].clone();
    assert!(text.starts_with("POST /a?b HTTP/1.1\r\n") && text.contains("user-agent: Convex/1.0\r\n"), "{text}");
    assert!(text.contains("transfer-encoding: chunked") && !text.contains("content-length"), "{text}");
    assert!(text.ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_an_error() {
    let (address, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhi").await;
    let policy = EgressPolicy { loopback: true, allowed: Vec::new() };
    let client = FetchClient::new(FetchOptions { policy, overrides: Vec::new() }).unwrap();
    let response = client.fetch(request(format!("http://{address}/"))).await.unwrap();
    let pieces: Vec<_> = response.body.collect().await;
    assert!(pieces.last().unwrap().is_err());
}

#[tokio::test]
async fn overridden_hosts_are_elsewhere() {
    let (address, seen) = server(OK).await;
    let over = format!("api.twilio.com=http://{address}").parse().unwrap();
    let options = FetchOptions { policy: EgressPolicy::default(), overrides: vec![over] };
    let client = FetchClient::new(options).unwrap();
    assert_eq!(client.fetch(request("https://api.twilio.com/v1?x=1")).await.unwrap().status, 200);
    let text = seen.lock()[0].clone();
    assert!(text.starts_with("GET /v1?x=1 HTTP/1.1\r\n") && text.contains("host: api.twilio.com\r\n"), "{text}");
}
