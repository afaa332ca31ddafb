//! Storage as the command line means it: which store, which log, which branch, and who the deployment is.
//!
//! [`place`] turns options into places and refuses what does not go together; [`identity`] is the name, secret and log that a
//! store belongs to; [`open`] opens store, logs and branches; [`promote`] copies a deployment from one place to another.

pub mod identity;
pub mod location;
pub mod logs;
pub mod open;
pub mod place;
pub mod promote;
