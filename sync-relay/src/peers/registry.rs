//! Where relays are.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use lakewire_storage::env::Env;

/// An address holds for so long after it was written.
const HOLDS: Duration = Duration::from_secs(60);
/// Names of attributes that are addresses begin with this.
const PREFIX: &str = "at ";
const KEY: &str = "pk";

/// The registry does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the registry of relays: {0}")]
pub struct RegistryError(pub String);

/// The addresses of all relays of a deployment.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Says for a while that there is a relay at `address`; gives the addresses of all, this one perhaps among them.
    ///
    /// # Errors
    /// [`RegistryError`].
    async fn enter(&self, address: &str) -> Result<Vec<String>, RegistryError>;

    /// Takes it back.
    ///
    /// # Errors
    /// [`RegistryError`].
    async fn leave(&self, address: &str) -> Result<(), RegistryError>;
}

/// One item of the table of a log, `{deployment}#relays`: an attribute for each relay, with the time until which it holds.
pub struct DynamoDbRegistry {
    client: Client,
    table: String,
    key: String,
    env: Env,
}

impl DynamoDbRegistry {
    /// The registry of a deployment in a table. `client` is one of [`lakewire_storage::aws::dynamodb_client`].
    pub fn new(client: Client, table: String, deployment: &str, env: Env) -> Self {
        Self { client, table, key: format!("{deployment}#relays"), env }
    }

    fn now_ms(&self) -> u64 {
        self.env.now_ns() / 1_000_000
    }
}

fn failed<E: std::error::Error>(error: E) -> RegistryError {
    RegistryError(DisplayErrorContext(error).to_string())
}

#[async_trait]
impl Registry for DynamoDbRegistry {
    async fn enter(&self, address: &str) -> Result<Vec<String>, RegistryError> {
        let until = self.now_ms() + HOLDS.as_millis() as u64;
        let entered = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(self.key.clone()))
            .update_expression("SET #me = :until")
            .expression_attribute_names("#me", format!("{PREFIX}{address}"))
            .expression_attribute_values(":until", AttributeValue::N(until.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(failed)?;
        let now = self.now_ms();
        let (mut addresses, mut expired) = (Vec::new(), Vec::new());
        for (name, value) in entered.attributes.unwrap_or_default() {
            let Some(address) = name.strip_prefix(PREFIX) else { continue };
            let until = value.as_n().ok().and_then(|until| until.parse::<u64>().ok()).unwrap_or(0);
            let list = if until > now { &mut addresses } else { &mut expired };
            list.push(address.to_owned());
        }
        for address in expired {
            // Another relay may be quicker, or the relay be back.
            if let Err(error) = self.leave(&address).await {
                tracing::debug!(%error, address, "the address of a relay that is gone stays");
            }
        }
        Ok(addresses)
    }

    async fn leave(&self, address: &str) -> Result<(), RegistryError> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request.key(KEY, AttributeValue::S(self.key.clone())).update_expression("REMOVE #me");
        let request = request.expression_attribute_names("#me", format!("{PREFIX}{address}"));
        request.send().await.map(drop).map_err(failed)
    }
}
