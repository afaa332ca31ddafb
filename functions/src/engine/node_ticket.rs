//! Tickets: what an action that runs elsewhere shows when it asks for something.
//!
//! A ticket is the call itself, encrypted and authenticated with a key that is derived from the instance secret, as
//! cursors are. So any worker can answer for any action, nobody else can make one or read the claims and the token of
//! the user in it, and there is nothing to keep or to forget. It opens what that one action may do, until a little
//! after the action has to have ended.

use std::time::Duration;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lakewire_storage::env::Env;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

use crate::auth::INSTANCE_SECRET_BYTES;
use crate::udf::{Call, CallRecord, Caller, SessionRequest};

/// Changes when the meaning of sealed texts does.
const VERSION: u8 = 1;
const TICKET: &[u8] = b"ticket";
/// How much longer than its action a ticket is good: clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

/// Why a ticket is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TicketError {
    #[error("the token is not one of an action of this deployment")]
    Forged,
    #[error("the token has expired: its action must have ended")]
    Expired,
}

/// The key of a deployment's tickets.
pub(super) struct TicketKey([u8; 64]);

/// An action that runs elsewhere.
pub(crate) struct Ticket {
    /// Without arguments.
    pub call: Call,
    /// Names the execution in the log, and its objects.
    pub execution: String,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    call: CallRecord,
    execution: String,
    expires_ms: u64,
}

impl TicketKey {
    pub(super) fn derive(secret: &[u8; INSTANCE_SECRET_BYTES]) -> Self {
        Self(Sha512::new().chain_update(b"lakewire node ticket\0").chain_update(secret).finalize().into())
    }

    /// The ticket of an action that takes at most `time`.
    pub(super) fn ticket(&self, env: &Env, call: &Call, execution: &str, time: Duration) -> String {
        let lives = time.saturating_add(MARGIN).as_millis() as u64;
        // As what the action asks for is called.
        let call =
            Call { args: "[]".into(), caller: Caller::Action, internal: true, parent_execution: None, ..call.clone() };
        let sealed = Sealed {
            call: CallRecord::from(&call),
            execution: execution.to_owned(),
            expires_ms: (env.now_ns() / 1_000_000).saturating_add(lives),
        };
        self.seal(TICKET, &sealed)
    }

    /// The action behind a ticket.
    ///
    /// # Errors
    /// [`TicketError`].
    pub(super) fn open_ticket(&self, env: &Env, text: &str) -> Result<Ticket, TicketError> {
        let sealed: Sealed = self.open(TICKET, text).ok_or(TicketError::Forged)?;
        if sealed.expires_ms < env.now_ns() / 1_000_000 {
            return Err(TicketError::Expired);
        }
        let call = Call::try_from(sealed.call).map_err(|_| TicketError::Forged)?;
        Ok(Ticket { call, execution: sealed.execution })
    }

    /// The text of what only this deployment can read or make; what is sealed for one `purpose` is of no use for another.
    pub(super) fn seal<T: Serialize>(&self, purpose: &[u8], value: &T) -> String {
        let plain = serde_json::to_vec(value).expect("object keys are strings, and nothing else can fail");
        let sealed = Aes256Siv::new((&self.0).into())
            .encrypt([&[VERSION][..], purpose], &plain)
            .expect("two headers and a buffer of its own are always accepted");
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// What was sealed; `None` if it was not.
    pub(super) fn open<T: DeserializeOwned>(&self, purpose: &[u8], text: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = Aes256Siv::new((&self.0).into()).decrypt([&[VERSION][..], purpose], &sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

impl Ticket {
    /// What makes the write exactly-once that the action numbers `operation`. Sessions of clients are named by UUIDs.
    pub(super) fn once(&self, operation: u32) -> SessionRequest {
        SessionRequest { session_id: format!("node:{}", self.execution).into(), request_id: operation }
    }
}

#[cfg(test)]
#[path = "node_ticket_tests.rs"]
mod tests;
