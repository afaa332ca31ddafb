//! One call of a function, as the HTTP API, a socket or another function asks for it.

use std::sync::Arc;

use lakewire_storage::catalog::Namespace;
use lakewire_storage::id::DocumentId;

use serde::{Deserialize, Serialize};

use super::{FunctionPath, RequestId};
use crate::auth::Identity;

/// A request to run one function.
#[derive(Debug, Clone)]
pub struct Call {
    /// What to run.
    pub path: FunctionPath,
    /// JSON text of the *array* of encoded arguments; in practice of one object. Not yet validated.
    pub args: Arc<str>,
    /// Who asks.
    pub identity: Identity,
    /// Where the request came from.
    pub caller: Caller,
    /// Ties error texts and log entries together.
    pub request_id: RequestId,
    /// What is known about the client.
    pub client: ClientInfo,
    /// Whether functions that are not public may be called although the caller is no admin: calls made by functions.
    pub internal: bool,
    /// The execution that made the call, if it was a function.
    pub parent_execution: Option<Arc<str>>,
    /// The scheduled function that it is, or is made by.
    pub job: Option<JobRef>,
}

/// A scheduled function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRef {
    /// Of the component that scheduled it.
    pub namespace: Namespace,
    /// Its id in `_scheduled_functions`.
    pub id: DocumentId,
}

impl Call {
    /// A call by a client; `args` is the JSON text of an array.
    pub fn new(path: FunctionPath, args: Arc<str>, identity: Identity, caller: Caller, request_id: RequestId) -> Self {
        let client = ClientInfo::default();
        Self { path, args, identity, caller, request_id, client, internal: false, parent_execution: None, job: None }
    }
}

/// What is known of a request, for `ctx.meta.getRequestMetadata()`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// Text of the IP address.
    pub ip: Option<Arc<str>>,
    /// The `User-Agent` header.
    pub user_agent: Option<Arc<str>>,
    /// The token that the user was verified with.
    pub auth_token: Option<Arc<str>>,
}

/// The token is in no message and no log.
impl std::fmt::Debug for ClientInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientInfo").field("ip", &self.ip).field("user_agent", &self.user_agent).finish_non_exhaustive()
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Caller {
    /// `/api/query` and its siblings.
    HttpApi,
    /// A request for an HTTP action.
    HttpEndpoint,
    /// A WebSocket.
    SyncWorker,
    /// `ctx.runQuery` and its siblings in an action.
    Action,
    /// `convex run --inline-query`.
    Tester,
    /// The scheduler.
    Scheduler,
    /// A cron job.
    Cron,
    /// The server itself.
    System,
}

impl Caller {
    /// The `caller` of log entries.
    pub fn log_name(self) -> &'static str {
        match self {
            Self::HttpApi => "HttpApi",
            Self::HttpEndpoint => "HttpEndpoint",
            Self::SyncWorker => "SyncWorker",
            Self::Action => "Action",
            Self::Tester => "Tester",
            Self::Scheduler => "Scheduler",
            Self::Cron => "Cron",
            Self::System => "System",
        }
    }
}

/// The key that makes a mutation exactly-once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionRequest {
    /// The id of the client's session: the text of a UUID.
    pub session_id: Arc<str>,
    /// The number of the request in the session.
    pub request_id: u32,
}
