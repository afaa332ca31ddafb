//! `ctx.auth`.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::TransactionHost;
use super::args::parse;
use super::error::{developer, invalid_argument};
use crate::auth::{Identity, SignError};
use crate::runtime::SyscallError;

const SIGN_JWT: &str = "ctx.auth.signJwt";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignJwtArgs {
    #[serde(default)]
    claims: Option<Map<String, Json>>,
    expires_in_seconds: f64,
}

/// The result of `ctx.auth.getUserIdentity()` as JSON text.
///
/// # Errors
/// The refusal of a credential that was not valid.
pub(crate) fn user_identity(identity: &Identity) -> Result<String, SyscallError> {
    match identity {
        Identity::Rejected(error) => Err(developer(error.code(), error)),
        identity => Ok(identity.user_json().to_owned()),
    }
}

impl TransactionHost {
    /// Signs a token as the app, or as the component that asks. Every run of a mutation signs another one: those of runs that
    /// are not committed are seen by nobody.
    pub(super) fn sign_jwt(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        self.require_mutation(op, SIGN_JWT)?;
        let SignJwtArgs { claims, expires_in_seconds } = parse(SIGN_JWT, args)?;
        let component = self.frame().path.component.clone();
        let origin = &self.context.model.origins.cloud;
        let issuer = if component.is_root() { origin.clone() } else { format!("{origin}/components/{component}") };
        let now_ns = self.context.db.env().now_ns();
        let signed = self.context.signer.sign(&issuer, now_ns, expires_in_seconds, claims.unwrap_or_default());
        let token = signed.map_err(|error| match &error {
            SignError::Reserved(_) => invalid_argument("claims", SIGN_JWT, &error),
            SignError::Lifetime(_) => invalid_argument("expiresInSeconds", SIGN_JWT, &error),
            SignError::Failed => SyscallError::fatal(error.to_string()),
        })?;
        Ok(Json::from(token).to_string())
    }
}
