//! HTTP and WebSocket APIs in front of functions for Node.js.

#![allow(clippy::disallowed_methods, reason = "tests are in the real world")]

mod support;

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use hyper::{Method, StatusCode};
use lakewire_emulators::Lambda;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::support::Http;

/// Defines a function for Node.js with this source, and an API in front of it; gives what the API says of itself.
async fn start(lambda: &Lambda, http: &Http, source: &str, api: Value) -> (TempDir, Value) {
    let folder = tempfile::tempdir().expect("make a folder");
    std::fs::write(folder.path().join("index.mjs"), source).expect("write the source");
    let definition = json!({"node": folder.path(), "timeoutMs": 20_000});
    http.control(Method::PUT, &format!("{}/functions/f", lambda.endpoint()), &definition).await;
    let url = http.control(Method::PUT, &format!("{}/apis/a1b2", lambda.endpoint()), &api).await;
    (folder, url)
}

const ECHO: &str = "
export async function handler(event) {
  if (event.rawPath === '/fail') throw new Error('no');
  if (event.rawPath === '/slow') await new Promise((resolve) => setTimeout(resolve, 10_000));
  if (event.rawPath === '/plain') return { hello: 'you' };
  if (event.rawPath === '/binary') {
    const body = Buffer.from(event.body, 'base64').reverse().toString('base64');
    return { statusCode: 201, body, isBase64Encoded: true, cookies: ['a=1; Secure', 'b=2'], headers: { 'X-Own': 5 } };
  }
  return { statusCode: 200, body: JSON.stringify(event) };
}
";

#[tokio::test]
async fn a_request_becomes_an_event() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let (_folder, api) = start(&lambda, &http, ECHO, json!({"function": "f", "kind": "http"})).await;
    let url = api["url"].as_str().expect("a URL");
    let headers = [
        ("x-a", "1"),
        ("x-a", "2"),
        ("cookie", "k=v; l=w"),
        ("content-type", "application/json"),
        ("user-agent", "me"),
    ];
    let path = "/a%20b/c%2Fd?x=1&x=%202&y";
    let answer = http.send(Method::POST, &format!("{url}{path}"), &headers, "{\"n\":1}").await;
    let event = answer.json();
    assert_eq!(event["version"], "2.0");
    assert_eq!(
        (&event["routeKey"], &event["rawPath"]),
        (&json!("$default"), &json!("/a b/c/d")),
        "the path is decoded"
    );
    assert_eq!(event["rawQueryString"], "x=1&x=%202&y");
    assert_eq!(event["queryStringParameters"], json!({"x": "1, 2", "y": ""}));
    assert_eq!(event["cookies"], json!(["k=v", "l=w"]));
    assert_eq!((&event["headers"]["x-a"], &event["headers"]["cookie"]), (&json!("1,2"), &Value::Null));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{\"n\":1}"), &json!(false)));
    let context = &event["requestContext"];
    assert_eq!((&context["apiId"], &context["stage"]), (&json!("a1b2"), &json!("$default")));
    assert_eq!(context["http"]["method"], "POST");
    assert_eq!(context["http"]["userAgent"], "me");
    assert_eq!(context["requestId"], answer.header("apigw-requestid"));
    assert_eq!(format!("http://{}", context["domainName"].as_str().expect("a text")), url);
    assert_eq!(answer.header("content-type"), "text/plain;charset=UTF-8");
    // What no one would expect: a form is binary to an HTTP API, and so is what has no type.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(http.send(Method::POST, url, &form, "a=1").await.json()["body"], "YT0x");
    assert_eq!(http.send(Method::POST, url, &[], "a=1").await.json()["isBase64Encoded"], true);
    assert_eq!(http.get(&format!("{url}/x%3Fy")).await.json()["rawPath"], "/x");
}

#[tokio::test]
async fn an_answer_becomes_a_response() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let (_folder, api) = start(&lambda, &http, ECHO, json!({"function": "f", "kind": "http", "timeoutMs": 2000})).await;
    let url = api["url"].as_str().expect("a URL");
    let answer = http.send(Method::PUT, &format!("{url}/binary"), &[], vec![0, 255, 1]).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::CREATED, &[1, 255, 0][..]));
    assert_eq!(answer.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1; Secure", "b=2"]);
    assert_eq!(answer.header("x-own"), "5");
    let plain = http.get(&format!("{url}/plain")).await;
    assert_eq!((plain.json(), plain.header("content-type")), (json!({"hello": "you"}), "application/json"));
    let failed = http.get(&format!("{url}/fail")).await;
    assert_eq!((failed.status.as_u16(), failed.json()), (500, json!({"message": "Internal Server Error"})));
    let late = http.get(&format!("{url}/slow")).await;
    assert_eq!((late.status.as_u16(), late.json()), (503, json!({"message": "Service Unavailable"})));
    let (small, large) = (vec![b'x'; 5 << 20], vec![b'x'; (10 << 20) + 1]);
    for (body, what) in [(small, "as base64 it is more than Lambda takes"), (large, "it is more than the API takes")] {
        let refused = http.send(Method::POST, url, &[], body).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{what}");
    }
    let stage = json!({"function": "f", "kind": "http", "stage": "dev"});
    let staged = http.control(Method::PUT, &format!("{}/apis/other", lambda.endpoint()), &stage).await;
    let staged = staged["url"].as_str().expect("a URL");
    assert_eq!(http.get(&format!("{staged}/x")).await.json()["rawPath"], "/dev/x");
    let apis = http.get(&format!("{}/stats", lambda.endpoint())).await.json()["apis"].clone();
    assert_eq!((&apis["other"]["requests"], &apis["other"]["requestUnits"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&apis["a1b2"]["requests"], &apis["a1b2"]["requestUnits"]),
        (&json!(5), &json!(5 + 9)),
        "5 MB are 10 units"
    );
}

/// Tells a file of all events; answers as the text of a message wants.
const SOCKETS: &str = "
import { appendFileSync } from 'node:fs';
export async function handler(event) {
  const { routeKey, connectionId } = event.requestContext;
  appendFileSync('events', JSON.stringify(event) + '\\n');
  if (routeKey === '$connect') {
    const refused = event.queryStringParameters?.token !== 'good';
    return { statusCode: refused ? 401 : 200, headers: { 'Sec-WebSocket-Protocol': 'own' } };
  }
  if (event.body === 'fail') throw new Error('no');
  return { statusCode: 200, body: `${connectionId} said ${event.body}` };
}
";

fn events(folder: &TempDir) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join("events")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Waits for the event of the end of a connection.
async fn disconnected(folder: &TempDir) -> Value {
    for _ in 0..500 {
        let found = events(folder).into_iter().find(|event| event["requestContext"]["eventType"] == "DISCONNECT");
        if let Some(event) = found {
            return event["requestContext"].clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no event: {:?}", events(folder));
}

fn text(message: Option<Result<Message, Error>>) -> String {
    message.expect("a message").expect("no error").into_text().expect("a text").to_string()
}

#[tokio::test]
async fn messages_become_events_and_functions_send() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let api = json!({"function": "f", "kind": "websocket", "routeResponse": true});
    let (folder, api) = start(&lambda, &http, SOCKETS, api).await;
    let (url, endpoint) = (api["url"].as_str().expect("a URL"), api["endpoint"].as_str().expect("a URL"));
    match tokio_tungstenite::connect_async(url).await {
        Err(Error::Http(refused)) => assert_eq!(refused.status(), 401),
        other => panic!("{other:?}"),
    }
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("{url}?token=good")).await.expect("a connection");
    socket.send(Message::text("hello")).await.expect("it is open");
    let said = text(socket.next().await);
    let id = said.strip_suffix(" said hello").expect("the answer of the function").to_owned();
    let seen = events(&folder);
    assert_eq!(seen[1]["requestContext"]["connectionId"], id);
    assert_eq!(seen[1]["requestContext"]["routeKey"], "$connect");
    assert_eq!(seen[2]["requestContext"]["eventType"], "MESSAGE");
    socket.send(Message::text("fail")).await.expect("it is open");
    let failed: Value = serde_json::from_str(&text(socket.next().await)).expect("JSON");
    assert_eq!((&failed["message"], &failed["connectionId"]), (&json!("Internal server error"), &json!(id)));

    let connection = format!("{endpoint}/@connections/{}", utf8_percent_encode(&id, NON_ALPHANUMERIC));
    assert_eq!(http.send(Method::POST, &connection, &[], "pushed").await.status, StatusCode::OK);
    assert_eq!(text(socket.next().await), "pushed");
    let large = http.send(Method::POST, &connection, &[], vec![b'x'; (128 << 10) + 1]).await;
    assert_eq!(large.header("x-amzn-errortype"), "PayloadTooLargeException");
    assert!(http.get(&connection).await.json()["connectedAt"].is_string());
    assert_eq!(http.send(Method::DELETE, &connection, &[], "").await.status, StatusCode::NO_CONTENT);
    let gone = http.send(Method::POST, &connection, &[], "late").await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (StatusCode::GONE, "GoneException"));
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(Some(_))))));
    assert_eq!(disconnected(&folder).await["connectionId"], id);
    let stats = http.get(&format!("{}/stats", lambda.endpoint())).await.json()["apis"]["a1b2"].clone();
    assert_eq!((&stats["connections"], &stats["messages"]), (&json!(1), &json!(5)));
}

#[tokio::test]
async fn connections_have_limits() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let api = json!({"function": "f", "kind": "websocket", "idleMs": 300});
    let (folder, api) = start(&lambda, &http, SOCKETS, api).await;
    let url = format!("{}?token=good", api["url"].as_str().expect("a URL"));
    let connect = async || tokio_tungstenite::connect_async(&url).await.expect("a connection").0;
    let code = |message| match message {
        Some(Ok(Message::Close(Some(frame)))) => u16::from(frame.code),
        other => panic!("{other:?}"),
    };
    let mut idle = connect().await;
    assert_eq!(code(idle.next().await), 1001);
    assert_eq!(disconnected(&folder).await["disconnectStatusCode"], 1001);
    let mut large = connect().await;
    large.send(Message::text("x".repeat((32 << 10) + 1))).await.expect("it is open");
    assert_eq!(code(large.next().await), 1009);
    let mut binary = connect().await;
    binary.send(Message::binary(vec![1])).await.expect("it is open");
    assert_eq!(code(binary.next().await), 1003);
}

#[tokio::test]
async fn a_module_that_does_not_load_fails_the_initialization() {
    let (lambda, http) = (Lambda::start(), Http::new());
    let (_folder, _) =
        start(&lambda, &http, "throw new TypeError('at the top')", json!({"function": "f", "kind": "http"})).await;
    let failed = http.invoke(lambda.endpoint(), "f", &json!({})).await.json();
    assert_eq!((&failed["errorType"], &failed["errorMessage"]), (&json!("TypeError"), &json!("at the top")));
}
