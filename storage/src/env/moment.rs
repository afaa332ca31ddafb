use std::time::Duration;

use super::Env;

/// A moment by both clocks. The monotonic one may stand still while the machine or the process is suspended, the wall clock may
/// be set back: of the two, what says that more time has passed is believed.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall_ns: u64,
    monotonic_ns: u64,
}

impl Moment {
    /// This moment.
    pub fn now(env: &Env) -> Self {
        Moment { wall_ns: env.now_ns(), monotonic_ns: env.monotonic_ns() }
    }

    /// From this moment to `now`, at least.
    pub fn until(self, now: Moment) -> Duration {
        let wall = now.wall_ns.saturating_sub(self.wall_ns);
        Duration::from_nanos(wall.max(now.monotonic_ns.saturating_sub(self.monotonic_ns)))
    }

    /// From this moment on, at least.
    pub fn elapsed(self, env: &Env) -> Duration {
        self.until(Moment::now(env))
    }
}
