//! Scheduled functions: `ctx.scheduler`, and what runs its jobs when they are due.
//!
//! A job is two rows with one id: what apps see, in `_scheduled_functions` of the component that scheduled it, and what
//! the [`Scheduler`] needs, in `_scheduled_jobs`, which is small whatever the arguments are.
//!
//! **Architecture Invariant:** a scheduled mutation is committed together with the end of its job, so it happens once.
//!
//! **Architecture Invariant:** a scheduled action begins only after the commit that says so, and nobody begins it again;
//! whose process has died in between fails ([`owners`]).

mod admin;
mod begin;
mod due;
mod executor;
mod expire;
mod lane;
mod owners;
mod row;
mod run;
mod schedule;
#[cfg(test)]
mod tests;
mod tick;

pub use admin::JobsError;
pub(crate) use admin::{Waiting, cancel_all, delete_all, ids_in};
pub(crate) use begin::{backoff, try_commit};
pub use due::soonest_due;
pub use executor::Scheduler;
pub(crate) use owners::TRANSIENT;
pub(crate) use row::{JobRow, arguments};
pub(crate) use run::is_paused;
pub(crate) use schedule::{CancelArgs, JobUsage, ScheduleArgs, cancel, insert};
pub use tick::{Ticker, minute_end};
