//! The `Authorization` header and the `adminKey` query parameter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::admin_key::split_key;
use super::{AuthError, Authenticator, Identity};

/// A shorter header cannot hold a scheme and a credential.
const MIN_HEADER_BYTES: usize = 7;

impl Authenticator {
    /// The identity behind an `Authorization` header value, or, if there is none, behind an `adminKey` query
    /// parameter. Neither: anonymous.
    ///
    /// # Errors
    /// A credential that is present and invalid is never downgraded to anonymous.
    pub fn authenticate(&self, header: Option<&str>, admin_key: Option<&str>) -> Result<Identity, AuthError> {
        match (header, admin_key) {
            (Some(header), _) => self.header(header),
            (None, Some(key)) => self.admin_credential(key),
            (None, None) => Ok(Identity::Anonymous),
        }
    }

    fn header(&self, header: &str) -> Result<Identity, AuthError> {
        if header.len() < MIN_HEADER_BYTES {
            return Err(AuthError::InvalidHeader);
        }
        match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => self.user_token(token.trim()),
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("Convex") => self.admin_credential(key.trim()),
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

    use crate::auth::{AuthError, Authenticator, Identity};

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
    fn refusals_have_their_codes() {
        let (auth, _) = setup();
        let code = |header: &str| auth.authenticate(Some(header), None).unwrap_err();
        assert_eq!(code("Con").code(), "InvalidHeaderFailure");
        assert_eq!(code("Basic abcdef").code(), "InvalidAdminKey");
        assert_eq!(code("bearer abc.def.ghi"), AuthError::NoAuthProvider);
        assert_eq!(code("Convex demo|00").code(), "BadDeployKey");
        assert_eq!(code("Convex nonsense").code(), "BadAdminKey");
    }
}
