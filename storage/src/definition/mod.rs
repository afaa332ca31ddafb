//! Changing indexes and schemas while the database is in use.
//!
//! What a change needs falls into steps that are transactions of their own or parts of one of the caller's:
//!
//! - An index is added as *backfilling*: from then on every write maintains it. [`backfill`] adds the documents that were there
//!   before, some at a time, and makes it *backfilled*. [`Transaction::enable_index`](crate::transaction::Transaction) then
//!   makes it queryable, in the transaction that finishes the push.
//! - A schema is submitted as *pending*: from then on a write that does not fit it lets it fail. [`validate_schema`] looks at
//!   the documents that were there before and makes it *validated*, or *failed*. It becomes *active* in the transaction that
//!   finishes the push.

mod backfill;
mod index;
mod schema;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use backfill::internal;
pub use backfill::{Progress, backfill, backfill_all, backfill_progress};
pub use validate::{Validation, validate_schema, validation_progress};
