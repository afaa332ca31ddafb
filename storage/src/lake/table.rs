//! One table's next version: what changed is written, then published by compare-and-swap.

use std::time::Duration;

use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::columns::{Change, Columns, with_validator};
use super::metadata::{self, Loaded, Metadata, Outcome, Snapshot};
use super::plan::{Group, everything, plan};
use super::rewrite::{Rewriter, Written};
use super::source::{SourceTable, TableSource};
use super::state::{DataFile, Removed, TableState};
use super::{Ids, Lake, LakeError, LakeOptions, TableReport, avro, iceberg_schema, nanos, remove, within};
use crate::log::Timestamp;

/// How often a publication is tried when others publish the same table at the same time.
const MAX_ATTEMPTS: u32 = 4;
/// How long a version of the metadata file is kept: for readers with an older hint, and so that no publisher with an old view can
/// create it again.
const VERSION_KEPT: Duration = Duration::from_secs(6 * 3600);
/// A publisher that did not make sure for so long what the newest version is does not publish.
const MAX_VIEW: Duration = Duration::from_secs(3 * 3600);

/// A publication of one table.
pub(super) struct Publication<'a> {
    pub(super) lake: &'a Lake,
    pub(super) source: &'a dyn TableSource,
    pub(super) table: &'a SourceTable,
    /// All changes up to here are in the table, if it has the source's timeline.
    pub(super) since: Option<Timestamp>,
}

/// What came of an attempt.
enum Attempt {
    UpToDate,
    Published(TableReport),
    /// Someone else published.
    Conflict,
}

/// The data files of the next snapshot, and how they came about.
struct NextFiles {
    columns: Columns,
    files: Vec<DataFile>,
    report: TableReport,
}

impl Publication<'_> {
    /// Brings the table up to date; `None` if it is. `loaded` is the newest version as far as known, and is kept so.
    pub(super) async fn run(&self, loaded: &mut Option<Loaded>) -> Result<Option<TableReport>, LakeError> {
        let folder = self.lake.folder(&self.table.folder);
        let ids = Ids::new(&self.lake.env);
        for _ in 0..MAX_ATTEMPTS {
            let now_ns = self.lake.env.now_ns();
            if loaded.as_ref().is_none_or(|loaded| now_ns.saturating_sub(loaded.seen_ns) > nanos(MAX_VIEW)) {
                *loaded = metadata::load(&*self.lake.store, &folder, now_ns).await?;
            }
            match self.attempt(&folder, loaded, &ids).await? {
                Attempt::UpToDate => return Ok(None),
                Attempt::Published(report) => return Ok(Some(report)),
                Attempt::Conflict => *loaded = None,
            }
        }
        Err(LakeError::Contended { table: self.table.folder.clone() })
    }

    async fn attempt(&self, folder: &Path, loaded: &mut Option<Loaded>, ids: &Ids) -> Result<Attempt, LakeError> {
        let store = &*self.lake.store;
        let location = self.lake.table_location(&self.table.folder);
        let same = loaded.as_ref().filter(|loaded| {
            loaded.state.timeline == self.source.timeline() && loaded.state.table == self.table.tablet.0
        });
        let moved = loaded.as_ref().is_some_and(|loaded| loaded.metadata.location != location);
        if let Some(same) = same
            && same.state.ts > self.source.ts()
        {
            return Ok(Attempt::UpToDate);
        }
        let mut columns = match (same, &*loaded) {
            (Some(same), _) => same.state.columns.clone(),
            (None, Some(other)) => Columns::new(other.state.columns.last_id),
            (None, None) => Columns::new(0),
        };
        let change = with_validator(&mut columns, self.table.validator.as_ref());
        let old_files = same.map_or(&[][..], |same| &same.state.files);
        let groups = match same {
            Some(same) if change != Change::Rewrite => self.groups(&same.state).await?,
            _ => everything(old_files),
        };
        let now_ns = self.lake.env.now_ns();
        let garbage_due = same.is_some_and(|same| self.has_garbage(same, now_ns));
        let known = same.is_some_and(|same| same.state.columns == columns);
        if groups.is_empty() && known && !moved && !garbage_due {
            if let Some(loaded) = loaded {
                metadata::hint(store, folder, loaded).await?;
            }
            return Ok(Attempt::UpToDate);
        }
        if let Some(loaded) = &*loaded
            && exists(store, &within(folder, &metadata::version_path(loaded.version + 1))).await?
        {
            return Ok(Attempt::Conflict);
        }
        let snapshot_needed = !groups.is_empty() || !known || moved;

        let mut rewriter = Rewriter {
            lake: self.lake,
            source: self.source,
            table: self.table,
            folder,
            columns,
            ids,
            made: Vec::new(),
        };
        let written = self.write(&mut rewriter, old_files, groups).await;
        let made = std::mem::take(&mut rewriter.made);
        let published = match written {
            Ok(next) => {
                let kept: Vec<String> = next.files.iter().map(|file| file.path.clone()).collect();
                let report = next.report.clone();
                // Nor could the sweep of another process take the new files for abandoned ones until now.
                if self.lake.env.now_ns().saturating_sub(now_ns) > nanos(MAX_VIEW) {
                    return Err(LakeError::TooSlow { table: self.table.folder.clone() });
                }
                let outcome = self.publish(folder, loaded, next, snapshot_needed, now_ns, ids).await?;
                let unwanted = made.iter().filter(|path| !kept.contains(path));
                remove_all(store, folder, unwanted).await;
                match outcome {
                    Outcome::Published => Attempt::Published(report),
                    Outcome::Conflict => {
                        remove_all(store, folder, kept.iter().filter(|path| made.contains(path))).await;
                        Attempt::Conflict
                    }
                }
            }
            Err(error) => {
                remove_all(store, folder, made.iter()).await;
                return Err(error);
            }
        };
        Ok(published)
    }

    async fn groups(&self, state: &TableState) -> Result<Vec<Group>, LakeError> {
        let since = self.since.unwrap_or(0).max(state.ts);
        if since >= self.source.ts() {
            return Ok(Vec::new());
        }
        match self.source.changed(self.table, since).await.map_err(LakeError::Source)? {
            Some(changed) => plan(&state.files, changed, self.lake.options.file_bytes).await,
            None => Ok(everything(&state.files)),
        }
    }

    /// Writes the new files of all groups, or of the whole table when a column turns out wider.
    async fn write(
        &self,
        rewriter: &mut Rewriter<'_>,
        old: &[DataFile],
        groups: Vec<Group>,
    ) -> Result<NextFiles, LakeError> {
        let mut report = TableReport::default();
        let mut next = None;
        for _ in 0..2 {
            let groups = if report.widened { everything(old) } else { groups.clone() };
            if report.widened {
                for group in &groups {
                    rewriter.learn(group).await?;
                }
            }
            next = replaced(rewriter, old, &groups).await?;
            if next.is_some() {
                break;
            }
            report.widened = true;
        }
        let Some(mut files) = next else {
            return Err(LakeError::Source("its documents changed while they were read".into()));
        };
        if let Some(first) = files.first_mut() {
            first.start.clear();
        }
        for file in files.iter().filter(|file| file.snapshot == 0) {
            report.files += 1;
            report.rows += file.rows;
            report.bytes += file.bytes;
        }
        Ok(NextFiles { columns: rewriter.columns.clone(), files, report })
    }

    fn has_garbage(&self, loaded: &Loaded, now_ns: u64) -> bool {
        let options = &self.lake.options;
        loaded.state.removed.iter().any(|removed| options.may_delete(removed, now_ns))
            || expired(&loaded.metadata.snapshots, options, now_ns) > 0
    }

    /// Publishes the next version; `loaded` becomes that version if it succeeds.
    async fn publish(
        &self,
        folder: &Path,
        loaded: &mut Option<Loaded>,
        next: NextFiles,
        snapshot_needed: bool,
        now_ns: u64,
        ids: &Ids,
    ) -> Result<Outcome, LakeError> {
        let store = &*self.lake.store;
        let location = self.lake.table_location(&self.table.folder);
        let mut version = Version::after(loaded.as_ref(), &location, self, next, now_ns, ids);
        if snapshot_needed {
            version.add_snapshot(self, folder, now_ns, ids).await?;
        }
        version.expire(self, now_ns);
        let (due, kept) = std::mem::take(&mut version.next.state.removed)
            .into_iter()
            .partition::<Vec<_>, _>(|removed| self.lake.options.may_delete(removed, now_ns));
        for removed in due {
            remove(store, folder, &removed.path).await?;
        }
        version.next.state.removed = kept;
        let outcome = metadata::publish(store, folder, &mut version.next, now_ns, ids).await?;
        match outcome {
            Outcome::Published => *loaded = Some(version.next),
            Outcome::Conflict => remove_all(store, folder, version.next.state.manifests.iter()).await,
        }
        Ok(outcome)
    }
}

/// The files after each group's were replaced by new ones, which have no snapshot yet. `None` if a column got wider.
async fn replaced(
    rewriter: &mut Rewriter<'_>,
    old: &[DataFile],
    groups: &[Group],
) -> Result<Option<Vec<DataFile>>, LakeError> {
    let mut files = Vec::new();
    let mut at = 0;
    for group in groups {
        files.extend_from_slice(&old[at..group.files.start]);
        at = group.files.end;
        match rewriter.write(group).await? {
            Written::Files(written) => files.extend(written),
            Written::Widened => return Ok(None),
        }
    }
    files.extend_from_slice(&old[at..]);
    Ok(Some(files))
}

/// A version in the making.
struct Version {
    next: Loaded,
    manifests_before: Vec<String>,
    gone: Vec<String>,
    fresh: bool,
}

impl Version {
    fn after(
        loaded: Option<&Loaded>,
        location: &str,
        publication: &Publication<'_>,
        files: NextFiles,
        now_ns: u64,
        ids: &Ids,
    ) -> Self {
        let (source, table) = (publication.source, publication.table);
        let mut metadata =
            loaded.map_or_else(|| Metadata::new(location.to_owned(), ids), |loaded| loaded.metadata.clone());
        let mut state = TableState {
            timeline: source.timeline().to_owned(),
            table: table.tablet.0,
            ts: source.ts(),
            columns: files.columns,
            files: files.files,
            manifests: Vec::new(),
            removed: Vec::new(),
        };
        let mut version = 1;
        let (mut manifests_before, mut gone) = (Vec::new(), Vec::new());
        let mut fresh = true;
        if let Some(old) = loaded {
            version = old.version + 1;
            // Another history, another table or another place: nobody can go back from here.
            fresh =
                old.state.timeline != state.timeline || old.state.table != state.table || metadata.location != location;
            let is_kept = |path: &String| state.files.iter().any(|file| file.path == *path);
            gone = old.state.files.iter().map(|file| file.path.clone()).filter(|path| !is_kept(path)).collect();
            manifests_before = old.state.manifests.clone();
            state.manifests = old.state.manifests.clone();
            state.removed = old.state.removed.clone();
            let superseded = old.metadata.state_path().map(str::to_owned).into_iter();
            let removed = |path, expired_ns| Removed { path, snapshot: 0, expired_ns: Some(expired_ns) };
            state.removed.extend(superseded.map(|path| removed(path, now_ns)));
            state.removed.push(removed(metadata::version_path(old.version), now_ns + nanos(VERSION_KEPT)));
        }
        location.clone_into(&mut metadata.location);
        let hinted = loaded.map_or(0, |loaded| loaded.hinted);
        let next = Loaded { version, hinted, seen_ns: now_ns, metadata, state };
        Self { next, manifests_before, gone, fresh }
    }

    /// Writes the manifest and the manifest list of a new current snapshot.
    async fn add_snapshot(
        &mut self,
        publication: &Publication<'_>,
        folder: &Path,
        now_ns: u64,
        ids: &Ids,
    ) -> Result<(), LakeError> {
        let store = &*publication.lake.store;
        let (metadata, state) = (&mut self.next.metadata, &mut self.next.state);
        if self.fresh {
            metadata.current_snapshot_id = None;
            metadata.expire(metadata.snapshots.len());
        }
        let ts = i64::try_from(state.ts).unwrap_or(i64::MAX);
        let parent = metadata.current_snapshot_id;
        // The commit timestamp, unless only the columns changed since.
        let id = parent.map_or(ts, |parent| ts.max(parent + 1)).max(1);
        let sequence = metadata.last_sequence_number + 1;
        for file in state.files.iter_mut().filter(|file| file.snapshot == 0) {
            (file.snapshot, file.sequence) = (id, sequence);
        }
        let schema = metadata.put_schema(iceberg_schema::schema(&state.columns), state.columns.last_id);

        let name = ids.name();
        let list_path = format!("metadata/snap-{id}-{name}.avro");
        let mut manifest = None;
        state.manifests = vec![list_path.clone()];
        if !state.files.is_empty() {
            let path = format!("metadata/{id}-{name}-m0.avro");
            let bytes = avro::manifest(id, &schema, &state.files, &metadata.location, ids)?;
            manifest = Some(avro::ManifestRef { path: format!("{}/{path}", metadata.location), bytes: bytes.len() });
            super::put(store, &within(folder, &path), bytes).await?;
            state.manifests.push(path);
        }
        let list = avro::manifest_list(id, sequence, manifest.as_ref(), &state.files, ids)?;
        super::put(store, &within(folder, &list_path), list).await?;

        let gone = self.manifests_before.iter().chain(&self.gone).cloned();
        let expired_ns = self.fresh.then_some(now_ns);
        state.removed.extend(gone.map(|path| Removed { path, snapshot: id, expired_ns }));
        let summary = [
            ("operation", if self.gone.is_empty() { "append" } else { "overwrite" }.to_owned()),
            ("lakewire.commit-ts", state.ts.to_string()),
            ("lakewire.entry", publication.source.entry().to_string()),
            ("lakewire.timeline", state.timeline.clone()),
            ("total-records", state.rows().to_string()),
            ("total-data-files", state.files.len().to_string()),
            ("total-files-size", state.bytes().to_string()),
        ];
        metadata.put_snapshot(Snapshot {
            snapshot_id: id,
            parent_snapshot_id: parent,
            sequence_number: sequence,
            timestamp_ms: ts / 1_000_000,
            manifest_list: format!("{}/{list_path}", metadata.location),
            summary: summary.map(|(key, value)| (key.to_owned(), value)).into(),
            schema_id: metadata.schema_id(),
        });
        Ok(())
    }

    /// Forgets snapshots that are too old, and notes the files that only they referred to.
    fn expire(&mut self, publication: &Publication<'_>, now_ns: u64) {
        let (metadata, state) = (&mut self.next.metadata, &mut self.next.state);
        metadata.expire(expired(&metadata.snapshots, &publication.lake.options, now_ns));
        let oldest = metadata.snapshots.first().map_or(i64::MAX, |snapshot| snapshot.snapshot_id);
        for removed in &mut state.removed {
            if removed.expired_ns.is_none() && (self.fresh || removed.snapshot <= oldest) {
                removed.expired_ns = Some(now_ns);
            }
        }
    }
}

/// How many of the oldest snapshots are no longer needed. The newest one before the window is what was there at its start.
fn expired(snapshots: &[Snapshot], options: &LakeOptions, now_ns: u64) -> usize {
    let window_ms = now_ns.saturating_sub(nanos(options.history)) / 1_000_000;
    let old = snapshots.iter().skip(1).take_while(|next| u64::try_from(next.timestamp_ms).unwrap_or(0) <= window_ms);
    old.count().max(snapshots.len().saturating_sub(options.max_snapshots.max(1)))
}

async fn exists(store: &dyn object_store::ObjectStore, path: &Path) -> Result<bool, LakeError> {
    match store.head(path).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn remove_all(store: &dyn object_store::ObjectStore, folder: &Path, paths: impl Iterator<Item = &String>) {
    for path in paths {
        // What stays is found by the sweep.
        if let Err(error) = remove(store, folder, path).await {
            tracing::debug!(path, %error, "an unwanted file could not be removed");
        }
    }
}
