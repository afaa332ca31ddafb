//! Digests, HMAC, AES and the derivation of keys.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptionContext, EncryptingKey, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::{digest, hkdf, hmac, pbkdf2};

use super::{hash_of, input, output, text};
use crate::runtime::ops::allowed::{CRYPTO_RNG, action_only};

type Scope<'s, 'a, 'b> = &'a mut v8::PinScope<'s, 'b>;
type Args<'s> = v8::FunctionCallbackArguments<'s>;
type Answer<'s> = v8::ReturnValue<'s, v8::Value>;

/// Nothing can stop the derivation of a key: rounds times blocks of output that are allowed, about 3 seconds.
const MAX_PBKDF2_ROUNDS: u64 = 10_000_000;
const BLOCK: usize = 16;
const GCM_TAG: usize = 16;

/// `(hash, data)`
pub(in crate::runtime::ops) fn sha<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let data = input(&args, 1);
    let made = hash_of(&text(scope, &args, 0)).map(|hash| digest::digest(hash, &data).as_ref().to_vec());
    output(scope, result, made);
}

/// `(n)`: bytes from the operating system.
pub(in crate::runtime::ops) fn os_random<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    if action_only(scope, &CRYPTO_RNG, "crypto.subtle.generateKey()").is_none() {
        return;
    }
    let mut bytes = vec![0; args.get(0).uint32_value(scope).unwrap_or(0).min(1 << 16) as usize];
    let filled = SystemRandom::new().fill(&mut bytes).is_ok();
    output(scope, result, filled.then_some(bytes));
}

fn hmac_key(hash: &str, key: &[u8]) -> Option<hmac::Key> {
    let algorithm = match hash {
        "SHA-1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "SHA-256" => hmac::HMAC_SHA256,
        "SHA-384" => hmac::HMAC_SHA384,
        "SHA-512" => hmac::HMAC_SHA512,
        _ => return None,
    };
    Some(hmac::Key::new(algorithm, key))
}

/// `(hash, key, data)`
pub(in crate::runtime::ops) fn hmac_sign<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let key = hmac_key(&text(scope, &args, 0), &input(&args, 1));
    let made = key.map(|key| hmac::sign(&key, &input(&args, 2)).as_ref().to_vec());
    output(scope, result, made);
}

/// `(hash, key, data, tag) => bool`
pub(in crate::runtime::ops) fn hmac_verify<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, mut result: Answer<'s>) {
    let key = hmac_key(&text(scope, &args, 0), &input(&args, 1));
    result.set_bool(key.is_some_and(|key| hmac::verify(&key, &input(&args, 2), &input(&args, 3)).is_ok()));
}

fn aes(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        32 => &cipher::AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

/// `(encrypt, key, iv, data)`
pub(in crate::runtime::ops) fn aes_cbc<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let (key, iv, data) = (input(&args, 1), input(&args, 2), input(&args, 3));
    let made = cbc(args.get(0).is_true(), &key, &iv, data);
    output(scope, result, made);
}

fn cbc(is_encrypt: bool, key: &[u8], iv: &[u8], mut data: Vec<u8>) -> Option<Vec<u8>> {
    let iv = <[u8; BLOCK]>::try_from(iv).ok()?.into();
    if is_encrypt {
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(aes(key)?).ok()?;
        key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(iv)).ok()?;
        return Some(data);
    }
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(aes(key)?).ok()?;
    let length = key.decrypt(&mut data, DecryptionContext::Iv128(iv)).ok()?.len();
    data.truncate(length);
    Some(data)
}

/// `(key, counter block, data, bits of the counter)`: encryption and decryption are the same.
pub(in crate::runtime::ops) fn aes_ctr<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let (key, counter, data) = (input(&args, 0), input(&args, 1), input(&args, 2));
    let bits = args.get(3).uint32_value(scope).unwrap_or(0);
    output(scope, result, ctr(&key, &counter, data, bits));
}

fn ctr(key: &[u8], counter: &[u8], mut data: Vec<u8>, bits: u32) -> Option<Vec<u8>> {
    let start = u128::from_be_bytes(counter.try_into().ok()?);
    let mask = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
    let blocks = data.len().div_ceil(BLOCK) as u128;
    // As many blocks as there are values of the counter: more would repeat the key stream.
    if mask != u128::MAX && blocks > mask + 1 {
        return None;
    }
    let until_wrap = (mask - (start & mask)).saturating_add(1).min(blocks) as usize;
    let split = (until_wrap * BLOCK).min(data.len());
    let (first, second) = data.split_at_mut(split);
    ctr_from(key, start, first)?;
    ctr_from(key, start & !mask, second)?;
    Some(data)
}

fn ctr_from(key: &[u8], counter: u128, data: &mut [u8]) -> Option<()> {
    if data.is_empty() {
        return Some(());
    }
    let key = EncryptingKey::ctr(aes(key)?).ok()?;
    let iv = counter.to_be_bytes().into();
    key.less_safe_encrypt(data, EncryptionContext::Iv128(iv)).ok()?;
    Some(())
}

/// `(encrypt, key, iv, data, additional data, bytes of the tag)`
pub(in crate::runtime::ops) fn aes_gcm<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let (key, iv, data, extra) = (input(&args, 1), input(&args, 2), input(&args, 3), input(&args, 4));
    let tag = args.get(5).uint32_value(scope).unwrap_or(0) as usize;
    let made =
        if args.get(0).is_true() { seal(&key, &iv, data, &extra, tag) } else { open(&key, &iv, data, &extra, tag) };
    output(scope, result, made);
}

fn seal(key: &[u8], iv: &[u8], mut data: Vec<u8>, extra: &[u8], tag: usize) -> Option<Vec<u8>> {
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        32 => &aead::AES_256_GCM,
        _ => return None,
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
    key.seal_in_place_append_tag(nonce, Aad::from(extra), &mut data).ok()?;
    data.truncate(data.len() - (GCM_TAG - tag));
    Some(data)
}

/// The tag may be shorter than what the library checks: decrypts, seals again, and compares.
fn open(key: &[u8], iv: &[u8], mut data: Vec<u8>, extra: &[u8], tag: usize) -> Option<Vec<u8>> {
    let given = data.split_off(data.len().checked_sub(tag)?);
    // The first block of the counter is for the tag.
    let mut counter = [0; BLOCK];
    counter.get_mut(..12)?.copy_from_slice(<&[u8; 12]>::try_from(iv).ok()?);
    counter[BLOCK - 1] = 2;
    ctr_from(key, u128::from_be_bytes(counter), &mut data)?;
    let sealed = seal(key, iv, data.clone(), extra, tag)?;
    verify_slices_are_equal(sealed.get(data.len()..)?, &given).ok()?;
    Some(data)
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// `(hash, secret, salt, info, bytes)`
pub(in crate::runtime::ops) fn derive_hkdf<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let algorithm = match text(scope, &args, 0).as_str() {
        "SHA-1" => hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY,
        "SHA-256" => hkdf::HKDF_SHA256,
        "SHA-384" => hkdf::HKDF_SHA384,
        _ => hkdf::HKDF_SHA512,
    };
    let length = args.get(4).uint32_value(scope).unwrap_or(0) as usize;
    let info = input(&args, 3);
    let key = hkdf::Salt::new(algorithm, &input(&args, 2)).extract(&input(&args, 1));
    let made = key.expand(&[&info], Length(length)).ok().and_then(|derived| {
        // Bounded above by what `expand` allows: 255 digests.
        let mut bytes = vec![0; length];
        derived.fill(&mut bytes).ok().map(|()| bytes)
    });
    output(scope, result, made);
}

/// `(hash, password, salt, iterations, bytes)`
pub(in crate::runtime::ops) fn derive_pbkdf2<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let (algorithm, size) = match text(scope, &args, 0).as_str() {
        "SHA-1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        "SHA-256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        "SHA-384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
        _ => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
    };
    let iterations = args.get(3).uint32_value(scope).unwrap_or(0);
    let length = args.get(4).uint32_value(scope).unwrap_or(0) as usize;
    let blocks = length.div_ceil(size) as u64;
    let made = NonZeroU32::new(iterations)
        .filter(|rounds| u64::from(rounds.get()).saturating_mul(blocks) <= MAX_PBKDF2_ROUNDS)
        .map(|rounds| {
            let mut bytes = vec![0; length];
            pbkdf2::derive(algorithm, rounds, &input(&args, 2), &input(&args, 1), &mut bytes);
            bytes
        });
    output(scope, result, made);
}
