//! Which provider a token is from.

use super::AuthError;
use super::token::Unverified;
use crate::model::AuthProvider;

/// An issuer as issuers are compared: with a scheme, without slashes at the end.
pub(super) fn normalised(issuer: &str) -> String {
    let issuer = issuer.trim_end_matches('/');
    if issuer.contains("://") { issuer.to_owned() } else { format!("https://{issuer}") }
}

/// The first provider with the issuer and audience of a token. No other one is tried.
///
/// # Errors
/// [`AuthError::NoAuthProvider`], with a list of `providers` if `explain`.
pub(super) fn provider_of<'a>(
    token: &Unverified,
    providers: &'a [AuthProvider],
    explain: bool,
) -> Result<&'a AuthProvider, AuthError> {
    let issuer = normalised(&token.issuer);
    let is_for = |application: &String| token.audience.contains(application);
    let matches = |provider: &&AuthProvider| match provider {
        AuthProvider::OpenIdConnect { application_id, domain } => {
            normalised(domain) == issuer && is_for(application_id)
        }
        AuthProvider::CustomJwt { application_id, issuer: theirs, .. } => {
            normalised(theirs) == issuer && application_id.as_ref().is_none_or(is_for)
        }
    };
    providers.iter().find(matches).ok_or_else(|| {
        let why = if explain { explanation(token, providers) } else { String::new() };
        AuthError::NoAuthProvider(why)
    })
}

fn explanation(token: &Unverified, providers: &[AuthProvider]) -> String {
    let configured: Vec<String> = providers
        .iter()
        .map(|provider| match provider {
            AuthProvider::OpenIdConnect { application_id, domain } => {
                format!("OIDC(domain={domain}, applicationID={application_id})")
            }
            AuthProvider::CustomJwt { application_id, issuer, .. } => {
                let application = application_id.as_deref().unwrap_or("any");
                format!("CustomJwt(issuer={issuer}, applicationID={application})")
            }
        })
        .collect();
    let configured = if configured.is_empty() { "none".to_owned() } else { configured.join(", ") };
    format!(": its `iss` is `{}`, its `aud` [{}]; configured: {configured}", token.issuer, token.audience.join(", "))
}
