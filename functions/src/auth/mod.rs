//! Admin keys, identities, and the `Authorization` header.

mod admin_key;
mod header;
mod identity;

pub use admin_key::{AdminKeys, INSTANCE_SECRET_BYTES};
pub use identity::{AdminIdentity, Identity, UserIdentity};

/// Why a credential was refused. Every variant has a code and an HTTP status of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// A user token was sent, and no provider is configured that could have issued it.
    #[error(
        "No auth provider is configured that matches the given token. Tokens of users can not be checked by this deployment"
    )]
    NoAuthProvider,
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
    /// The `code` of the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MalformedAdminKey => "BadAdminKey",
            Self::BadDeployKey { .. } | Self::AdminRequired { .. } => "BadDeployKey",
            Self::NoAuthProvider => "NoAuthProvider",
            Self::InvalidHeader => "InvalidHeaderFailure",
            Self::UnknownScheme => "InvalidAdminKey",
            Self::InvalidAttributes(_) => "HeaderParseFailure",
        }
    }

    /// The HTTP status that answers it.
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::MalformedAdminKey | Self::NoAuthProvider => http::StatusCode::UNAUTHORIZED,
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

    /// Verifies the token of a user.
    ///
    /// # Errors
    /// Always [`AuthError::NoAuthProvider`]: no provider can be configured yet.
    pub fn user_token(&self, _token: &str) -> Result<Identity, AuthError> {
        Err(AuthError::NoAuthProvider)
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
