//! Tokens that the deployment signs: `ctx.auth.signJwt`.
//!
//! The key is derived from the instance secret, as everything else that the deployment signs with: it needs no storage, is the
//! same on every server and branch, and changes with the secret. Tokens live for an hour at most, so that is how long a change
//! is felt.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::INSTANCE_SECRET_BYTES;

/// Keeps this key apart from every other use of the instance secret.
const PURPOSE: &[u8] = b"lakewire jwt key\0";
/// Bytes of a coordinate of a point of the curve.
const COORDINATE: usize = 32;
/// How long a token may live, in seconds.
const LIFETIME: std::ops::RangeInclusive<f64> = 1.0..=3600.0;
/// Claims that are not the app's to set, and beginnings of such, in lower case.
const RESERVED: &[&str] = &["iss", "iat", "exp", "nbf"];
const RESERVED_PREFIXES: &[&str] = &["convex", "cvx"];

/// Signs tokens with the key of the deployment.
pub struct JwtSigner {
    pair: EcdsaKeyPair,
    /// Base64url of the header of every token.
    header: String,
    jwks: Json,
}

/// A token that can't be signed, with the argument that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A claim that apps may not set.
    #[error("the claim `{0}` is reserved and can not be set")]
    Reserved(String),
    /// A lifetime that is too short or too long.
    #[error("{0} is not between 1 and 3600 seconds")]
    Lifetime(String),
    /// The cryptographic library failed.
    #[error("the token could not be signed")]
    Failed,
}

impl JwtSigner {
    /// The key of the deployment with a secret.
    pub fn new(secret: &[u8; INSTANCE_SECRET_BYTES]) -> Self {
        // One in four billion numbers is no key of this curve.
        let pair = (0..=u8::MAX).find_map(|attempt| derive(secret, attempt));
        let (pair, public) = pair.expect("one of 256 numbers is a key");
        let (x, y) = public[1..].split_at(COORDINATE);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // The thumbprint of RFC 7638: members in this order, no spaces.
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "typ": "JWT", "kid": kid}).to_string());
        let key = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid});
        Self { pair, header, jwks: json!({"keys": [key]}) }
    }

    /// The public key, as a JSON Web Key Set.
    pub fn jwks(&self) -> &Json {
        &self.jwks
    }

    /// Signs `claims` as `issuer` at a moment in nanoseconds since the epoch.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(
        &self,
        issuer: &str,
        now_ns: u64,
        lifetime_seconds: f64,
        mut claims: Map<String, Json>,
    ) -> Result<String, SignError> {
        if let Some(name) = claims.keys().find(|name| is_reserved(name)) {
            return Err(SignError::Reserved(name.clone()));
        }
        if !LIFETIME.contains(&lifetime_seconds) {
            return Err(SignError::Lifetime(lifetime_seconds.to_string()));
        }
        let now = now_ns / 1_000_000_000;
        claims.insert("iss".to_owned(), issuer.into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + lifetime_seconds as u64).into());
        let payload = URL_SAFE_NO_PAD.encode(Json::Object(claims).to_string());
        let signed = format!("{}.{payload}", self.header);
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| SignError::Failed)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn is_reserved(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}

/// The key pair, and its public key as an uncompressed point.
fn derive(secret: &[u8; INSTANCE_SECRET_BYTES], attempt: u8) -> Option<(EcdsaKeyPair, Vec<u8>)> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(PURPOSE);
    mac.update(&[attempt]);
    let scalar = mac.finalize().into_bytes();
    let public = PrivateKey::from_private_key(&ECDH_P256, &scalar).ok()?.compute_public_key().ok()?;
    let public = public.as_ref().to_vec();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &scalar, &public);
    pair.ok().map(|pair| (pair, public))
}

/// The secret is in no message and no log.
impl std::fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtSigner").field("jwks", &self.jwks).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
