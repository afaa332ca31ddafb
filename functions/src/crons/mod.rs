//! Cron jobs: what `crons.js` exports, and running it at its times.
//!
//! A cron job is a row of `_cron_jobs` and one of `_cron_next_run`; its last runs are in `_cron_job_logs`. A push brings the
//! rows in line with the module. The scheduler of `jobs` runs what is due, with the same promises: a mutation commits
//! together with the end of its run, an action begins once.

mod apply;
mod row;
mod run;
mod schedule;
mod spec;
#[cfg(test)]
mod tests;

#[cfg(test)]
use apply::CronDiff;
pub(crate) use apply::apply;
pub(crate) use row::{CronRow, Listed, NextRun, RunRow, list, runs};
pub(crate) use run::{due, give_up, next_due};
pub(crate) use schedule::DAYS;
pub use schedule::Schedule;
pub(crate) use spec::{CronSpec, parse};

/// Why a cron job cannot be deployed.
#[derive(Debug, thiserror::Error)]
#[error("The cron job '{name}' {reason}")]
pub struct InvalidCron {
    /// Its identifier.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}
