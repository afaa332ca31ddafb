//! Admin keys: `<instance name>|<hex of version, nonce, HMAC-SHA256>`.
//!
//! A key is verified from the instance secret alone, so keys need no storage, can be made while the server
//! runs, and die with the secret.

use hmac::{Hmac, KeyInit, Mac};
use lakewire_storage::env::Env;
use sha2::Sha256;

use super::AuthError;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
/// Keeps these tags apart from every other use of the instance secret.
const PURPOSE: &[u8] = b"lakewire admin key\0";

/// Bytes of the secret of an instance.
pub const INSTANCE_SECRET_BYTES: usize = 32;

/// Makes and verifies the admin keys of one instance.
#[derive(Clone)]
pub struct AdminKeys {
    instance: String,
    secret: [u8; INSTANCE_SECRET_BYTES],
}

impl AdminKeys {
    /// The keys of the instance called `instance` (no `|`, no `:`).
    pub fn new(instance: impl Into<String>, secret: [u8; INSTANCE_SECRET_BYTES]) -> Self {
        Self { instance: instance.into(), secret }
    }

    /// A new key; any number of them can be made, all are valid until the secret changes.
    pub fn issue(&self, env: &Env) -> String {
        let nonce = env.random_bytes::<NONCE_BYTES>();
        let mut token = Vec::with_capacity(1 + NONCE_BYTES + MAC_BYTES);
        token.push(VERSION);
        token.extend_from_slice(&nonce);
        let tag = self.mac(&token).finalize().into_bytes();
        token.extend_from_slice(&tag);
        format!("{}|{}", self.instance, hex::encode(token))
    }

    /// Checks `key`, which may carry a deployment type before the name (`prod:name|...`).
    ///
    /// # Errors
    /// [`AuthError::MalformedAdminKey`] if the text is not a key at all, [`AuthError::BadDeployKey`] if it is one
    /// that is not valid here.
    pub fn verify(&self, key: &str) -> Result<(), AuthError> {
        let (name, token) = key.split_once('|').ok_or(AuthError::MalformedAdminKey)?;
        let token = hex::decode(token).map_err(|_| AuthError::MalformedAdminKey)?;
        let bad = || AuthError::BadDeployKey { instance: self.instance.clone() };
        if name.rsplit(':').next() != Some(self.instance.as_str())
            || token.len() != 1 + NONCE_BYTES + MAC_BYTES
            || token[0] != VERSION
        {
            return Err(bad());
        }
        let (signed, tag) = token.split_at(1 + NONCE_BYTES);
        // Compares in constant time.
        self.mac(signed).verify_slice(tag).map_err(|_| bad())
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(PURPOSE);
        mac.update(self.instance.as_bytes());
        mac.update(&[0]);
        mac.update(signed);
        mac
    }
}

/// Splits `<key>[:<rest>]`: the key ends at the first `:` that follows the `|`, since a deployment type before
/// the name (`prod:`) has a colon of its own.
pub(crate) fn split_key(text: &str) -> (&str, Option<&str>) {
    let Some(bar) = text.find('|') else { return (text, None) };
    match text[bar..].find(':') {
        Some(colon) => (&text[..bar + colon], Some(&text[bar + colon + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
#[path = "admin_key_tests.rs"]
mod tests;
