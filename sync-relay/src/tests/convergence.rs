//! Random commits against several clients: every Transition must be the truth at its timestamp.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value as Json, json};

use super::{Client, Fake, Setup};

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// A query and what it must give.
fn random_query(rng: &mut SmallRng) -> (&'static str, Json) {
    let key = KEYS[rng.random_range(0..KEYS.len())];
    let ms = [0, 0, 1, 5, 40, 120][rng.random_range(0..6)];
    match rng.random_range(0..3) {
        0 => ("t:get", json!({"key": key, "ms": ms})),
        1 => ("t:parity", json!({"key": key, "ms": ms})),
        _ => {
            let from = rng.random_range(0..KEYS.len() - 1);
            let to = rng.random_range(from + 1..KEYS.len());
            ("t:sum", json!({"from": KEYS[from], "to": KEYS[to], "ms": ms}))
        }
    }
}

fn truth(fake: &Fake, function: &str, args: &Json, ts: u64) -> Json {
    let text = |name: &str| args[name].as_str().expect("text").to_owned();
    match function {
        "t:get" => fake.value_at(&text("key"), ts),
        "t:parity" => json!(fake.value_at(&text("key"), ts).as_i64().unwrap_or(0) % 2),
        _ => json!(fake.sum_at(&text("from"), &text("to"), ts)),
    }
}

/// Subscribes, unsubscribes and mutates at random; checks every Transition, up to one that covers all it did.
async fn live(fake: Arc<Fake>, mut client: Client, seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut queries: Vec<(u64, &'static str, Json)> = Vec::new();
    let mut next_request = 0;
    client.strict = true;
    client.hello(&format!("session {seed}")).await;
    for id in 0..40 {
        let (function, args) = random_query(&mut rng);
        let mut modifications =
            vec![json!({"type": "Add", "queryId": id, "udfPath": function, "args": [args.clone()]})];
        queries.push((id, function, args));
        if queries.len() > 5 {
            let (gone, ..) = queries.swap_remove(rng.random_range(0..queries.len()));
            modifications.push(json!({"type": "Remove", "queryId": gone}));
        }
        client.modify(modifications).await;
        for _ in 0..rng.random_range(0..4) {
            let args = json!({"key": KEYS[rng.random_range(0..KEYS.len())], "value": rng.random_range(0..5),
                "ms": rng.random_range(0..3), "after": rng.random_range(0..3)});
            client.mutation(next_request, "t:set", args).await;
            next_request += 1;
        }
        for _ in 0..rng.random_range(1..4) {
            client.soon().await;
            check(&fake, &client, &queries, id + 1);
        }
    }
    client.mutation(next_request, "t:set", json!({"key": "a", "value": 100})).await;
    let end = fake.set(&KEYS.map(|key| (key, 100)));
    client.strict = false;
    client.mutation(next_request + 1, "t:noop", json!({})).await;
    while client.ts() < end {
        client.transition().await;
        check(&fake, &client, &queries, 40);
    }
}

fn check(fake: &Fake, client: &Client, queries: &[(u64, &'static str, Json)], newest: u64) {
    let ts = client.ts();
    if client.version["querySet"] == newest {
        assert_eq!(client.results.len(), queries.len(), "every query is reported");
    }
    for (id, function, args) in queries {
        if let Some(result) = client.results.get(id) {
            assert_eq!(result["value"], truth(fake, function, args, ts), "{function} {args} at {ts}");
        }
    }
}

async fn run(seed: u64) {
    let setup = Setup::new(seed);
    run_with(seed, &setup.fake, async || setup.connect().await).await;
}

/// Random commits against four clients that `connect` makes.
pub(crate) async fn run_with(seed: u64, engine: &Arc<Fake>, connect: impl AsyncFn() -> Client) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let fake = Arc::clone(engine);
    let writer = tokio::spawn(async move {
        loop {
            if rng.random_bool(0.1) {
                fake.hold();
            }
            let rows: Vec<(&str, i64)> = (0..rng.random_range(1..3))
                .map(|_| (KEYS[rng.random_range(0..KEYS.len())], rng.random_range(0..5)))
                .collect();
            fake.set(&rows);
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..30))).await;
            if rng.random_bool(0.5) {
                fake.release();
            }
        }
    });
    let mut lives = Vec::new();
    for n in 0..4 {
        let client = connect().await;
        lives.push(tokio::spawn(live(Arc::clone(engine), client, seed * 10 + n)));
    }
    for life in lives {
        life.await.expect("all is as it should be");
    }
    writer.abort();
}

#[tokio::test(start_paused = true)]
async fn every_transition_is_the_truth_at_its_timestamp() {
    for seed in 0..12 {
        run(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn and_on_several_threads() {
    run(77).await;
}
