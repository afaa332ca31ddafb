//! Admin keys, tokens of users, identities, and the `Authorization` header.
//!
//! A token is believed once a key of the provider that it names has verified it ([`TokenVerifier`]); which providers there are
//! is up to the deployed app. [`JwtSigner`] makes tokens for others to believe.

mod admin_key;
mod claims;
mod download;
mod header;
mod identity;
mod issuer;
mod key_cache;
mod key_set;
mod signer;
#[cfg(test)]
mod testing;
mod token;
mod verifier;

pub use admin_key::{AdminKeys, INSTANCE_SECRET_BYTES};
pub use header::Credential;
pub use identity::{AdminIdentity, Identity, UserIdentity};
pub use signer::{JwtSigner, SignError};
pub use verifier::{TokenVerifier, VerifiedUser};

/// Why a credential was refused. Every variant has a code and an HTTP status of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// The text is not an admin key.
    #[error("The provided admin key is not valid: expected `<instance name>|<key>`")]
    MalformedAdminKey,
    /// A key of another instance, or a forged one.
    #[error(
        "The provided deploy key is invalid for deployment '{instance}'. Check that you are using a key of this deployment"
    )]
    BadDeployKey {
        /// Name of this instance.
        instance: String,
    },
    /// An admin route was called without an admin key.
    #[error("This request needs an admin key of deployment '{instance}'; none, or an invalid one, was given")]
    AdminRequired {
        /// Name of this instance.
        instance: String,
    },
    /// The token of a user that no configured provider could have issued. The text goes on after the message.
    #[error(
        "No auth provider found matching the given token. Check that the providers of `auth.config` have its issuer and audience{0}"
    )]
    NoAuthProvider(String),
    /// The token of a user that is none, or not one of its provider.
    #[error("The token of the user is not valid: {0}")]
    InvalidToken(String),
    /// The keys of a provider are not what they should be.
    #[error("The keys of the auth provider can not be used: {0}")]
    InvalidKeys(String),
    /// The token of an OpenID Connect provider that is forged or too old.
    #[error("The token of the user can not be verified: {0}")]
    Unauthenticated(String),
    /// The token was good, and is too old now.
    #[error("The token of the user has expired")]
    TokenExpired,
    /// The provider says that it has no keys where they should be.
    #[error("The auth provider does not give its keys: {0}")]
    ProviderRefused(String),
    /// The provider can't be asked now. Nobody knows whether the token is good; sending it again later is safe.
    #[error("The auth provider can not be reached: {0}")]
    ProviderUnavailable(String),
    /// `Authorization` is too short or not text.
    #[error("The `Authorization` header is invalid")]
    InvalidHeader,
    /// `Authorization` has a scheme other than `Bearer` and `Convex`.
    #[error("The `Authorization` header must use the scheme `Bearer` or `Convex`")]
    UnknownScheme,
    /// The attributes of the user to act as are invalid.
    #[error("The attributes of the user to act as are invalid: {0}")]
    InvalidAttributes(String),
}

impl AuthError {
    /// Whether it is not the credential's fault: sending it again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::ProviderUnavailable(_))
    }

    /// The `code` of the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MalformedAdminKey => "BadAdminKey",
            Self::BadDeployKey { .. } | Self::AdminRequired { .. } => "BadDeployKey",
            Self::NoAuthProvider(_) => "NoAuthProvider",
            Self::InvalidToken(_) | Self::InvalidKeys(_) => "InvalidAuthHeader",
            Self::Unauthenticated(_) => "Unauthenticated",
            Self::TokenExpired => "TokenExpired",
            Self::ProviderRefused(_) => "AuthProviderDiscoveryFailed",
            Self::ProviderUnavailable(_) => "AuthProviderUnavailable",
            Self::InvalidHeader => "InvalidHeaderFailure",
            Self::UnknownScheme => "InvalidAdminKey",
            Self::InvalidAttributes(_) => "HeaderParseFailure",
        }
    }

    /// The HTTP status that answers it.
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::MalformedAdminKey
            | Self::NoAuthProvider(_)
            | Self::InvalidToken(_)
            | Self::InvalidKeys(_)
            | Self::Unauthenticated(_)
            | Self::TokenExpired
            | Self::ProviderRefused(_) => http::StatusCode::UNAUTHORIZED,
            Self::ProviderUnavailable(_) => http::StatusCode::SERVICE_UNAVAILABLE,
            Self::BadDeployKey { .. } | Self::AdminRequired { .. } => http::StatusCode::FORBIDDEN,
            Self::InvalidHeader | Self::UnknownScheme | Self::InvalidAttributes(_) => http::StatusCode::BAD_REQUEST,
        }
    }
}

/// Verifies credentials for one instance.
#[derive(Clone)]
pub struct Authenticator {
    keys: AdminKeys,
    instance: std::sync::Arc<str>,
}

impl Authenticator {
    /// For the instance `instance` with its secret.
    pub fn new(instance: &str, secret: [u8; INSTANCE_SECRET_BYTES]) -> Self {
        Self { keys: AdminKeys::new(instance, secret), instance: instance.into() }
    }

    /// The keys of the instance.
    pub fn admin_keys(&self) -> &AdminKeys {
        &self.keys
    }

    /// Verifies an admin key without acting-as attributes.
    ///
    /// # Errors
    /// [`AuthError::MalformedAdminKey`] or [`AuthError::BadDeployKey`].
    pub fn admin_key(&self, key: &str) -> Result<Identity, AuthError> {
        self.keys.verify(key).map(|()| Identity::Admin(self.admin_identity()))
    }

    /// Verifies an admin key whose holder acts as the user described by `attributes`.
    ///
    /// # Errors
    /// As [`Authenticator::admin_key`], and [`AuthError::InvalidAttributes`].
    pub fn acting_user(&self, key: &str, attributes: &serde_json::Value) -> Result<Identity, AuthError> {
        self.keys.verify(key)?;
        let user = UserIdentity::from_attributes(attributes)?;
        Ok(Identity::ActingUser { admin: self.admin_identity(), user })
    }

    /// Refuses everybody who is not an admin.
    ///
    /// # Errors
    /// [`AuthError::AdminRequired`].
    pub fn require_admin(&self, identity: &Identity) -> Result<(), AuthError> {
        if identity.is_admin() { Ok(()) } else { Err(AuthError::AdminRequired { instance: self.instance.to_string() }) }
    }

    fn admin_identity(&self) -> AdminIdentity {
        AdminIdentity { instance: self.instance.clone() }
    }
}
