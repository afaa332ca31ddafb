//! What is the same for a call and everything it calls.

use std::sync::Arc;

use lakewire_storage::database::{Database, Snapshot};
use lakewire_storage::query::CursorKey;

use crate::auth::Identity;
use crate::engine::ProgramCache;
use crate::model::AppModel;
use crate::udf::{ClientInfo, RequestId};

/// The world of one call.
#[derive(Clone)]
pub(crate) struct CallContext {
    /// The data.
    pub db: Arc<Database>,
    /// What the call reads.
    pub snapshot: Snapshot,
    /// The app at that snapshot.
    pub model: Arc<AppModel>,
    /// What runs functions of other components.
    pub programs: Arc<ProgramCache>,
    /// Name of the deployment.
    pub deployment: Arc<str>,
    /// Signs pagination cursors.
    pub cursor_key: CursorKey,
    /// Who calls.
    pub identity: Identity,
    /// What is known about the client.
    pub client: ClientInfo,
    /// The request that all this is for.
    pub request_id: RequestId,
}
