//! How much was asked for, by operation.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::capacity::Units;
use super::operation::{Operation, S3Class};
use super::settings::Kind;

#[derive(Debug, Default)]
pub(super) struct Stats(Mutex<BTreeMap<Operation, Figures>>);

#[derive(Debug, Default)]
struct Figures {
    requests: u64,
    request_bytes: u64,
    faults: BTreeMap<Kind, u64>,
    arrived: u64,
    statuses: BTreeMap<u16, u64>,
    response_bytes: u64,
    units: Units,
    stale: u64,
}

impl Stats {
    /// Counts what a client sent.
    pub fn requested(&self, operation: &Operation, bytes: usize, fault: Option<Kind>) {
        let mut all = self.0.lock();
        let figures = all.entry(operation.clone()).or_default();
        figures.requests += 1;
        figures.request_bytes += bytes as u64;
        if let Some(kind) = fault {
            *figures.faults.entry(kind).or_default() += 1;
        }
    }

    /// Counts what a service answered.
    pub fn answered(&self, operation: &Operation, status: u16, bytes: usize, units: Units, stale: bool) {
        let mut all = self.0.lock();
        let figures = all.entry(operation.clone()).or_default();
        figures.arrived += 1;
        figures.response_bytes += bytes as u64;
        figures.units.write += units.write;
        figures.units.read += units.read;
        figures.stale += u64::from(stale);
        *figures.statuses.entry(status).or_default() += 1;
    }

    pub fn reset(&self) {
        self.0.lock().clear();
    }

    /// As `GET /_faults/stats` shows it.
    pub fn show(&self) -> Value {
        let all = self.0.lock();
        let operations: BTreeMap<_, _> = all
            .iter()
            .map(|(operation, figures)| {
                let faults: BTreeMap<_, _> = figures.faults.iter().map(|(kind, n)| (format!("{kind:?}"), n)).collect();
                let shown = json!({
                    "requests": figures.requests,
                    "requestBytes": figures.request_bytes,
                    "faults": faults,
                    "arrived": figures.arrived,
                    "statuses": figures.statuses,
                    "responseBytes": figures.response_bytes,
                    "wru": figures.units.write,
                    "rru": figures.units.read,
                    "stale": figures.stale,
                });
                (operation.to_string(), shown)
            })
            .collect();
        // What is paid for is what arrived.
        let sum = |wanted: S3Class| -> u64 {
            let of_class = all.iter().filter(|(operation, _)| operation.s3_class() == Some(wanted));
            of_class.map(|(_, figures)| figures.arrived).sum()
        };
        json!({
            "operations": operations,
            "dynamodb": {
                "wru": all.values().map(|figures| figures.units.write).sum::<f64>(),
                "rru": all.values().map(|figures| figures.units.read).sum::<f64>(),
            },
            "s3": {"put": sum(S3Class::Put), "get": sum(S3Class::Get), "free": sum(S3Class::Free)},
        })
    }
}
