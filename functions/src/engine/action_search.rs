//! `ctx.vectorSearch`: a read of its own, at the newest durable snapshot.

use lakewire_storage::search::{VectorHit, VectorQuery};
use serde_json::json;

use super::Engine;
use super::action_jobs::namespace_of;
use crate::runtime::SyscallError;
use crate::udf::Call;
use crate::udf::host::{model_error, transaction_error};

impl Engine {
    /// `1.0/actions/vectorSearch`.
    pub(super) async fn vector_search_from_action(&self, call: &Call, args: &str) -> Result<String, SyscallError> {
        let query = VectorQuery::from_json(args).map_err(|error| transaction_error(error.into()))?;
        let snapshot = self.db.latest();
        let model = self.models.at(&self.db, &snapshot).await.map_err(model_error)?;
        let namespace = namespace_of(&model, call)?;
        let hits = snapshot.vector_search(namespace, &query).await.map_err(transaction_error)?;
        let results = hits.iter().map(|VectorHit { id, score }| json!({"_id": id.to_string(), "_score": score}));
        Ok(json!({"results": results.collect::<Vec<_>>()}).to_string())
    }
}
