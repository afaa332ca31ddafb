//! A log in a DynamoDB table, one item an entry.

mod bodies;
mod errors;
mod items;
mod table;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use object_store::ObjectStore;

pub use self::items::Items;
pub use self::table::create_table;

use self::bodies::Bodies;
use super::LogError;
use super::remote::RemoteLog;
use crate::env::Env;

/// A [`CommitLog`](super::CommitLog) in a DynamoDB table, which can hold many logs.
///
/// Entries that are too large for an item are put into an object store, and the item points there.
pub type DynamoDbLog = RemoteLog<Items>;

/// Which log.
#[derive(Clone, Debug)]
pub struct DynamoDbLogConfig {
    /// From [`crate::aws::dynamodb_client`]: it must not repeat requests by itself.
    pub client: Client,
    /// The name of the table.
    pub table: String,
    /// The name of the log in the table: the timeline's, after that of the deployment and a slash if the table is shared.
    /// Bodies go to `bodies/` and the part after the last slash: the store is one deployment's.
    pub stream: String,
}

impl DynamoDbLog {
    /// The log, new if nothing is there. `store` is for the bodies of large entries.
    ///
    /// # Errors
    /// [`LogError::Remote`] if the table cannot be read, because it is not there, for instance: see [`create_table`].
    pub async fn open(config: DynamoDbLogConfig, store: Arc<dyn ObjectStore>, env: &Env) -> Result<Self, LogError> {
        let timeline = config.stream.rsplit('/').next().unwrap_or_default();
        let bodies = Bodies::new(store, timeline);
        Self::open_in(Items::new(config, bodies), env.clone()).await
    }
}
