//! Parts of segments in files of this machine: slower than memory, much faster than the store, and there is more of it.
//!
//! A file is named by the digest of what it is a part of, and ends with a checksum: what was damaged is fetched again. Files that
//! an earlier process left are deleted; what is not in the index is not used.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use object_store::path::Path;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Bytes of the checksum at the end of a file.
const CHECKSUM: usize = 4;

/// A bounded cache of parts of segments in a folder. Segments never change, so neither do their parts.
pub struct DiskCache {
    folder: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// When each file was last used, and its size.
    files: HashMap<String, (u64, u64)>,
    /// The names by that.
    by_use: BTreeMap<u64, String>,
    uses: u64,
    bytes: u64,
}

impl DiskCache {
    /// A cache of at most `max_bytes` in `folder`, which is made if it is missing and emptied if not: nobody else may use it.
    ///
    /// # Errors
    /// If the folder can't be emptied or made.
    pub fn new(folder: PathBuf, max_bytes: u64) -> std::io::Result<Self> {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&folder)?,
        }
        Ok(Self { folder, max_bytes, index: Mutex::default() })
    }

    /// Bytes of a segment, if they are here.
    pub(super) async fn get(&self, location: &Path, range: &Range<u64>) -> Option<Bytes> {
        let name = name(location, range);
        self.index.lock().touch(&name)?;
        let read = tokio::fs::read(self.folder.join(&name)).await.ok();
        let part = read.and_then(|mut bytes| {
            let end = bytes.len().checked_sub(CHECKSUM)?;
            let is_whole = crc32fast::hash(&bytes[..end]).to_le_bytes() == bytes[end..];
            bytes.truncate(end);
            is_whole.then_some(bytes)
        });
        let part = part.filter(|part| part.len() as u64 == range.end - range.start);
        if part.is_none() {
            self.index.lock().forget(&name);
        }
        part.map(Bytes::from)
    }

    /// Forgets bytes of a segment.
    pub(super) fn forget(&self, location: &Path, range: &Range<u64>) {
        self.index.lock().forget(&name(location, range));
    }

    /// Keeps bytes of a segment. Best effort: they can be fetched again.
    pub(super) async fn put(&self, location: &Path, range: &Range<u64>, part: &Bytes) {
        let size = (part.len() + CHECKSUM) as u64;
        if size > self.max_bytes / 4 {
            return;
        }
        let name = name(location, range);
        let mut file = Vec::with_capacity(part.len() + CHECKSUM);
        file.extend_from_slice(part);
        file.extend_from_slice(&crc32fast::hash(part).to_le_bytes());
        let evicted = self.index.lock().make_room(size, self.max_bytes);
        for name in evicted {
            // One that stays is overwritten, or deleted at the next start.
            let _gone = tokio::fs::remove_file(self.folder.join(name)).await;
        }
        match tokio::fs::write(self.folder.join(&name), file).await {
            Ok(()) => self.index.lock().add(name, size),
            Err(error) => tracing::debug!(%error, "a part of a segment is not kept on disk"),
        }
    }
}

impl Index {
    /// Notes that a file is used, if it is there.
    fn touch(&mut self, name: &str) -> Option<()> {
        self.uses += 1;
        let (used, _) = self.files.get_mut(name)?;
        let name = self.by_use.remove(used)?;
        *used = self.uses;
        self.by_use.insert(self.uses, name);
        Some(())
    }

    fn add(&mut self, name: String, size: u64) {
        self.forget(&name);
        self.uses += 1;
        self.by_use.insert(self.uses, name.clone());
        self.files.insert(name, (self.uses, size));
        self.bytes += size;
    }

    fn forget(&mut self, name: &str) {
        if let Some((used, size)) = self.files.remove(name) {
            self.by_use.remove(&used);
            self.bytes -= size;
        }
    }

    /// Forgets what was not used for longest until `size` bytes fit; returns the names.
    fn make_room(&mut self, size: u64, max_bytes: u64) -> Vec<String> {
        let mut evicted = Vec::new();
        while self.bytes + size > max_bytes
            && let Some((_, name)) = self.by_use.pop_first()
        {
            if let Some((_, size)) = self.files.remove(&name) {
                self.bytes -= size;
            }
            evicted.push(name);
        }
        evicted
    }
}

fn name(location: &Path, range: &Range<u64>) -> String {
    let what = format!("{location}\0{}\0{}", range.start, range.end);
    hex::encode(&Sha256::digest(what)[..16])
}

impl std::fmt::Debug for DiskCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(byte: u8) -> Bytes {
        Bytes::from(vec![byte; 96])
    }

    #[tokio::test]
    async fn the_least_used_part_goes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::new(folder.path().join("cache"), 400).expect("made");
        let (segment, at) = (Path::from("s"), |n: u64| n * 96..(n + 1) * 96);
        for n in 0..4 {
            cache.put(&segment, &at(n), &part(n as u8)).await;
        }
        assert_eq!(cache.get(&segment, &at(0)).await, Some(part(0)));
        cache.put(&segment, &at(4), &part(4)).await;
        assert_eq!(cache.get(&segment, &at(1)).await, None);
        assert_eq!(cache.get(&segment, &at(0)).await, Some(part(0)));
        assert_eq!(cache.get(&Path::from("t"), &at(0)).await, None);
        let files = std::fs::read_dir(folder.path().join("cache")).expect("a folder").count();
        assert_eq!(files, 4);
    }

    #[tokio::test]
    async fn what_is_damaged_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::new(folder.path().to_owned(), 4000).expect("made");
        let (segment, range) = (Path::from("s"), 0..96);
        cache.put(&segment, &range, &part(7)).await;
        let file = std::fs::read_dir(folder.path()).expect("a folder").next().expect("a file").expect("read").path();
        let mut bytes = std::fs::read(&file).expect("read");
        bytes[50] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        assert_eq!(cache.get(&segment, &range).await, None);
        cache.put(&segment, &range, &part(7)).await;
        assert_eq!(cache.get(&segment, &range).await, Some(part(7)));
    }
}
