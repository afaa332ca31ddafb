//! What the function is invoked with.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakewire_storage::log::EntryNumber;
use serde::{Deserialize, Serialize};

use crate::session::ActionRecord;

/// An event of the function, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayEvent {
    /// A client connects.
    Connect(Handshake),
    /// A client sent a message.
    Message(Message),
    /// A connection ended.
    Disconnect {
        /// API Gateway's id of the connection.
        connection: Arc<str>,
    },
    /// A client asked for an action, which is to be run.
    Action(DetachedAction),
    /// A connection has letters.
    Visit {
        /// API Gateway's id of the connection.
        connection: Arc<str>,
    },
    /// Somebody committed.
    Commits {
        /// The newest entry that was committed.
        through: EntryNumber,
    },
    /// A minute has passed.
    Tick,
}

/// What is known of a client when it connects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Handshake {
    /// API Gateway's id of the connection.
    pub connection: Arc<str>,
    /// The version in the address that the client connected to.
    pub version: Option<String>,
    /// The header `Convex-Client`.
    pub client: Option<String>,
    /// The address of the client.
    pub ip: Option<Arc<str>>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// API Gateway's id of the connection.
    pub connection: Arc<str>,
    /// API Gateway's id of the message.
    pub id: Arc<str>,
    /// When API Gateway got it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The text.
    pub text: String,
}

/// An event that is none of this function.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not JSON, or not the JSON of an event.
    #[error("not an event of a WebSocket API, nor one of our own: {0}")]
    Json(#[from] serde_json::Error),
    /// A route that the API should not have.
    #[error("the route `{0}` is none of `$connect`, `$disconnect` and `$default`")]
    Route(String),
    /// Neither a request nor an order.
    #[error("an event with neither `requestContext` nor `lakewire`")]
    Neither,
    /// A body that is no text.
    #[error("the body of a message is not UTF-8 text in base64")]
    Body,
}

/// An order that functions give each other.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Order {
    Commits { through: EntryNumber },
    Action(DetachedAction),
    Visit { connection: Arc<str> },
    Tick {},
}

#[derive(Serialize)]
struct Payload {
    lakewire: Order,
}

impl Payload {
    fn of(lakewire: Order) -> Vec<u8> {
        serde_json::to_vec(&Self { lakewire }).expect("texts and numbers are JSON")
    }
}

/// The payload of an invocation that visits a connection.
pub(super) fn visit_payload(connection: &str) -> Vec<u8> {
    Payload::of(Order::Visit { connection: connection.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    lakewire: Option<Order>,
    request_context: Option<Context>,
    #[serde(default)]
    headers: Option<std::collections::HashMap<String, String>>,
    #[serde(default)]
    query_string_parameters: Option<std::collections::HashMap<String, String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    route_key: String,
    connection_id: Arc<str>,
    #[serde(default)]
    message_id: Option<Arc<str>>,
    #[serde(default)]
    request_id: Option<Arc<str>>,
    #[serde(default)]
    request_time_epoch: u64,
    #[serde(default)]
    identity: Identity,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity {
    source_ip: Option<Arc<str>>,
    user_agent: Option<String>,
}

impl GatewayEvent {
    /// The event in the payload of an invocation: of a WebSocket API with proxy integration; or
    /// `{"lakewire":{"commits":{"through":ENTRY}}}`, `{"lakewire":{"tick":{}}}`, or what
    /// [`Poster::invoke`](super::Poster::invoke) was given.
    ///
    /// # Errors
    /// [`EventError`] if it is anything else.
    pub fn parse(payload: &[u8]) -> Result<Self, EventError> {
        let raw: Raw = serde_json::from_slice(payload)?;
        match raw.lakewire {
            Some(Order::Commits { through }) => return Ok(Self::Commits { through }),
            Some(Order::Action(action)) => return Ok(Self::Action(action)),
            Some(Order::Visit { connection }) => return Ok(Self::Visit { connection }),
            Some(Order::Tick {}) => return Ok(Self::Tick),
            None => {}
        }
        let Some(context) = raw.request_context else { return Err(EventError::Neither) };
        let connection = context.connection_id;
        match &*context.route_key {
            "$connect" => {
                let headers = raw.headers.unwrap_or_default();
                let header = |name: &str| {
                    let mut named = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
                    named.next().map(|(_, value)| value.clone())
                };
                // The one that CloudFront saw; to API Gateway, CloudFront is the client.
                let forwarded = header("x-forwarded-for").and_then(|list| Some(list.split(',').next()?.trim().into()));
                Ok(Self::Connect(Handshake {
                    connection,
                    version: raw.query_string_parameters.and_then(|mut query| query.remove("client")),
                    client: header("convex-client"),
                    ip: forwarded.or(context.identity.source_ip),
                    user_agent: header("user-agent").or(context.identity.user_agent),
                }))
            }
            "$default" => {
                let body = raw.body.unwrap_or_default();
                let text = if raw.is_base64_encoded {
                    let bytes = STANDARD.decode(body).map_err(|_| EventError::Body)?;
                    String::from_utf8(bytes).map_err(|_| EventError::Body)?
                } else {
                    body
                };
                let id = context.message_id.or(context.request_id).unwrap_or_default();
                let at_ms = context.request_time_epoch;
                Ok(Self::Message(Message { connection, id, at_ms, text }))
            }
            "$disconnect" => Ok(Self::Disconnect { connection }),
            _ => Err(EventError::Route(context.route_key)),
        }
    }
}

/// An action that a client asked for, with all that it takes to run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetachedAction {
    pub(super) connection: Arc<str>,
    pub(super) action: ActionRecord,
}

impl DetachedAction {
    /// The payload of the invocation that runs it.
    pub(super) fn to_payload(&self) -> Vec<u8> {
        Payload::of(Order::Action(self.clone()))
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
