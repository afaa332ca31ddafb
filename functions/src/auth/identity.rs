//! Who is calling.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::AuthError;

/// The caller of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// No credential was sent: normal, not an error.
    Anonymous,
    /// An admin key was sent.
    Admin(AdminIdentity),
    /// An admin key was sent with the attributes of a user to act as.
    ActingUser {
        /// The admin who acts.
        admin: AdminIdentity,
        /// Who user code sees.
        user: UserIdentity,
    },
    /// A user with a verified token.
    User(UserIdentity),
    /// The caller of an HTTP action with a credential that is not valid: the action runs, and fails if it asks who calls.
    Rejected(Arc<AuthError>),
    /// The server itself.
    System,
}

/// The holder of an admin key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AdminIdentity {
    /// Name of the instance the key is for.
    pub instance: Arc<str>,
}

/// The attributes of a user as `ctx.auth.getUserIdentity()` returns them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserIdentity {
    json: Arc<str>,
    token_identifier: Arc<str>,
}

impl UserIdentity {
    /// Takes the attributes sent by an admin who acts as a user: an object with `tokenIdentifier`, or with `issuer`
    /// and `subject`. Unknown keys are custom claims; null members count as absent.
    ///
    /// # Errors
    /// [`AuthError::InvalidAttributes`] if neither form is complete or a member has the wrong type.
    pub fn from_attributes(attributes: &Json) -> Result<Self, AuthError> {
        let invalid = |reason: &str| AuthError::InvalidAttributes(reason.to_owned());
        let object = attributes.as_object().ok_or_else(|| invalid("the attributes must be a JSON object"))?;
        let mut object: Map<String, Json> =
            object.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
        for name in ["tokenIdentifier", "issuer", "subject"] {
            if object.get(name).is_some_and(|v| !v.is_string()) {
                return Err(invalid(&format!("`{name}` must be a string")));
            }
        }
        let text = |object: &Map<String, Json>, name: &str| object.get(name).and_then(Json::as_str).map(str::to_owned);
        let token_identifier = match text(&object, "tokenIdentifier") {
            Some(identifier) => {
                if let Some((issuer, subject)) = identifier.rsplit_once('|') {
                    object.entry("issuer").or_insert_with(|| issuer.into());
                    object.entry("subject").or_insert_with(|| subject.into());
                }
                identifier
            }
            None => match (text(&object, "issuer"), text(&object, "subject")) {
                (Some(issuer), Some(subject)) => format!("{issuer}|{subject}"),
                _ => return Err(invalid("give `tokenIdentifier`, or both `issuer` and `subject`")),
            },
        };
        object.insert("tokenIdentifier".to_owned(), token_identifier.as_str().into());
        // Sorted, so that equal identities are equal texts.
        let sorted: std::collections::BTreeMap<_, _> = object.into_iter().collect();
        let json = serde_json::to_string(&sorted).map_err(|e| invalid(&e.to_string()))?;
        Ok(Self { json: json.into(), token_identifier: token_identifier.into() })
    }

    /// JSON text of the identity object.
    pub fn json(&self) -> &Arc<str> {
        &self.json
    }

    /// `issuer|subject`.
    pub fn token_identifier(&self) -> &str {
        &self.token_identifier
    }
}

impl Identity {
    /// Whether internal functions, functions of components and admin routes are open to the caller.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::Admin(_) | Self::ActingUser { .. } | Self::System)
    }

    /// Who user code sees; `None` for anonymous callers, plain admins and the system.
    pub fn user(&self) -> Option<&UserIdentity> {
        match self {
            Self::User(user) | Self::ActingUser { user, .. } => Some(user),
            Self::Anonymous | Self::Admin(_) | Self::Rejected(_) | Self::System => None,
        }
    }

    /// The result of `ctx.auth.getUserIdentity()` as JSON text.
    pub fn user_json(&self) -> &str {
        self.user().map_or("null", |user| user.json())
    }

    /// The `identityType` of log entries.
    pub fn log_type(&self) -> &'static str {
        match self {
            Self::Anonymous | Self::Rejected(_) => "unknown",
            Self::Admin(_) => "instance_admin",
            Self::ActingUser { .. } => "member_acting_user",
            Self::User(_) => "user",
            Self::System => "system",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{AdminIdentity, Identity, UserIdentity};

    #[test]
    fn issuer_and_subject_make_the_token_identifier() {
        let user =
            UserIdentity::from_attributes(&json!({"subject": "u7", "issuer": "https://id.example", "name": "Uma"}));
        let user = user.unwrap();
        assert_eq!(user.token_identifier(), "https://id.example|u7");
        assert_eq!(
            &**user.json(),
            r#"{"issuer":"https://id.example","name":"Uma","subject":"u7","tokenIdentifier":"https://id.example|u7"}"#
        );
    }

    #[test]
    fn token_identifier_alone_is_enough() {
        let user =
            UserIdentity::from_attributes(&json!({"tokenIdentifier": "https://a|b", "plan": {"x": 1}, "name": null}));
        let user: serde_json::Value = serde_json::from_str(user.unwrap().json()).unwrap();
        assert_eq!(
            user,
            json!({"tokenIdentifier": "https://a|b", "issuer": "https://a", "subject": "b", "plan": {"x": 1}})
        );
    }

    #[test]
    fn incomplete_attributes_are_refused() {
        for attributes in [json!({}), json!({"issuer": "x"}), json!({"subject": 7, "issuer": "x"}), json!([])] {
            assert!(UserIdentity::from_attributes(&attributes).is_err(), "{attributes}");
        }
    }

    #[test]
    fn what_user_code_sees() {
        let admin = AdminIdentity { instance: "demo".into() };
        let user = UserIdentity::from_attributes(&json!({"issuer": "i", "subject": "s"})).unwrap();
        assert_eq!(Identity::Admin(admin.clone()).user_json(), "null");
        assert_eq!(Identity::Anonymous.user_json(), "null");
        let acting = Identity::ActingUser { admin, user: user.clone() };
        assert!(acting.is_admin());
        assert_eq!(acting.user_json(), &**user.json());
        assert!(!Identity::User(user).is_admin());
    }
}
