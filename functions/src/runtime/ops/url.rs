//! URLs, as <https://url.spec.whatwg.org> has them.

use url::{Url, form_urlencoded, quirks};

use super::{string, string_array};

/// `(url, base?)` to the parts, or `null` if the URL is invalid.
pub(super) fn parse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let text = args.get(0).to_rust_string_lossy(scope);
    let base = args.get(1);
    let url = if base.is_undefined() {
        Url::parse(&text)
    } else {
        let base = base.to_rust_string_lossy(scope);
        Url::parse(&base).and_then(|base| base.join(&text))
    };
    match url {
        Ok(url) => result.set(parts(scope, &url).into()),
        Err(_) => result.set_null(),
    }
}

/// `(href, part, value)` to the parts of the changed URL, or `null` if the value does not fit.
pub(super) fn set<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    result.set_null();
    let Ok(mut url) = Url::parse(&args.get(0).to_rust_string_lossy(scope)) else { return };
    let part = args.get(1).to_rust_string_lossy(scope);
    let value = args.get(2).to_rust_string_lossy(scope);
    let is_set = match part.as_str() {
        "href" => quirks::set_href(&mut url, &value).is_ok(),
        "protocol" => quirks::set_protocol(&mut url, &value).is_ok(),
        "username" => quirks::set_username(&mut url, &value).is_ok(),
        "password" => quirks::set_password(&mut url, &value).is_ok(),
        "host" => quirks::set_host(&mut url, &value).is_ok(),
        "hostname" => quirks::set_hostname(&mut url, &value).is_ok(),
        "port" => quirks::set_port(&mut url, &value).is_ok(),
        "pathname" => {
            quirks::set_pathname(&mut url, &value);
            true
        }
        "search" => {
            quirks::set_search(&mut url, &value);
            true
        }
        "hash" => {
            quirks::set_hash(&mut url, &value);
            true
        }
        _ => false,
    };
    if is_set {
        result.set(parts(scope, &url).into());
    }
}

/// In the order of `PARTS` in the prelude's `url.js`.
fn parts<'s>(scope: &mut v8::PinScope<'s, '_>, url: &Url) -> v8::Local<'s, v8::Array> {
    let origin = quirks::origin(url);
    string_array(
        scope,
        [
            quirks::href(url),
            &origin,
            quirks::protocol(url),
            quirks::username(url),
            quirks::password(url),
            quirks::host(url),
            quirks::hostname(url),
            quirks::port(url),
            quirks::pathname(url),
            quirks::search(url),
            quirks::hash(url),
        ],
    )
}

/// Query text to an array of pairs.
pub(super) fn query_parse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let text = args.get(0).to_rust_string_lossy(scope);
    let pairs: Vec<v8::Local<v8::Value>> = form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| string_array(scope, [name, value]).into())
        .collect();
    result.set(v8::Array::new_with_elements(scope, &pairs).into());
}

/// Flat array of names and values to query text.
pub(super) fn query_serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Ok(array) = v8::Local::<v8::Array>::try_from(args.get(0)) else { return };
    let item = |index: u32| array.get_index(scope, index).map(|v| v.to_rust_string_lossy(scope)).unwrap_or_default();
    let mut text = form_urlencoded::Serializer::new(String::new());
    for index in (0..array.length()).step_by(2) {
        text.append_pair(&item(index), &item(index + 1));
    }
    let text = text.finish();
    result.set(string(scope, &text).into());
}
