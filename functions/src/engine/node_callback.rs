//! What actions in the Node function ask for, answered by whichever worker is asked.
//!
//! A request shows a [ticket](super::node_ticket) and has a number, which is the operation's within its action. Reads may
//! be asked for again, and writes too: they are made once. Only a call of another action runs as often as it is asked
//! for. Bytes of files and large arguments do not pass through here but through the object store, by presigned URLs.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Engine;
use super::action_files::check_new;
use super::action_host::FunctionActionHost;
use super::node_ticket::{Ticket, TicketError};
use crate::files::{self, Reserved};
use crate::logs::AuditUsage;
use crate::node::RemoteNode;
use crate::runtime::SyscallError;
use crate::udf::Call;

/// How long bytes may take from here to the store or back.
const TRANSFER_TIME: Duration = Duration::from_secs(15 * 60);
const FILE: &[u8] = b"file";

/// An operation of an action, as it is asked for.
pub(crate) struct NodeOperation {
    pub ticket: Ticket,
    /// Its number within the action.
    pub number: u32,
    pub op: String,
    /// JSON text; `None` if it is in the store.
    pub args: Option<String>,
    /// What the action has written to the audit log by now.
    pub audited: AuditUsage,
}

/// A file between the URL that its bytes are put to, and its row.
#[derive(Serialize, Deserialize)]
struct Arriving {
    execution: String,
    operation: u32,
    reserved: Reserved,
    content_type: Option<String>,
    expected: Option<[u8; 32]>,
}

impl Engine {
    /// The action behind a ticket.
    ///
    /// # Errors
    /// [`TicketError`].
    pub(crate) fn open_ticket(&self, text: &str) -> Result<Ticket, TicketError> {
        self.tickets.open_ticket(&self.env, text)
    }

    /// What an action that takes at most `time` shows when it asks from elsewhere.
    pub(crate) fn ticket(&self, call: &Call, execution: &str, time: Duration) -> String {
        self.tickets.ticket(&self.env, call, execution, time)
    }

    /// Answers an asynchronous syscall, and tells what the action has written to the audit log by then.
    pub(crate) async fn node_call(&self, operation: NodeOperation) -> (Result<Json, SyscallError>, AuditUsage) {
        let NodeOperation { ticket, number, op, args, audited } = operation;
        let args = match args {
            Some(args) => Ok(args),
            None => self.large_arguments(&ticket, number).await,
        };
        let args = match args {
            Ok(args) => args,
            Err(error) => return (Err(error), audited),
        };
        let once = ticket.once(number);
        let host = FunctionActionHost::elsewhere(self.me.clone(), ticket.call, ticket.execution.into(), audited);
        let answer = host.answer(&op, &args, Some(&once)).await;
        (answer.map(Json::String), host.audited())
    }

    /// Where arguments are put that are too large for a request.
    pub(crate) async fn node_upload(&self, ticket: &Ticket, number: u32) -> Result<Json, SyscallError> {
        let url = self.remote_node()?.sign(Method::PUT, &arguments(ticket, number), TRANSFER_TIME).await;
        Ok(json!({"url": url.map_err(unavailable)?}))
    }

    async fn large_arguments(&self, ticket: &Ticket, number: u32) -> Result<String, SyscallError> {
        let found = self.store.get(&arguments(ticket, number)).await.map_err(unavailable)?;
        let bytes = found.bytes().await.map_err(unavailable)?;
        String::from_utf8(bytes.into()).map_err(|_| SyscallError::developer("the arguments are not UTF-8"))
    }

    /// Where the bytes of a new file are put, and what [`Self::node_commit`] is told of it.
    pub(crate) async fn node_store(
        &self,
        ticket: &Ticket,
        number: u32,
        content_type: Option<String>,
        sha256: Option<&str>,
    ) -> Result<Json, SyscallError> {
        let expected = check_new(content_type.as_deref(), sha256)?;
        let reserved = self.files.reserve();
        let url = self.remote_node()?.sign(Method::PUT, &reserved.path(), TRANSFER_TIME).await.map_err(unavailable)?;
        let execution = ticket.execution.clone();
        let arriving = Arriving { execution, operation: number, reserved, content_type, expected };
        Ok(json!({"url": url, "file": self.tickets.seal(FILE, &arriving)}))
    }

    /// Makes a file of bytes that have arrived; its id. Their digest is what the function found it to be while it sent
    /// them: reading them again would cost more than there is to gain, as the function runs nothing but the app.
    pub(crate) async fn node_commit(
        &self,
        ticket: &Ticket,
        number: u32,
        file: &str,
        sha256: [u8; 32],
    ) -> Result<Json, SyscallError> {
        let arriving = self
            .tickets
            .open(FILE, file)
            .filter(|arriving: &Arriving| arriving.execution == ticket.execution && arriving.operation == number);
        let Some(Arriving { reserved, content_type, expected, .. }) = arriving else {
            return Err(SyscallError::developer("the file is not one that this operation stores"));
        };
        let about = (content_type.as_deref(), expected);
        let id = self.adopt_file(&ticket.call, &reserved, about, sha256, Some(&ticket.once(number))).await;
        id.map(Json::String)
    }

    /// Where the bytes of a file are, and what is known of it; null if there is none.
    pub(crate) async fn node_open(&self, ticket: &Ticket, storage_id: &str) -> Result<Json, SyscallError> {
        let Some(file) = self.find_file(&ticket.call, storage_id).await? else { return Ok(Json::Null) };
        let url = self.remote_node()?.sign(Method::GET, &files::object(&file), TRANSFER_TIME).await;
        let files::StoredFile { content_type, size, .. } = file;
        Ok(json!({"url": url.map_err(unavailable)?, "contentType": content_type, "length": size}))
    }

    fn remote_node(&self) -> Result<Arc<RemoteNode>, SyscallError> {
        self.node.remote().cloned().ok_or_else(|| SyscallError::fatal("this server has no Node function"))
    }
}

/// Where large arguments of an operation are.
fn arguments(ticket: &Ticket, number: u32) -> Path {
    RemoteNode::temporary(&ticket.execution, &number.to_string())
}

fn unavailable(error: impl std::fmt::Display) -> SyscallError {
    SyscallError::transient(error.to_string())
}
