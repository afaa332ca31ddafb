use super::{ClientMessage, MalformedMessage, Modification, Token};

#[test]
fn the_type_may_come_last_and_fields_may_be_unknown() {
    let text = r#"{"connectionCount":1,"lastCloseReason":null,"clientTs":1785000000123,"new":[{}],
        "sessionId":"6f1b0c3e-2d54-4c0e-9a77-0b5f2f4f8e21","maxObservedTimestamp":"6AMAAAAAAAA=","type":"Connect"}"#;
    let Ok(ClientMessage::Connect(connect)) = ClientMessage::parse(text) else { panic!("no Connect") };
    assert_eq!(&*connect.session_id, "6f1b0c3e-2d54-4c0e-9a77-0b5f2f4f8e21");
    assert_eq!(connect.client_ts, Some(1_785_000_000_123.0));
    assert_eq!(connect.max_observed_ts, Some(1000));
}

#[test]
fn session_ids_are_short() {
    for (id, is_fine) in [("", false), ("s", true), (&"x".repeat(64), true), (&"x".repeat(65), false)] {
        let text = format!(r#"{{"type":"Connect","sessionId":"{id}","connectionCount":0,"lastCloseReason":null}}"#);
        assert_eq!(ClientMessage::parse(&text).is_ok(), is_fine, "{id}");
    }
}

#[test]
fn modifications_keep_their_order_and_their_arguments() {
    let text = r#"{"type":"ModifyQuerySet","baseVersion":0,"newVersion":3,"modifications":[
        {"type":"Add","queryId":0,"udfPath":"a:b","args":[{"z":1,"a":{"$integer":"AgAAAAAAAAA="}}],"journal":null},
        {"type":"Remove","queryId":0}]}"#;
    let Ok(ClientMessage::ModifyQuerySet(change)) = ClientMessage::parse(text) else { panic!("no ModifyQuerySet") };
    let [Modification::Add(add), Modification::Remove(0)] = &change.modifications[..] else { panic!("{change:?}") };
    assert_eq!(&*add.args, r#"[{"z":1,"a":{"$integer":"AgAAAAAAAAA="}}]"#);
    assert_eq!(add.journal, None);
}

#[test]
fn an_unpaired_surrogate_in_arguments_is_not_the_messages_fault() {
    let text = r#"{"type":"Mutation","requestId":4,"udfPath":"a","args":[{"s":"\ud800"}]}"#;
    let Ok(ClientMessage::Mutation(request)) = ClientMessage::parse(text) else { panic!("no Mutation") };
    assert_eq!(&*request.args, r#"[{"s":"\ud800"}]"#);
}

#[test]
fn both_spellings_of_acting_as() {
    for name in ["impersonating", "acting_as"] {
        let text = format!(
            r#"{{"type":"Authenticate","tokenType":"Admin","baseVersion":2,"value":"k","{name}":{{"subject":"u"}}}}"#
        );
        let Ok(ClientMessage::Authenticate(message)) = ClientMessage::parse(&text) else { panic!("no Authenticate") };
        assert_eq!(message.base_version, 2);
        assert!(matches!(message.token, Token::Admin { acting_as: Some(_), .. }));
    }
}

#[test]
fn events_of_any_shape_are_accepted() {
    for event in ["7", "null", r#"[{"name":"webSocketOpen","startTime":12.5}]"#] {
        let text = format!(r#"{{"type":"Event","eventType":"SomethingNew","event":{event}}}"#);
        assert!(matches!(ClientMessage::parse(&text), Ok(ClientMessage::Event)));
    }
}

#[test]
fn what_breaks_the_protocol_is_named() {
    assert!(matches!(ClientMessage::parse("{"), Err(MalformedMessage::Json(_))));
    assert!(matches!(ClientMessage::parse(r#"{"type":"Hello"}"#), Err(MalformedMessage::UnknownType(_))));
    let missing = ClientMessage::parse(r#"{"type":"Mutation","requestId":1,"udfPath":"a"}"#);
    assert_eq!(missing.unwrap_err().to_string(), "`Mutation` message has no field `args`");
    let negative =
        ClientMessage::parse(r#"{"type":"ModifyQuerySet","baseVersion":-1,"newVersion":1,"modifications":[]}"#);
    assert!(matches!(negative, Err(MalformedMessage::Json(_))));
}
