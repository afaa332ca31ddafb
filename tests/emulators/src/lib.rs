//! Emulators of AWS services for tests, started by the tests themselves and gone with them.
//!
//! All listen on a free port of the loopback interface. Starting one blocks until it answers, and panics with what to do if it
//! cannot: a test that needs it must fail then, not be skipped.

#![allow(clippy::disallowed_methods, reason = "tests are in the real world")]

mod background;
mod dynoxide;
mod faults;
mod lambda;
mod ministack;
mod random;
mod timer;

#[cfg(test)]
mod tests;

pub use self::dynoxide::Dynoxide;
pub use self::faults::Faults;
pub use self::lambda::Lambda;
pub use self::ministack::{Ministack, python};

/// The access key id that the emulators know.
pub const ACCESS_KEY_ID: &str = "lakewiretests";

/// Its secret. Neither emulator checks what is signed with this key, which is that of the root of the account;
/// [`Ministack`] refuses other keys.
pub const SECRET_ACCESS_KEY: &str = "lakewire-tests-secret";

/// The region that the emulators are in.
pub const REGION: &str = "us-east-1";
