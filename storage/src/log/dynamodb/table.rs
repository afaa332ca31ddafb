//! Making the table.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
    TimeToLiveSpecification,
};

use super::errors::error;
use super::items::PARTITION_KEY;
use crate::env::Env;
use crate::log::LogError;
use crate::log::remote::MediumError;

/// The attribute with the time, in seconds since the Unix epoch, after which DynamoDB removes an item by itself. Entries do not
/// have it.
const EXPIRES: &str = "expires";

/// How often it is looked whether the table is ready, and how often at most: a minute in all.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 120;

/// Makes the table `name` for logs, unless it is there, and waits until it can be used. It is billed by request.
///
/// # Errors
/// [`LogError::Remote`] if DynamoDB refuses, or the table is not ready after a minute.
pub async fn create_table(client: &Client, name: &str, env: &Env) -> Result<(), LogError> {
    let failed = |error: MediumError| error.into_log_error("make the table of", name.to_owned());
    let refused = |error: aws_sdk_dynamodb::error::BuildError| failed(MediumError::Refused(error.to_string()));
    let key = AttributeDefinition::builder().attribute_name(PARTITION_KEY).attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name(PARTITION_KEY).key_type(KeyType::Hash);
    let created = client
        .create_table()
        .table_name(name)
        .attribute_definitions(key.build().map_err(refused)?)
        .key_schema(schema.build().map_err(refused)?)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await;
    match created {
        Err(present) if present.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {}
        created => drop(created.map_err(|refused| failed(error(refused)))?),
    }
    for _ in 0..LOOKS {
        let described = client.describe_table().table_name(name).send().await;
        let described = described.map_err(|refused| failed(error(refused)))?;
        if described.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return enable_expiry(client, name).await.map_err(failed);
        }
        env.sleep(LOOK_EVERY).await;
    }
    Err(failed(MediumError::Busy("it is not ready after a minute".to_owned())))
}

async fn enable_expiry(client: &Client, name: &str) -> Result<(), MediumError> {
    let described = client.describe_time_to_live().table_name(name).send().await.map_err(error)?;
    let attribute = described.time_to_live_description().and_then(|description| description.attribute_name());
    if attribute == Some(EXPIRES) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build();
    let specification = specification.map_err(|error| MediumError::Refused(error.to_string()))?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(specification)
        .send()
        .await
        .map(drop)
        .map_err(error)
}
