//! The messages of the sync protocol: JSON text, one object a WebSocket message.

mod chunk;
mod client;
mod client_version;
mod server;
mod timestamp;
mod version;

pub(crate) use chunk::{CHUNK_THRESHOLD, split_transition};
pub(crate) use client::{
    Add, Authenticate, ClientMessage, Connect, FunctionRequest, Modification, ModifyQuerySet, Token,
};
pub(crate) use client_version::{ClientVersion, VersionError};
pub(crate) use server::{
    Modifications, action_response, auth_error, fatal_error, mutation_response, ping, result_suffix, transition,
};
pub(crate) use version::StateVersion;
