//! The file operations that the local log is made of, so that tests can fail them and lose power.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// A disk with directories and files.
pub(super) trait Disk: Send {
    /// Makes `directory`, durably, with the directories above it, unless it exists.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// Takes the exclusive lock of `directory`, which the result holds; `None` if somebody else has it.
    fn lock(&self, directory: &Path) -> io::Result<Option<Box<dyn Send>>>;

    /// The names of the files in `directory`.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Makes or empties the file at `path`.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens the file at `path`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Removes the file at `path`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes durable which files there are in `directory`.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// An open file, read and written at offsets in bytes.
pub(super) trait DiskFile: Send {
    fn len(&self) -> io::Result<u64>;

    /// Fills `buf` from `offset` on, or fails if the file ends before.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes `buf` at `offset`; the file grows as needed. On failure any part may have been written.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file off at `len`, or grows it by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Returns once contents and length are durable. After a failure nothing is known about what was written since the
    /// last success.
    fn sync(&self) -> io::Result<()>;
}

/// The file system of the operating system.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let mut missing: Vec<PathBuf> = Vec::new();
        let absolute = std::path::absolute(directory)?;
        for ancestor in absolute.ancestors() {
            if ancestor.try_exists()? {
                break;
            }
            missing.push(ancestor.to_owned());
        }
        fs::create_dir_all(directory)?;
        // A new directory is durable when the one above it is.
        for made in missing.iter().rev() {
            made.parent().map_or(Ok(()), |parent| self.sync_directory(parent))?;
        }
        Ok(())
    }

    fn lock(&self, directory: &Path) -> io::Result<Option<Box<dyn Send>>> {
        // On the directory itself, so that no lock file is left behind; the kernel lets go of it when the process ends.
        let handle = File::open(directory)?;
        match rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(handle))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buf, offset)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, buf, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: includes the length, and leaves out times.
        self.sync_data()
    }
}
