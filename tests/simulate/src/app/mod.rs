//! The app of the simulation: what its functions do, without V8.

mod backend;
mod mutate;
mod random;
mod recorder;
mod setup;
mod spec;

pub use backend::NodeBackend;
pub use mutate::{Refused, mutate};
pub use random::{random_change, random_read};
pub use recorder::{Failed, Op, Recorder};
pub use setup::{ACCOUNTS, add_index, drop_index, set_up};
pub use spec::{Change, Index, Read, Table};
