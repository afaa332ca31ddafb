//! `lakewire storage`: what is stored.

use lakewire_storage::env::Env;
use lakewire_storage::timeline::branch::{self, LogAccess};

use crate::args::{StorageArgs, rfc3339};
use crate::branch::table;
use crate::failure::Failure;
use crate::storage::open::{BranchOptions, Deployment};

/// Prints figures of the branch that the options name, and all branches.
pub async fn run(storage: StorageArgs, env: Env) -> Result<(), Failure> {
    let deployment = Deployment::named(&storage, "storage", &env).await?;
    let timeline = deployment.timeline(&storage.branch).await?;
    let segments = deployment.segments(timeline.clone(), &BranchOptions::default()).await?;
    let failed = |reason: String| Failure::Storage { place: deployment.place.log.to_string(), reason };
    let log = deployment.context.logs.open(&timeline, LogAccess::Read).await;
    let log = log.map_err(|error| failed(error.to_string()))?;
    let first = log.first().await.map_err(|error| failed(error.to_string()))?;
    let head = log.head().await.map_err(|error| failed(error.to_string()))?;

    let manifest = segments.manifest();
    let live_bytes: u64 = manifest.segments().map(|segment| segment.live_bytes).sum();
    let rows: u64 = manifest.segments().map(|segment| segment.rows).sum();
    let ratio =
        if live_bytes == 0 { "-".to_owned() } else { format!("{:.2}", manifest.bytes() as f64 / live_bytes as f64) };
    let moment = |ts: u64| if ts == 0 { "-".to_owned() } else { format!("{} ({ts})", rfc3339(ts)) };
    let figures = [
        ("store", deployment.place.store.to_string()),
        ("log", deployment.place.log.to_string()),
        ("branch", format!("{} on timeline {timeline}", storage.branch)),
        ("manifest version", manifest.version.to_string()),
        ("manifest published", moment(manifest.published_ns)),
        ("runs", manifest.runs.len().to_string()),
        ("segments", manifest.segments().count().to_string()),
        ("rows", rows.to_string()),
        ("bytes", manifest.bytes().to_string()),
        ("live bytes", live_bytes.to_string()),
        ("bytes/live", ratio),
        ("flushed up to", moment(manifest.flushed_ts)),
        ("history begins", moment(manifest.horizon_ts)),
        ("log entries", format!("{} ({first} to {head})", (head + 1).saturating_sub(first))),
        ("entries not in segments", head.saturating_sub(manifest.flushed).to_string()),
    ];
    let width = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in figures {
        println!("{name:width$}  {value}");
    }
    println!("\n{}", table(&branch::list(&deployment.context).await?));
    Ok(())
}
