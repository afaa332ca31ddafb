//! The relay without a process: sessions whose WebSockets are held by API Gateway, served by a function that runs when something
//! happens. The protocol, the sessions and the cache are those of the relay; what is here is how a session outlives an invocation.
//!
//! # How it works
//!
//! A connection is a [record](connections) in the table of the log: a [session](crate::session::SessionRecord) on paper, a lease and
//! letters. An invocation has something for one connection (a message of the client, commits) and [visits](visit) it: takes the
//! lease, makes a session of the record, lets it run until nothing is under way, posts what it says, writes it down, and releases the
//! lease. Whoever comes meanwhile leaves a letter for the holder and is done.
//!
//! - **Commits.** Whoever commits invokes the function, asynchronously, with the number of the entry. It looks at the records of all
//!   connections and visits those of which a read set is touched ([`Gateway::fan_out`]). Queries that were not touched are not run;
//!   results that are the same again are not told. What nobody was invoked for, the next tick finds.
//! - **Order.** API Gateway does not keep messages in order. See [`order`].
//! - **Crashes.** A lease that is not released in time ends the connection: the client makes a new one, and mutations are
//!   exactly-once by their session records. A Transition is never repeated, and none is missing.
//! - **Actions** take longer than API Gateway waits for an invocation (29 s), and longer than a lease should be held. So each is run
//!   by an invocation of its own ([`Poster::invoke`]), which knows all that it takes, and brings the answer like a letter. There
//!   is no limit on the actions of one client.
//! - **Identity.** See [`crate::session::SessionRecord`].
//!
//! # Limits
//!
//! A message to a client has 128 KB. Transitions are cut into pieces for clients that put them together (npm 1.28 and later); for
//! others, and for answers to requests that are larger, the client is told that it can't be served, and stops. A message of a client
//! has 32 KB: API Gateway closes connections on which a larger frame arrives. The subscriptions of one client, with arguments and
//! journals, have 195 KB. A connection ends after two hours; clients connect again. A function behind an address that a client
//! connects to can't say with which code the connection is closed, so clients wait about a second before they connect again.
//!
//! # Idle connections
//!
//! The npm client leaves a server that says nothing for 60 s, and API Gateway closes connections after 10 minutes without a message.
//! A schedule fires at most once a minute, and up to a minute late. So [`Gateway::tick`] pings twice, half a minute apart, and sleeps
//! in between, as long as there are connections; without connections it is a read of the sets of ids. A tick that is late costs
//! each client a reconnect, and nothing else.
//!
//! What that costs, at the prices of us-east-1: half a minute each minute is 12 hours a day of a function, $1.02 at 1769 MB on ARM for
//! each day on which there is a client all day long, and $0.07 at 128 MB; ticks need no V8, so a small function of its own does. Two
//! pings a minute are $0.09 a month for a connection that is idle all month, and two looks at it $0.01. Without ticks, a client
//! that is idle reconnects each minute: four invocations, three or four messages and about ten writes, $0.5 a month, and its queries
//! run again.
//!
//! A commit costs one asynchronous invocation, a read unit for each set of ids, and one for each 4 KB of record: with a thousand
//! clients about $130 for a million commits, where a relay that is a service pays nothing. This mode is for deployments that are
//! mostly idle.

mod connections;
mod dynamodb;
mod event;
mod fan_out;
mod order;
mod poster;
mod tick;
mod visit;
mod wire;

#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use lakewire_functions::engine::Engine;
use lakewire_storage::env::Env;
use lakewire_storage::log::EntryNumber;
use parking_lot::Mutex;

pub use self::connections::{
    Connections, ConnectionsError, Free, GRACE_MS, Glance, Holder, KEPT_S, Left, MAX_BYTES, Mail, Released, Seen, Take,
};
pub use self::dynamodb::DynamoDbConnections;
pub use self::event::{DetachedAction, EventError, GatewayEvent, Handshake, Message};
pub use self::poster::{PostError, Poster};
use self::visit::{ConnectionRecord, Letter};
use crate::cache::CacheOptions;
use crate::engine::EngineBackend;
use crate::relay::Shared;
use crate::session::Session;
use crate::socket::peer_of;

/// Serves the connections that API Gateway holds. See the [module](self).
pub struct Gateway {
    shared: Arc<Shared>,
    connections: Arc<dyn Connections>,
    poster: Arc<dyn Poster>,
    /// Entries up to here have been looked at for all connections.
    covered: Mutex<EntryNumber>,
}

/// The answer to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayAnswer {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for whoever looks at the answer of `$connect`.
    pub error: Option<String>,
}

/// What a connection needs fails. The connection was closed if it could be; its client makes another one.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its record.
    #[error(transparent)]
    Connections(#[from] ConnectionsError),
    /// Posting to it.
    #[error(transparent)]
    Post(#[from] PostError),
    /// A letter that is none.
    #[error("a letter for the holder of a lease cannot be read: {0}")]
    Letter(serde_json::Error),
    /// What others committed.
    #[error("cannot see what others committed: {0}")]
    Log(String),
}

impl GatewayAnswer {
    fn ok() -> Self {
        Self { status: 200, error: None }
    }

    fn error(status: u16, error: String) -> Self {
        Self { status, error: Some(error) }
    }

    /// The JSON that API Gateway takes as the answer of a function.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.error {
            None => serde_json::json!({ "statusCode": self.status }),
            Some(error) => serde_json::json!({ "statusCode": self.status, "body": error }),
        }
    }
}

impl Gateway {
    /// Serves connections with `engine`, whose log is shared with other instances. Needs a tokio runtime.
    pub fn new(engine: Arc<Engine>, env: Env, connections: Arc<dyn Connections>, poster: Arc<dyn Poster>) -> Self {
        let backend = Arc::new(EngineBackend::new(engine));
        Self::over(Shared::start(backend, env, CacheOptions::default()), connections, poster)
    }

    pub(crate) fn over(shared: Arc<Shared>, connections: Arc<dyn Connections>, poster: Arc<dyn Poster>) -> Self {
        Self { shared, connections, poster, covered: Mutex::new(0) }
    }

    /// Does what an event asks for. To be completed before the function answers: nothing goes on in the background.
    pub async fn handle(&self, event: GatewayEvent) -> GatewayAnswer {
        let done = match event {
            GatewayEvent::Connect(handshake) => return self.connect(handshake).await,
            GatewayEvent::Message(message) => {
                let connection = Arc::clone(&message.connection);
                self.bring(&connection, Letter::Message(message)).await;
                Ok(())
            }
            GatewayEvent::Visit { connection } => {
                self.bring(&connection, Letter::Nudge(0)).await;
                Ok(())
            }
            GatewayEvent::Action(action) => {
                self.act(action).await;
                Ok(())
            }
            GatewayEvent::Disconnect { connection } => {
                self.connections.remove(&connection).await.map_err(GatewayError::from)
            }
            GatewayEvent::Commits { through } => self.fan_out(through).await,
            GatewayEvent::Tick => self.tick().await,
        };
        match done {
            Ok(()) => GatewayAnswer::ok(),
            Err(error) => {
                tracing::warn!(%error, "an event of the gateway failed");
                GatewayAnswer::error(503, error.to_string())
            }
        }
    }

    async fn connect(&self, handshake: Handshake) -> GatewayAnswer {
        let Handshake { connection, version, client, ip, user_agent } = handshake;
        let peer = match peer_of(client.as_deref(), version.as_deref(), ip, user_agent.as_deref()) {
            Ok(peer) => peer,
            Err(error) => return GatewayAnswer::error(400, error.to_string()),
        };
        let session = Session::new(Arc::clone(&self.shared), peer).record();
        let record = ConnectionRecord { session, order: Default::default() };
        let state = serde_json::to_vec(&record).expect("texts and numbers are JSON");
        match self.connections.open(&connection, state.into(), self.now_ms()).await {
            Ok(()) => GatewayAnswer::ok(),
            Err(error) => {
                tracing::warn!(%error, "a client cannot connect");
                GatewayAnswer::error(503, error.to_string())
            }
        }
    }

    /// Visits a connection; closes it if that fails, as the letter is lost: its client has to begin again.
    async fn bring(&self, connection: &str, letter: Letter) {
        if let Err(error) = self.visit(connection, letter).await {
            tracing::warn!(connection, %error, "a connection cannot be served: it is closed");
            self.give_up(connection).await;
        }
    }

    /// Runs an action and brings the answer.
    async fn act(&self, DetachedAction { connection, action }: DetachedAction) {
        match action.run(&*self.shared.backend, self.env()).await {
            Ok(text) => self.bring(&connection, Letter::Answer { id: self.env().random_u64(), text }).await,
            Err(end) => {
                tracing::debug!(
                    ?end,
                    connection = &*connection,
                    "an action could not be run: its connection is closed"
                );
                self.give_up(&connection).await;
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn env(&self) -> &Env {
        &self.shared.env
    }

    fn connections(&self) -> &dyn Connections {
        &*self.connections
    }

    fn poster(&self) -> &dyn Poster {
        &*self.poster
    }

    /// The wall clock, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64 {
        self.env().now_ns() / 1_000_000
    }
}
