//! What is the same for a call and everything it calls.

use std::sync::Arc;

use lakewire_storage::database::{Database, Snapshot};
use lakewire_storage::id::DocumentId;
use lakewire_storage::query::CursorKey;

use crate::auth::{Identity, JwtSigner};
use crate::engine::ProgramCache;
use crate::files::Files;
use crate::model::AppModel;
use crate::udf::{ClientInfo, JobRef, RequestId};

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
    /// Stored files.
    pub files: Arc<Files>,
    /// Signs tokens as the deployment.
    pub signer: Arc<JwtSigner>,
    /// Who calls.
    pub identity: Identity,
    /// What is known about the client.
    pub client: ClientInfo,
    /// The scheduled function that all this is part of.
    pub job: Option<JobRef>,
    /// The one that this very transaction brings to its end.
    pub own_job: Option<DocumentId>,
    /// The request that all this is for.
    pub request_id: RequestId,
}
