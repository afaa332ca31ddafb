//! An issuer for tests: signs tokens, and gives its keys as long as it is up.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use lakewire_storage::env::Env;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use url::Url;

use super::AuthError;
use super::download::{Document, Download};

pub(super) const ISSUER: &str = "https://id.test";

/// A key pair with its public half as a JSON Web Key.
pub(super) struct TestKey {
    pub alg: Algorithm,
    pub private: EncodingKey,
    pub jwk: Json,
}

impl TestKey {
    pub(super) fn new(alg: Algorithm, kid: &str) -> Self {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (private, mut jwk) = match alg {
            Algorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
                let jwk = json!({"kty": "RSA", "n": text(&public.n), "e": text(&public.e), "alg": "RS256"});
                // PKCS 1, which the library wants, is what PKCS 8 has inside, after 26 bytes.
                let pkcs8 = pair.as_der().unwrap();
                (EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]), jwk)
            }
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let jwk = json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)});
                (EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()), jwk)
            }
            _ => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()), "use": "sig"});
                (EncodingKey::from_ed_der(pair.to_pkcs8().unwrap().as_ref()), jwk)
            }
        };
        jwk["kid"] = kid.into();
        Self { alg, private, jwk }
    }

    pub(super) fn sign(&self, claims: &Json) -> String {
        let mut header = jsonwebtoken::Header::new(self.alg);
        header.kid = self.jwk["kid"].as_str().map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }
}

/// Answers with discovery at [`ISSUER`] and with keys at every other URL.
pub(super) struct TestIssuer {
    pub env: Env,
    state: Mutex<State>,
}

struct State {
    keys: Vec<Json>,
    max_age: Option<Duration>,
    failure: Option<AuthError>,
    latency: Duration,
    discovered_issuer: String,
    content_type: String,
    /// How often somebody tried to get the keys.
    asked: usize,
}

impl TestIssuer {
    pub(super) fn new(env: &Env, keys: &[&TestKey]) -> Arc<Self> {
        let issuer = Self {
            env: env.clone(),
            state: Mutex::new(State {
                keys: Vec::new(),
                max_age: None,
                failure: None,
                latency: Duration::from_millis(100),
                discovered_issuer: ISSUER.to_owned(),
                content_type: "application/json".to_owned(),
                asked: 0,
            }),
        };
        issuer.publish(keys);
        Arc::new(issuer)
    }

    pub(super) fn publish(&self, keys: &[&TestKey]) {
        self.state.lock().keys = keys.iter().map(|key| key.jwk.clone()).collect();
    }

    pub(super) fn keep_for(&self, max_age: Duration) {
        self.state.lock().max_age = Some(max_age);
    }

    /// `None`: it is up again.
    pub(super) fn fail(&self, failure: Option<AuthError>) {
        self.state.lock().failure = failure;
    }

    pub(super) fn be_slow(&self, latency: Duration) {
        self.state.lock().latency = latency;
    }

    pub(super) fn claim_to_be(&self, issuer: &str) {
        self.state.lock().discovered_issuer = issuer.to_owned();
    }

    pub(super) fn declare(&self, content_type: &str) {
        self.state.lock().content_type = content_type.to_owned();
    }

    pub(super) fn asked(&self) -> usize {
        self.state.lock().asked
    }
}

#[async_trait]
impl Download for TestIssuer {
    async fn get(&self, url: &Url) -> Result<Document, AuthError> {
        let latency = self.state.lock().latency;
        self.env.sleep(latency).await;
        let mut state = self.state.lock();
        let is_discovery = url.path() == "/.well-known/openid-configuration";
        // Who gets no discovery document asks no further.
        if !is_discovery || state.failure.is_some() {
            state.asked += 1;
        }
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let body = match is_discovery {
            true => json!({"issuer": state.discovered_issuer, "jwks_uri": "https://keys.test/jwks"}),
            false => json!({"keys": state.keys}),
        };
        let content_type = Some(state.content_type.clone());
        Ok(Document { body: body.to_string().into_bytes(), content_type, max_age: state.max_age })
    }
}
