//! The files of a local log together, as the thread that owns them sees them.

use std::path::{Path, PathBuf};

use super::LocalLogOptions;
use super::disk::Disk;
use super::segment::Segment;
use crate::log::{Append, EntryNumber, LogEntry, LogError, Nonce, OpenLogError, Seal};

/// How much is read for one answer, in bytes, before it ends early.
const MAX_READ_BYTES: u64 = 16 << 20;

/// File names are the number of the first entry, in 20 digits, and this.
const SUFFIX: &str = ".wal";

pub(super) struct Store {
    disk: Box<dyn Disk>,
    directory: PathBuf,
    options: LocalLogOptions,
    /// Oldest first, each continuing the one before. Never empty; entries are appended to the last.
    segments: Vec<Segment>,
    /// The seal of the newest entry, if it has one. That entry is in the newest file, which trimming leaves.
    seal: Option<Seal>,
    /// Last, so that it is let go after the files are closed.
    _lock: Box<dyn Send>,
}

impl Store {
    /// Takes the lock of `directory`, which is made if need be, and reads and checks the log that is in it.
    pub(super) fn open(disk: Box<dyn Disk>, directory: &Path, options: LocalLogOptions) -> Result<Self, OpenLogError> {
        let io = |operation, error| LogError::io(operation, directory, error);
        disk.create_directory(directory).map_err(|error| io("create", error))?;
        let lock = disk.lock(directory).map_err(|error| io("lock", error))?;
        let lock = lock.ok_or_else(|| OpenLogError::Locked { directory: directory.to_owned() })?;

        let mut firsts: Vec<EntryNumber> = disk
            .list(directory)
            .map_err(|error| io("list", error))?
            .iter()
            .filter_map(|name| parse_name(name))
            .collect();
        firsts.sort_unstable();
        let mut segments: Vec<Segment> = Vec::new();
        for first in &firsts {
            let newest = Some(first) == firsts.last();
            if let Some(previous) = segments.last().filter(|previous| previous.next() != *first) {
                let reason =
                    format!("ends before entry {}, but the next file begins with entry {first}", previous.next());
                return Err(
                    LogError::Corrupt { path: previous.path().to_owned(), offset: previous.bytes(), reason }.into()
                );
            }
            segments.extend(Segment::open(disk.as_ref(), path_of(directory, *first), *first, newest)?);
        }
        if segments.is_empty() {
            // Either nothing was here, or a file whose making was interrupted. Only the very first can be that, alone.
            let first = firsts.first().copied().unwrap_or(1);
            let path = path_of(directory, first);
            if first != 1 {
                let reason = "not the header of a log file, and the file before it is missing".to_owned();
                return Err(LogError::Corrupt { path, offset: 0, reason }.into());
            }
            segments.push(Segment::create(disk.as_ref(), path, first)?);
        } else {
            // A crash may have come between making the newest file and making the directory durable.
            disk.sync_directory(directory).map_err(|error| io("sync", error))?;
        }
        let mut store = Self { disk, directory: directory.to_owned(), options, segments, seal: None, _lock: lock };
        let newest = store.read((store.next() - 1).max(store.first()), 1)?.pop();
        store.seal = newest.and_then(|(_, entry)| entry.seal);
        Ok(store)
    }

    /// Appends the entry with that nonce, binary form and seal.
    pub(super) fn append(
        &mut self,
        n: EntryNumber,
        nonce: &Nonce,
        encoded: &[u8],
        seal: Option<Seal>,
    ) -> Result<Append, LogError> {
        let next = self.next();
        if let Some(Seal { successor }) = self.seal.clone().filter(|_| n >= next) {
            return Err(LogError::Sealed { entry: next - 1, successor });
        }
        if n == 0 || n > next {
            return Err(LogError::Gap { requested: n, next });
        }
        if n < next {
            let present = self.read(n, 1)?.pop().map(|(_, entry)| entry).filter(|entry| entry.nonce != *nonce);
            return Ok(present.map_or(Append::Appended, Append::Occupied));
        }
        self.roll_if_full()?;
        let preallocate = self.options.preallocate_bytes;
        let appended = self.active().append(encoded, preallocate);
        if matches!(appended, Ok(Append::Appended)) {
            self.seal = seal;
        }
        appended
    }

    pub(super) fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        if from < self.first() {
            return Err(LogError::Trimmed { requested: from, first: self.first() });
        }
        let mut entries = Vec::new();
        let mut bytes_left = MAX_READ_BYTES;
        let mut next = from;
        for segment in &self.segments[self.segments.partition_point(|segment| segment.next() <= from)..] {
            if next == segment.next() || entries.len() >= max || bytes_left == 0 {
                break;
            }
            let bytes = segment.read(next, max - entries.len(), bytes_left, &mut entries)?;
            bytes_left = bytes_left.saturating_sub(bytes);
            next = from + entries.len() as u64;
        }
        Ok(entries)
    }

    pub(super) fn first(&self) -> EntryNumber {
        self.segments[0].first()
    }

    pub(super) fn next(&self) -> EntryNumber {
        self.segments.last().map_or(1, Segment::next)
    }

    /// Removes the files with no entry after `through`, oldest first, so that what remains has no gap even if this is
    /// interrupted.
    pub(super) fn trim(&mut self, through: EntryNumber) -> Result<(), LogError> {
        while self.segments.len() > 1 && self.segments[0].next() <= through.saturating_add(1) {
            let path = self.segments[0].path();
            match self.disk.remove(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LogError::io("remove", path, error));
                }
                _ => {}
            }
            self.segments.remove(0);
            self.disk.sync_directory(&self.directory).map_err(|error| LogError::io("sync", &self.directory, error))?;
        }
        Ok(())
    }

    fn active(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a store has a file")
    }

    /// Begins a new file if the newest one is large enough.
    fn roll_if_full(&mut self) -> Result<(), LogError> {
        let limit = self.options.segment_bytes;
        let active = self.active();
        // A file is left only when it is known to end with its last entry.
        if active.bytes() < limit || active.ensure_sound().is_err() {
            return Ok(());
        }
        let first = active.next();
        let segment = Segment::create(self.disk.as_ref(), path_of(&self.directory, first), first)?;
        self.active().shrink();
        self.segments.push(segment);
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.active().shrink();
    }
}

fn path_of(directory: &Path, first: EntryNumber) -> PathBuf {
    directory.join(format!("{first:020}{SUFFIX}"))
}

/// The number of the first entry in the file of that name; `None` if it is not a file of the log.
fn parse_name(name: &str) -> Option<EntryNumber> {
    let digits = name.strip_suffix(SUFFIX)?;
    let first = digits.parse().ok()?;
    (format!("{first:020}") == digits).then_some(first)
}
