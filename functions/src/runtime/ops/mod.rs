//! Native functions that JavaScript calls.
//!
//! A startup snapshot refers to them by their place in [`external_references`]: whoever makes or
//! reads one must give the same table.

mod allowed;
mod async_context;
pub(super) mod bytes;
mod clock;
mod clone;
mod console;
mod crypto;
mod decode;
mod env;
mod fetch;
mod random;
mod shared_buffer;
mod streams;
mod syscalls;
mod text;
mod timers;
mod url;
mod weigh;

use v8::MapFnTo;

use super::context;

/// Declares the natives: which are members of the prelude's `ops` object, which are only
/// referred to from Rust.
macro_rules! natives {
    (ops { $($name:literal => $op:path,)* } rust { $($other:path,)* }) => {
        /// Every native function, in a fixed order.
        pub(super) fn external_references() -> Vec<v8::ExternalReference> {
            vec![
                $(v8::ExternalReference { function: $op.map_fn_to() },)*
                $(v8::ExternalReference { function: $other.map_fn_to() },)*
                v8::ExternalReference { pointer: context::lazy_global_getter() },
            ]
        }

        /// The object by which the prelude reaches the natives.
        pub(super) fn ops_object<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
            let object = v8::Object::new(scope);
            $(set_function(scope, object, $name, $op);)*
            object
        }
    };
}

natives! {
    ops {
        "now" => clock::date_now,
        "performanceNow" => clock::performance_now,
        "timeOrigin" => clock::time_origin,
        "env" => env::read,
        "randomFill" => random::fill,
        "randomUuid" => random::uuid,
        "encodeUtf8" => text::encode_utf8,
        "encodingName" => decode::encoding_name,
        "decode" => decode::decode,
        "base64Encode" => text::base64_encode,
        "base64Decode" => text::base64_decode,
        "urlParse" => url::parse,
        "urlSet" => url::set,
        "queryParse" => url::query_parse,
        "querySerialize" => url::query_serialize,
        "clone" => clone::clone,
        "sharedBuffer" => shared_buffer::make,
        "weigh" => weigh::weigh,
        "getAsyncContext" => async_context::get,
        "setAsyncContext" => async_context::set,
        "reportError" => console::report_error,
        "setTimeout" => timers::set_timeout,
        "checkFormParse" => allowed::check_form_parse,
        "checkCryptoRng" => allowed::check_crypto_rng,
        "notImplemented" => allowed::not_implemented,
        "streamRead" => streams::read,
        "streamWatch" => streams::watch,
        "streamCancel" => streams::cancel,
        "streamCreate" => streams::create,
        "streamWrite" => streams::write,
        "streamEnd" => streams::end,
        "fetch" => fetch::fetch,
        "fetchAbort" => fetch::abort,
        "storeFile" => fetch::store_file,
        "openFile" => fetch::open_file,
        "cryptoDigest" => crypto::sha,
        "cryptoOsRandom" => crypto::os_random,
        "cryptoHmac" => crypto::hmac_sign,
        "cryptoHmacVerify" => crypto::hmac_verify,
        "cryptoAesCbc" => crypto::aes_cbc,
        "cryptoAesCtr" => crypto::aes_ctr,
        "cryptoAesGcm" => crypto::aes_gcm,
        "cryptoHkdf" => crypto::derive_hkdf,
        "cryptoPbkdf2" => crypto::derive_pbkdf2,
        "cryptoRsaCheck" => crypto::rsa_check,
        "cryptoRsaGenerate" => crypto::rsa_generate,
        "cryptoRsaSign" => crypto::rsa_sign,
        "cryptoRsaVerify" => crypto::rsa_verify,
        "cryptoRsaOaep" => crypto::rsa_oaep,
        "cryptoCurvePublic" => crypto::curve_public,
        "cryptoCurveCheck" => crypto::curve_check,
        "cryptoCurveGenerate" => crypto::curve_generate,
        "cryptoAgree" => crypto::curve_agree,
        "cryptoEcSign" => crypto::ec_sign,
        "cryptoEcVerify" => crypto::ec_verify,
        "cryptoEdSign" => crypto::ed_sign,
        "cryptoEdVerify" => crypto::ed_verify,
    }
    rust {
        syscalls::syscall,
        syscalls::async_syscall,
        syscalls::js_syscall,
        random::math_random,
        console::print,
        console::trace,
        console::time,
        console::time_log,
        console::time_end,
        timers::set_interval,
        timers::clear,
        context::load,
    }
}

/// Defines what is made of natives alone.
pub(super) fn install(scope: &mut v8::PinScope<'_, '_>, global: v8::Local<v8::Object>) {
    syscalls::install(scope, global);
    console::install(scope, global);
    timers::install(scope, global);
    let math = string(scope, "Math");
    if let Some(math) = global.get(scope, math.into()).and_then(|math| math.to_object(scope)) {
        set_function(scope, math, "random", random::math_random);
    }
}

/// Defines `object[name]` as a native function, not enumerable.
pub(super) fn set_function(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<v8::Object>,
    name: &str,
    op: impl MapFnTo<v8::FunctionCallback>,
) {
    let name = string(scope, name);
    let function = v8::Function::builder(op)
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope)
        .expect("making a function fails only while terminating");
    function.set_name(name);
    define(scope, object, name, function.into());
}

/// Defines `object[name]`, writable and configurable, not enumerable.
pub(super) fn define(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<v8::Object>,
    name: v8::Local<v8::String>,
    value: v8::Local<v8::Value>,
) {
    object.define_own_property(scope, name.into(), value, v8::PropertyAttribute::DONT_ENUM);
}

/// A JavaScript string. Longer than V8 allows (512 MiB): empty.
pub(super) fn string<'s>(scope: &v8::PinScope<'s, '_, ()>, text: &str) -> v8::Local<'s, v8::String> {
    let made = if text.is_ascii() {
        v8::String::new_from_one_byte(scope, text.as_bytes(), v8::NewStringType::Normal)
    } else {
        v8::String::new(scope, text)
    };
    made.unwrap_or_else(|| v8::String::empty(scope))
}

/// Throws `Error(message)`.
pub(super) fn throw_error(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let message = string(scope, message);
    let error = v8::Exception::error(scope, message);
    scope.throw_exception(error);
}

/// Throws `TypeError(message)`.
pub(super) fn throw_type_error(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let message = string(scope, message);
    let error = v8::Exception::type_error(scope, message);
    scope.throw_exception(error);
}

/// An array of strings.
fn string_array<'s, T: AsRef<str>>(
    scope: &mut v8::PinScope<'s, '_>,
    items: impl IntoIterator<Item = T>,
) -> v8::Local<'s, v8::Array> {
    let items: Vec<v8::Local<v8::Value>> = items.into_iter().map(|item| string(scope, item.as_ref()).into()).collect();
    v8::Array::new_with_elements(scope, &items)
}
