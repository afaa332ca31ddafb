//! A call as it goes from one process of a deployment to another.

use lakewire_storage::catalog::Namespace;
use serde::{Deserialize, Serialize};

use super::{Call, Caller, ClientInfo, FunctionPath, JobRef, RequestId};
use crate::auth::{AdminIdentity, Identity, UserIdentity};

/// A [`Call`] that can be written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallRecord {
    path: FunctionPath,
    args: String,
    identity: Who,
    caller: Caller,
    request_id: String,
    ip: Option<String>,
    user_agent: Option<String>,
    auth_token: Option<String>,
    internal: bool,
    parent_execution: Option<String>,
    /// Namespace and id.
    job: Option<(u32, String)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Who {
    /// Also whoever has a bad token: only HTTP actions are told of that.
    Anonymous,
    Admin(AdminIdentity),
    ActingUser(AdminIdentity, UserIdentity),
    User(UserIdentity),
    System,
}

/// A record that names nothing.
#[derive(Debug, thiserror::Error)]
#[error("the call is not valid: {0}")]
pub struct InvalidCall(&'static str);

impl From<&Call> for CallRecord {
    fn from(call: &Call) -> Self {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            path: call.path.clone(),
            args: call.args.to_string(),
            identity: match call.identity.clone() {
                Identity::Anonymous | Identity::Rejected(_) => Who::Anonymous,
                Identity::Admin(admin) => Who::Admin(admin),
                Identity::ActingUser { admin, user } => Who::ActingUser(admin, user),
                Identity::User(user) => Who::User(user),
                Identity::System => Who::System,
            },
            caller: call.caller,
            request_id: call.request_id.to_string(),
            ip: text(&call.client.ip),
            user_agent: text(&call.client.user_agent),
            auth_token: text(&call.client.auth_token),
            internal: call.internal,
            parent_execution: text(&call.parent_execution),
            job: call.job.map(|job| (job.namespace.0, job.id.to_string())),
        }
    }
}

impl TryFrom<CallRecord> for Call {
    type Error = InvalidCall;

    fn try_from(record: CallRecord) -> Result<Self, InvalidCall> {
        let identity = match record.identity {
            Who::Anonymous => Identity::Anonymous,
            Who::Admin(admin) => Identity::Admin(admin),
            Who::ActingUser(admin, user) => Identity::ActingUser { admin, user },
            Who::User(user) => Identity::User(user),
            Who::System => Identity::System,
        };
        let job = match record.job {
            None => None,
            Some((namespace, id)) => {
                let id = id.parse().map_err(|_| InvalidCall("its job"))?;
                Some(JobRef { namespace: Namespace(namespace), id })
            }
        };
        Ok(Call {
            path: record.path,
            args: record.args.into(),
            identity,
            caller: record.caller,
            request_id: RequestId::from_client(&record.request_id).ok_or(InvalidCall("its request id"))?,
            client: ClientInfo {
                ip: record.ip.map(Into::into),
                user_agent: record.user_agent.map(Into::into),
                auth_token: record.auth_token.map(Into::into),
            },
            internal: record.internal,
            parent_execution: record.parent_execution.map(Into::into),
            job,
        })
    }
}
