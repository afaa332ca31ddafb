use serde_json::{Value as Json, json};

use super::*;

const START: Progress = Progress { query_set: 0, identity: 0 };

fn message(at_ms: u64, body: &Json) -> Message {
    let (connection, id) = ("c".into(), format!("{at_ms} {body}").into());
    Message { connection, id, at_ms, text: body.to_string() }
}

fn connect(at_ms: u64) -> Message {
    message(at_ms, &json!({"type": "Connect", "sessionId": "s"}))
}

fn authenticate(at_ms: u64, base: u32) -> Message {
    message(at_ms, &json!({"type": "Authenticate", "tokenType": "None", "baseVersion": base}))
}

fn modify(at_ms: u64, base: u32) -> Message {
    message(at_ms, &json!({"type": "ModifyQuerySet", "baseVersion": base, "newVersion": base + 1, "modifications": []}))
}

fn mutation(at_ms: u64, id: u32) -> Message {
    message(at_ms, &json!({"type": "Mutation", "requestId": id, "udfPath": "a:b", "args": []}))
}

/// A pool in which the messages were put at `now_ms`, in that order.
fn pool(messages: &[Message], now_ms: u64) -> Pool {
    let mut pool = Pool::new(OrderRecord::default());
    messages.iter().for_each(|message| pool.add(message.clone(), now_ms));
    pool
}

#[test]
fn messages_of_one_millisecond_are_read_as_clients_send_them() {
    let (m, c, a, q) = (mutation(5, 0), connect(5), authenticate(5, 0), modify(5, 0));
    let mut pool = pool(&[m.clone(), q.clone(), a.clone(), c.clone(), q.clone()], 10);
    for wanted in [c, a, q, m] {
        assert_eq!(pool.next(START, 10), Next::Read(wanted));
    }
    assert_eq!(pool.next(START, 10), Next::Nothing);
}

#[test]
fn the_first_request_waits_for_an_identity() {
    let (c, q, a) = (connect(5), modify(6, 0), authenticate(5, 0));
    let mut pool = pool(&[c.clone(), q.clone()], 10);
    assert_eq!(pool.next(START, 10), Next::Read(c));
    assert_eq!(pool.next(START, 10), Next::Wait(10 + GATHER_MS));
    pool.add(a.clone(), 50);
    assert_eq!(pool.next(START, 50), Next::Read(a));
    assert_eq!(pool.next(START, 50), Next::Read(q));
}

#[test]
fn an_identity_that_comes_too_late_ends_the_connection() {
    let mut pool = pool(&[connect(5), modify(7, 0)], 10);
    assert!(matches!(pool.next(START, 10), Next::Read(_)));
    assert!(matches!(pool.next(START, 10 + GATHER_MS), Next::Read(_)));
    pool.add(authenticate(6, 0), 500);
    assert!(matches!(pool.next(START, 500), Next::Broken(_)));
}

#[test]
fn nothing_comes_before_connect_unless_it_never_comes() {
    let q = modify(5, 0);
    let mut pool = pool(std::slice::from_ref(&q), 10);
    assert_eq!(pool.next(START, 10), Next::Wait(10 + PATIENCE_MS));
    assert_eq!(pool.next(START, 10 + PATIENCE_MS), Next::Read(q));
}

#[test]
fn versions_wait_for_the_one_before_and_not_for_ever() {
    let (c, a, second, first) = (connect(1), authenticate(1, 0), modify(5, 1), modify(4, 0));
    let mut pool = pool(&[c, a, second.clone()], 10);
    assert!(matches!(pool.next(START, 10), Next::Read(_)));
    assert!(matches!(pool.next(START, 10), Next::Read(_)));
    assert_eq!(pool.next(START, 10), Next::Wait(10 + PATIENCE_MS));
    pool.add(first.clone(), 20);
    assert_eq!(pool.next(START, 20), Next::Read(first));
    assert_eq!(pool.next(Progress { query_set: 1, identity: 0 }, 20), Next::Read(second));
    pool.add(modify(6, 5), 30);
    assert_eq!(pool.next(Progress { query_set: 2, identity: 0 }, 30), Next::Wait(30 + PATIENCE_MS));
    assert!(matches!(pool.next(Progress { query_set: 2, identity: 0 }, 30 + PATIENCE_MS), Next::Broken(_)));
}

#[test]
fn requests_are_read_by_number_while_the_client_counts() {
    let read = |pool: &mut Pool, now| match pool.next(START, now) {
        Next::Read(message) => Some(message.at_ms),
        _ => None,
    };
    let mut pool = pool(&[connect(1), authenticate(1, 0), mutation(2, 7)], 10);
    assert_eq!([1, 1, 2].map(|_| read(&mut pool, 10)), [Some(1), Some(1), Some(2)]);
    pool.add(mutation(4, 9), 20);
    assert_eq!(read(&mut pool, 20), None);
    pool.add(mutation(3, 8), 30);
    assert_eq!([read(&mut pool, 30), read(&mut pool, 30)], [Some(3), Some(4)]);
    // It does not count: it is waited for once.
    pool.add(mutation(5, 20), 40);
    assert_eq!([read(&mut pool, 39 + REQUEST_PATIENCE_MS), read(&mut pool, 40 + REQUEST_PATIENCE_MS)], [None, Some(5)]);
    pool.add(mutation(6, 30), 7_000);
    assert_eq!(read(&mut pool, 7_000), Some(6));
    // What was remembered goes on in the next visit.
    let mut pool = Pool::new(pool.record().clone());
    pool.add(mutation(8, 40), 8_000);
    assert_eq!(read(&mut pool, 8_000), Some(8));
    // It counts after all, and one was late.
    pool.add(mutation(7, 39), 8_000);
    assert_eq!(read(&mut pool, 8_000), Some(7));
    pool.add(mutation(10, 42), 8_000);
    assert_eq!(read(&mut pool, 8_000), None);
    pool.add(mutation(9, 41), 8_000);
    assert_eq!([read(&mut pool, 8_000), read(&mut pool, 8_000)], [Some(9), Some(10)]);
}

#[test]
fn a_new_client_begins_with_its_first_request() {
    let connect = |count: u32| message(1, &json!({"type": "Connect", "sessionId": "s", "connectionCount": count}));
    let (first, second) = (mutation(2, 0), mutation(2, 1));
    let mut new = pool(&[connect(0), authenticate(1, 0), second.clone()], 10);
    assert!(matches!(new.next(START, 10), Next::Read(_)));
    assert!(matches!(new.next(START, 10), Next::Read(_)));
    assert_eq!(new.next(START, 1_000), Next::Wait(10 + REQUEST_PATIENCE_MS));
    new.add(first.clone(), 2_000);
    assert_eq!(new.next(START, 2_000), Next::Read(first));
    assert_eq!(new.next(START, 2_000), Next::Read(second.clone()));
    // One that comes back sends what was not answered.
    let mut old = pool(&[connect(1), authenticate(1, 0), second.clone()], 10);
    assert!(matches!(old.next(START, 10), Next::Read(_)));
    assert!(matches!(old.next(START, 10), Next::Read(_)));
    assert_eq!(old.next(START, 10), Next::Read(second));
}
