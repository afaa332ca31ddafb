//! A request that arrives: at the service, or at what it was a moment ago.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use serde_json::Value;

use super::Proxy;
use super::capacity::{self, Units};
use super::operation::Operation;
use super::replica::is_eventual_read;
use super::settings::Capacity;
use super::upstream::{Answer, NoAnswer};

impl Proxy {
    /// Sends a request on, counts it, and gives the answer as the client may have it.
    pub(super) async fn forward(&self, operation: &Operation, head: &Parts, body: Bytes) -> Result<Answer, NoAnswer> {
        let mut answer = if operation.service == "dynamodb" {
            self.forward_dynamodb(operation, head, body).await?
        } else {
            let answer = self.upstream.send(&self.target, head, body).await?;
            let (status, bytes) = (answer.status.as_u16(), answer.body.len());
            self.stats.answered(operation, status, bytes, Units::default(), false);
            answer
        };
        answer.headers.remove(CONNECTION);
        answer.headers.remove(TRANSFER_ENCODING);
        Ok(answer)
    }

    async fn forward_dynamodb(&self, operation: &Operation, head: &Parts, body: Bytes) -> Result<Answer, NoAnswer> {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (capacity, stale_ms) = {
            let settings = self.settings.lock();
            (settings.capacity, settings.stale_ms)
        };
        let asking = (capacity == Capacity::Ask).then(|| capacity::ask(&operation.name, &request)).flatten();
        let body = asking.as_ref().map_or(body, |asking| Bytes::from(asking.to_string()));
        let (mut answer, stale) = match stale_ms {
            0 => (self.upstream.send(&self.target, head, body).await?, false),
            _ => self.forward_late(operation, head, body, &request, stale_ms).await?,
        };
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let units = capacity::consumed(&operation.name, &request, answer.status.as_u16(), &said);
        self.stats.answered(operation, answer.status.as_u16(), answer.body.len(), units, stale);
        if asking.is_some() && said.get("ConsumedCapacity").is_some() {
            answer = without_capacity(answer, said);
        }
        Ok(answer)
    }

    /// Keeps the replica up to date with a write, and reads there what may be old. Tells whether it did that.
    async fn forward_late(
        &self,
        operation: &Operation,
        head: &Parts,
        body: Bytes,
        request: &Value,
        stale_ms: u64,
    ) -> Result<(Answer, bool), NoAnswer> {
        if is_eventual_read(&operation.name, request) {
            let endpoint = {
                let mut held = self.replica.lock().await;
                match held.as_mut() {
                    Some(replica) => match replica.copy(&self.target, request).await {
                        Ok(()) => Some(replica.endpoint().to_owned()),
                        // The service says so itself.
                        Err(error) if error.to_string().contains("ResourceNotFoundException") => None,
                        Err(error) => return Err(format!("no stale reads: {error}").into()),
                    },
                    None => None,
                }
            };
            return match endpoint {
                Some(endpoint) => Ok((self.upstream.send(&endpoint, head, body).await?, true)),
                None => Ok((self.upstream.send(&self.target, head, body).await?, false)),
            };
        }
        if !operation.writes_tables() {
            return Ok((self.upstream.send(&self.target, head, body).await?, false));
        }
        let mut held = self.replica.lock().await;
        let replica = held.as_mut().filter(|replica| replica.concerns(request));
        let Some(replica) = replica else {
            // Under the lock: a table is not copied while it is written.
            return Ok((self.upstream.send(&self.target, head, body).await?, false));
        };
        replica.copy(&self.target, request).await?;
        let answer = self.upstream.send(&self.target, head, body.clone()).await?;
        if answer.status.is_success() {
            let random = std::sync::Arc::clone(&self.random.lock());
            let lag = Duration::from_millis(stale_ms).mul_f64(random.share());
            replica.write(head.clone(), body, lag);
        }
        Ok((answer, false))
    }
}

/// The answer that the client asked for.
fn without_capacity(mut answer: Answer, mut said: Value) -> Answer {
    if let Some(fields) = said.as_object_mut() {
        fields.remove("ConsumedCapacity");
    }
    answer.body = said.to_string().into();
    answer.headers.insert(CONTENT_LENGTH, answer.body.len().into());
    answer.headers.remove("x-amz-crc32");
    answer
}
