//! Pings, and noticing that the client is gone.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use lakewire_storage::env::Env;

use super::{End, Wire};
use crate::protocol::ping;

/// Longest time without a message to the client. Clients count only messages, not pings of the WebSocket protocol.
const PING_AFTER: Duration = Duration::from_secs(15);
/// A WebSocket ping, which the client's socket has to answer, goes out this often.
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// Longest time without hearing anything from the client.
const DEAD_AFTER: Duration = Duration::from_secs(120);

/// All moments are of the monotonic clock, in nanoseconds.
pub(super) struct KeepAlive {
    timer: BoxFuture<'static, ()>,
    due_ns: u64,
    heard_ns: u64,
    spoke_ns: u64,
    probed_ns: u64,
}

impl KeepAlive {
    pub(super) fn new(env: &Env) -> Self {
        let now = env.monotonic_ns();
        let timer = env.spawner.sleep(PING_AFTER);
        Self { timer, due_ns: now + nanos(PING_AFTER), heard_ns: now, spoke_ns: now, probed_ns: now }
    }

    /// The client sent something.
    pub(super) fn heard(&mut self, env: &Env) {
        self.heard_ns = env.monotonic_ns();
    }

    /// A message was sent to the client.
    pub(super) fn spoke(&mut self, env: &Env) {
        self.spoke_ns = env.monotonic_ns();
    }

    /// Makes the timer fire at `at_ns` at the latest.
    pub(super) fn wake_at(&mut self, at_ns: u64, env: &Env) {
        if at_ns < self.due_ns {
            self.set(at_ns, env);
        }
    }

    /// Ready when [`KeepAlive::act`] has something to do.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_unpin(cx).map(|()| {
            // Not to be polled again before `act` has set it anew.
            self.timer = Box::pin(std::future::pending());
            self.due_ns = 0;
        })
    }

    /// Sends the pings that are due.
    pub(super) fn act<W: Wire>(&mut self, env: &Env, socket: &mut W) -> Result<(), End> {
        let now = env.monotonic_ns();
        if self.due_ns > now {
            return Ok(());
        }
        if now.saturating_sub(self.heard_ns) >= nanos(DEAD_AFTER) {
            return Err(End::Gone);
        }
        if now.saturating_sub(self.spoke_ns) >= nanos(PING_AFTER) {
            socket.send(ping());
            self.spoke_ns = now;
        }
        if now.saturating_sub(self.probed_ns) >= nanos(PROBE_EVERY) {
            socket.probe();
            self.probed_ns = now;
        }
        let next = (self.spoke_ns + nanos(PING_AFTER)).min(self.probed_ns + nanos(PROBE_EVERY));
        self.set(next, env);
        Ok(())
    }

    fn set(&mut self, at_ns: u64, env: &Env) {
        self.due_ns = at_ns;
        self.timer = env.spawner.sleep(Duration::from_nanos(at_ns.saturating_sub(env.monotonic_ns())));
    }
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
