//! Bytes in any encoding of <https://encoding.spec.whatwg.org> to text.
//!
//! A decoder in JavaScript may live in a startup snapshot, so nothing of it is kept here: it holds back the bytes of a
//! character that is not complete, and gives them again with what follows.

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding, ISO_2022_JP};

use super::{string, throw_type_error};

/// The longest beginning of a character, in bytes.
const LONGEST_TAIL: usize = 3;

/// Label to the name of its encoding; `null` if there is none that can be decoded.
pub(super) fn encoding_name<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let label = args.get(0).to_rust_string_lossy(scope);
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) => result.set(string(scope, &encoding.name().to_ascii_lowercase()).into()),
        None => result.set_null(),
    }
}

/// `(name, Uint8Array, fatal, stream)` to `[text, tail]`: how many bytes at the end are not in the text, as they begin a
/// character. `tail` is -1 if the text cannot be told from the bytes at hand without those before, which are to be given
/// again then.
pub(super) fn decode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let name = args.get(0).to_rust_string_lossy(scope);
    let Some(encoding) = Encoding::for_label_no_replacement(name.as_bytes()) else { return };
    let Ok(array) = v8::Local::<v8::Uint8Array>::try_from(args.get(1)) else { return };
    let mut bytes = vec![0; array.byte_length()];
    array.copy_contents(&mut bytes);
    match decoded(encoding, &bytes, args.get(2).is_true(), args.get(3).is_true()) {
        Some((text, tail)) => {
            let tail = tail.map_or(-1, |tail| tail as i32);
            let pair = [string(scope, &text).into(), v8::Integer::new(scope, tail).into()];
            result.set(v8::Array::new_with_elements(scope, &pair).into());
        }
        None => throw_type_error(scope, &format!("The encoded data was not valid for encoding {name}")),
    }
}

/// The text, and the length of the tail, `None` for the encoding that has states. No text if the bytes are invalid and that
/// is fatal.
fn decoded(encoding: &'static Encoding, bytes: &[u8], fatal: bool, stream: bool) -> Option<(String, Option<usize>)> {
    if !stream {
        return Some((run(&mut encoding.new_decoder_without_bom_handling(), bytes, fatal, true)?, Some(0)));
    }
    if encoding == ISO_2022_JP {
        return Some((run(&mut encoding.new_decoder_without_bom_handling(), bytes, fatal, false)?, None));
    }
    for tail in 0..=LONGEST_TAIL.min(bytes.len()) {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let text = run(&mut decoder, &bytes[..bytes.len() - tail], fatal, false)?;
        // Between characters there is nothing to complain of at the end.
        if run(&mut decoder, &[], true, true).is_some_and(|rest| rest.is_empty()) {
            return Some((text, Some(tail)));
        }
    }
    Some((run(&mut encoding.new_decoder_without_bom_handling(), bytes, fatal, false)?, Some(0)))
}

fn run(decoder: &mut Decoder, bytes: &[u8], fatal: bool, last: bool) -> Option<String> {
    let (mut text, mut at) = (String::new(), 0);
    loop {
        let rest = &bytes[at..];
        let needed = if fatal {
            decoder.max_utf8_buffer_length_without_replacement(rest.len())
        } else {
            decoder.max_utf8_buffer_length(rest.len())
        };
        text.reserve(needed.unwrap_or(rest.len()));
        let read = if fatal {
            match decoder.decode_to_string_without_replacement(rest, &mut text, last) {
                (DecoderResult::InputEmpty, _) => return Some(text),
                (DecoderResult::Malformed(..), _) => return None,
                (DecoderResult::OutputFull, read) => read,
            }
        } else {
            match decoder.decode_to_string(rest, &mut text, last) {
                (CoderResult::InputEmpty, ..) => return Some(text),
                (CoderResult::OutputFull, read, _) => read,
            }
        };
        at += read;
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

    use super::decoded;

    /// What a decoder in JavaScript does with chunks.
    fn chunked(encoding: &'static Encoding, bytes: &[u8], size: usize) -> String {
        let (mut text, mut rest) = (String::new(), Vec::new());
        for chunk in bytes.chunks(size) {
            rest.extend_from_slice(chunk);
            let (piece, tail) = decoded(encoding, &rest, false, true).unwrap();
            text.push_str(&piece);
            rest.drain(..rest.len() - tail.unwrap());
        }
        text + &decoded(encoding, &rest, false, false).unwrap().0
    }

    #[test]
    fn chunks_of_any_size_are_the_same_text() {
        let samples: [(&'static Encoding, &[u8]); 9] = [
            (UTF_8, "h\u{e9}llo \u{1f600}\u{20ac}".as_bytes()),
            (UTF_8, b"a\xf0\x9f\x98b\xff\xe2\x82c\xc3"),
            (UTF_16LE, b"h\0\xe9\0\x3d\xd8\0\xde\x3d\xd8x\0y"),
            (UTF_16BE, b"\0h\0\xe9\xd8\x3d\xde\0\xd8"),
            (SHIFT_JIS, b"\x93\xfa\x96{\x8c\xea abc \x81"),
            (EUC_JP, b"\xc6\xfc\xcb\xdc\x8f\xb0\xa1x\x8f\xb0"),
            (GB18030, b"\xd6\xd0\x81\x30\x81\x30\x84\x31\x95\x33z\x81\x30\x81"),
            (BIG5, b"\xa4\xa4\xa4\xe5 x\x88\x62\xa4"),
            (EUC_KR, b"\xc7\xd1\xb1\xdb\xc7"),
        ];
        for (encoding, bytes) in samples {
            let whole = decoded(encoding, bytes, false, false).unwrap().0;
            for size in 1..=bytes.len() {
                assert_eq!(chunked(encoding, bytes, size), whole, "{} in pieces of {size}", encoding.name());
            }
        }
    }

    #[test]
    fn invalid_bytes_are_fatal_when_asked_for() {
        assert_eq!(decoded(UTF_8, b"a\xff", true, false), None);
        assert_eq!(decoded(UTF_8, b"a\xe2\x82", true, true), Some(("a".to_owned(), Some(2))));
        assert_eq!(decoded(UTF_8, b"a\xe2\x82", true, false), None);
        assert_eq!(decoded(SHIFT_JIS, b"\x93", true, false), None);
        assert_eq!(decoded(WINDOWS_1252, b"\x80\x81", true, false), Some(("\u{20ac}\u{81}".to_owned(), Some(0))));
    }
}
