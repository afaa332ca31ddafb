//! A JSON Web Token before anything of it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::AuthError;

/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 64 << 10;

/// The claims of a token.
pub(super) type Claims = Map<String, Json>;

/// What a token says of itself. Good for choosing the key that it is checked with, and for nothing else.
pub(super) struct Unverified {
    pub alg: String,
    pub kid: Option<String>,
    pub issuer: String,
    pub audience: Vec<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

impl Unverified {
    /// Takes `token` apart.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`] if it is no signed token, or has no issuer.
    pub(super) fn parse(token: &str) -> Result<Self, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::InvalidToken(format!("it has more than {MAX_TOKEN_BYTES} bytes")));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuthError::InvalidToken("it is not three parts separated by `.`".to_owned()));
        };
        let header: Header = decode("header", header)?;
        let claims: Claims = decode("payload", payload)?;
        let issuer = required_text(&claims, "iss")?.to_owned();
        Ok(Self { alg: header.alg, kid: header.kid, issuer, audience: audience(&claims) })
    }
}

fn decode<T: serde::de::DeserializeOwned>(what: &str, part: &str) -> Result<T, AuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|error| AuthError::InvalidToken(format!("its {what} is not base64url: {error}")))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| AuthError::InvalidToken(format!("its {what} is not what it should be: {error}")))
}

/// A claim that must be there and a text.
pub(super) fn required_text<'a>(claims: &'a Claims, name: &str) -> Result<&'a str, AuthError> {
    match claims.get(name) {
        Some(Json::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(AuthError::InvalidToken(format!("its claim `{name}` is not a text"))),
        None => Err(AuthError::InvalidToken(format!("it has no claim `{name}`"))),
    }
}

/// `aud`: one text or an array of them.
pub(super) fn audience(claims: &Claims) -> Vec<String> {
    match claims.get("aud") {
        Some(Json::String(one)) => vec![one.clone()],
        Some(Json::Array(all)) => all.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
