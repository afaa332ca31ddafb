//! When a cron job runs.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

const MINUTE_MS: f64 = 60_000.0;
/// As the client package has them, in the order of their numbers.
pub(crate) const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// When a cron job runs; times are ms since the Unix epoch.
#[derive(Clone, Debug)]
pub struct Schedule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Every so many ms.
    Every(f64),
    /// At the minutes of an expression, in UTC, and so many ms later.
    Clock(Box<Cron>, f64),
}

impl Schedule {
    /// Reads a schedule as the client package writes it. `seed` names the job: it decides on the parts of the time that the
    /// schedule leaves open, so that not all jobs run at the same moment.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence about the job.
    pub fn parse(json: &Json, seed: &str) -> Result<Self, String> {
        let kind = json.get("type").and_then(Json::as_str).unwrap_or_default();
        let [.., minute_seed, second_seed] = <[u8; 32]>::from(Sha256::digest(seed));
        let second_ms = f64::from(second_seed % 60) * 1e3;
        let field = |name: &str, least: u32, most: u32| match json.get(name).map(|value| (value.as_f64(), value)) {
            None => Err(format!("has a schedule without `{name}`")),
            Some((Some(n), _)) if n.fract() == 0.0 && n >= f64::from(least) && n <= f64::from(most) => Ok(n as u32),
            Some((_, value)) => {
                Err(format!("has `{name}: {value}`, which is not a whole number from {least} to {most}"))
            }
        };
        let minute = || match json.get("minuteUTC") {
            None | Some(Json::Null) => Ok(u32::from(minute_seed) % 60),
            Some(_) => field("minuteUTC", 0, 59),
        };
        let hour = || field("hourUTC", 0, 23);
        let expression = match kind {
            "interval" => return interval(json).map(|ms| Schedule(Kind::Every(ms))),
            "hourly" => format!("{} * * * *", minute()?),
            "daily" => format!("{} {} * * *", minute()?, hour()?),
            "weekly" => {
                let day = json.get("dayOfWeek").and_then(Json::as_str).unwrap_or_default();
                let Some(day) = DAYS.iter().position(|name| *name == day) else {
                    return Err(format!("has the unknown day of week '{day}'"));
                };
                format!("{} {} * * {day}", minute()?, hour()?)
            }
            "monthly" => format!("{} {} {} * *", minute()?, hour()?, field("day", 1, 31)?),
            "cron" => json.get("cron").and_then(Json::as_str).unwrap_or_default().to_owned(),
            other => return Err(format!("has a schedule of the unknown type '{other}'")),
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let invalid = |error| format!("has the invalid cron expression '{expression}': {error}");
        let cron = parser.parse(&expression).map_err(invalid)?;
        let schedule = Schedule(Kind::Clock(Box::new(cron), second_ms));
        match schedule.after(0.0) {
            Some(_) => Ok(schedule),
            None => Err(format!("has the cron expression '{expression}', which matches no time")),
        }
    }

    /// The first run of a job that is deployed at `now`.
    pub fn first(&self, now: f64) -> Option<f64> {
        match &self.0 {
            Kind::Every(_) => Some(now),
            Kind::Clock(..) => self.after(now),
        }
    }

    /// The first time after `time`. Intervals are counted from `time`.
    pub fn after(&self, time: f64) -> Option<f64> {
        match &self.0 {
            Kind::Every(ms) => Some(time + ms),
            Kind::Clock(cron, splay) => {
                let base = ((time - splay) / MINUTE_MS).floor() * MINUTE_MS;
                let base = DateTime::<Utc>::from_timestamp_millis(base as i64)?;
                let next = cron.find_next_occurrence(&base, false).ok()?;
                Some(next.timestamp_millis() as f64 + splay)
            }
        }
    }

    /// What comes after the run of `scheduled` that has ended by `now`: the next time, and how many were missed on the way.
    pub fn next(&self, scheduled: f64, now: f64) -> (Option<f64>, u64) {
        match &self.0 {
            Kind::Every(ms) => {
                let missed = ((now - scheduled) / ms).floor().max(0.0);
                (Some(scheduled + (missed + 1.0) * ms), missed as u64)
            }
            Kind::Clock(..) => {
                let (mut next, mut missed) = (self.after(scheduled), 0);
                while let Some(time) = next.filter(|time| *time <= now) {
                    // After long, how many it were no longer matters.
                    next = if missed < MOST_COUNTED { self.after(time) } else { self.after(now) };
                    missed += 1;
                }
                (next, missed)
            }
        }
    }
}

/// Missed runs of an expression are counted up to this.
const MOST_COUNTED: u64 = 1000;

fn interval(json: &Json) -> Result<f64, String> {
    let units = [("seconds", 1e3), ("minutes", MINUTE_MS), ("hours", 60.0 * MINUTE_MS)];
    let mut given = units.iter().filter_map(|(name, ms)| Some((*name, json.get(name)?.as_f64()?, ms)));
    match (given.next(), given.next()) {
        (Some((_, n, ms)), None) if n >= 1.0 && n.fract() == 0.0 => Ok(n * ms),
        (Some((name, n, _)), None) => {
            Err(format!("has the interval `{name}: {n}`, which is not a positive whole number"))
        }
        _ => Err("has an interval that is not one of `seconds`, `minutes` and `hours`".to_owned()),
    }
}
