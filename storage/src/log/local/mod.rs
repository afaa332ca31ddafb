//! A log in files of a local directory.
//!
//! Entries are appended to the newest of a few files and are durable before they are acknowledged. The files belong to
//! one thread, so that waiting for the disk blocks nobody else, and the directory to one process.

mod disk;
mod frame;
mod read_only;
mod segment;
mod store;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::disk::{Disk, RealDisk};
use self::read_only::ReadOnlyDisk;
use self::store::Store;
use super::{Append, CommitLog, EntryNumber, LogEntry, LogError, OpenLogError};
use crate::env::Env;

/// What may be chosen about a [`LocalLog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalLogOptions {
    /// A file of this length, in bytes, is followed by a new one. Trimming removes whole files.
    pub segment_bytes: u64,
    /// How many bytes of zeros to write ahead of the entries: syncing an entry written over them takes about half as
    /// long as one that makes the file grow. 0 for none.
    pub preallocate_bytes: u64,
}

impl Default for LocalLogOptions {
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, preallocate_bytes: 1 << 20 }
    }
}

/// How often, and how long after, a log that another process is writing to is looked at again if it seems damaged.
const READ_ONLY_ATTEMPTS: u32 = 5;
const READ_ONLY_PAUSE: Duration = Duration::from_millis(20);

/// A [`CommitLog`] in a local directory.
///
/// Dropping it waits for the operation in progress, closes the files and lets go of the directory.
pub struct LocalLog {
    /// For the thread that owns the files. `None` only while dropping.
    jobs: Option<mpsc::Sender<Job>>,
    /// Disconnected when that thread has let go of everything.
    ended: parking_lot::Mutex<mpsc::Receiver<()>>,
    directory: PathBuf,
    read_only: bool,
}

type Job = Box<dyn FnOnce(&mut Store) + Send>;

impl LocalLog {
    /// Opens the log in `directory`, which is made if it does not exist, with the default options.
    ///
    /// What a crash left of an append that was never acknowledged is cut off, with a warning in the log of the program.
    ///
    /// # Errors
    /// [`OpenLogError::Locked`] if another process (or another `LocalLog` of this one) has the directory;
    /// [`LogError::Corrupt`] if anything that was acknowledged is damaged or missing; [`LogError::DiskFull`] or
    /// [`LogError::Io`] if the disk fails.
    pub async fn open(directory: impl AsRef<Path>, env: &Env) -> Result<Self, OpenLogError> {
        Self::open_with(directory, env, LocalLogOptions::default()).await
    }

    /// [`Self::open`], with options.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(
        directory: impl AsRef<Path>,
        env: &Env,
        options: LocalLogOptions,
    ) -> Result<Self, OpenLogError> {
        Self::open_on(Box::new(RealDisk), directory.as_ref(), env, options).await
    }

    /// What is in the log in `directory` now, also if another process has it. Nothing is locked or changed; what is appended
    /// later is not seen; appending and trimming are refused. A directory without a log is an empty log.
    ///
    /// # Errors
    /// As [`Self::open`], except for [`OpenLogError::Locked`].
    pub async fn read_only(directory: impl AsRef<Path>, env: &Env) -> Result<Self, OpenLogError> {
        let mut attempt = 1;
        loop {
            let opened =
                Self::open_on(Box::new(ReadOnlyDisk), directory.as_ref(), env, LocalLogOptions::default()).await;
            match opened {
                // Perhaps an append or a trim was seen half done.
                Err(OpenLogError::Log(LogError::Corrupt { .. } | LogError::Io { .. }))
                    if attempt < READ_ONLY_ATTEMPTS => {}
                opened => {
                    let mut log = opened?;
                    log.read_only = true;
                    return Ok(log);
                }
            }
            env.sleep(READ_ONLY_PAUSE).await;
            attempt += 1;
        }
    }

    async fn open_on(
        disk: Box<dyn Disk>,
        directory: &Path,
        env: &Env,
        options: LocalLogOptions,
    ) -> Result<Self, OpenLogError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (alive, ended) = mpsc::channel::<()>();
        let (opened, outcome) = oneshot::channel();
        let own_directory = directory.to_owned();
        let body = move || {
            let _alive = alive;
            match Store::open(disk, &own_directory, options) {
                Err(error) => drop(opened.send(Err(error))),
                Ok(mut store) => {
                    // If nobody waits any more, the queue is disconnected as well.
                    drop(opened.send(Ok(())));
                    for job in queue {
                        job(&mut store);
                    }
                }
            }
        };
        env.spawn_thread("commit-log", body).map_err(|error| LogError::io("start a thread for", directory, error))?;
        let log = Self {
            jobs: Some(jobs),
            ended: parking_lot::Mutex::new(ended),
            directory: directory.to_owned(),
            read_only: false,
        };
        outcome.await.map_err(|_| LogError::Closed)??;
        Ok(log)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn ensure_writable(&self) -> Result<(), LogError> {
        if self.read_only { Err(LogError::ReadOnly { directory: self.directory.clone() }) } else { Ok(()) }
    }

    /// Runs `job` on the thread that owns the files.
    async fn run<T, F>(&self, job: F) -> Result<T, LogError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Store) -> Result<T, LogError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // The caller may have given up by the time there is an answer.
        let job: Job = Box::new(move |store| drop(reply.send(job(store))));
        self.jobs.as_ref().ok_or(LogError::Closed)?.send(job).map_err(|_| LogError::Closed)?;
        answer.await.map_err(|_| LogError::Closed)?
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.jobs = None;
        // So that the directory can be opened again at once. Nothing is ever sent: this returns when the thread is
        // done.
        let _disconnected = self.ended.get_mut().recv();
    }
}

#[async_trait]
impl CommitLog for LocalLog {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        self.ensure_writable()?;
        let encoded = entry.encode()?;
        let (nonce, seal) = (entry.nonce, entry.seal.clone());
        self.run(move |store| store.append(n, &nonce, &encoded, seal)).await
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        self.run(move |store| store.read(from, max)).await
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.run(|store| Ok(store.next() - 1)).await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.run(|store| Ok(store.first())).await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.ensure_writable()?;
        self.run(move |store| store.trim(through)).await
    }

    fn is_shared(&self) -> bool {
        false
    }
}
