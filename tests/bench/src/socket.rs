//! One client of the sync protocol, as small as a load generator needs it.

use base64::Engine as _;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Failure;

/// A connected session.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    query_set: u64,
}

/// Decodes a timestamp of the wire.
pub fn decode_ts(text: &str) -> Result<u64, Failure> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text)?;
    Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| "a timestamp is not 8 bytes")?))
}

impl Socket {
    /// Connects and sends `Connect`, as session number `session`.
    pub async fn open(host: &str, session: u64) -> Result<Self, Failure> {
        let tcp = TcpStream::connect(host).await?;
        tcp.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let url = format!("ws://{host}/api/1.48.0/sync");
        let (stream, _) = client_async_with_config(url, tcp, Some(config)).await?;
        let mut socket = Self { stream, query_set: 0 };
        socket
            .send(json!({
                "type": "Connect",
                "sessionId": format!("00000000-0000-4000-8000-{session:012x}"),
                "connectionCount": 0,
                "lastCloseReason": "InitialConnect",
                "clientTs": 0,
            }))
            .await?;
        Ok(socket)
    }

    /// Sends one message.
    pub async fn send(&mut self, message: Value) -> Result<(), Failure> {
        Ok(self.stream.send(Message::text(message.to_string())).await?)
    }

    /// Subscribes to queries (path, args), ids counted from `first_id`.
    pub async fn subscribe(&mut self, first_id: u64, queries: &[(&str, Value)]) -> Result<(), Failure> {
        let modifications: Vec<Value> = queries
            .iter()
            .zip(first_id..)
            .map(|((path, args), id)| json!({"type": "Add", "queryId": id, "udfPath": path, "args": [args]}))
            .collect();
        let base = self.query_set;
        self.query_set += 1;
        self.send(json!({
            "type": "ModifyQuerySet",
            "baseVersion": base,
            "newVersion": self.query_set,
            "modifications": modifications,
        }))
        .await
    }

    /// The next message that is not a `Ping`.
    pub async fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            let message = self.stream.next().await.ok_or("the server closed the socket")??;
            if let Message::Text(text) = message {
                let value: Value = serde_json::from_str(&text)?;
                if value["type"] != "Ping" {
                    return Ok(value);
                }
            }
        }
    }

    /// Waits for a transition that carries a value for query `id`, and returns the value.
    pub async fn updated(&mut self, id: u64) -> Result<Value, Failure> {
        loop {
            let message = self.receive().await?;
            let Some(modifications) = message["modifications"].as_array() else { continue };
            for modification in modifications {
                if modification["queryId"] == id {
                    if modification["type"] == "QueryUpdated" {
                        return Ok(modification["value"].clone());
                    }
                    return Err(format!("query {id}: {modification}").into());
                }
            }
        }
    }
}
