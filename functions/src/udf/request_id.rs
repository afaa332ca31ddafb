//! Request ids: what ties an error text at the client to the server's logs.

use std::fmt;
use std::sync::Arc;

use lakewire_storage::env::Env;
use sha2::{Digest, Sha256};

/// Longest request id taken over from a client's header, in bytes.
const MAX_CLIENT_BYTES: usize = 128;

/// An opaque token naming one request; 16 lower-case hex digits when made here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A fresh random id.
    pub fn random(env: &Env) -> Self {
        Self(hex::encode(env.random_bytes::<8>()).into())
    }

    /// The id of request `request_id` of a socket session: the same on every replay.
    pub fn of_session(session_id: &str, request_id: u32) -> Self {
        let digest = Sha256::digest(format!("{session_id}|{request_id}"));
        Self(hex::encode(&digest[..8]).into())
    }

    /// An id chosen by the client, if it is short, visible ASCII.
    pub fn from_client(text: &str) -> Option<Self> {
        let valid = !text.is_empty() && text.len() <= MAX_CLIENT_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| Self(text.into()))
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn session_ids_follow_the_protocol() {
        let id = RequestId::of_session("6f1b0c3e-2d54-4c0e-9a77-0b5f2f4f8e21", 7);
        assert_eq!(id.as_str(), "fbbd6e2481cddd97");
    }

    #[test]
    fn client_ids_are_bounded() {
        assert!(RequestId::from_client("abc-123").is_some());
        assert!(RequestId::from_client("").is_none());
        assert!(RequestId::from_client("a b").is_none());
        assert!(RequestId::from_client(&"x".repeat(129)).is_none());
    }
}
