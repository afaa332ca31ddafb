use std::sync::Arc;

use jsonwebtoken::Algorithm::{self, ES256, EdDSA, HS256, RS256};
use jsonwebtoken::EncodingKey;
use lakewire_storage::env::Env;
use serde_json::{Value as Json, json};

use super::{TokenVerifier, VerifiedUser};
use crate::auth::AuthError;
use crate::auth::testing::{ISSUER, TestIssuer, TestKey};
use crate::model::AuthProvider;
use crate::model::auth::parse;

struct World {
    env: Env,
    key: TestKey,
    verifier: TokenVerifier,
    issuer: Arc<TestIssuer>,
    providers: Vec<AuthProvider>,
}

impl World {
    fn new(alg: Algorithm, provider: Json) -> Self {
        let env = Env::deterministic(7);
        let key = TestKey::new(alg, "k1");
        let issuer = TestIssuer::new(&env, &[&key]);
        let verifier = TokenVerifier::with_download(env.clone(), issuer.clone());
        let providers = parse(&json!({"providers": [provider]})).unwrap();
        Self { env, key, verifier, issuer, providers }
    }

    fn oidc(alg: Algorithm) -> Self {
        Self::new(alg, json!({"domain": "id.test", "applicationID": "app"}))
    }

    fn custom(alg: Algorithm) -> Self {
        let keys = format!("{ISSUER}/keys");
        let provider = json!({"type": "customJwt", "issuer": ISSUER, "jwks": keys, "algorithm": format!("{alg:?}")});
        Self::new(alg, provider)
    }

    fn now(&self) -> i64 {
        (self.env.now_ns() / 1_000_000_000) as i64
    }

    /// Claims of a good token, with some of them replaced; null takes one away.
    fn claims(&self, changes: Json) -> Json {
        let mut claims = json!({"iss": ISSUER, "sub": "u1", "aud": "app", "iat": self.now(), "exp": self.now() + 60});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims = claims.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        Json::Object(claims.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    async fn verify(&self, token: &str) -> Result<VerifiedUser, AuthError> {
        self.verifier.verify(&self.providers, token, true).await
    }

    async fn with(&self, changes: Json) -> Result<VerifiedUser, AuthError> {
        self.verify(&self.key.sign(&self.claims(changes))).await
    }

    async fn user(&self, changes: Json) -> Json {
        serde_json::from_str(self.with(changes).await.unwrap().user.json()).unwrap()
    }

    async fn refused(&self, changes: Json) -> &'static str {
        self.with(changes).await.unwrap_err().code()
    }
}

#[tokio::test(start_paused = true)]
async fn good_tokens_of_every_kind_and_algorithm() {
    for alg in [RS256, ES256, EdDSA] {
        for world in [World::oidc(alg), World::custom(alg)] {
            let verified = world.with(json!({})).await.unwrap();
            assert_eq!(verified.user.token_identifier(), "https://id.test|u1");
            let slack = if matches!(world.providers[0], AuthProvider::CustomJwt { .. }) { 5 } else { 0 };
            assert_eq!(verified.expires_ns / 1_000_000_000, (world.now() + 60 + slack) as u64);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forgeries() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    for world in [World::oidc(RS256), World::custom(RS256)] {
        let claims = world.claims(json!({}));
        let good = world.key.sign(&claims);
        assert!(world.verify(&good).await.is_ok());
        let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
        let text = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        // No signature, by any name.
        for alg in ["none", "None", "NONE", ""] {
            let header = text(&json!({"alg": alg, "kid": "k1"}));
            for signature in ["", signature] {
                assert!(world.verify(&format!("{header}.{payload}.{signature}")).await.is_err());
            }
        }
        // The public key as the secret of an algorithm with secrets: as its document, its modulus and its bytes.
        let modulus = world.key.jwk["n"].as_str().unwrap();
        let raw = URL_SAFE_NO_PAD.decode(modulus).unwrap();
        for secret in [world.key.jwk.to_string().as_bytes(), modulus.as_bytes(), raw.as_slice()] {
            let key = TestKey { alg: HS256, private: EncodingKey::from_secret(secret), jwk: world.key.jwk.clone() };
            assert_eq!(world.verify(&key.sign(&claims)).await.unwrap_err().code(), "InvalidAuthHeader");
        }
        // The key of another, under this name; with another algorithm; the key in the header.
        for alg in [RS256, ES256, EdDSA] {
            assert!(world.verify(&TestKey::new(alg, "k1").sign(&claims)).await.is_err());
        }
        let other = TestKey::new(RS256, "k1");
        let mut header_with_key = jsonwebtoken::Header::new(RS256);
        header_with_key.kid = Some("k1".to_owned());
        header_with_key.jwk = Some(serde_json::from_value(other.jwk.clone()).unwrap());
        let forged = jsonwebtoken::encode(&header_with_key, &claims, &other.private).unwrap();
        assert!(world.verify(&forged).await.is_err());
        // Claims that were not signed.
        let admin = text(&world.claims(json!({"sub": "admin"})));
        assert!(world.verify(&format!("{header}.{admin}.{signature}")).await.is_err());
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            "a.b.c.d",
            &format!("{good}."),
            &format!("{header}.{payload}"),
            &"x".repeat(100_000),
        ] {
            assert_eq!(world.verify(text).await.unwrap_err().code(), "InvalidAuthHeader");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn claims_about_the_token() {
    let oidc = World::oidc(ES256);
    for world in [&oidc, &World::custom(ES256)] {
        assert_eq!(world.refused(json!({"iss": "https://evil.test"})).await, "NoAuthProvider");
        assert_eq!(world.refused(json!({"iss": "https://id.test.evil"})).await, "NoAuthProvider");
        assert_eq!(world.refused(json!({"iss": null})).await, "InvalidAuthHeader");
        assert_eq!(world.refused(json!({"sub": null})).await, "InvalidAuthHeader");
        assert_eq!(world.refused(json!({"sub": ""})).await, "InvalidAuthHeader");
        assert_eq!(world.refused(json!({"sub": 7})).await, "InvalidAuthHeader");
        assert_eq!(world.refused(json!({"exp": null})).await, "InvalidAuthHeader");
        assert_eq!(world.refused(json!({"exp": "tomorrow"})).await, "InvalidAuthHeader");
        assert!(world.with(json!({"exp": world.now() - 5})).await.is_err());
        assert!(world.with(json!({"nbf": world.now() + 10})).await.is_err());
        assert!(world.with(json!({"nbf": world.now() + 4})).await.is_ok());
        assert!(world.with(json!({"iss": "https://id.test/"})).await.is_ok());
    }
    assert_eq!(oidc.user(json!({"iss": "https://id.test/"})).await["tokenIdentifier"], "https://id.test/|u1");
    assert_eq!(oidc.refused(json!({"exp": oidc.now()})).await, "Unauthenticated");
    assert!(oidc.with(json!({"aud": ["app"]})).await.is_ok());
    assert_eq!(oidc.refused(json!({"aud": "other"})).await, "NoAuthProvider");
    assert_eq!(oidc.refused(json!({"aud": null})).await, "NoAuthProvider");
    assert_eq!(oidc.refused(json!({"aud": ["app", "other"]})).await, "InvalidAuthHeader");
    let custom = World::custom(ES256);
    assert!(custom.with(json!({"exp": custom.now() - 4})).await.is_ok());
    assert_eq!(custom.refused(json!({"iat": custom.now() + 10})).await, "InvalidAuthHeader");
    assert!(custom.with(json!({"aud": null})).await.is_ok(), "no application is configured");
    let explained = oidc.with(json!({"aud": "other"})).await.unwrap_err().to_string();
    assert!(explained.contains("[other]") && explained.contains("applicationID=app"), "{explained}");
    let token = oidc.key.sign(&oidc.claims(json!({"aud": "other"})));
    let silent = oidc.verifier.verify(&oidc.providers, &token, false).await.unwrap_err().to_string();
    assert!(!silent.contains("applicationID="), "{silent}");
}

#[tokio::test(start_paused = true)]
async fn the_first_provider_that_matches_decides() {
    let mut world = World::custom(ES256);
    let other = TestKey::new(ES256, "k1");
    let inline = format!("data:application/json,{}", json!({"keys": [other.jwk]}));
    let provider = |app: Json, jwks: &str| json!({"type": "customJwt", "issuer": ISSUER, "applicationID": app, "jwks": jwks, "algorithm": "ES256"});
    world.providers =
        parse(&json!({"providers": [provider("app".into(), &inline), provider(Json::Null, "https://id.test/k")]}))
            .unwrap();
    let good = |key: &TestKey, aud: &str| key.sign(&world.claims(json!({"aud": aud})));
    assert!(world.verify(&good(&other, "app")).await.is_ok(), "keys in the configuration");
    assert!(world.verify(&good(&world.key, "app")).await.is_err(), "the second provider is not asked");
    assert!(world.verify(&good(&world.key, "elsewhere")).await.is_ok());
    assert_eq!(world.issuer.asked(), 1);
    let mut header = jsonwebtoken::Header::new(ES256);
    header.kid = None;
    let without = jsonwebtoken::encode(&header, &world.claims(json!({})), &other.private).unwrap();
    assert!(world.verify(&without).await.unwrap_err().to_string().contains("kid"));
}

#[tokio::test(start_paused = true)]
async fn identities_of_open_id_connect() {
    let world = World::oidc(EdDSA);
    let claims = json!({
        "name": "Uma U", "given_name": "Uma", "family_name": "U", "nickname": "u", "preferred_username": "uu",
        "profile": "https://p", "picture": "https://i", "website": "https://w", "email": "u@x", "email_verified": true,
        "gender": "f", "birthdate": "2000-01-01", "zoneinfo": "Europe/Paris", "locale": "fr", "phone_number": "+1",
        "phone_number_verified": "false", "address": {"formatted": "Rue 1", "country": "FR"}, "updated_at": 1_700_000_000,
        "org": {"id": 1, "roles": ["a"]}, "jti": "j", "nbf": 1, "fva": [1, 2], "nonce": "n", "custom:x": null,
        "tokenIdentifier": "https://evil|admin", "subject": "admin", "issuer": "https://evil", "emailVerified": 7,
    });
    let expected = json!({
        "tokenIdentifier": "https://id.test|u1", "issuer": "https://id.test", "subject": "u1",
        "name": "Uma U", "givenName": "Uma", "familyName": "U", "nickname": "u", "preferredUsername": "uu",
        "profileUrl": "https://p", "pictureUrl": "https://i", "websiteUrl": "https://w", "email": "u@x",
        "emailVerified": true, "gender": "f", "birthday": "2000-01-01", "timezone": "Europe/Paris", "language": "fr",
        "phoneNumber": "+1", "phoneNumberVerified": false, "address": "Rue 1", "updatedAt": "2023-11-14T22:13:20Z",
        "org": {"id": 1, "roles": ["a"]},
    });
    assert_eq!(world.user(claims).await, expected);
    // A new token of the same user is the same identity, so that results are shared.
    let first = world.with(json!({"jti": "1"})).await.unwrap();
    world.env.sleep(std::time::Duration::from_secs(3)).await;
    let second = world.with(json!({"jti": "2", "nonce": "x"})).await.unwrap();
    assert_eq!(first.user, second.user);
    assert!(first.expires_ns < second.expires_ns);
}

#[tokio::test(start_paused = true)]
async fn identities_of_custom_providers() {
    let world = World::custom(RS256);
    let claims = json!({
        "email_verified": true, "properties": {"email": "u@x", "deep": {"n": 1.5, "list": [{"a": 1}]}}, "fva": [1],
        "tokenIdentifier": "https://evil|admin", "issuer": "evil", "subject": "admin", "jti": "j",
    });
    let expected = json!({
        "tokenIdentifier": "https://id.test|u1", "issuer": "https://id.test", "subject": "u1",
        "email_verified": true, "properties.email": "u@x", "properties.deep.n": 1.5, "properties.deep.list": [{"a": 1}],
    });
    assert_eq!(world.user(claims).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_not_the_tokens_fault() {
    let world = World::oidc(ES256);
    world.issuer.fail(Some(AuthError::ProviderUnavailable("on purpose".to_owned())));
    assert!(world.with(json!({})).await.unwrap_err().is_transient());
    world.issuer.fail(Some(AuthError::ProviderRefused("on purpose".to_owned())));
    world.env.sleep(std::time::Duration::from_secs(10)).await;
    assert_eq!(world.refused(json!({})).await, "AuthProviderDiscoveryFailed");
}
