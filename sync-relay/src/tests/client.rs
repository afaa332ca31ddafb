//! A client of the protocol that checks what every client relies on.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// Longest wait for a message that must come.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    ws: WebSocketStream<DuplexStream>,
    query_set: u64,
    /// What the last Transition led to.
    pub(crate) version: Json,
    /// Results by query id, as the last Transition left them.
    pub(crate) results: BTreeMap<u64, Json>,
    /// Whether all mutations are new and write: then no Transition may show one before its answer.
    pub(crate) strict: bool,
    chunks: Vec<String>,
    /// How many Transitions came.
    pub(crate) transitions: usize,
}

impl Client {
    pub(crate) async fn new(io: DuplexStream) -> Self {
        Self {
            ws: WebSocketStream::from_raw_socket(io, Role::Client, None).await,
            query_set: 0,
            version: json!({"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}),
            results: BTreeMap::new(),
            strict: false,
            chunks: Vec::new(),
            transitions: 0,
        }
    }

    pub(crate) async fn send(&mut self, message: Json) {
        self.send_text(message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.ws.send(Message::text(text)).await.expect("the connection is open");
    }

    pub(crate) async fn hello(&mut self, session_id: &str) {
        self.send(json!({"type": "Connect", "sessionId": session_id, "connectionCount": 0,
            "lastCloseReason": "InitialConnect", "clientTs": 1}))
            .await;
    }

    /// Subscribes to functions of the fake engine.
    pub(crate) async fn add(&mut self, queries: &[(u64, &str, Json)]) {
        let modification = |(id, function, args): &(u64, &str, Json)| json!({"type": "Add", "queryId": id, "udfPath": function, "args": [args]});
        self.modify(queries.iter().map(modification).collect()).await;
    }

    pub(crate) async fn modify(&mut self, modifications: Vec<Json>) {
        let base = self.query_set;
        self.query_set += 1;
        self.send(json!({"type": "ModifyQuerySet", "baseVersion": base, "newVersion": base + 1, "modifications": modifications}))
            .await;
    }

    pub(crate) async fn mutation(&mut self, request_id: u64, function: &str, args: Json) {
        self.send(json!({"type": "Mutation", "requestId": request_id, "udfPath": function, "args": [args]})).await;
    }

    pub(crate) async fn action(&mut self, request_id: u64, function: &str, args: Json) {
        self.send(json!({"type": "Action", "requestId": request_id, "udfPath": function, "args": [args]})).await;
    }

    /// The next message but pings; Transitions are checked and applied.
    pub(crate) async fn next(&mut self) -> Json {
        loop {
            let message = self.next_or_close().await.expect("a message, not a close");
            if message["type"] != "Ping" {
                return message;
            }
        }
    }

    /// The next message, or how the server closed the connection.
    pub(crate) async fn next_or_close(&mut self) -> Result<Json, Option<CloseFrame>> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.ws.next()).await.expect("the server says something");
            let text = match next {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Err(None),
            };
            let message: Json = serde_json::from_str(&text).expect("messages are JSON");
            match message["type"].as_str().expect("messages have a type") {
                "TransitionChunk" => {
                    assert_eq!(message["partNumber"], self.chunks.len());
                    self.chunks.push(message["chunk"].as_str().expect("text").to_owned());
                    if message["totalParts"] == self.chunks.len() {
                        let whole = std::mem::take(&mut self.chunks).concat();
                        let transition = serde_json::from_str(&whole).expect("the pieces are JSON together");
                        self.apply(&transition);
                        return Ok(transition);
                    }
                    continue;
                }
                "Ping" => return Ok(message),
                _ => assert!(self.chunks.is_empty(), "no message between the pieces of a Transition"),
            }
            match message["type"].as_str() {
                Some("Transition") => self.apply(&message),
                Some("MutationResponse") if self.strict => {
                    assert!(ts_of(&message["ts"]) > self.ts(), "a Transition showed a mutation before its answer");
                }
                _ => {}
            }
            return Ok(message);
        }
    }

    /// Reads messages up to and including a Transition.
    pub(crate) async fn transition(&mut self) -> Json {
        loop {
            let message = self.next().await;
            if message["type"] == "Transition" {
                return message;
            }
        }
    }

    /// Reads messages until the results are `wanted`.
    pub(crate) async fn until(&mut self, wanted: &[(u64, Json)]) {
        while !wanted.iter().all(|(id, value)| self.results.get(id).is_some_and(|result| result["value"] == *value)) {
            self.transition().await;
        }
    }

    /// Whether nothing but pings comes for a while.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(200), self.next()).await.is_err()
    }

    /// Reads up to and including a Transition, if one comes soon.
    pub(crate) async fn soon(&mut self) {
        // Nothing is lost when it does not: messages are applied as they come.
        let _came = tokio::time::timeout(Duration::from_millis(50), self.transition()).await;
    }

    /// Breaks the connection off without a word.
    pub(crate) fn kill(self) {}

    /// The snapshot the client is at.
    pub(crate) fn ts(&self) -> u64 {
        ts_of(&self.version["ts"])
    }

    fn apply(&mut self, transition: &Json) {
        self.transitions += 1;
        assert_eq!(transition["startVersion"], self.version, "a Transition starts where the last one ended");
        let before = self.ts();
        self.version = transition["endVersion"].clone();
        assert!(self.ts() >= before, "time never goes backwards");
        for modification in transition["modifications"].as_array().expect("a list") {
            let id = modification["queryId"].as_u64().expect("an id");
            if modification["type"] == "QueryRemoved" {
                self.results.remove(&id);
            } else {
                assert!(modification["logLines"].is_array());
                self.results.insert(id, modification.clone());
            }
        }
    }
}

pub(crate) fn ts_of(text: &Json) -> u64 {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str().expect("text")).expect("base64");
    u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}
