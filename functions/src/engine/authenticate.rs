//! Who calls, by what was sent with a call.

use std::sync::Arc;

use super::Engine;
use crate::auth::{AuthError, Credential, Identity, VerifiedUser};
use crate::udf::CallFailure;

impl Engine {
    /// The identity behind an `Authorization` header, or, if there is none, behind an `adminKey` query parameter. Neither:
    /// anonymous.
    ///
    /// # Errors
    /// [`CallFailure::Auth`]: a credential that is present and invalid is never downgraded to anonymous.
    pub async fn authenticate(&self, header: Option<&str>, admin_key: Option<&str>) -> Result<Identity, CallFailure> {
        match self.auth.credential(header, admin_key)? {
            Credential::Identity(identity) => Ok(identity),
            Credential::UserToken(token) => Ok(Identity::User(self.authenticate_user(&token).await?.user)),
        }
    }

    /// As [`Engine::authenticate`] for HTTP actions, which are for anybody to call: those with an invalid credential run too, as
    /// [`Identity::Rejected`].
    ///
    /// # Errors
    /// [`CallFailure`] when the deployed app can't be read.
    pub async fn authenticate_http_action(&self, header: Option<&str>) -> Result<Identity, CallFailure> {
        match self.authenticate(header, None).await {
            Err(CallFailure::Auth(error)) => Ok(Identity::Rejected(Arc::new(error))),
            other => other,
        }
    }

    /// Verifies the token of a user with the providers of the app that is deployed now.
    ///
    /// # Errors
    /// [`CallFailure::Auth`] if it is not good, or the provider can't be asked.
    pub async fn authenticate_user(&self, token: &str) -> Result<VerifiedUser, CallFailure> {
        let verified = self.verify(token).await;
        if !matches!(verified, Err(CallFailure::Auth(AuthError::NoAuthProvider(_)))) || !self.db.is_shared() {
            return verified;
        }
        // Another process may have deployed a provider just now.
        self.refresh().await?;
        self.verify(token).await
    }

    async fn verify(&self, token: &str) -> Result<VerifiedUser, CallFailure> {
        let model = self.models.at(&self.db, &self.db.latest()).await?;
        Ok(self.tokens.verify(&model.auth, token, !self.deployment.redact_errors).await?)
    }
}
