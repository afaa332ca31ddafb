use axum::body::to_bytes;
use http::StatusCode;
use serde_json::{Value as Json, json};

use super::*;

fn event(changes: Json) -> ApiGatewayV2httpRequest {
    let mut event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "", "headers": {},
        "isBase64Encoded": false,
        "requestContext": {
            "apiId": "a1", "stage": "$default", "domainName": "a1.execute-api.example",
            "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "x"},
            "requestId": "r", "routeKey": "$default", "time": "22/Nov/2026:03:04:05 +0000", "timeEpoch": 1,
        },
    });
    for (name, value) in changes.as_object().expect("an object") {
        event[name] = value.clone();
    }
    serde_json::from_value(event).expect("an event")
}

#[tokio::test]
async fn requests_are_what_they_were() {
    let event = event(json!({
        "rawPath": "/a b/50%/\u{e4}?x", "rawQueryString": "q=1%202&q=3", "cookies": ["a=1", "b=2"],
        "headers": {"content-type": "application/octet-stream"}, "body": "AP8=", "isBase64Encoded": true,
    }));
    let request = request_of(event).expect("a request");
    assert_eq!(request.uri(), "/a%20b/50%25/%C3%A4%3Fx?q=1%202&q=3");
    assert_eq!(request.method(), "POST");
    assert_eq!(request.headers()[COOKIE], "a=1; b=2");
    assert_eq!(request.headers()[FORWARDED_FOR], "192.0.2.7");
    assert_eq!(&to_bytes(request.into_body(), 10).await.expect("bytes")[..], b"\x00\xff");
}

#[test]
fn a_body_that_is_no_base64_is_refused() {
    let event = event(json!({"body": "*", "isBase64Encoded": true}));
    assert!(matches!(request_of(event), Err(EventError::Body(_))));
}

fn answer(headers: &[(&'static str, &'static str)], body: &[u8]) -> Json {
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::CREATED;
    for (name, value) in headers {
        response.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    serde_json::to_value(answer_of(response.into_parts().0, body.to_vec())).expect("JSON")
}

#[test]
fn responses_become_events() {
    let headers = [("vary", "a"), ("vary", "b"), ("set-cookie", "x=1"), ("set-cookie", "y=2"), ("content-length", "5")];
    let text = answer(&headers, b"hello");
    assert_eq!(
        (&text["statusCode"], &text["body"], &text["isBase64Encoded"]),
        (&json!(201), &json!("hello"), &json!(false))
    );
    assert_eq!((&text["headers"], &text["cookies"]), (&json!({"vary": "a, b"}), &json!(["x=1", "y=2"])));
    let binary = answer(&[], b"\x00\xff");
    assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
    let packed = answer(&[("content-encoding", "br")], b"abc");
    assert_eq!(packed["isBase64Encoded"], json!(true));
    assert_eq!(answer(&[], b"")["body"], Json::Null);
}

#[test]
fn text_that_json_makes_much_longer_goes_in_base64() {
    assert_eq!(answer(&[], &[7; 1000])["isBase64Encoded"], json!(true));
    assert_eq!(answer(&[], br#"{"a":[1,2,3,4,5]}"#)["isBase64Encoded"], json!(false));
}

#[test]
fn headers_that_an_event_cannot_have_are_left_out() {
    let mut response = http::Response::new(());
    let latin = HeaderValue::from_bytes(b"caf\xe9").expect("a value");
    response.headers_mut().append("x-latin", latin);
    response.headers_mut().append("x-plain", HeaderValue::from_static("yes"));
    let answer = serde_json::to_value(answer_of(response.into_parts().0, Vec::new())).expect("JSON");
    assert_eq!(answer["headers"], json!({"x-plain": "yes"}));
}
