//! Stored files: `ctx.storage`, upload URLs, and the URLs that files are loaded from.
//!
//! The bytes are an object of their own, `files/{timeline}/{uuid}`, and are complete before the row that names it commits.
//! What apps see is a row of `_storage` of the component; [`row`] has what the server needs besides, under the same id.
//! Branches share objects, so who deletes them is a question of its own: see [`sweep`].

mod error;
mod reserve;
mod row;
mod store;
mod sweep;
mod syscalls;
#[cfg(test)]
mod tests;
mod token;

pub use error::FileError;
pub(crate) use reserve::Reserved;
pub use row::StoredFile;
pub(crate) use row::{by_uuid, delete, find, insert};
pub(crate) use store::object;
pub use store::{FileBytes, Files, Stored};
pub use sweep::{Sweep, Sweeper};
pub(crate) use syscalls::{
    FileUsage, StorageArgs, StoreArgs, address, found, is_content_type, metadata, parse_sha256, url,
};
