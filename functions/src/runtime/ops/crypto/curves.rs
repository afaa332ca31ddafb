//! Elliptic curves. Keys are raw: private ones a number, public ones an uncompressed point, or the
//! 32 bytes of Ed25519 and X25519.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey as PeerKey};
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm,
};

use super::{hash_of, input, output, text};
use crate::runtime::ops::allowed::{CRYPTO_RNG, action_only};

type Scope<'s, 'a, 'b> = &'a mut v8::PinScope<'s, 'b>;
type Args<'s> = v8::FunctionCallbackArguments<'s>;
type Answer<'s> = v8::ReturnValue<'s, v8::Value>;

fn agreement_of(curve: &str) -> Option<&'static agreement::Algorithm> {
    match curve {
        "P-256" => Some(&agreement::ECDH_P256),
        "P-384" => Some(&agreement::ECDH_P384),
        "P-521" => Some(&agreement::ECDH_P521),
        "X25519" => Some(&agreement::X25519),
        _ => None,
    }
}

fn size_of(curve: &str) -> usize {
    match curve {
        "P-384" => 48,
        "P-521" => 66,
        _ => 32,
    }
}

/// The public key of a private one; `None` if that is not valid.
fn public_of(curve: &str, private: &[u8]) -> Option<Vec<u8>> {
    if curve == "Ed25519" {
        return Some(Ed25519KeyPair::from_seed_unchecked(private).ok()?.public_key().as_ref().to_vec());
    }
    let key = PrivateKey::from_private_key(agreement_of(curve)?, private).ok()?;
    Some(key.compute_public_key().ok()?.as_ref().to_vec())
}

/// `(curve, private key)`
pub(in crate::runtime::ops) fn curve_public<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let made = public_of(&text(scope, &args, 0), &input(&args, 1));
    output(scope, result, made);
}

/// `(curve, public key)`: the key again, if it is valid.
pub(in crate::runtime::ops) fn curve_check<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let curve = text(scope, &args, 0);
    let key = input(&args, 1);
    let is_valid = match verification_of(&curve) {
        Some((algorithm, _)) => {
            key.len() == 1 + 2 * size_of(&curve) && key[0] == 4 && ParsedPublicKey::new(algorithm, &key).is_ok()
        }
        None => key.len() == size_of(&curve),
    };
    output(scope, result, is_valid.then_some(key));
}

/// `(curve)`: a new private key.
pub(in crate::runtime::ops) fn curve_generate<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    if action_only(scope, &CRYPTO_RNG, "crypto.subtle.generateKey()").is_none() {
        return;
    }
    let curve = text(scope, &args, 0);
    let mut key = vec![0; size_of(&curve)];
    // A number that is too large for the curve is rare: another one is taken then.
    let made = (0..100).find_map(|_| {
        SystemRandom::new().fill(&mut key).ok()?;
        if curve == "P-521" {
            key[0] &= 1;
        }
        public_of(&curve, &key).map(|_| key.clone())
    });
    output(scope, result, made);
}

/// `(curve, private key, public key of the other side)`
pub(in crate::runtime::ops) fn curve_agree<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let made = agreement_of(&text(scope, &args, 0)).and_then(|algorithm| {
        let key = PrivateKey::from_private_key(algorithm, &input(&args, 1)).ok()?;
        let peer = PeerKey::new(algorithm, input(&args, 2));
        agreement::agree(&key, peer, (), |secret| Ok(secret.to_vec())).ok()
    });
    output(scope, result, made);
}

/// How signatures on a curve are verified, and the hash that is as long as its numbers.
fn verification_of(curve: &str) -> Option<(&'static dyn VerificationAlgorithm, &'static digest::Algorithm)> {
    match curve {
        "P-256" => Some((&ECDSA_P256_SHA256_FIXED, &digest::SHA256)),
        "P-384" => Some((&ECDSA_P384_SHA384_FIXED, &digest::SHA384)),
        "P-521" => Some((&ECDSA_P521_SHA512_FIXED, &digest::SHA512)),
        _ => None,
    }
}

/// The digest of `data` in the shape that the library wants for a curve. ECDSA takes the leftmost
/// bits of a longer digest, and a shorter one as a number.
fn digest_for(hash: &str, data: &[u8], wanted: &'static digest::Algorithm) -> Option<Digest> {
    let made = digest::digest(hash_of(hash)?, data);
    let made = made.as_ref();
    let size = wanted.output_len();
    let mut fitted = vec![0; size.saturating_sub(made.len())];
    fitted.extend_from_slice(&made[..made.len().min(size)]);
    Digest::import_less_safe(&fitted, wanted).ok()
}

/// `(curve, hash, private key, public key, data)`
pub(in crate::runtime::ops) fn ec_sign<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let (curve, hash) = (text(scope, &args, 0), text(scope, &args, 1));
    let made = (|| {
        let algorithm = match curve.as_str() {
            "P-256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
            "P-384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            "P-521" => &ECDSA_P521_SHA512_FIXED_SIGNING,
            _ => return None,
        };
        let (_, wanted) = verification_of(&curve)?;
        let key = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &input(&args, 2), &input(&args, 3)).ok()?;
        let digest = digest_for(&hash, &input(&args, 4), wanted)?;
        Some(key.sign_digest(&digest).ok()?.as_ref().to_vec())
    })();
    output(scope, result, made);
}

/// `(curve, hash, public key, signature, data) => bool`
pub(in crate::runtime::ops) fn ec_verify<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, mut result: Answer<'s>) {
    let hash = text(scope, &args, 1);
    let is_valid = verification_of(&text(scope, &args, 0)).and_then(|(algorithm, wanted)| {
        let digest = digest_for(&hash, &input(&args, 4), wanted)?;
        UnparsedPublicKey::new(algorithm, input(&args, 2)).verify_digest(&digest, &input(&args, 3)).ok()
    });
    result.set_bool(is_valid.is_some());
}

/// `(private key, data)`
pub(in crate::runtime::ops) fn ed_sign<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let key = Ed25519KeyPair::from_seed_unchecked(&input(&args, 0)).ok();
    output(scope, result, key.map(|key| key.sign(&input(&args, 1)).as_ref().to_vec()));
}

/// `(public key, signature, data) => bool`
pub(in crate::runtime::ops) fn ed_verify<'s>(_: Scope<'s, '_, '_>, args: Args<'s>, mut result: Answer<'s>) {
    let key = UnparsedPublicKey::new(&signature::ED25519, input(&args, 0));
    result.set_bool(key.verify(&input(&args, 2), &input(&args, 1)).is_ok());
}
