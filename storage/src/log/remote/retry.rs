//! How often, and how long after, something is asked for again.

use std::time::Duration;

use super::medium::MediumError;
use crate::env::Env;
use crate::log::LogError;

/// How often at most, after the first time. With the pauses below, that takes two seconds and a half at most.
const RETRIES: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a request may take that does not carry much.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// How long a request may take that carries an entry of `bytes`.
pub(super) fn carrying(bytes: usize) -> Duration {
    REQUEST + Duration::from_micros(bytes as u64)
}

/// Pauses that grow, each between half of what it may be and all of it, so that those who were refused together do not come
/// again together.
pub(super) struct Pauses<'a> {
    env: &'a Env,
    taken: u32,
}

impl<'a> Pauses<'a> {
    pub(super) fn new(env: &'a Env) -> Self {
        Self { env, taken: 0 }
    }

    /// Lets one pass; `false` at once if there were enough.
    pub(super) async fn pause(&mut self) -> bool {
        if self.taken == RETRIES {
            return false;
        }
        let longest = (FIRST_PAUSE * 2_u32.pow(self.taken)).min(LONGEST_PAUSE);
        self.taken += 1;
        let share = self.env.random_u64() as f64 / u64::MAX as f64;
        self.env.sleep(longest.mul_f64(0.5 + share / 2.0)).await;
        true
    }
}

impl MediumError {
    /// What the caller of the log is told when `operation` failed for good in `place`.
    pub(in crate::log) fn into_log_error(self, operation: &'static str, place: String) -> LogError {
        match self {
            Self::Full => LogError::DiskFull { path: place.into() },
            Self::Busy(reason) | Self::Unclear(reason) | Self::Refused(reason) => {
                LogError::Remote { operation, place, reason }
            }
        }
    }
}

/// What `request` answers, asked again while it is too busy or unclear: for whatever may be done twice.
pub(super) async fn ask<T, F>(env: &Env, mut request: impl FnMut() -> F) -> Result<T, MediumError>
where
    F: Future<Output = Result<T, MediumError>>,
{
    let mut pauses = Pauses::new(env);
    loop {
        let answer = env.timeout(REQUEST, request()).await;
        let error = match answer.unwrap_or_else(|timed_out| Err(MediumError::Unclear(timed_out.to_string()))) {
            Err(error @ (MediumError::Busy(_) | MediumError::Unclear(_))) => error,
            decided => return decided,
        };
        if !pauses.pause().await {
            return Err(error);
        }
    }
}
