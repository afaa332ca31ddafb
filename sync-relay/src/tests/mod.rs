//! The relay from outside: a client of the protocol over a connection, a small engine behind.

mod auth;
mod client;
pub(crate) mod convergence;
mod fake;
mod handshake;
mod keep_alive;
mod refresh;
mod requests;
mod subscriptions;

use std::sync::Arc;

pub(crate) use self::client::Client;
pub(crate) use self::fake::Fake;
use crate::cache::CacheOptions;
use crate::relay::Shared;
use crate::session::{Peer, Session};
use crate::socket::Socket;
use lakewire_storage::env::Env;

/// A relay over a fake engine.
pub(crate) struct Setup {
    pub(crate) fake: Arc<Fake>,
    pub(crate) shared: Arc<Shared>,
}

impl Setup {
    pub(crate) fn new(seed: u64) -> Self {
        let env = Env::deterministic(seed);
        let fake = Fake::new(env.clone());
        let shared = Shared::start(fake.clone(), env, CacheOptions::default());
        Self { fake, shared }
    }

    /// Connects a client of the newest npm package.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_as(Peer { takes_chunks: true, ..Peer::default() }).await
    }

    /// Connects a client.
    pub(crate) async fn connect_as(&self, peer: Peer) -> Client {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let session = Session::new(Arc::clone(&self.shared), peer);
        self.shared.env.spawn("session", async move { session.serve(Socket::new(ours).await).await });
        Client::new(theirs).await
    }
}
