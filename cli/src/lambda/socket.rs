//! The function behind the WebSocket API.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lakewire_relay::gateway::{DynamoDbConnections, Gateway, GatewayEvent, PostError, Poster};
use lakewire_storage::aws::rest::{AwsRest, ConnectionError, Invocation, RestError};
use lakewire_storage::env::Env;
use serde_json::value::RawValue;

use super::worker::{Worker, answer_with};
use crate::failure::Failure;
use crate::storage::place::LogPlace;

/// Sends to the clients of the WebSocket API.
struct Stage {
    rest: AwsRest,
    /// The URL of the API's stage.
    endpoint: String,
    /// This function.
    function: String,
}

#[async_trait]
impl Poster for Stage {
    async fn post(&self, connection: &str, message: Bytes) -> Result<(), PostError> {
        self.rest.post_to_connection(&self.endpoint, connection, message).await.map_err(|error| match error {
            ConnectionError::Gone => PostError::Gone,
            ConnectionError::Rest(RestError::Refused { status: 429, message, .. }) => PostError::Busy(message),
            error => PostError::Failed(error.to_string()),
        })
    }

    async fn close(&self, connection: &str) -> Result<(), PostError> {
        match self.rest.delete_connection(&self.endpoint, connection).await {
            Ok(()) | Err(ConnectionError::Gone) => Ok(()),
            Err(error) => Err(PostError::Failed(error.to_string())),
        }
    }

    async fn invoke(&self, payload: Bytes) -> Result<(), PostError> {
        let invoked = self.rest.invoke(&self.function, payload, Invocation::Async).await;
        invoked.map(drop).map_err(|error| PostError::Failed(error.to_string()))
    }
}

/// Answers events of the WebSocket API and of those who commit.
pub async fn run(worker: Worker, env: Env) -> Result<(), Failure> {
    let missing = |what: &str| Failure::Server(format!("the environment of the function has no {what}"));
    let LogPlace::DynamoDb { table } = &worker.deployment.place.log else { return Err(missing("LAKEWIRE_TABLE")) };
    let client = worker.deployment.dynamodb.clone().ok_or_else(|| missing("AWS credentials"))?;
    let rest = worker.cloud.rest.clone().ok_or_else(|| missing("AWS credentials"))?;
    let endpoint = worker.arguments.socket_endpoint.clone().ok_or_else(|| missing("LAKEWIRE_SOCKET_ENDPOINT"))?;
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").map_err(|_| missing("AWS_LAMBDA_FUNCTION_NAME"))?;
    let stream = format!("{}/{}", worker.deployment.identity.id, worker.timeline);
    let connections = DynamoDbConnections::new(client, table.clone(), stream, env.clone());
    let poster = Stage { rest, endpoint, function };
    let engine = worker.engine.clone();
    let gateway = Gateway::new(engine.clone(), env, Arc::new(connections), Arc::new(poster));
    let notices = worker.notices(worker.arguments.tick_function.clone())?;
    let answer = async |event: Box<RawValue>| {
        let event = GatewayEvent::parse(event.get().as_bytes())?;
        let answer = gateway.handle(event).await;
        notices.send(engine.db()).await;
        Ok(answer.to_json())
    };
    answer_with(worker.engine.clone(), answer).await
}
