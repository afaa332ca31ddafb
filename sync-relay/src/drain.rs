//! Ending a relay without its clients noticing more than a new connection.
//!
//! Each session waits until its requests are answered, and then closes the connection; the client makes another one, which a
//! load balancer leads elsewhere, and goes on there. Sessions end one after the other over a while, or all clients would come back
//! at the same moment. Without another relay they all end at once: each would be refused until this one is gone, and wait longer
//! each time. A request that is not answered in time is sent again by the client, and a mutation is not made twice.

use std::time::Duration;

use lakewire_storage::env::Env;
use tokio::sync::watch;

use crate::session::End;

/// Over how long connections are closed that go on elsewhere.
const SPREAD: Duration = Duration::from_secs(2);

/// What a client is told: it makes another connection.
pub(crate) const GOING_AWAY: End = End::Code(1001, "GoingAway");

/// Whether sessions are to end, and over how long. Each holds a [`Draining`].
pub(crate) struct Drain(watch::Sender<Option<Duration>>);

/// A session's view of it.
pub(crate) struct Draining {
    begun: watch::Receiver<Option<Duration>>,
    env: Env,
}

impl Drain {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(crate) fn watch(&self, env: &Env) -> Draining {
        Draining { begun: self.0.subscribe(), env: env.clone() }
    }

    /// Whether no session may begin any more.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Has all sessions end, and waits until they have, at most for `patience`. `has_others` says whether clients can go on
    /// elsewhere. Returns how many are left.
    pub(crate) async fn finish(&self, has_others: bool, patience: Duration, env: &Env) -> usize {
        self.0.send_replace(Some(if has_others { SPREAD } else { Duration::ZERO }));
        // Whoever has not ended by then is cut off.
        let _ended = env.timeout(patience, self.0.closed()).await;
        self.0.receiver_count()
    }
}

impl Draining {
    /// Completes at the moment that is this session's to end. If dropped, nothing is lost but the choice of that moment.
    pub(crate) async fn is_due(&mut self) {
        // An error means that the relay is gone, which is an end too.
        let spread = self.begun.wait_for(Option::is_some).await.ok().and_then(|spread| *spread).unwrap_or_default();
        let share = self.env.random_u64() as f64 / u64::MAX as f64;
        self.env.sleep(spread.mul_f64(share)).await;
    }
}
