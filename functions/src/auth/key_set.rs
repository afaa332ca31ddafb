//! The public keys of a provider.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Keys that sign, of the algorithms that providers may use.
#[derive(Default)]
pub(super) struct KeySet(Vec<Key>);

struct Key {
    kid: Option<String>,
    alg: Algorithm,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a JSON Web Key Set. Keys that no supported algorithm can use are passed over.
    ///
    /// # Errors
    /// Text that is not a key set.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(json)?;
        Ok(Self(document.keys.into_iter().filter_map(Key::parse).collect()))
    }

    /// The key with an id. A token without one has the only key there is for its algorithm, if it is the only one.
    pub(super) fn find(&self, kid: Option<&str>, alg: Algorithm) -> Option<&DecodingKey> {
        let mut suitable = self.0.iter().filter(|key| key.alg == alg);
        match kid {
            Some(kid) => suitable.find(|key| key.kid.as_deref() == Some(kid)).map(|key| &key.key),
            None => suitable.next().filter(|_| suitable.next().is_none()).map(|key| &key.key),
        }
    }
}

impl Key {
    fn parse(json: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        // What a key is for follows from the key, never from the token that wants to be checked with it.
        let (alg, name) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        let is_other = jwk.common.key_algorithm.is_some_and(|named| named != name);
        if is_other || jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { kid: jwk.common.key_id, alg, key })
    }
}
