//! What API Gateway would charge for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// Of an HTTP API: the size of request and response that is one unit, in bytes.
const REQUEST_UNIT: usize = 512 * 1024;

/// Of a WebSocket API: the size of a message that is one unit, in bytes.
const MESSAGE_UNIT: usize = 32 * 1024;

#[derive(Debug, Default)]
pub(super) struct ApiStats {
    requests: AtomicU64,
    request_units: AtomicU64,
    messages: AtomicU64,
    message_units: AtomicU64,
    connections: AtomicU64,
    connected_ms: AtomicU64,
}

impl ApiStats {
    /// Counts a request of an HTTP API with the larger of the bodies of it and of its response.
    pub fn request(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.request_units.fetch_add(units(bytes, REQUEST_UNIT), Ordering::Relaxed);
    }

    /// Counts a message of a WebSocket, in either direction.
    pub fn message(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.message_units.fetch_add(units(bytes, MESSAGE_UNIT), Ordering::Relaxed);
    }

    /// Counts a WebSocket that is over.
    pub fn connection(&self, lived: Duration) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connected_ms.fetch_add(lived.as_millis() as u64, Ordering::Relaxed);
    }

    pub fn reset(&self) {
        let all = [
            &self.requests,
            &self.request_units,
            &self.messages,
            &self.message_units,
            &self.connections,
            &self.connected_ms,
        ];
        all.into_iter().for_each(|figure| figure.store(0, Ordering::Relaxed));
    }

    /// As `GET /stats` shows it.
    pub fn show(&self) -> Value {
        let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        json!({
            "requests": get(&self.requests),
            "requestUnits": get(&self.request_units),
            "messages": get(&self.messages),
            "messageUnits": get(&self.message_units),
            "connections": get(&self.connections),
            "connectedMs": get(&self.connected_ms),
        })
    }
}

fn units(bytes: usize, unit: usize) -> u64 {
    bytes.div_ceil(unit).max(1) as u64
}
