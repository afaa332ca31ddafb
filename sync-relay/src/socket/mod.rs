//! WebSockets: the handshake, and messages in and out of one connection.

mod connection;
mod upgrade;
mod wire;

pub(crate) use connection::Socket;
pub(crate) use upgrade::{peer_of, router};
pub(crate) use wire::{Incoming, Wire};
