//! Nudges: "the log has an entry n". Whoever gets one looks at the log, instead of when its next look is due.
//!
//! A nudge is signed with a key of the deployment, so that nobody else can make a relay read the log all the time. It says
//! nothing secret, and an old one that is sent again costs one look.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use lakewire_storage::log::EntryNumber;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::auth::INSTANCE_SECRET_BYTES;

/// Where relays take nudges, by POST.
pub const PATH: &str = "/api/lakewire/nudge";

/// Keeps these tags apart from every other use of the instance secret.
const PURPOSE: &[u8] = b"lakewire nudge\0";

/// Signs and checks nudges.
#[derive(Clone)]
pub struct NudgeKey(Arc<[u8; INSTANCE_SECRET_BYTES]>);

/// The body of a nudge.
#[derive(Debug, Serialize, Deserialize)]
pub struct NudgeBody {
    /// The log has this entry.
    pub entry: EntryNumber,
    /// Whether the one who gets it is to pass it on to other relays.
    #[serde(default)]
    pub spread: bool,
    /// Hexadecimal.
    tag: String,
}

impl NudgeKey {
    /// The key of the deployment with this secret.
    pub fn new(secret: &[u8; INSTANCE_SECRET_BYTES]) -> Self {
        Self(Arc::new(*secret))
    }

    /// A signed nudge.
    pub fn sign(&self, entry: EntryNumber, spread: bool) -> NudgeBody {
        let tag = hex::encode(self.mac(entry, spread).finalize().into_bytes());
        NudgeBody { entry, spread, tag }
    }

    /// Whether a nudge is of this deployment.
    pub fn is_valid(&self, nudge: &NudgeBody) -> bool {
        let tag = hex::decode(&nudge.tag).unwrap_or_default();
        // Compares in constant time.
        self.mac(nudge.entry, nudge.spread).verify_slice(&tag).is_ok()
    }

    fn mac(&self, entry: EntryNumber, spread: bool) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(PURPOSE);
        mac.update(&entry.to_be_bytes());
        mac.update(&[u8::from(spread)]);
        mac
    }
}

impl std::fmt::Debug for NudgeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NudgeKey")
    }
}

/// A relay, or what leads to one, to be nudged.
#[derive(Clone, Debug)]
pub struct Nudge {
    client: reqwest::Client,
    url: String,
    key: NudgeKey,
    spread: bool,
}

impl Nudge {
    /// Nudges the relay at `origin`; with `spread` it passes the nudge on.
    pub fn new(client: reqwest::Client, origin: &str, key: NudgeKey, spread: bool) -> Self {
        Self { client, url: format!("{}{PATH}", origin.trim_end_matches('/')), key, spread }
    }

    /// Sends one. It may get lost.
    pub async fn send(&self, entry: EntryNumber) {
        let body = self.key.sign(entry, self.spread);
        let Ok(body) = serde_json::to_vec(&body) else { return };
        let request = self.client.post(&self.url).header(http::header::CONTENT_TYPE, "application/json").body(body);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::debug!(status = answer.status().as_u16(), url = self.url, "a relay refused a nudge"),
            Err(error) => tracing::debug!(%error, url = self.url, "a relay was not nudged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NudgeKey;

    #[test]
    fn only_the_deployment_nudges() {
        let key = NudgeKey::new(&[7; 32]);
        let mut nudge = key.sign(12, true);
        assert!(key.is_valid(&nudge) && !NudgeKey::new(&[8; 32]).is_valid(&nudge));
        nudge.entry = 13;
        assert!(!key.is_valid(&nudge));
        let mut nudge = key.sign(12, false);
        nudge.spread = true;
        assert!(!key.is_valid(&nudge));
    }
}
