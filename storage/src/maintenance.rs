//! What goes on in the background with the files of an open database.

use std::sync::Weak;
use std::time::Duration;

use futures::FutureExt;

use crate::checkpoint::Flusher;
use crate::env::Env;
use crate::timeline::{Segments, SegmentsError};

/// How often to look whether there is something to compact.
const COMPACT_EVERY: Duration = Duration::from_secs(2);
/// How often to look for files that nothing needs.
const COLLECT_EVERY: Duration = Duration::from_secs(300);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Compacts, deletes what nothing needs, and takes over what others published, until the flusher is dropped. Failures are
/// logged and tried again.
pub(crate) async fn run(flusher: Weak<Flusher>, segments: Weak<Segments>, env: Env) {
    let mut pause = COMPACT_EVERY;
    let mut collected = env.monotonic_ns();
    let mut refreshed = collected;
    loop {
        env.sleep(pause).await;
        let (Some(flusher), Some(segments)) = (flusher.upgrade(), segments.upgrade()) else { return };
        let now = env.monotonic_ns();
        let due = |last: u64, every: Duration| Duration::from_nanos(now.saturating_sub(last)) >= every;
        let is_refresh = due(refreshed, segments.options().grace / 3);
        let is_collection = due(collected, COLLECT_EVERY);
        match step(&flusher, &segments, is_refresh, is_collection).await {
            Ok(()) => {
                pause = COMPACT_EVERY;
                refreshed = if is_refresh { now } else { refreshed };
                collected = if is_collection { now } else { collected };
            }
            Err(error) => {
                tracing::warn!(%error, "the upkeep of segments failed");
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Takes over what others publish, until the flusher is dropped.
pub(crate) async fn watch(flusher: Weak<Flusher>, env: Env) {
    loop {
        env.sleep(COMPACT_EVERY).await;
        let Some(flusher) = flusher.upgrade() else { return };
        if let Err(error) = flusher.take_over().await {
            tracing::warn!(%error, "cannot take over a manifest");
        }
    }
}

/// All of it that there is to do now.
pub(crate) async fn once(flusher: &Flusher, segments: &Segments) -> Result<(), SegmentsError> {
    step(flusher, segments, true, true).await
}

async fn step(flusher: &Flusher, segments: &Segments, refresh: bool, collect: bool) -> Result<(), SegmentsError> {
    if refresh {
        segments.refresh().await?;
    }
    install(flusher).await;
    // Boxed: the compiler cannot see through the size of it that it is `Send`.
    while segments.compact().boxed().await? {
        install(flusher).await;
    }
    if collect {
        segments.collect().boxed().await?;
    }
    Ok(())
}

async fn install(flusher: &Flusher) {
    if let Err(error) = flusher.install().await {
        // The files stay for a while after they leave the manifest, and the next step tries again.
        tracing::warn!(%error, "cannot take over a manifest");
    }
}
