//! Actions that are run apart from the session that asked for them, in another process.

use std::sync::Arc;

use lakewire_functions::udf::{ActionResult, Call, CallFailure, Caller, RequestId};
use lakewire_storage::env::Env;
use serde::{Deserialize, Serialize};

use super::query_set::parse_path;
use super::record::{IdentityRecord, PeerRecord};
use super::requests::or_refused;
use super::{End, Peer, Session, Wire, end_of};
use crate::backend::Backend;
use crate::protocol::{FunctionRequest, action_response};

/// An action on paper: what it takes to run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<Arc<str>>,
    request_id: u32,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    /// JSON text of the array of arguments.
    args: Arc<str>,
    identity: IdentityRecord,
    peer: PeerRecord,
}

impl Session {
    /// The action that a request asks for, to be run as the identity of now; `None` if there is none, which the client is told.
    ///
    /// # Errors
    /// How the session ends if the token of its user has expired.
    pub(crate) fn detach_action<W: Wire>(
        &mut self,
        request: FunctionRequest,
        socket: &mut W,
    ) -> Result<Option<ActionRecord>, End> {
        self.check_expiry(socket)?;
        if let Err(error) = self.call(&request) {
            let result = ActionResult { outcome: Err(error), log_lines: Arc::new([]) };
            socket.send(action_response(request.request_id, &result));
            return Ok(None);
        }
        let FunctionRequest { request_id, udf_path, args, component_path } = request;
        Ok(Some(ActionRecord {
            session_id: self.session_id.clone(),
            request_id,
            path: udf_path,
            component: component_path,
            args,
            identity: IdentityRecord::of(&self.identity),
            peer: PeerRecord::from(&self.peer),
        }))
    }
}

impl ActionRecord {
    /// Runs the action; gives the message that tells the client.
    ///
    /// # Errors
    /// How the session ends if the action could not be run.
    pub(crate) async fn run(self, backend: &dyn Backend, env: &Env) -> Result<String, End> {
        let internal = |error: String| end_of(&CallFailure::Internal(error));
        let path = parse_path(&self.path, self.component.as_deref()).map_err(|error| internal(error.to_string()))?;
        let identity = self.identity.identity().map_err(|error| internal(error.to_string()))?;
        let request_id = match &self.session_id {
            Some(session_id) => RequestId::of_session(session_id, self.request_id),
            None => RequestId::random(env),
        };
        let call = Call::new(path, self.args, identity, Caller::SyncWorker, request_id);
        let call = Call { client: Peer::from(self.peer).info, ..call };
        let result = backend.action(&call).await;
        let refused = |error| ActionResult { outcome: Err(error), log_lines: Arc::new([]) };
        Ok(action_response(self.request_id, &or_refused(&call.request_id, result, refused)?))
    }
}
