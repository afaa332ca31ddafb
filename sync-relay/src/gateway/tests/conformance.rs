//! What every [`Connections`] does, in memory and in DynamoDB.

use bytes::Bytes;
use lakewire_emulators::Dynoxide;
use lakewire_storage::aws;
use lakewire_storage::env::Env;
use lakewire_storage::log::create_table;

use crate::gateway::memory::MemoryConnections;
use crate::gateway::{Connections, DynamoDbConnections, Free, GRACE_MS, Left, MAX_BYTES, Mail, Released, Seen, Take};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn taken(state: &str, nudged: u64, spoke_ms: u64) -> Take {
    Take::Taken { state: bytes(state), mail: Mail { letters: Vec::new(), nudged }, spoke_ms }
}

async fn conforms(it: &dyn Connections) {
    assert_eq!(it.take("a", 1, 100, 200).await.unwrap(), Take::Gone);
    it.open("a", bytes("state 1"), 100).await.unwrap();
    it.open("b", bytes("of b"), 100).await.unwrap();

    // One holder at a time; to take it twice is harmless.
    assert_eq!(it.take("a", 1, 100, 200).await.unwrap(), taken("state 1", 0, 100));
    assert_eq!(it.take("a", 1, 100, 200).await.unwrap(), taken("state 1", 0, 100));
    assert_eq!(it.take("a", 2, 100, 200).await.unwrap(), Take::Held(1));
    assert_eq!(it.take("a", 2, 200 + GRACE_MS, 9).await.unwrap(), Take::Held(1));
    assert_eq!(it.take("a", 2, 201 + GRACE_MS, 9).await.unwrap(), Take::Abandoned);
    assert!(it.extend("a", 1, 300).await.unwrap() && !it.extend("a", 2, 400).await.unwrap());
    assert_eq!(it.take("a", 2, 300 + GRACE_MS, 9).await.unwrap(), Take::Held(1));

    // Letters are for the holder, in order.
    assert_eq!(it.leave("a", 2, bytes("no")).await.unwrap(), Left::Moved);
    assert_eq!(it.leave("b", 1, bytes("no")).await.unwrap(), Left::Moved);
    assert_eq!(it.leave("none", 1, bytes("no")).await.unwrap(), Left::Moved);
    assert_eq!(it.leave("a", 1, bytes("one")).await.unwrap(), Left::Done);
    assert_eq!(it.leave("a", 1, bytes("two")).await.unwrap(), Left::Done);
    assert_eq!(it.leave("a", 1, vec![7; MAX_BYTES + 20_000].into()).await.unwrap(), Left::Full);
    assert_eq!(it.nudge("a", 1, 7).await.unwrap(), Left::Done);
    assert_eq!(it.nudge("a", 2, 8).await.unwrap(), Left::Moved);
    let mail = Mail { letters: vec![bytes("one"), bytes("two")], nudged: 7 };
    assert_eq!(it.left("a", 1).await.unwrap(), Some(mail));
    assert_eq!(it.left("a", 2).await.unwrap(), None);

    // It is not released before all was seen.
    let free = |state, is_due| Free { state: bytes(state), spoke_ms: 150, is_due };
    for seen in [Seen::default(), Seen { letters: 1, nudged: 7 }, Seen { letters: 2, nudged: 0 }] {
        assert_eq!(it.release("a", 1, seen, free("wrong", false)).await.unwrap(), Released::Unseen);
    }
    let seen = Seen { letters: 2, nudged: 7 };
    assert_eq!(it.release("a", 2, seen, free("wrong", false)).await.unwrap(), Released::Lost);
    let ids = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let look = async || {
        let mut found = it.look(&ids).await.unwrap();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        found.swap_remove(0).1
    };
    let glance = look().await;
    assert_eq!((glance.held, glance.spoke_ms, glance.is_due), (Some((1, 300)), 100, false));
    assert_eq!(glance.state, "state 1");
    assert_eq!(it.release("a", 1, seen, free("state 2", true)).await.unwrap(), Released::Done);
    assert_eq!(it.release("a", 1, seen, free("state 2", true)).await.unwrap(), Released::Done);
    let glance = look().await;
    assert_eq!((glance.held, glance.spoke_ms, glance.is_due), (None, 150, true));
    assert_eq!(it.left("a", 1).await.unwrap(), None);
    assert_eq!(it.leave("a", 1, bytes("late")).await.unwrap(), Left::Moved);
    assert_eq!(it.nudge("a", 1, 9).await.unwrap(), Left::Moved);

    // The next one finds no letters.
    assert_eq!(it.take("a", 3, 400, 500).await.unwrap(), taken("state 2", 7, 150));
    assert_eq!(it.left("a", 3).await.unwrap(), Some(Mail { letters: Vec::new(), nudged: 7 }));
    assert_eq!(it.release("a", 1, seen, free("wrong", true)).await.unwrap(), Released::Lost);

    // What is handed over is there for the next one, but for what was seen.
    for letter in ["three", "four", "five"] {
        assert_eq!(it.leave("a", 3, bytes(letter)).await.unwrap(), Left::Done);
    }
    let seen = Seen { letters: 2, nudged: 7 };
    assert_eq!(it.hand_over("a", 2, seen, free("wrong", false)).await.unwrap(), Released::Lost);
    assert_eq!(it.hand_over("a", 3, seen, free("state 3", false)).await.unwrap(), Released::Done);
    assert_eq!(it.hand_over("a", 3, seen, free("state 3", false)).await.unwrap(), Released::Done);
    let mail = Mail { letters: vec![bytes("five")], nudged: 7 };
    let handed = Take::Taken { state: bytes("state 3"), mail, spoke_ms: 150 };
    assert_eq!(it.take("a", 4, 500, 600).await.unwrap(), handed);
    let none = Seen { letters: 0, nudged: 7 };
    assert_eq!(it.hand_over("a", 4, none, free("state 4", false)).await.unwrap(), Released::Done);
    assert!(matches!(it.take("a", 3, 600, 700).await.unwrap(), Take::Taken { .. }));

    // An item has room for so much.
    for left in [Left::Done, Left::Full] {
        assert_eq!(it.leave("a", 3, vec![7; 250_000].into()).await.unwrap(), left);
    }
    let mut listed = it.list().await.unwrap();
    listed.sort();
    assert_eq!(listed, ["a", "b"]);
    it.remove("a").await.unwrap();
    it.remove("a").await.unwrap();
    assert_eq!(it.list().await.unwrap(), ["b"]);
    assert_eq!(it.release("a", 3, seen, free("wrong", true)).await.unwrap(), Released::Lost);
    assert_eq!(it.take("a", 1, 100, 200).await.unwrap(), Take::Gone);
}

/// Many want one connection: each holds it once, alone.
async fn excludes(it: &dyn Connections) {
    it.open("busy", bytes("0"), 100).await.unwrap();
    let visit = async |holder: u64| {
        loop {
            let Take::Taken { state, .. } = it.take("busy", holder, 100, 200).await.unwrap() else {
                tokio::task::yield_now().await;
                continue;
            };
            let next: u64 = std::str::from_utf8(&state).unwrap().parse::<u64>().unwrap() + 1;
            let free = Free { state: bytes(&next.to_string()), spoke_ms: 0, is_due: false };
            assert_eq!(it.release("busy", holder, Seen::default(), free).await.unwrap(), Released::Done);
            return;
        }
    };
    futures::future::join_all((1..=12).map(visit)).await;
    let glance = it.look(&["busy".to_owned()]).await.unwrap();
    assert_eq!(glance[0].1.state, "12");
}

#[tokio::test]
async fn memory_conforms() {
    conforms(&MemoryConnections::default()).await;
    excludes(&MemoryConnections::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dynamodb_conforms() {
    let (emulator, env) = (Dynoxide::start(), Env::system());
    let config = aws::config_of(emulator.endpoint(), "id", "secret").await;
    let client = aws::dynamodb_client(&config);
    create_table(&client, "logs", &env).await.expect("the table");
    let of = |stream: &str| DynamoDbConnections::new(client.clone(), "logs".into(), stream.into(), env.clone());
    conforms(&of("one")).await;
    // Another deployment in the same table has nothing to do with it.
    assert!(of("two").list().await.unwrap().is_empty());
    conforms(&of("two")).await;
    excludes(&of("three")).await;
    // More than one request may ask for.
    let many = of("four");
    for n in 0..130 {
        many.open(&format!("connection {n}"), bytes("s"), 1).await.unwrap();
    }
    let ids = many.list().await.unwrap();
    assert_eq!((ids.len(), many.look(&ids).await.unwrap().len()), (130, 130));
}
