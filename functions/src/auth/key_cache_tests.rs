use std::time::Duration;

use jsonwebtoken::Algorithm::{ES256, EdDSA, RS256};
use lakewire_storage::env::Env;

use super::{KEEP_AT_LEAST, KEEP_AT_MOST, KEEP_UNREACHABLE, KeyCache, PACE, PAUSE, Source};
use crate::auth::AuthError;
use crate::auth::testing::{ISSUER, TestIssuer, TestKey};

fn source() -> Source {
    Source::Discovery(ISSUER.to_owned())
}

fn down() -> Option<AuthError> {
    Some(AuthError::ProviderUnavailable("on purpose".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_new_key_of_the_provider_is_found_at_once() {
    let env = Env::deterministic(1);
    let (old, new) = (TestKey::new(ES256, "old"), TestKey::new(ES256, "new"));
    let issuer = TestIssuer::new(&env, &[&old]);
    let cache = KeyCache::new(env.clone(), issuer.clone());
    let has = async |kid| cache.key(&source(), Some(kid), ES256).await.is_ok();
    assert!(has("old").await && has("old").await);
    assert_eq!(issuer.asked(), 1);
    issuer.publish(&[&new]);
    assert!(has("old").await, "kept until somebody asks for another one");
    assert!(has("new").await && !has("old").await);
}

#[tokio::test(start_paused = true)]
async fn forged_key_ids_are_no_flood_of_requests() {
    let env = Env::deterministic(2);
    let key = TestKey::new(EdDSA, "k");
    let issuer = TestIssuer::new(&env, &[&key]);
    let cache = KeyCache::new(env.clone(), issuer.clone());
    let forge = |n: usize| {
        let cache = &cache;
        async move {
            let kid = format!("forged{n}");
            let error = cache.key(&source(), Some(&kid), EdDSA).await.unwrap_err();
            assert_eq!(error.code(), "InvalidAuthHeader");
        }
    };
    futures::future::join_all((0..1000).map(forge)).await;
    assert!(issuer.asked() <= 2, "those who wait share the answer");
    let began = env.monotonic_ns();
    for n in 0..2000 {
        forge(n).await;
        env.sleep(Duration::from_millis(50)).await;
        assert!(cache.key(&source(), Some("k"), EdDSA).await.is_ok());
    }
    let seconds = (env.monotonic_ns() - began) / 1_000_000_000;
    assert!(issuer.asked() as u64 <= seconds / PACE.as_secs() + 5, "{} in {seconds} s", issuer.asked());
}

#[tokio::test(start_paused = true)]
async fn keys_hold_while_the_provider_is_down() {
    let env = Env::deterministic(3);
    let key = TestKey::new(RS256, "k");
    let issuer = TestIssuer::new(&env, &[&key]);
    let cache = KeyCache::new(env.clone(), issuer.clone());
    let get = async || cache.key(&source(), Some("k"), RS256).await;
    issuer.fail(down());
    assert!(get().await.unwrap_err().is_transient());
    env.sleep(PACE).await;
    issuer.fail(None);
    assert!(get().await.is_ok());
    issuer.fail(down());
    env.sleep(KEEP_AT_MOST).await;
    let asked = issuer.asked();
    // One attempt, and then a pause.
    assert!(get().await.is_ok() && get().await.is_ok());
    assert_eq!(issuer.asked(), asked + 1);
    let unknown = cache.key(&source(), Some("new"), RS256).await.unwrap_err();
    assert!(unknown.is_transient(), "it may be a key that the provider has by now");
    // Neither does a provider that answers no more hold up those whose keys are known for long.
    env.sleep(PAUSE).await;
    issuer.be_slow(Duration::from_secs(100_000));
    let began = env.monotonic_ns();
    assert!(get().await.is_ok());
    assert!(env.monotonic_ns() - began <= 10_000_000_000);
    env.sleep(KEEP_UNREACHABLE).await;
    assert!(get().await.unwrap_err().is_transient());
    issuer.be_slow(Duration::ZERO);
    issuer.fail(None);
    env.sleep(PACE).await;
    assert!(get().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_within_bounds_how_long_keys_are_kept() {
    let env = Env::deterministic(4);
    let key = TestKey::new(ES256, "k");
    for (said, kept) in [
        (Duration::ZERO, KEEP_AT_LEAST),
        (Duration::from_secs(900), Duration::from_secs(900)),
        (Duration::from_secs(1 << 40), KEEP_AT_MOST),
    ] {
        let issuer = TestIssuer::new(&env, &[&key]);
        issuer.keep_for(said);
        let cache = KeyCache::new(env.clone(), issuer.clone());
        let get = async || assert!(cache.key(&source(), Some("k"), ES256).await.is_ok());
        get().await;
        env.sleep(kept - Duration::from_secs(1)).await;
        get().await;
        assert_eq!(issuer.asked(), 1);
        // What the provider has withdrawn is not good for longer.
        issuer.publish(&[]);
        env.sleep(Duration::from_secs(2)).await;
        assert!(cache.key(&source(), Some("k"), ES256).await.is_err());
        assert_eq!(issuer.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn documents_that_are_not_the_providers() {
    let env = Env::deterministic(5);
    let key = TestKey::new(ES256, "k");
    let issuer = TestIssuer::new(&env, &[&key]);
    let cache = KeyCache::new(env.clone(), issuer.clone());
    issuer.claim_to_be("https://other.test");
    let error = cache.key(&source(), Some("k"), ES256).await.unwrap_err();
    assert!(error.to_string().contains("https://other.test"), "{error}");
    issuer.claim_to_be("id.test/");
    assert!(cache.key(&source(), Some("k"), ES256).await.is_ok(), "the same issuer, written otherwise");
    issuer.declare("text/html; charset=utf-8");
    let page = Source::Keys("https://pages.test/jwks".to_owned());
    let error = cache.key(&page, Some("k"), ES256).await.unwrap_err();
    assert!(error.to_string().contains("text/html"), "{error}");
    issuer.declare("application/jwk-set+json; charset=\"UTF-8\"");
    assert!(cache.key(&page, Some("k"), ES256).await.is_ok());
    let unsafe_url = Source::Keys("http://pages.test/jwks".to_owned());
    assert_eq!(cache.key(&unsafe_url, Some("k"), ES256).await.unwrap_err().code(), "InvalidAuthHeader");
}
