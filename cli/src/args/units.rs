//! Durations, sizes and moments as people write them.

use std::time::Duration;

use lakewire_storage::log::Timestamp;

#[cfg(test)]
#[path = "units_tests.rs"]
mod tests;

/// A length of time: `90s`, `15m`, `1h 30m`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("`{text}` is no duration: write `90s`, `15m` or `1h 30m`"))
}

/// A number of bytes: `1048576`, `64KiB`, `256MiB`, `2GiB` (`K`, `M`, `G` mean the same).
pub fn bytes(text: &str) -> Result<usize, String> {
    let invalid = || format!("`{text}` is no size: write a number of bytes, `64KiB`, `256MiB` or `2GiB`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        _ => return Err(invalid()),
    };
    let number: usize = digits.trim().parse().map_err(|_| invalid())?;
    number.checked_mul(1 << shift).ok_or_else(invalid)
}

/// A moment of a deployment's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nanoseconds since the Unix epoch: a commit timestamp, as it is.
    At(Timestamp),
    /// This long before the command runs.
    Ago(Duration),
}

impl Moment {
    /// The timestamp that is meant, where it is `now_ns` now.
    pub fn timestamp(self, now_ns: u64) -> Timestamp {
        match self {
            Moment::At(ts) => ts,
            Moment::Ago(duration) => now_ns.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

/// The smallest number that is taken for nanoseconds: in the year 2001. A smaller one is of another unit.
const FIRST_NS: u64 = 1_000_000_000_000_000_000;

/// A moment: nanoseconds since the Unix epoch, RFC 3339 (`2026-11-21T13:00:00Z`), or `10m ago`.
pub fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Some(duration_text) = text.strip_suffix("ago") {
        return duration(duration_text).map(Moment::Ago);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(ns) if ns >= FIRST_NS => Ok(Moment::At(ns)),
            _ => Err(format!("`{text}` is no timestamp in nanoseconds: they have 19 digits")),
        };
    }
    let invalid =
        || format!("`{text}` is no moment: write nanoseconds since 1970, `2026-11-21T13:00:00Z` or `10m ago`");
    let parsed = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| invalid())?;
    let ns = parsed.timestamp_nanos_opt().ok_or_else(invalid)?;
    u64::try_from(ns).map(Moment::At).map_err(|_| invalid())
}

/// `ts` in RFC 3339, to the nanosecond and in UTC; [`moment`] reads it back.
pub fn rfc3339(ts: Timestamp) -> String {
    let moment = chrono::DateTime::from_timestamp_nanos(i64::try_from(ts).unwrap_or(i64::MAX));
    moment.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
