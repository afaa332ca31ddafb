//! Verifies tokens of users.

use std::sync::Arc;

use data_url::DataUrl;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use lakewire_storage::env::Env;
use serde_json::Value as Json;

use super::download::{Download, HttpDownload};
use super::issuer::{normalised, provider_of};
use super::key_cache::{KeyCache, Source};
use super::key_set::KeySet;
use super::token::{Claims, Unverified, audience};
use super::{AuthError, UserIdentity, claims};
use crate::fetch::FetchOptions;
use crate::model::AuthProvider;

/// How far the clock of a custom provider may be off, in seconds.
const SLACK: f64 = 5.0;

/// Verifies tokens of users.
pub struct TokenVerifier {
    env: Env,
    keys: KeyCache,
}

/// A user whose token is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedUser {
    /// Who.
    pub user: UserIdentity,
    /// From when on the token is not good any more: nanoseconds since the epoch.
    pub expires_ns: u64,
}

impl TokenVerifier {
    /// A verifier that gets keys from where requests of functions may go.
    pub fn new(env: Env, fetch: &FetchOptions) -> Self {
        Self::with_download(env, Arc::new(HttpDownload::new(fetch)))
    }

    pub(super) fn with_download(env: Env, download: Arc<dyn Download>) -> Self {
        Self { keys: KeyCache::new(env.clone(), download), env }
    }

    /// Verifies `token` with the keys of the first of `providers` that is its issuer. `explain` says whether an error may
    /// tell which providers there are.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn verify(
        &self,
        providers: &[AuthProvider],
        token: &str,
        explain: bool,
    ) -> Result<VerifiedUser, AuthError> {
        let unverified = Unverified::parse(token)?;
        let provider = provider_of(&unverified, providers, explain)?;
        let key = self.key(provider, &unverified).await?;
        let claims = check_signature(token, &key.0, key.1).map_err(|error| refusal(provider, error))?;
        self.check_claims(provider, &claims)
    }

    async fn key(&self, provider: &AuthProvider, token: &Unverified) -> Result<(DecodingKey, Algorithm), AuthError> {
        let alg = algorithm(provider, &token.alg)?;
        let kid = token.kid.as_deref();
        let key = match provider {
            AuthProvider::OpenIdConnect { domain, .. } => {
                self.keys.key(&Source::Discovery(domain.clone()), kid, alg).await?
            }
            AuthProvider::CustomJwt { .. } if kid.is_none() => {
                return Err(AuthError::InvalidToken("its header has no `kid`".to_owned()));
            }
            AuthProvider::CustomJwt { jwks, .. } if jwks.starts_with("data:") => {
                let keys = inline_keys(jwks)?;
                let missing = || AuthError::InvalidToken(format!("its provider has no {alg:?} key for it"));
                keys.find(kid, alg).cloned().ok_or_else(missing)?
            }
            AuthProvider::CustomJwt { jwks, .. } => self.keys.key(&Source::Keys(jwks.clone()), kid, alg).await?,
        };
        Ok((key, alg))
    }

    /// Checks the claims of a token whose signature is good.
    fn check_claims(&self, provider: &AuthProvider, claims: &Claims) -> Result<VerifiedUser, AuthError> {
        let now = self.env.now_ns() as f64 / 1e9;
        let (issuer, application, slack) = match provider {
            AuthProvider::OpenIdConnect { domain, application_id } => (domain, Some(application_id), 0.0),
            AuthProvider::CustomJwt { issuer, application_id, .. } => (issuer, application_id.as_ref(), SLACK),
        };
        let token_issuer = super::token::required_text(claims, "iss")?;
        if normalised(token_issuer) != normalised(issuer) {
            return Err(AuthError::InvalidToken(format!("its issuer is `{token_issuer}`, not `{issuer}`")));
        }
        let audience = audience(claims);
        if application.is_some_and(|application| !audience.contains(application)) {
            return Err(AuthError::InvalidToken("it is for another application".to_owned()));
        }
        let is_open_id = matches!(provider, AuthProvider::OpenIdConnect { .. });
        if is_open_id && audience.iter().any(|other| Some(other) != application) {
            // As OpenID Connect has it: who else it is for could use it here.
            return Err(AuthError::InvalidToken(format!("it is for others too: [{}]", audience.join(", "))));
        }
        let exp = moment(claims, "exp")?.ok_or_else(|| AuthError::InvalidToken("it has no claim `exp`".to_owned()))?;
        let expires = exp + slack;
        if now >= expires {
            return Err(refusal(provider, format!("it expired {:.0} seconds ago", now - exp)));
        }
        let begins = if is_open_id { ["nbf"].as_slice() } else { &["nbf", "iat"] };
        for name in begins {
            if moment(claims, name)?.is_some_and(|at| at > now + SLACK) {
                return Err(refusal(provider, format!("its `{name}` is in the future")));
            }
        }
        let user = if is_open_id { claims::of_open_id_connect(claims) } else { claims::of_custom_jwt(claims) }?;
        Ok(VerifiedUser { user, expires_ns: (expires * 1e9) as u64 })
    }
}

/// The algorithm of a token, if its provider uses it. None but those of key pairs are known here.
fn algorithm(provider: &AuthProvider, named: &str) -> Result<Algorithm, AuthError> {
    let is_allowed = match provider {
        AuthProvider::CustomJwt { algorithm, .. } => algorithm == named,
        AuthProvider::OpenIdConnect { .. } => true,
    };
    match named {
        "RS256" if is_allowed => Ok(Algorithm::RS256),
        "ES256" if is_allowed => Ok(Algorithm::ES256),
        "EdDSA" if is_allowed => Ok(Algorithm::EdDSA),
        _ => Err(AuthError::InvalidToken(format!("its provider does not sign with `{named}`"))),
    }
}

fn check_signature(token: &str, key: &DecodingKey, alg: Algorithm) -> Result<Claims, String> {
    let mut validation = Validation::new(alg);
    // Claims are checked here, by our clock and with errors that say what is wrong.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
    decoded.map(|data| data.claims).map_err(|error| format!("its signature can't be verified: {error}"))
}

fn moment(claims: &Claims, name: &str) -> Result<Option<f64>, AuthError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) => Ok(number.as_f64()),
        Some(_) => Err(AuthError::InvalidToken(format!("its claim `{name}` is not a number"))),
    }
}

/// Keys in the configuration itself.
fn inline_keys(url: &str) -> Result<KeySet, AuthError> {
    let invalid = |reason: String| AuthError::InvalidKeys(format!("the `data:` URL of its keys: {reason}"));
    let url = DataUrl::process(url).map_err(|error| invalid(error.to_string()))?;
    let (body, _) = url.decode_to_vec().map_err(|error| invalid(error.to_string()))?;
    KeySet::parse(&body).map_err(|error| invalid(error.to_string()))
}

fn refusal(provider: &AuthProvider, reason: String) -> AuthError {
    match provider {
        AuthProvider::OpenIdConnect { .. } => AuthError::Unauthenticated(reason),
        AuthProvider::CustomJwt { .. } => AuthError::InvalidToken(reason),
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
