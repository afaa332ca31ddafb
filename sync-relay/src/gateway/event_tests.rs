use serde_json::json;

use super::*;

fn parse(event: &serde_json::Value) -> Result<GatewayEvent, EventError> {
    GatewayEvent::parse(event.to_string().as_bytes())
}

fn context(route: &str) -> serde_json::Value {
    json!({
        "routeKey": route, "eventType": "X", "connectionId": "c=", "messageId": "m1", "requestId": "r", "stage": "s",
        "requestTimeEpoch": 1_790_000_000_123_u64, "connectedAt": 1, "domainName": "d",
        "identity": {"sourceIp": "10.0.0.1", "userAgent": "gateway's"},
    })
}

#[test]
fn a_client_connects_through_cloudfront() {
    let event = json!({
        "headers": {"X-Forwarded-For": "203.0.113.9, 10.0.0.1", "User-Agent": "a browser", "Host": "h"},
        "queryStringParameters": {"client": "1.48.0"},
        "requestContext": context("$connect"), "isBase64Encoded": false,
    });
    let Ok(GatewayEvent::Connect(handshake)) = parse(&event) else { panic!("it connects") };
    assert_eq!((&*handshake.connection, handshake.version.as_deref()), ("c=", Some("1.48.0")));
    assert_eq!((handshake.ip.as_deref(), handshake.user_agent.as_deref()), (Some("203.0.113.9"), Some("a browser")));
}

#[test]
fn a_client_connects_with_nothing_known() {
    let event = json!({"headers": null, "queryStringParameters": null, "requestContext": context("$connect")});
    let Ok(GatewayEvent::Connect(handshake)) = parse(&event) else { panic!("it connects") };
    assert_eq!((handshake.version, handshake.ip.as_deref()), (None, Some("10.0.0.1")));
}

#[test]
fn messages_are_text_or_base64() {
    for (body, is_base64) in [("{\"a\":\"\u{e9}\"}", false), ("eyJhIjoiw6kifQ==", true)] {
        let event = json!({"body": body, "isBase64Encoded": is_base64, "requestContext": context("$default")});
        let Ok(GatewayEvent::Message(message)) = parse(&event) else { panic!("a message") };
        assert_eq!((&*message.text, &*message.id, message.at_ms), ("{\"a\":\"\u{e9}\"}", "m1", 1_790_000_000_123));
    }
}

#[test]
fn orders_of_other_functions() {
    assert_eq!(parse(&json!({"lakewire": {"commits": {"through": 7}}})).unwrap(), GatewayEvent::Commits { through: 7 });
    assert_eq!(parse(&json!({"lakewire": {"tick": {}}})).unwrap(), GatewayEvent::Tick);
    assert!(matches!(parse(&json!({"lakewire": {"other": {}}})), Err(EventError::Json(_))));
    assert!(matches!(parse(&json!({"Records": []})), Err(EventError::Neither)));
    assert!(matches!(parse(&json!({"requestContext": context("other")})), Err(EventError::Route(_))));
    let event = json!({"body": "/w==", "isBase64Encoded": true, "requestContext": context("$default")});
    assert!(matches!(parse(&event), Err(EventError::Body)));
}
