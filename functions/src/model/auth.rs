//! The JWT providers of `auth.config`: parsing, and the rows of `_auth`.

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::error::ModelError;
use super::rows;

const TABLE: SystemTable = SystemTable::Auth;

/// A provider, normalised. The serialised form is the one of `appAuth` in push responses and of `_auth` rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AuthProvider {
    CustomJwt {
        #[serde(rename = "type")]
        tag: CustomJwtTag,
        #[serde(rename = "applicationID")]
        application_id: Option<String>,
        issuer: String,
        jwks: String,
        algorithm: String,
    },
    OpenIdConnect {
        #[serde(rename = "applicationID")]
        application_id: String,
        domain: String,
    },
}

/// The constant `customJwt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomJwtTag {
    #[serde(rename = "customJwt")]
    CustomJwt,
}

impl AuthProvider {
    /// JSON text, as in `authDiff`.
    pub fn to_json_text(&self) -> String {
        serde_json::to_string(self).expect("strings only")
    }
}

/// An `auth.config` whose default export cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthConfigError {
    #[error("auth config file does not match the expected schema: {reason}")]
    Schema { reason: String },
    #[error("invalid provider domain URL `{url}`: {reason}")]
    Url { url: String, reason: &'static str },
    #[error("`{url}` is not secure: providers must use `https`, plain `http` is allowed for localhost only")]
    Insecure { url: String },
    #[error("invalid auth config: {reason}")]
    Invalid { reason: String },
}

impl AuthConfigError {
    /// The error code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            AuthConfigError::Schema { .. } => "AuthConfigNotMatchingSchemaError",
            AuthConfigError::Url { .. } => "InvalidProviderDomainUrl",
            AuthConfigError::Insecure { .. } => "InsecureConfiguration",
            AuthConfigError::Invalid { .. } => "InvalidAuthConfig",
        }
    }
}

/// Parses the default export of `auth.config`.
///
/// # Errors
/// See [`AuthConfigError`]. Unknown properties are tolerated, except likely misspellings.
pub fn parse(config: &Json) -> Result<Vec<AuthProvider>, AuthConfigError> {
    let schema = |reason: &str| AuthConfigError::Schema { reason: reason.to_owned() };
    let config = config.as_object().ok_or_else(|| schema("the default export must be an object"))?;
    let providers = config.get("providers").ok_or_else(|| schema("the property `providers` is missing"))?;
    let providers = providers.as_array().ok_or_else(|| schema("`providers` must be an array"))?;
    providers.iter().enumerate().map(|(i, provider)| Fields::new(i, provider)?.parse()).collect()
}

/// One provider object and its place, for messages.
struct Fields<'a> {
    index: usize,
    object: &'a serde_json::Map<String, Json>,
}

impl<'a> Fields<'a> {
    fn new(index: usize, provider: &'a Json) -> Result<Fields<'a>, AuthConfigError> {
        let object = provider
            .as_object()
            .ok_or_else(|| AuthConfigError::Schema { reason: format!("`providers[{index}]` must be an object") })?;
        Ok(Fields { index, object })
    }

    fn schema(&self, reason: impl std::fmt::Display) -> AuthConfigError {
        AuthConfigError::Schema { reason: format!("`providers[{}]`: {reason}", self.index) }
    }

    fn string(&self, name: &str) -> Result<String, AuthConfigError> {
        match self.object.get(name) {
            Some(Json::String(text)) => Ok(text.clone()),
            Some(_) => Err(self.schema(format_args!("`{name}` must be a string"))),
            None => Err(self.schema(format_args!("`{name}` is missing"))),
        }
    }

    fn parse(&self) -> Result<AuthProvider, AuthConfigError> {
        for (typo, right) in [
            ("applicationId", "applicationID"),
            ("applicationid", "applicationID"),
            ("clientId", "applicationID"),
            ("Domain", "domain"),
            ("jwksUrl", "jwks"),
            ("jwksUri", "jwks"),
            ("alg", "algorithm"),
        ] {
            if self.object.contains_key(typo) && !self.object.contains_key(right) {
                return Err(self.schema(format_args!("unknown property `{typo}`, did you mean `{right}`?")));
            }
        }
        match self.object.get("type") {
            None if self.object.contains_key("issuer") || self.object.contains_key("jwks") => {
                Err(self.schema("`issuer` and `jwks` need `type: \"customJwt\"`"))
            }
            None => self.open_id_connect(),
            Some(Json::String(tag)) if tag == "customJwt" => self.custom_jwt(),
            Some(Json::String(tag)) => {
                Err(self.schema(format_args!("unknown `type` `{tag}`, the only one is `customJwt`")))
            }
            Some(_) => Err(self.schema("`type` must be a string")),
        }
    }

    fn open_id_connect(&self) -> Result<AuthProvider, AuthConfigError> {
        Ok(AuthProvider::OpenIdConnect {
            application_id: self.string("applicationID")?,
            domain: with_scheme(self.string("domain")?)?,
        })
    }

    fn custom_jwt(&self) -> Result<AuthProvider, AuthConfigError> {
        let application_id = match self.object.get("applicationID") {
            None | Some(Json::Null) => None,
            Some(_) => Some(self.string("applicationID")?),
        };
        let algorithm = self.string("algorithm")?;
        if !matches!(algorithm.as_str(), "RS256" | "ES256" | "EdDSA") {
            return Err(self.schema(format_args!("unknown `algorithm` `{algorithm}`, use `RS256`, `ES256` or `EdDSA`")));
        }
        let jwks = self.string("jwks")?;
        let jwks = if jwks.starts_with("data:") { jwks } else { with_scheme(jwks)? };
        let issuer = self.string("issuer")?;
        if issuer.is_empty() {
            return Err(AuthConfigError::Invalid { reason: format!("`providers[{}].issuer` is empty", self.index) });
        }
        Ok(AuthProvider::CustomJwt {
            tag: CustomJwtTag::CustomJwt,
            application_id,
            issuer: with_scheme(issuer)?,
            jwks,
            algorithm,
        })
    }
}

/// Prefixes `https://` where a scheme is missing, and refuses what is not a web origin.
fn with_scheme(url: String) -> Result<String, AuthConfigError> {
    let url = if url.contains("://") { url } else { format!("https://{url}") };
    let reason = match url.parse::<http::Uri>() {
        Err(_) => "it cannot be parsed",
        Ok(parsed) => match (parsed.scheme_str(), parsed.host()) {
            (_, None | Some("")) => "it has no host",
            (Some("https"), Some(_)) => return Ok(url),
            (Some("http"), Some("localhost" | "127.0.0.1" | "[::1]")) => return Ok(url),
            (Some("http"), Some(_)) => return Err(AuthConfigError::Insecure { url }),
            _ => "the scheme must be `https`",
        },
    };
    Err(AuthConfigError::Url { url, reason })
}

/// The providers of the deployed app, in the order of the config.
pub async fn read(tx: &mut Transaction) -> Result<Vec<AuthProvider>, ModelError> {
    Ok(rows::scan(tx, TABLE).await?.into_iter().map(|row| row.value).collect())
}

/// Replaces all providers, if they differ.
pub async fn write(tx: &mut Transaction, providers: &[AuthProvider]) -> Result<(), ModelError> {
    let current = rows::scan::<AuthProvider>(tx, TABLE).await?;
    if current.iter().map(|row| &row.value).eq(providers) {
        return Ok(());
    }
    for row in current {
        rows::delete(tx, TABLE, row.id).await?;
    }
    for provider in providers {
        rows::insert(tx, TABLE, provider).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
