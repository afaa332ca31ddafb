//! `lakewire compact`: a full compaction.

use std::time::Duration;

use lakewire_storage::env::Env;

use crate::args::StorageArgs;
use crate::failure::Failure;
use crate::storage::open::{BranchOptions, Deployment};

/// Merges the segments of the branch that the options name. Versions older than `history` are dropped; without it, those that
/// servers count as dropped already.
pub async fn run(history: Option<Duration>, storage: StorageArgs, env: Env) -> Result<(), Failure> {
    let deployment = Deployment::named(&storage, "compact", &env).await?;
    let timeline = deployment.timeline(&storage.branch).await?;
    let mut options = BranchOptions::default();
    options.segments.history = history.unwrap_or(options.segments.history);
    let segments = deployment.segments(timeline, &options).await?;
    let failed = |error: lakewire_storage::timeline::SegmentsError| Failure::Storage {
        place: deployment.place.store.to_string(),
        reason: error.to_string(),
    };
    let before = segments.manifest();
    segments.compact_all().await.map_err(failed)?;
    let after = segments.manifest();
    println!("{} bytes in {} segments", before.bytes(), before.segments().count());
    println!("{} bytes in {} segments afterwards", after.bytes(), after.segments().count());
    Ok(())
}
