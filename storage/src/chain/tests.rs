use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde_json::{Value, json};

use super::{Chain, Publication};
use crate::env::Env;
use crate::timeline::{Faults, UnsteadyStore};

const ROUGH: Faults = Faults {
    delay: Duration::from_millis(30),
    stalls: 30,
    stall: Duration::from_secs(20),
    lost_requests: 20,
    lost_answers: 20,
    late_puts: 20,
    lateness: Duration::from_secs(10),
};

fn chain(store: &Arc<dyn ObjectStore>, env: &Env, faults: Faults) -> Chain {
    let store = UnsteadyStore { inner: store.clone(), env: env.clone(), faults };
    Chain::new(Arc::new(store), Path::from("chain"), env.clone())
}

fn version(env: &Env, tokens: &[Value]) -> Bytes {
    let nonce = hex::encode(env.random_bytes::<8>());
    Bytes::from(json!({ "published_ns": env.now_ns(), "nonce": nonce, "tokens": tokens }).to_string())
}

fn tokens(bytes: &[u8]) -> Vec<Value> {
    serde_json::from_slice::<Value>(bytes).expect("json")["tokens"].as_array().expect("an array").clone()
}

/// Adds `token` to the list, exactly once, whatever the store does.
async fn add(chain: &Chain, env: &Env, token: Value) {
    loop {
        let Ok(newest) = chain.latest().await else { continue };
        let (number, mut list) = newest.map_or((0, Vec::new()), |(number, bytes)| (number, tokens(&bytes)));
        if list.contains(&token) {
            return;
        }
        list.push(token.clone());
        match chain.publish(number + 1, version(env, &list)).await {
            Ok(Publication::Published) => return,
            Ok(Publication::Conflict) | Err(_) => {}
        }
    }
}

/// Racing publishers and trimmers on a rough store: no update is lost, none is there twice.
#[tokio::test(start_paused = true)]
async fn no_publication_is_lost() {
    let mut trimmed_meanwhile = 0;
    for seed in 0..40 {
        let env = Env::deterministic(seed);
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let publisher = |who: u64| {
            let (chain, env) = (chain(&store, &env, ROUGH), env.clone());
            async move {
                for n in 0..15 {
                    add(&chain, &env, json!([who, n])).await;
                }
            }
        };
        let trimmer = || {
            let (chain, env) = (chain(&store, &env, ROUGH), env.clone());
            async move {
                loop {
                    if let Ok(Some((newest, _))) = chain.latest().await {
                        let _maybe = chain.trim(newest, 3, Duration::from_secs(15)).await;
                    }
                    env.sleep(Duration::from_millis(env.random_u64() % 2000)).await;
                }
            }
        };
        let trimmers = [env.spawn("trim", trimmer()), env.spawn("trim", trimmer())];
        futures::future::join_all((0..4).map(publisher)).await;
        trimmers.iter().for_each(|trimmer| trimmer.abort());

        let calm = chain(&store, &env, Faults::default());
        let (newest, bytes) = calm.latest().await.expect("a calm store").expect("a version");
        let list = tokens(&bytes);
        for who in 0..4 {
            let of_one: Vec<_> = list.iter().filter(|token| token[0] == who).map(|token| token[1].clone()).collect();
            assert_eq!(of_one, (0..15).map(Value::from).collect::<Vec<_>>(), "seed {seed}, version {newest}");
        }
        assert!(calm.get(newest - 1).await.expect("a calm store").is_some(), "the last versions stay");
        // Not every race lasts until its first versions are old enough, but most do.
        trimmed_meanwhile += u32::from(calm.number("first").await.expect("a calm store").is_some());
        env.sleep(Duration::from_secs(60)).await;
        calm.trim(newest, 3, Duration::from_secs(15)).await.expect("a calm store");
        assert!(calm.get(newest - 3).await.expect("a calm store").is_none(), "the others go");
        let (after, list_after) = calm.latest().await.expect("a calm store").expect("a version");
        assert_eq!((after, tokens(&list_after)), (newest, list));
    }
    assert!(trimmed_meanwhile >= 20, "{trimmed_meanwhile} of 40 races with trimming");
}

#[tokio::test(start_paused = true)]
async fn hints_are_only_hints() {
    let env = Env::deterministic(1);
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let chain = chain(&store, &env, Faults::default());
    assert_eq!(chain.latest().await.expect("a read"), None);
    for number in 1..=20 {
        assert_eq!(chain.publish(number, version(&env, &[])).await.expect("a put"), Publication::Published);
    }
    assert_eq!(chain.publish(20, version(&env, &[])).await.expect("a put"), Publication::Conflict);
    env.sleep(Duration::from_secs(1)).await;
    assert_eq!(chain.trim(20, 5, Duration::ZERO).await.expect("a trim"), 15);
    let hint = async |text: &'static str| {
        store.put(&Path::from("chain/latest"), PutPayload::from(text)).await.expect("a put");
        chain.latest().await.expect("a read").expect("a version").0
    };
    assert_eq!(hint("3").await, 20, "trimmed");
    assert_eq!(hint("17").await, 20, "stale");
    assert_eq!(hint("99").await, 20, "never there");
    assert_eq!(hint("nonsense").await, 20);
    store.delete(&Path::from("chain/latest")).await.expect("a delete");
    assert_eq!(chain.latest().await.expect("a read").expect("a version").0, 20);
    assert_eq!(chain.later_than(20).await.expect("a read"), None);
    assert_eq!(chain.later_than(17).await.expect("a read").expect("a version").0, 20);
    assert_eq!(chain.later_than(2).await.expect("a read").expect("a version").0, 20, "what was known is trimmed");
    // A publisher that slept through all of this.
    assert!(chain.publish(4, version(&env, &[])).await.expect_err("too late").is_undecided());
    assert_eq!(chain.latest().await.expect("a read").expect("a version").0, 20);

    chain.close().await.expect("closed");
    assert!(chain.publish(21, version(&env, &[])).await.is_err());
    assert!(chain.latest().await.is_err());
}
