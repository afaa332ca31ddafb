//! RSA. Public keys of signatures are in PKCS#1, of encryption in SubjectPublicKeyInfo; private ones in PKCS#8.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    self, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaEncoding, RsaKeyPair, RsaParameters, UnparsedPublicKey};

use super::{input, output, text};
use crate::runtime::ops::allowed::{CRYPTO_RNG, action_only};

type Scope<'s, 'a, 'b> = &'a mut v8::PinScope<'s, 'b>;
type Args<'s> = v8::FunctionCallbackArguments<'s>;
type Answer<'s> = v8::ReturnValue<'s, v8::Value>;

/// `(is private, key) => bool`: whether it can be used.
pub(in crate::runtime::ops) fn rsa_check<'s>(_: Scope<'s, '_, '_>, args: Args<'s>, mut result: Answer<'s>) {
    let key = input(&args, 1);
    result.set_bool(if args.get(0).is_true() {
        RsaKeyPair::from_pkcs8(&key).is_ok()
    } else {
        ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &key).is_ok()
    });
}

/// `(bits)`: a new private key.
pub(in crate::runtime::ops) fn rsa_generate<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    if action_only(scope, &CRYPTO_RNG, "crypto.subtle.generateKey()").is_none() {
        return;
    }
    let size = match args.get(0).uint32_value(scope) {
        Some(2048) => Some(KeySize::Rsa2048),
        Some(3072) => Some(KeySize::Rsa3072),
        Some(4096) => Some(KeySize::Rsa4096),
        _ => None,
    };
    let key = size.and_then(|size| rsa::KeyPair::generate(size).ok());
    output(scope, result, key.and_then(|key| Some(key.as_der().ok()?.as_ref().to_vec())));
}

/// `(is pss, hash, key, data)`
pub(in crate::runtime::ops) fn rsa_sign<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let encoding: Option<&'static dyn RsaEncoding> = match (args.get(0).is_true(), text(scope, &args, 1).as_str()) {
        (false, "SHA-256") => Some(&signature::RSA_PKCS1_SHA256),
        (false, "SHA-384") => Some(&signature::RSA_PKCS1_SHA384),
        (false, "SHA-512") => Some(&signature::RSA_PKCS1_SHA512),
        (true, "SHA-256") => Some(&signature::RSA_PSS_SHA256),
        (true, "SHA-384") => Some(&signature::RSA_PSS_SHA384),
        (true, "SHA-512") => Some(&signature::RSA_PSS_SHA512),
        _ => None,
    };
    let made = encoding.and_then(|encoding| {
        let key = RsaKeyPair::from_pkcs8(&input(&args, 2)).ok()?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(encoding, &SystemRandom::new(), &input(&args, 3), &mut signature).ok()?;
        Some(signature)
    });
    output(scope, result, made);
}

/// `(is pss, hash, key, signature, data) => bool`
pub(in crate::runtime::ops) fn rsa_verify<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, mut result: Answer<'s>) {
    let parameters: Option<&'static RsaParameters> = match (args.get(0).is_true(), text(scope, &args, 1).as_str()) {
        (false, "SHA-1") => Some(&signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        (false, "SHA-256") => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        (false, "SHA-384") => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        (false, "SHA-512") => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        (true, "SHA-256") => Some(&signature::RSA_PSS_2048_8192_SHA256),
        (true, "SHA-384") => Some(&signature::RSA_PSS_2048_8192_SHA384),
        (true, "SHA-512") => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    };
    result.set_bool(parameters.is_some_and(|parameters| {
        let key = UnparsedPublicKey::new(parameters, input(&args, 2));
        key.verify(&input(&args, 4), &input(&args, 3)).is_ok()
    }));
}

/// `(encrypt, hash, key, data, label)`
pub(in crate::runtime::ops) fn rsa_oaep<'s>(scope: Scope<'s, '_, '_>, args: Args<'s>, result: Answer<'s>) {
    let hash = text(scope, &args, 1);
    let made = oaep(args.get(0).is_true(), &hash, &input(&args, 2), &input(&args, 3), &input(&args, 4));
    output(scope, result, made);
}

fn oaep(is_encrypt: bool, hash: &str, key: &[u8], data: &[u8], label: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match hash {
        "SHA-1" => &OAEP_SHA1_MGF1SHA1,
        "SHA-256" => &OAEP_SHA256_MGF1SHA256,
        "SHA-384" => &OAEP_SHA384_MGF1SHA384,
        "SHA-512" => &OAEP_SHA512_MGF1SHA512,
        _ => return None,
    };
    let label = (!label.is_empty()).then_some(label);
    if is_encrypt {
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(key).ok()?).ok()?;
        let mut sealed = vec![0; key.ciphertext_size()];
        let length = key.encrypt(algorithm, data, &mut sealed, label).ok()?.len();
        sealed.truncate(length);
        return Some(sealed);
    }
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(key).ok()?).ok()?;
    let mut opened = vec![0; key.min_output_size()];
    let length = key.decrypt(algorithm, data, &mut opened, label).ok()?.len();
    opened.truncate(length);
    Some(opened)
}
