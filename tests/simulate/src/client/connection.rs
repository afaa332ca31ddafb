//! One connection of a client, and the wire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt as _, StreamExt as _};
use lakewire_storage::log::Timestamp;
use serde_json::{Value as Json, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A connection to a node.
pub struct Connection {
    socket: WebSocketStream<DuplexStream>,
    /// The life of the node at the other end.
    pub node: String,
    /// How many changes of the query set were sent.
    pub query_set: u64,
    /// What the last Transition led to.
    pub version: Json,
    /// Results as the last Transition left them; `None` of a query that failed.
    pub results: BTreeMap<u64, Option<Arc<Json>>>,
}

/// What came.
pub enum Message {
    /// A message of the protocol.
    Json(Json),
    /// The connection is gone.
    Closed,
    /// Nothing in time.
    Nothing,
}

impl Connection {
    /// The client's end of a new connection to `node`.
    pub async fn new(io: DuplexStream, node: String) -> Self {
        Connection {
            socket: WebSocketStream::from_raw_socket(io, Role::Client, None).await,
            node,
            query_set: 0,
            version: json!({"querySet": 0, "identity": 0, "ts": timestamp_text(0)}),
            results: BTreeMap::new(),
        }
    }

    /// Sends a message. That the connection is gone shows when something is to be received.
    pub async fn send(&mut self, message: Json) {
        let sending = self.socket.send(Frame::text(message.to_string()));
        // A node that stands still takes nothing once the buffers are full.
        let _sent = tokio::time::timeout(Duration::from_secs(20), sending).await;
    }

    /// Changes the query set.
    pub async fn modify(&mut self, modifications: Vec<Json>) {
        let base = self.query_set;
        self.query_set += 1;
        self.send(json!({"type": "ModifyQuerySet", "baseVersion": base, "newVersion": base + 1,
            "modifications": modifications}))
            .await;
    }

    /// The next message.
    pub async fn receive(&mut self, patience: Duration) -> Message {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Frame::Text(text))) => {
                        return serde_json::from_str(&text).map_or(Message::Closed, Message::Json);
                    }
                    Some(Ok(Frame::Close(_))) | Some(Err(_)) | None => return Message::Closed,
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(patience, next).await.unwrap_or(Message::Nothing)
    }
}

/// A timestamp as it is on the wire.
pub fn timestamp_text(ts: Timestamp) -> String {
    STANDARD.encode(ts.to_le_bytes())
}

/// See [`timestamp_text`]; 0 if it is none.
pub fn timestamp_of(text: &Json) -> Timestamp {
    let bytes = text.as_str().and_then(|text| STANDARD.decode(text).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, Timestamp::from_le_bytes)
}
