//! WebSockets: the handshake, and messages in and out of one connection.

mod connection;
mod upgrade;

pub(crate) use connection::{Incoming, Socket};
pub(crate) use upgrade::router;
