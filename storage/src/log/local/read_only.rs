//! The file system, looked at only: what would change it does nothing.

use std::fs::File;
use std::io;
use std::path::Path;

use super::disk::{Disk, DiskFile, RealDisk};

pub(super) struct ReadOnlyDisk;

/// `None` is a file that was not there.
struct ReadOnlyFile(Option<File>);

impl Disk for ReadOnlyDisk {
    fn create_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _directory: &Path) -> io::Result<Option<Box<dyn Send>>> {
        Ok(Some(Box::new(())))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        match RealDisk.list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names,
        }
    }

    fn create(&self, _path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(ReadOnlyFile(None)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(ReadOnlyFile(Some(File::open(path)?))))
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for ReadOnlyFile {
    fn len(&self) -> io::Result<u64> {
        self.0.as_ref().map_or(Ok(0), DiskFile::len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0
            .as_ref()
            .map_or(Err(io::ErrorKind::UnexpectedEof.into()), |file| DiskFile::read_exact_at(file, buf, offset))
    }

    fn write_all_at(&self, _buf: &[u8], _offset: u64) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
