//! The engine as Lambda functions: nothing here outlives an invocation but what makes the next one faster.
//!
//! Lambda runs one invocation at a time in a process, and suspends the process in between. So whatever has to happen happens
//! before the answer is given: who else has to hear of a commit is told then ([`Notices`]), and the database is one whose upkeep
//! is [elsewhere](lakewire_storage::database::Upkeep).
//!
//! | part | is asked by | does |
//! | --- | --- | --- |
//! | [`Front`] | API Gateway | the HTTP API and HTTP actions |
//! | [`Ticker`](crate::jobs::Ticker) | a schedule, once a minute, and [`Notices`] | runs what is due |
//! | [`Runs`](crate::remote::Runs) | relays | queries and mutations that a relay has no room for |
//! | [`upkeep`] | a schedule, and [`Notices`] | flushes, merges and deletes files |

pub mod event;
mod front;
mod large;
mod notices;
mod restore;
mod upkeep;

pub use front::Front;
pub use large::LargeAnswers;
pub use notices::{Listeners, Notices};
pub use restore::Restored;
pub use upkeep::{Upkept, upkeep};
