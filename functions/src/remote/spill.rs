//! Events that are too large for Lambda go through the bucket.

use std::sync::Arc;

use bytes::Bytes;
use lakewire_storage::env::Env;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use crate::temporary;

/// Lambda takes 6 MB.
const MOST_BYTES: usize = 5 << 20;

/// Puts large events and answers into the deployment's store.
#[derive(Clone)]
pub struct Spill {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// For names.
    pub env: Env,
}

/// Stands for an event that is elsewhere.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Elsewhere {
    lakewire_object: String,
}

impl Spill {
    /// What to send for `text`: itself, or where it is.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn put(&self, text: Vec<u8>) -> object_store::Result<Bytes> {
        if text.len() <= MOST_BYTES {
            return Ok(text.into());
        }
        let path = temporary::unguessable(&self.env);
        self.store.put(&path, PutPayload::from(text)).await?;
        let place = Elsewhere { lakewire_object: path.to_string() };
        Ok(serde_json::json!(place).to_string().into())
    }

    /// What was sent by [`Self::put`].
    ///
    /// # Errors
    /// If the store does not have it.
    pub async fn get(&self, sent: Bytes) -> object_store::Result<Bytes> {
        let Ok(Elsewhere { lakewire_object }) = serde_json::from_slice(&sent) else { return Ok(sent) };
        let path = Path::from(lakewire_object);
        let bytes = self.store.get(&path).await?.bytes().await?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn large_events_come_back_whole() {
        let spill = Spill { store: Arc::new(InMemory::new()), env: Env::deterministic(1) };
        for size in [10, MOST_BYTES, MOST_BYTES + 1] {
            let text = format!(r#"{{"x":"{}"}}"#, "a".repeat(size - 8)).into_bytes();
            let sent = spill.put(text.clone()).await.expect("sent");
            assert_eq!(sent.len() < 100, size == 10 || size > MOST_BYTES);
            assert_eq!(spill.get(sent).await.expect("got"), text);
        }
    }
}
