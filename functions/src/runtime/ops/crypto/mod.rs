//! The arithmetic behind `crypto.subtle`. Formats, usages and errors are the prelude's: what fails
//! here gives `undefined`.

mod asymmetric;
mod curves;
mod symmetric;

pub(super) use asymmetric::*;
pub(super) use curves::*;
pub(super) use symmetric::*;

use aws_lc_rs::digest::{self, Algorithm};

use super::bytes;

/// The bytes of an argument; empty if it has none.
fn input(args: &v8::FunctionCallbackArguments<'_>, index: i32) -> Vec<u8> {
    bytes::copy(args.get(index)).unwrap_or_default()
}

fn text(scope: &v8::PinScope<'_, '_>, args: &v8::FunctionCallbackArguments<'_>, index: i32) -> String {
    args.get(index).to_rust_string_lossy(scope)
}

/// Gives JavaScript the bytes, or `undefined`.
fn output<'s>(scope: &mut v8::PinScope<'s, '_>, mut result: v8::ReturnValue<'s, v8::Value>, made: Option<Vec<u8>>) {
    if let Some(made) = made
        && let Some(array) = bytes::array(scope, made)
    {
        result.set(array.into());
    }
}

/// `SHA-1`, `SHA-256`, ...
fn hash_of(name: &str) -> Option<&'static Algorithm> {
    match name {
        "SHA-1" => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        "SHA-256" => Some(&digest::SHA256),
        "SHA-384" => Some(&digest::SHA384),
        "SHA-512" => Some(&digest::SHA512),
        _ => None,
    }
}
