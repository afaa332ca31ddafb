//! What a test wants to go wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::Operation;
use crate::random::Random;

/// The body of `PUT /_faults`: what is given replaces what was.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Changes {
    pub seed: Option<u64>,
    pub latency: Option<BTreeMap<String, Latency>>,
    pub rates: Option<Vec<Rule>>,
    pub plan: Option<Vec<Rule>>,
    pub stale_ms: Option<u64>,
    pub capacity: Option<Capacity>,
}

/// What is in force.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    /// By `service` or `service.Operation`.
    pub latency: BTreeMap<String, Latency>,
    /// Random faults; the shares of those that fit a request add up to 1 at most.
    pub rates: Vec<Rule>,
    /// Faults that happen before random ones do; what has happened is removed.
    pub plan: Vec<Rule>,
    /// How old an eventually consistent read of DynamoDB may be; 0 for not at all.
    pub stale_ms: u64,
    pub capacity: Capacity,
}

/// Where the capacity that requests of DynamoDB consume comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Capacity {
    /// From the answer if the client asked, otherwise from the items that are in request and answer, by AWS's rules.
    #[default]
    Compute,
    /// The service is asked on top of what the client asked. This breaks signatures.
    Ask,
}

/// Added to what the service takes: half of it before, half of it after.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Latency {
    /// So many milliseconds.
    Fixed(f64),
    /// Milliseconds, with a log-normal distribution.
    Spread { p50: f64, p99: f64 },
}

impl Latency {
    /// The 99th percentile of the standard normal distribution.
    const Z99: f64 = 2.326;

    fn sample(self, random: &Random) -> Duration {
        let ms = match self {
            Latency::Fixed(ms) => ms,
            Latency::Spread { p50, p99 } => {
                // Sum of twelve uniform numbers, minus six: normal enough for a latency.
                let normal = (0..12).map(|_| random.share()).sum::<f64>() - 6.0;
                p50 * ((p99 / p50).ln() / Self::Z99 * normal).exp()
            }
        };
        Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
    }
}

/// The kinds of `lakewire_storage::aws::faults::HttpFault`, and one that calls somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(super) enum Kind {
    /// It is refused because there are too many; nothing happens.
    Throttled,
    /// The service fails with `status`; nothing happens.
    Failed,
    /// The service fails with `status` although it did what was asked.
    FailedAfter,
    /// It never arrives: the connection is closed, after `ms`.
    LostRequest,
    /// It arrives and is done, and the connection is closed without the answer, after `ms`.
    LostAnswer,
    /// The connection is closed; it arrives `ms` later nevertheless.
    Late,
    /// It takes `ms` longer.
    Slow,
    /// It arrives twice. The second answer is what the client gets.
    Twice,
    /// `body` is posted to `url`, and the answer to that awaited, before the request arrives.
    CallBefore,
    /// The same after the request was done, before the client has the answer.
    CallAfter,
}

/// A fault, and to which requests it happens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub fault: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Has to be in the path or in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Of a random fault: how often it happens, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Of a planned fault: how many requests that fit are spared first.
    #[serde(default)]
    pub skip: u64,
    /// Of a planned fault: how often it happens.
    #[serde(default = "once")]
    pub times: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The code of the error instead of the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default)]
    pub ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

fn once() -> u64 {
    1
}

impl Rule {
    /// What is wrong with it, if anything is.
    fn fault(&self) -> Option<String> {
        let kind = self.fault;
        match kind {
            Kind::Failed | Kind::FailedAfter if self.status.is_none() => Some(format!("`{kind:?}` needs a `status`")),
            Kind::CallBefore | Kind::CallAfter if self.url.is_none() => Some(format!("`{kind:?}` needs a `url`")),
            _ => None,
        }
    }

    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.ms)
    }

    fn fits(&self, operation: &Operation, path: &str, body: &[u8]) -> bool {
        let contains = |text: &String| {
            path.contains(text.as_str()) || body.windows(text.len().max(1)).any(|part| part == text.as_bytes())
        };
        self.service.as_ref().is_none_or(|service| *service == operation.service)
            && self.operation.as_ref().is_none_or(|name| *name == operation.name)
            && self.contains.as_ref().is_none_or(contains)
    }
}

impl Settings {
    /// Takes over what is given.
    ///
    /// # Errors
    /// If a rule says too little, with what is missing; nothing is taken over then.
    pub fn change(&mut self, changes: Changes) -> Result<(), String> {
        let rates = changes.rates.iter().flatten();
        if rates.clone().any(|rule| !rule.share.is_some_and(|share| (0.0..=1.0).contains(&share))) {
            return Err("a random fault needs a `share` from 0 to 1".to_owned());
        }
        if let Some(fault) = rates.chain(changes.plan.iter().flatten()).find_map(Rule::fault) {
            return Err(fault);
        }
        fn replace<T>(place: &mut T, new: Option<T>) {
            if let Some(new) = new {
                *place = new;
            }
        }
        replace(&mut self.latency, changes.latency);
        replace(&mut self.rates, changes.rates);
        replace(&mut self.plan, changes.plan);
        replace(&mut self.stale_ms, changes.stale_ms);
        replace(&mut self.capacity, changes.capacity);
        Ok(())
    }

    /// How much longer this request takes.
    pub fn latency(&self, operation: &Operation, random: &Random) -> Duration {
        let exact = || self.latency.get(&operation.to_string());
        let latency = exact().or_else(|| self.latency.get(&operation.service));
        latency.map_or(Duration::ZERO, |latency| latency.sample(random))
    }

    /// What happens to this request.
    pub fn next(&mut self, operation: &Operation, path: &str, body: &[u8], random: &Random) -> Option<Rule> {
        let planned = self.plan.iter_mut().enumerate().find(|(_, rule)| rule.fits(operation, path, body));
        if let Some((place, rule)) = planned {
            if rule.skip > 0 {
                rule.skip -= 1;
                return None;
            }
            rule.times = rule.times.saturating_sub(1);
            let happens = rule.clone();
            if rule.times == 0 {
                self.plan.remove(place);
            }
            return Some(happens);
        }
        if self.rates.is_empty() {
            return None;
        }
        let mut draw = random.share();
        for rule in self.rates.iter().filter(|rule| rule.fits(operation, path, body)) {
            let share = rule.share.unwrap_or_default();
            if draw < share {
                return Some(rule.clone());
            }
            draw -= share;
        }
        None
    }
}
