//! What clients send.
//!
//! A message is parsed into one flat structure whatever its type, since `type` may come last. Arguments stay JSON text: an argument
//! that cannot be decoded fails the request it belongs to, not the connection.

use std::borrow::Cow;
use std::sync::Arc;

use lakewire_storage::log::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::timestamp;

/// A message of a client, checked and owned.
#[derive(Debug)]
pub(crate) enum ClientMessage {
    Connect(Connect),
    ModifyQuerySet(ModifyQuerySet),
    Mutation(FunctionRequest),
    Action(FunctionRequest),
    Authenticate(Authenticate),
    /// Diagnostics of the client; their content does not matter.
    Event,
}

/// Introduces the client; not every connection has one.
#[derive(Debug)]
pub(crate) struct Connect {
    /// The same over all connections of one client object.
    pub(crate) session_id: Arc<str>,
    /// The client's clock in milliseconds since the Unix epoch; may be years off.
    pub(crate) client_ts: Option<f64>,
    /// The newest snapshot the client has ever seen.
    pub(crate) max_observed_ts: Option<Timestamp>,
    /// Whether the client was never connected before.
    pub(crate) is_first: bool,
}

/// A change of the set of subscribed queries.
#[derive(Debug)]
pub(crate) struct ModifyQuerySet {
    pub(crate) base_version: u32,
    pub(crate) new_version: u32,
    /// To be applied in order.
    pub(crate) modifications: Vec<Modification>,
}

/// One step of a [`ModifyQuerySet`].
#[derive(Debug)]
pub(crate) enum Modification {
    Add(Add),
    Remove(u32),
}

/// A new subscription.
#[derive(Debug)]
pub(crate) struct Add {
    pub(crate) query_id: u32,
    pub(crate) udf_path: String,
    /// JSON text of the array of arguments.
    pub(crate) args: Arc<str>,
    /// What an earlier run of the query said about its pages.
    pub(crate) journal: Option<String>,
    pub(crate) component_path: Option<String>,
}

/// A mutation or an action.
#[derive(Debug)]
pub(crate) struct FunctionRequest {
    pub(crate) request_id: u32,
    pub(crate) udf_path: String,
    /// JSON text of the array of arguments.
    pub(crate) args: Arc<str>,
    pub(crate) component_path: Option<String>,
}

/// A change of identity.
#[derive(Debug)]
pub(crate) struct Authenticate {
    pub(crate) base_version: u32,
    pub(crate) token: Token,
}

/// A credential.
#[derive(Debug)]
pub(crate) enum Token {
    /// Anonymous from now on.
    None,
    /// A JSON Web Token.
    User(String),
    /// An admin key, and the attributes of the user to act as.
    Admin { key: String, acting_as: Option<serde_json::Value> },
}

/// A message that breaks the protocol; the client is told so and stops for good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MalformedMessage {
    #[error("message was not valid JSON of the sync protocol: {0}")]
    Json(#[from] serde_json::Error),
    #[error("message type `{0}` is unknown")]
    UnknownType(String),
    #[error("`{message}` message has no field `{field}`")]
    MissingField { message: &'static str, field: &'static str },
    #[error("`sessionId` must have 1 to {MAX_SESSION_ID} bytes: it is a UUID")]
    SessionId,
    #[error("`{0}` is not a timestamp")]
    Timestamp(String),
    #[error("token type `{0}` is unknown")]
    UnknownTokenType(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flat<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    session_id: Option<String>,
    connection_count: Option<f64>,
    client_ts: Option<f64>,
    max_observed_timestamp: Option<String>,
    base_version: Option<u32>,
    new_version: Option<u32>,
    #[serde(borrow)]
    modifications: Option<Vec<FlatModification<'a>>>,
    request_id: Option<u32>,
    udf_path: Option<String>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    component_path: Option<String>,
    token_type: Option<String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(alias = "acting_as", alias = "actingAs")]
    impersonating: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatModification<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    query_id: Option<u32>,
    udf_path: Option<String>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    journal: Option<String>,
    component_path: Option<String>,
}

impl ClientMessage {
    /// Parses one text message.
    ///
    /// # Errors
    /// [`MalformedMessage`] if it is no message of the protocol. Arguments are only checked to be JSON.
    pub(crate) fn parse(text: &str) -> Result<Self, MalformedMessage> {
        let flat: Flat<'_> = serde_json::from_str(text)?;
        match &*flat.kind {
            "Connect" => flat.connect().map(Self::Connect),
            "ModifyQuerySet" => flat.modify_query_set().map(Self::ModifyQuerySet),
            "Mutation" => flat.request("Mutation").map(Self::Mutation),
            "Action" => flat.request("Action").map(Self::Action),
            "Authenticate" => flat.authenticate().map(Self::Authenticate),
            "Event" => Ok(Self::Event),
            other => Err(MalformedMessage::UnknownType(other.to_owned())),
        }
    }

    /// Whether it asks for functions to be run, by whoever the client is.
    pub(crate) fn is_for_functions(&self) -> bool {
        matches!(self, Self::ModifyQuerySet(_) | Self::Mutation(_) | Self::Action(_))
    }
}

/// Bytes of a session id: a UUID has 36.
const MAX_SESSION_ID: usize = 64;

impl Flat<'_> {
    fn connect(self) -> Result<Connect, MalformedMessage> {
        let max_observed_ts = match self.max_observed_timestamp {
            Some(text) => Some(timestamp::parse(&text).ok_or(MalformedMessage::Timestamp(text))?),
            None => None,
        };
        let session_id = require("Connect", "sessionId", self.session_id)?;
        // It is kept with every mutation.
        if session_id.is_empty() || session_id.len() > MAX_SESSION_ID {
            return Err(MalformedMessage::SessionId);
        }
        let is_first = self.connection_count == Some(0.0);
        Ok(Connect { session_id: session_id.into(), client_ts: self.client_ts, max_observed_ts, is_first })
    }

    fn modify_query_set(self) -> Result<ModifyQuerySet, MalformedMessage> {
        const MESSAGE: &str = "ModifyQuerySet";
        let modifications = require(MESSAGE, "modifications", self.modifications)?;
        Ok(ModifyQuerySet {
            base_version: require(MESSAGE, "baseVersion", self.base_version)?,
            new_version: require(MESSAGE, "newVersion", self.new_version)?,
            modifications: modifications.into_iter().map(FlatModification::check).collect::<Result<_, _>>()?,
        })
    }

    fn request(self, message: &'static str) -> Result<FunctionRequest, MalformedMessage> {
        Ok(FunctionRequest {
            request_id: require(message, "requestId", self.request_id)?,
            udf_path: require(message, "udfPath", self.udf_path)?,
            args: require(message, "args", self.args)?.get().into(),
            component_path: self.component_path,
        })
    }

    fn authenticate(self) -> Result<Authenticate, MalformedMessage> {
        const MESSAGE: &str = "Authenticate";
        let value = || -> Result<String, MalformedMessage> {
            Ok(serde_json::from_str(require(MESSAGE, "value", self.value)?.get())?)
        };
        let token = match &*require(MESSAGE, "tokenType", self.token_type)? {
            "None" => Token::None,
            "User" => Token::User(value()?),
            "Admin" => Token::Admin { key: value()?, acting_as: self.impersonating },
            other => return Err(MalformedMessage::UnknownTokenType(other.to_owned())),
        };
        Ok(Authenticate { base_version: require(MESSAGE, "baseVersion", self.base_version)?, token })
    }
}

impl FlatModification<'_> {
    fn check(self) -> Result<Modification, MalformedMessage> {
        match &*self.kind {
            "Add" => Ok(Modification::Add(Add {
                query_id: require("Add", "queryId", self.query_id)?,
                udf_path: require("Add", "udfPath", self.udf_path)?,
                args: require("Add", "args", self.args)?.get().into(),
                journal: self.journal,
                component_path: self.component_path,
            })),
            "Remove" => Ok(Modification::Remove(require("Remove", "queryId", self.query_id)?)),
            other => Err(MalformedMessage::UnknownType(other.to_owned())),
        }
    }
}

fn require<T>(message: &'static str, field: &'static str, value: Option<T>) -> Result<T, MalformedMessage> {
    value.ok_or(MalformedMessage::MissingField { message, field })
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
