//! A disk in memory that can be full, fail and lose power.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::env::Env;
use crate::log::local::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// What fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Write,
    Sync,
}

/// How it fails, with "no space left", from now on.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) operation: Operation,
    /// How many bytes a failing write still writes.
    pub(super) written: usize,
    /// Whether syncing works again once the file was cut off.
    pub(super) repair_works: bool,
}

/// Clones are the same disk.
#[derive(Clone)]
pub(super) struct MemoryDisk(Arc<Mutex<State>>);

struct State {
    /// Files as programs see them, and how they would be found after a power failure at best: all that was written.
    files: BTreeMap<PathBuf, File>,
    fault: Option<Fault>,
    failures: usize,
    /// After so many more operations everything fails.
    power_for: u64,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    current: Vec<u8>,
    /// Whether the directory is known to have it after a power failure.
    listed: bool,
}

struct Handle {
    disk: MemoryDisk,
    path: PathBuf,
}

impl MemoryDisk {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { files: BTreeMap::new(), fault: None, failures: 0, power_for: u64::MAX })))
    }

    pub(super) fn fail_from_now(&self, fault: Fault) {
        self.0.lock().fault = Some(fault);
    }

    pub(super) fn heal(&self) {
        self.0.lock().fault = None;
    }

    pub(super) fn failures(&self) -> usize {
        self.0.lock().failures
    }

    pub(super) fn lose_power_after(&self, operations: u64) {
        self.0.lock().power_for = operations;
    }

    /// Ends the loss of power without any loss of data, as if only the program had died.
    pub(super) fn survive(&self) {
        self.0.lock().power_for = u64::MAX;
    }

    /// Forgets some of what was not synced: of every file any of its sectors, and any of the files never listed.
    pub(super) fn restore_power(&self, env: &Env) {
        let state = &mut *self.0.lock();
        state.power_for = u64::MAX;
        state.files.retain(|_, file| file.listed || env.random_u64().is_multiple_of(2));
        for file in state.files.values_mut() {
            let grown = file.current.len().max(file.durable.len());
            let length = if env.random_u64().is_multiple_of(2) { file.current.len() } else { file.durable.len() };
            let mut found = file.durable.clone();
            found.resize(grown, 0);
            for sector in (0..file.current.len()).step_by(SECTOR) {
                if env.random_u64().is_multiple_of(2) {
                    let end = (sector + SECTOR).min(file.current.len());
                    found[sector..end].copy_from_slice(&file.current[sector..end]);
                }
            }
            found.truncate(length);
            // Whatever is found afterwards is durable.
            *file = File { durable: found.clone(), current: found, listed: true };
        }
    }
}

impl State {
    fn use_power(&mut self) -> io::Result<()> {
        self.power_for = self.power_for.checked_sub(1).ok_or_else(|| io::Error::other("no power"))?;
        Ok(())
    }

    fn failing(&mut self, operation: Operation) -> Option<Fault> {
        let fault = self.fault.filter(|fault| fault.operation == operation)?;
        self.failures += 1;
        Some(fault)
    }
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Disk for MemoryDisk {
    fn create_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn Send>>> {
        Ok(Some(Box::new(())))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(self.0.lock().files.keys().filter_map(name).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.use_power()?;
        if state.failing(Operation::Create).is_some() {
            return Err(full());
        }
        state.files.entry(path.to_owned()).or_default().current.clear();
        Ok(Box::new(Handle { disk: self.clone(), path: path.to_owned() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.lock().files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Handle { disk: self.clone(), path: path.to_owned() }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.use_power()?;
        state.files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.use_power()?;
        state.files.values_mut().for_each(|file| file.listed = true);
        Ok(())
    }
}

impl Handle {
    fn with<T>(&self, body: impl FnOnce(&mut State, &Path) -> io::Result<T>) -> io::Result<T> {
        body(&mut self.disk.0.lock(), &self.path)
    }
}

impl State {
    fn file(&mut self, path: &Path) -> io::Result<&mut File> {
        self.files.get_mut(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        self.with(|state, path| Ok(state.file(path)?.current.len() as u64))
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.with(|state, path| {
            let from = offset as usize;
            let bytes = state.file(path)?.current.get(from..from + buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            buf.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.with(|state, path| {
            state.use_power()?;
            let fault = state.failing(Operation::Write);
            let bytes = fault.map_or(buf, |fault| &buf[..fault.written.min(buf.len())]);
            let file = state.file(path)?;
            let from = offset as usize;
            if file.current.len() < from + bytes.len() {
                file.current.resize(from + bytes.len(), 0);
            }
            file.current[from..from + bytes.len()].copy_from_slice(bytes);
            if fault.is_some() { Err(full()) } else { Ok(()) }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, path| {
            state.use_power()?;
            state.file(path)?.current.resize(len as usize, 0);
            if state.fault.is_some_and(|fault| fault.repair_works && fault.operation == Operation::Sync) {
                state.fault = None;
            }
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state, path| {
            state.use_power()?;
            if state.failing(Operation::Sync).is_some() {
                return Err(full());
            }
            let file = state.file(path)?;
            file.durable = file.current.clone();
            Ok(())
        })
    }
}
