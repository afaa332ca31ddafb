//! Objects of the store that are needed for minutes: a rule of the bucket deletes them after a day.

use lakewire_storage::env::Env;
use object_store::path::Path;

/// Where they are.
const FOLDER: &str = "tmp";

/// A name that nobody can guess.
pub(crate) fn unguessable(env: &Env) -> Path {
    named([&hex::encode(env.random_bytes::<16>())])
}

/// The name below the folder that has these parts.
pub(crate) fn named<const N: usize>(parts: [&str; N]) -> Path {
    std::iter::once(FOLDER).chain(parts).collect()
}
