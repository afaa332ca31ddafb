//! `lakewire promote`: copies a deployment to another store and log.
//!
//! In this order: what is only in the log goes to segments, and local logs stay locked; the target says whose copy it is to be
//! ([`marker`]); every object is copied that a branch refers to ([`copy`]); manifests and registry follow; and at last the
//! identity. Without one, no server starts: a copy that died half-way is no deployment, and the same command goes on where it
//! was.
//!
//! The target's logs are new and empty, and its manifests say so. Both directions are the same.

mod copy;
mod marker;
mod target;

use std::sync::Arc;

use futures::TryStreamExt as _;
use lakewire_storage::env::Env;
use lakewire_storage::log::{CommitLog, EntryNumber, LogError, OpenLogError};
use lakewire_storage::timeline::branch::LogAccess;
use lakewire_storage::timeline::{Manifest, TimelineId, Transfer, branch};
use object_store::ObjectStore;

pub use target::Target;

use crate::args::{IdentityArgs, PromoteOptions, rfc3339};
use crate::failure::Failure;
use crate::storage::identity::Identity;
use crate::storage::open::{BranchOptions, Deployment, Parts, Storage};
use crate::storage::place::{IdentityPlace, LogPlace, Place};

/// Log entries read at a time.
const BATCH: usize = 256;

/// Copies one deployment.
pub async fn run(options: PromoteOptions, env: Env) -> Result<(), Failure> {
    let from = options.from.place(options.from_table)?;
    from.check_exists()?;
    let to = options.to.place(options.to_table)?;
    let source = Storage::open(from, &env).await?.existing_deployment().await?;
    let target = Storage::open(to, &env).await?;
    let place = target.place.to_string();
    let copied = |error: lakewire_storage::timeline::SegmentsError| Failure::Copy(error.to_string());

    let logs = flush(&source).await?;
    let existing = target.place.existing_identity(&*target.store, &IdentityArgs::from_environment(), &env).await?;
    let Some(marker) =
        marker::begin(&target, source.place.instance(&source.identity)?, existing.is_some(), &env).await?
    else {
        eprintln!("lakewire: {} is in {place} already", source.place);
        return Ok(());
    };
    if options.create_table {
        target.create_table().await?;
    }
    let transfer = Transfer::read(&source.context.store, &env).await.map_err(copied)?;
    check_flushed(&source.place, &logs, &transfer).await?;
    copy::objects(&source.context.store, &target.store, &transfer, &env).await?;
    // Whatever was committed meanwhile did not come along.
    check_flushed(&source.place, &logs, &transfer).await?;
    transfer.publish(&target.store, &env).await.map_err(copied)?;

    let id = if let IdentityPlace::Directory(_) = target.place.identity { String::new() } else { marker.id };
    let identity = Identity { instance: source.identity.instance.clone(), id };
    target.place.claim(&*target.store, &identity).await?;
    marker::end(&*target.store).await?;
    let newest = transfer.manifests().values().map(|manifest| manifest.flushed_ts).max().unwrap_or(0);
    eprintln!("lakewire: {} is in {place}, up to {} ({newest})", source.place, rfc3339(newest));
    Ok(())
}

/// The log of a branch's timeline.
struct OpenLog {
    timeline: TimelineId,
    log: Arc<dyn CommitLog>,
}

/// Brings the log of every branch into segments. Then holds the logs, so that nobody else can open a local one.
async fn flush(source: &Deployment) -> Result<Vec<OpenLog>, Failure> {
    let mut logs = Vec::new();
    for branch in branch::list(&source.context).await? {
        let timeline = source.timeline(&branch.name).await?;
        let failed = |reason: String| Failure::Database { place: source.place.to_string(), reason };
        let log = match source.context.logs.open(&timeline, LogAccess::Write).await {
            Ok(log) => log,
            Err(OpenLogError::Locked { .. }) => return Err(Failure::Served { branch: branch.name }),
            Err(error) => return Err(failed(error.to_string())),
        };
        let options = BranchOptions::default();
        let segments = source.segments(timeline.clone(), &options).await?;
        let parts = Parts { log: log.clone(), segments, timeline: timeline.clone() };
        let database = source.database_of(parts, &options).await?;
        database.close().await.map_err(|error| failed(error.to_string()))?;
        logs.push(OpenLog { timeline, log });
    }
    Ok(logs)
}

/// Whether the manifests have everything that was written.
async fn check_flushed(place: &Place, logs: &[OpenLog], transfer: &Transfer) -> Result<(), Failure> {
    for OpenLog { timeline, log } in logs {
        let flushed = transfer.manifests().get(timeline).map_or(0, |manifest: &Manifest| manifest.flushed);
        if writes_after(&**log, flushed).await.map_err(|error| Failure::Copy(error.to_string()))? {
            return Err(Failure::WrittenMeanwhile { place: place.to_string() });
        }
    }
    Ok(())
}

/// Whether a log has a write, or a seal, after an entry. Entries without are signs of life of a server.
async fn writes_after(log: &dyn CommitLog, entry: EntryNumber) -> Result<bool, LogError> {
    let (mut next, head) = (entry + 1, log.head().await?);
    while next <= head {
        for (number, entry) in log.read(next, BATCH).await? {
            next = number + 1;
            if entry.seal.is_some() || entry.transactions.iter().any(|transaction| !transaction.writes.is_empty()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a place has anything in it.
async fn is_empty(store: &dyn ObjectStore, log: &LogPlace) -> Result<bool, Failure> {
    let listed = store.list(None).try_next().await;
    let first = listed.map_err(|error| Failure::Copy(error.to_string()))?;
    // Other kinds of logs are new with the store, or have a key of their own in a shared table.
    let log_is_empty = match log {
        LogPlace::Local(folder) => {
            !folder.exists() || std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_none())
        }
        _ => true,
    };
    Ok(first.is_none() && log_is_empty)
}
