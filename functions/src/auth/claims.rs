//! From the claims of a verified token to what `ctx.auth.getUserIdentity()` gives.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value as Json};

use super::token::{Claims, required_text};
use super::{AuthError, UserIdentity};

/// Fields of the identity with a text, and the OpenID Connect claims behind them.
const TEXTS: &[(&str, &str)] = &[
    ("name", "name"),
    ("given_name", "givenName"),
    ("family_name", "familyName"),
    ("nickname", "nickname"),
    ("preferred_username", "preferredUsername"),
    ("profile", "profileUrl"),
    ("picture", "pictureUrl"),
    ("website", "websiteUrl"),
    ("email", "email"),
    ("gender", "gender"),
    ("birthdate", "birthday"),
    ("zoneinfo", "timezone"),
    ("locale", "language"),
    ("phone_number", "phoneNumber"),
];
const FLAGS: &[(&str, &str)] = &[("email_verified", "emailVerified"), ("phone_number_verified", "phoneNumberVerified")];
/// Registered claims, which are about the token and not about the user.
const REGISTERED: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// Claims that are other ones in every token, so that no result could be shared by two tokens of one user: of OpenID Connect,
/// and the age of the second factor.
const PER_TOKEN: &[&str] = &["nonce", "at_hash", "c_hash", "fva"];
/// No claim can pretend to be one of these.
const OWN: &[&str] = &["tokenIdentifier", "issuer", "subject"];

/// The identity of a token of an OpenID Connect provider: standard claims under the names of the client package, others as they are.
pub(super) fn of_open_id_connect(claims: &Claims) -> Result<UserIdentity, AuthError> {
    let mut fields = Map::new();
    for (name, value) in claims {
        let is_standard = TEXTS.iter().chain(FLAGS).any(|(claim, _)| claim == name);
        let is_field = TEXTS.iter().chain(FLAGS).any(|(claim, field)| field == name && claim != field);
        let is_special = matches!(name.as_str(), "address" | "updated_at" | "updatedAt");
        if !is_standard && !is_field && !is_special && !is_hidden(name) {
            fields.insert(name.clone(), value.clone());
        }
    }
    for (claim, field) in TEXTS {
        if let Some(text @ Json::String(_)) = claims.get(*claim) {
            fields.insert((*field).to_owned(), text.clone());
        }
    }
    for (claim, field) in FLAGS {
        // Some providers send texts.
        let flag = match claims.get(*claim) {
            Some(Json::Bool(flag)) => *flag,
            Some(Json::String(text)) if text == "true" || text == "false" => text == "true",
            _ => continue,
        };
        fields.insert((*field).to_owned(), flag.into());
    }
    match claims.get("address") {
        Some(address @ Json::String(_)) => drop(fields.insert("address".to_owned(), address.clone())),
        Some(Json::Object(parts)) => {
            if let Some(formatted @ Json::String(_)) = parts.get("formatted") {
                fields.insert("address".to_owned(), formatted.clone());
            }
        }
        _ => {}
    }
    if let Some(at) = claims.get("updated_at").and_then(moment) {
        fields.insert("updatedAt".to_owned(), at.into());
    }
    identity(claims, fields)
}

/// The identity of a token of a custom provider: claims under their own names, those of nested objects joined by dots.
pub(super) fn of_custom_jwt(claims: &Claims) -> Result<UserIdentity, AuthError> {
    let mut fields = Map::new();
    for (name, value) in claims {
        if !is_hidden(name) {
            flatten(name.clone(), value, &mut fields);
        }
    }
    identity(claims, fields)
}

fn identity(claims: &Claims, mut fields: Map<String, Json>) -> Result<UserIdentity, AuthError> {
    let (issuer, subject) = (required_text(claims, "iss")?, required_text(claims, "sub")?);
    fields.insert("issuer".to_owned(), issuer.into());
    fields.insert("subject".to_owned(), subject.into());
    fields.insert("tokenIdentifier".to_owned(), format!("{issuer}|{subject}").into());
    UserIdentity::from_attributes(&Json::Object(fields))
}

fn is_hidden(name: &str) -> bool {
    [REGISTERED, PER_TOKEN, OWN].iter().any(|names| names.contains(&name))
}

fn flatten(name: String, value: &Json, fields: &mut Map<String, Json>) {
    match value {
        Json::Object(members) => {
            for (member, value) in members {
                flatten(format!("{name}.{member}"), value, fields);
            }
        }
        value => drop(fields.insert(name, value.clone())),
    }
}

/// A moment as text: the standard has seconds since the epoch, and some providers send the text.
fn moment(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        value => {
            let seconds = value.as_f64()?;
            let at = DateTime::from_timestamp_millis((seconds * 1e3) as i64)?;
            Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
    }
}
