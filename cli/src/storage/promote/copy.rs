//! Copying objects from store to store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use lakewire_storage::env::Env;
use lakewire_storage::timeline::Transfer;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};
use parking_lot::Mutex;

use crate::failure::Failure;
use crate::storage::identity;

use super::marker;

/// Folders that are not copied as they are: manifests and registry are written anew, logs are in segments by now, open tables
/// are made again, of the segments only those are copied that a branch needs, and
/// pushes under way are not.
const OTHERWISE: [&str; 8] = ["pushes", "registry", "timelines", "segments", "log", "bodies", "tables", "snapshots"];

/// Objects copied at a time.
const PARALLEL: usize = 8;
/// Objects above this are copied in parts of this size, in bytes.
const PART: u64 = 8 << 20;
/// Parts of an object under way at a time.
const PARTS: usize = 4;
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

type Store = Arc<dyn ObjectStore>;

/// Copies what the branches of `transfer` need, but for what the target has already. Says on standard error how far it is.
pub async fn objects(from: &Store, to: &Store, transfer: &Transfer, env: &Env) -> Result<(), Failure> {
    let mut wanted = transfer.segments();
    wanted.extend(shared(from).await?);
    let there = lengths(to, None).await?;
    let all = wanted.len();
    let missing: BTreeMap<String, u64> =
        wanted.into_iter().filter(|(path, bytes)| there.get(path) != Some(bytes)).collect();
    let skipped = all - missing.len();
    let total: u64 = missing.values().sum();
    eprintln!("lakewire: copying {} objects, {total} bytes; {skipped} objects are there already", missing.len());
    let progress = Progress { done: AtomicU64::new(0), bytes: AtomicU64::new(0), said: Mutex::new(env.monotonic_ns()) };
    let progress = &progress;
    let objects = missing.len();
    futures::stream::iter(missing)
        .map(|(path, bytes)| async move {
            let copied = object(from, to, &Path::from(path.as_str()), bytes).await;
            copied.map_err(|reason| Failure::Copy(format!("`{path}`: {reason}")))?;
            progress.add(bytes, objects, total, env);
            Ok::<_, Failure>(())
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await
}

/// Everything that branches share: modules, programs, files.
async fn shared(from: &Store) -> Result<BTreeMap<String, u64>, Failure> {
    let root = from.list_with_delimiter(None).await.map_err(|error| Failure::Copy(error.to_string()))?;
    let skipped: BTreeSet<&str> = OTHERWISE.into();
    let mut found = BTreeMap::new();
    for folder in root.common_prefixes.iter().filter(|folder| !skipped.contains(folder.as_ref())) {
        found.extend(lengths(from, Some(folder)).await?);
    }
    let files = root.objects.into_iter().map(|object| (object.location.to_string(), object.size));
    found.extend(files.filter(|(path, _)| path != identity::FILE && path != marker::FILE));
    Ok(found)
}

async fn lengths(store: &Store, folder: Option<&Path>) -> Result<BTreeMap<String, u64>, Failure> {
    let listed = store.list(folder).map_ok(|object| (object.location.to_string(), object.size)).try_collect();
    listed.await.map_err(|error| Failure::Copy(error.to_string()))
}

/// Copies one object and compares its length at every place with what is expected.
async fn object(from: &Store, to: &Store, path: &Path, bytes: u64) -> Result<(), String> {
    let failed = |error: object_store::Error| error.to_string();
    let found = from.get(path).await.map_err(failed)?;
    if found.meta.size != bytes {
        return Err(format!("it has {} bytes, and {bytes} are expected", found.meta.size));
    }
    if bytes <= PART {
        let content = found.bytes().await.map_err(failed)?;
        to.put(path, content.into()).await.map_err(failed)?;
    } else {
        let upload = to.put_multipart(path).await.map_err(failed)?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART as usize);
        let mut content = found.into_stream();
        while let Some(chunk) = content.try_next().await.map_err(failed)? {
            writer.wait_for_capacity(PARTS).await.map_err(failed)?;
            writer.put(chunk);
        }
        writer.finish().await.map_err(failed)?;
    }
    let arrived = to.head(path).await.map_err(failed)?.size;
    if arrived == bytes { Ok(()) } else { Err(format!("{arrived} of {bytes} bytes arrived")) }
}

struct Progress {
    done: AtomicU64,
    bytes: AtomicU64,
    /// When it was last said, ns.
    said: Mutex<u64>,
}

impl Progress {
    fn add(&self, bytes: u64, objects: usize, total: u64, env: &Env) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let copied = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let (mut said, now) = (self.said.lock(), env.monotonic_ns());
        if done == objects as u64 || Duration::from_nanos(now.saturating_sub(*said)) >= PROGRESS_EVERY {
            eprintln!("lakewire: copied {done} of {objects} objects, {copied} of {total} bytes");
            *said = now;
        }
    }
}
