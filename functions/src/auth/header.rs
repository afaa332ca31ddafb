//! The `Authorization` header and the `adminKey` query parameter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::admin_key::split_key;
use super::{AuthError, Authenticator, Identity};

/// A shorter header cannot hold a scheme and a credential.
const MIN_HEADER_BYTES: usize = 7;

/// What an `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing, or a valid admin key.
    Identity(Identity),
    /// The token of a user, not verified.
    UserToken(String),
}

impl Authenticator {
    /// What is in an `Authorization` header, or, if there is none, in an `adminKey` query parameter. Neither: anonymous.
    ///
    /// # Errors
    /// A credential that is present and invalid is never downgraded to anonymous.
    pub fn credential(&self, header: Option<&str>, admin_key: Option<&str>) -> Result<Credential, AuthError> {
        match (header, admin_key) {
            (Some(header), _) => self.header(header),
            (None, Some(key)) => self.admin_credential(key).map(Credential::Identity),
            (None, None) => Ok(Credential::Identity(Identity::Anonymous)),
        }
    }

    /// Who sends a request that only admins may send.
    ///
    /// # Errors
    /// Everybody else is refused.
    pub fn admin(&self, header: Option<&str>, admin_key: Option<&str>) -> Result<Identity, AuthError> {
        let identity = match self.credential(header, admin_key)? {
            Credential::Identity(identity) => identity,
            Credential::UserToken(_) => Identity::Anonymous,
        };
        self.require_admin(&identity)?;
        Ok(identity)
    }

    fn header(&self, header: &str) -> Result<Credential, AuthError> {
        if header.len() < MIN_HEADER_BYTES {
            return Err(AuthError::InvalidHeader);
        }
        match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => {
                Ok(Credential::UserToken(token.trim().to_owned()))
            }
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("Convex") => {
                self.admin_credential(key.trim()).map(Credential::Identity)
            }
            _ => Err(AuthError::UnknownScheme),
        }
    }

    /// `<key>` or `<key>:<base64 of the JSON attributes of a user>`.
    fn admin_credential(&self, text: &str) -> Result<Identity, AuthError> {
        let (key, attributes) = split_key(text);
        let Some(attributes) = attributes else { return self.admin_key(key) };
        // The key first: an invalid one must not be told anything about the attributes.
        self.keys.verify(key)?;
        let invalid = |reason: String| AuthError::InvalidAttributes(reason);
        let bytes = STANDARD.decode(attributes).map_err(|e| invalid(e.to_string()))?;
        let attributes = serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
        self.acting_user(key, &attributes)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use lakewire_storage::env::Env;

    use super::Credential;
    use crate::auth::{AuthError, Authenticator, Identity};

    impl Authenticator {
        fn authenticate(&self, header: Option<&str>, admin_key: Option<&str>) -> Result<Identity, AuthError> {
            match self.credential(header, admin_key)? {
                Credential::Identity(identity) => Ok(identity),
                Credential::UserToken(token) => panic!("a token: {token}"),
            }
        }
    }

    fn setup() -> (Authenticator, String) {
        let auth = Authenticator::new("demo", [1; 32]);
        let key = auth.admin_keys().issue(&Env::deterministic(9));
        (auth, key)
    }

    #[test]
    fn absent_is_anonymous() {
        assert_eq!(setup().0.authenticate(None, None), Ok(Identity::Anonymous));
    }

    #[test]
    fn admin_by_header_and_by_parameter() {
        let (auth, key) = setup();
        assert!(matches!(auth.authenticate(Some(&format!("Convex {key}")), None), Ok(Identity::Admin(_))));
        assert!(matches!(auth.authenticate(Some(&format!("convex prod:{key}")), None), Ok(Identity::Admin(_))));
        assert!(matches!(auth.authenticate(None, Some(&key)), Ok(Identity::Admin(_))));
    }

    #[test]
    fn acting_as_a_user() {
        let (auth, key) = setup();
        let attributes = STANDARD.encode(r#"{"issuer":"https://i","subject":"s","name":"\u00dcma"}"#);
        let identity = auth.authenticate(Some(&format!("Convex {key}:{attributes}")), None).unwrap();
        let user = identity.user().unwrap();
        assert_eq!(user.token_identifier(), "https://i|s");
        assert!(identity.is_admin());
        let error = auth.authenticate(Some(&format!("Convex {key}:e30=")), None).unwrap_err();
        assert_eq!(error.code(), "HeaderParseFailure");
    }

    #[test]
    fn tokens_of_users_are_nobody_to_admin_routes() {
        let (auth, key) = setup();
        let token = Some("bearer  abc.def.ghi ");
        assert_eq!(auth.credential(token, Some(&key)), Ok(Credential::UserToken("abc.def.ghi".into())));
        assert_eq!(auth.admin(token, None).unwrap_err().code(), "BadDeployKey");
        assert_eq!(auth.admin(None, None).unwrap_err().code(), "BadDeployKey");
        assert!(auth.admin(None, Some(&key)).is_ok());
    }

    #[test]
    fn refusals_have_their_codes() {
        let (auth, _) = setup();
        let code = |header: &str| auth.authenticate(Some(header), None).unwrap_err();
        assert_eq!(code("Con").code(), "InvalidHeaderFailure");
        assert_eq!(code("Basic abcdef").code(), "InvalidAdminKey");
        assert_eq!(code("Convex demo|00").code(), "BadDeployKey");
        assert_eq!(code("Convex nonsense").code(), "BadAdminKey");
    }
}
