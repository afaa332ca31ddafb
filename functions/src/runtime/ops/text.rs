//! UTF-8 and base64.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{bytes, string};

/// Base64 as <https://infra.spec.whatwg.org/#forgiving-base64-decode> reads it.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// String to `Uint8Array`.
pub(super) fn encode_utf8<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let text = args.get(0).to_rust_string_lossy(scope);
    if let Some(array) = bytes::array(scope, text.into_bytes()) {
        result.set(array.into());
    }
}

/// Latin-1 string to base64; `null` if it isn't Latin-1.
pub(super) fn base64_encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let text = args.get(0).to_rust_string_lossy(scope);
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    match latin1 {
        Some(bytes) => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            result.set(string(scope, &encoded).into());
        }
        None => result.set_null(),
    }
}

/// Base64 to Latin-1 string; `null` if it is malformed.
pub(super) fn base64_decode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let mut text = args.get(0).to_rust_string_lossy(scope);
    text.retain(|c| !matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' '));
    // Padding must complete a group of four, if there is any.
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    let is_padded_well = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
    match FORGIVING.decode(bare) {
        Ok(bytes) if is_padded_well => {
            let decoded = v8::String::new_from_one_byte(scope, &bytes, v8::NewStringType::Normal);
            if let Some(decoded) = decoded {
                result.set(decoded.into());
            }
        }
        _ => result.set_null(),
    }
}
