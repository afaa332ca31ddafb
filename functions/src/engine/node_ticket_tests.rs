use std::time::Duration;

use lakewire_storage::env::Env;
use serde_json::json;

use super::{TICKET, Ticket, TicketError, TicketKey};
use crate::auth::{Identity, UserIdentity};
use crate::udf::{Call, Caller, FunctionPath, RequestId};

fn call() -> Call {
    let user = UserIdentity::from_attributes(&json!({"issuer": "https://i", "subject": "s", "plan": {"x": 1}}));
    let path = FunctionPath::parse("mail:send").expect("a path");
    let request_id = RequestId::from_client("id-1").expect("an id");
    let mut call = Call::new(path, "[]".into(), Identity::User(user.expect("attributes")), Caller::HttpApi, request_id);
    call.client.auth_token = Some("a.b.c".into());
    call
}

#[test]
fn a_ticket_is_the_call_and_nothing_can_be_read_in_it() {
    let (env, key) = (Env::deterministic(1), TicketKey::derive(&[7; 32]));
    let text = key.ticket(&env, &call(), "e1", Duration::from_secs(600));
    let Ok(Ticket { call: opened, execution }) = key.open_ticket(&env, &text) else { panic!("not opened") };
    assert_eq!((opened.path, opened.identity, &*execution), (call().path, call().identity, "e1"));
    assert_eq!((opened.client, opened.request_id), (call().client, call().request_id));
    assert!(!text.contains("mail") && !text.contains("a.b.c"));
}

#[test]
fn forged_tickets_are_refused() {
    let (env, key) = (Env::deterministic(1), TicketKey::derive(&[7; 32]));
    let text = key.ticket(&env, &call(), "e1", Duration::from_secs(600));
    for at in [0, text.len() / 2, text.len() - 1] {
        let mut other = text.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).expect("ASCII");
        assert_eq!(key.open_ticket(&env, &other).err(), Some(TicketError::Forged), "{at}");
    }
    assert_eq!(TicketKey::derive(&[8; 32]).open_ticket(&env, &text).err(), Some(TicketError::Forged));
    assert!(key.open::<serde_json::Value>(b"file", &text).is_none());
    assert!(key.open::<serde_json::Value>(TICKET, &text).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_ends_after_its_action() {
    let (env, key) = (Env::deterministic(1), TicketKey::derive(&[7; 32]));
    let text = key.ticket(&env, &call(), "e1", Duration::from_secs(10));
    env.sleep(Duration::from_secs(60)).await;
    assert!(key.open_ticket(&env, &text).is_ok());
    env.sleep(Duration::from_secs(15)).await;
    assert_eq!(key.open_ticket(&env, &text).err(), Some(TicketError::Expired));
}
