//! An object store for processes that start often: what the start before read is asked for at once.
//!
//! A start is a chain of small reads, each of which is told where to look by the one before: twenty milliseconds each, although
//! nearly all of them are the same every time. So a start leaves behind what it has read, in `startup/{name}.json`, and the next
//! one asks for all of that as soon as it has the list.
//!
//! The list is never more than a hint. One that is stale, missing, or wrong costs time only: what is not in it is read when it is
//! needed, and a start that read something else than it said writes a new one.
//!
//! Until [`StartupStore::finish`], every read is kept and given to whoever asks again. So each object is seen as it was at some
//! moment since the process began, though not all at the same one, nor in the order in which they are asked for. Whoever then
//! misses what another object names lists the folder, as chains do, and after a LIST what was missing is asked for again. A write ends
//! the keeping: who writes has to see what others have written meanwhile.

mod found;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use self::found::{Found, Read};
use crate::env::Env;

/// The folder of the lists.
const FOLDER: &str = "startup";
const FORMAT: u32 = 1;
/// What a list may have at most: who could write one should not be able to make all starts slow.
const MOST_READS: usize = 256;

/// What `startup/{name}.json` has.
#[derive(Serialize, Deserialize)]
struct List {
    format: u32,
    reads: BTreeSet<Read>,
}

/// A read that somebody has asked for. `None` if the store failed: then everybody asks by himself.
type Reading = Shared<BoxFuture<'static, Option<Found>>>;

#[derive(Default)]
struct Start {
    readings: HashMap<Read, Reading>,
    /// What was asked for, not counting what only the list said.
    used: BTreeSet<Read>,
    listed: BTreeSet<Read>,
}

/// A store, and what is read of it while a process starts. Afterwards it is that store.
#[derive(Clone)]
pub struct StartupStore {
    inner: Arc<dyn ObjectStore>,
    list: Path,
    env: Env,
    start: Arc<Mutex<Option<Start>>>,
}

impl StartupStore {
    /// Begins a start, with the list that the last one of this name has left. Never waits.
    pub fn begin(inner: Arc<dyn ObjectStore>, name: &str, env: &Env) -> Self {
        let list = Path::from_iter([FOLDER, &format!("{name}.json")]);
        let start = Arc::new(Mutex::new(Some(Start::default())));
        let store = Self { inner, list, env: env.clone(), start };
        let reader = store.clone();
        env.spawn("startup list", async move { reader.read_listed().await });
        store
    }

    async fn read_listed(&self) {
        let listed = async {
            let bytes = self.inner.get(&self.list).await.ok()?.bytes().await.ok()?;
            let List { format, reads } = serde_json::from_slice(&bytes).ok()?;
            (format == FORMAT && reads.len() <= MOST_READS).then_some(reads)
        };
        let Some(listed) = listed.await else { return };
        let mut start = self.start.lock();
        let Some(start) = start.as_mut() else { return };
        for read in &listed {
            if !start.readings.contains_key(read) {
                let reading = self.reading(read);
                start.readings.insert(read.clone(), reading.clone());
                self.env.spawn("startup read", reading.map(drop));
            }
        }
        start.listed = listed;
    }

    fn reading(&self, read: &Read) -> Reading {
        let (store, read) = (self.inner.clone(), read.clone());
        async move { read.get(&*store).await }.boxed().shared()
    }

    /// What was read of an object, or is being read, if the process still starts.
    fn asked(&self, location: &Path, options: &GetOptions) -> Option<Reading> {
        let mut start = self.start.lock();
        let start = start.as_mut()?;
        let read = Read::of(location, options)?;
        start.used.insert(read.clone());
        Some(start.readings.entry(read).or_insert_with_key(|read| self.reading(read)).clone())
    }

    /// The start is over: forgets what was read, and leaves the list for the next one, in the background.
    pub fn finish(&self) {
        let Some(Start { used, listed, .. }) = self.start.lock().take() else { return };
        if used == listed || used.len() > MOST_READS {
            return;
        }
        let (store, list) = (self.inner.clone(), self.list.clone());
        self.env.spawn("write startup list", async move {
            let Ok(bytes) = serde_json::to_vec(&List { format: FORMAT, reads: used }) else { return };
            if let Err(error) = store.put(&list, PutPayload::from(bytes)).await {
                tracing::debug!(%error, "the list of what a start reads was not written");
            }
        });
    }

    /// What is listed now may not have been there when it was asked for.
    fn listed(&self) {
        if let Some(start) = self.start.lock().as_mut() {
            start.readings.retain(|_, reading| matches!(reading.peek(), Some(Some(Found::There { .. }))));
        }
    }

    /// What is written now may change what was read.
    fn written(&self) {
        drop(self.start.lock().take());
    }
}

impl fmt::Display for StartupStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for StartupStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartupStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for StartupStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.written();
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.written();
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let asked = self.asked(location, &options);
        let found = match asked {
            Some(reading) => reading.await,
            None => None,
        };
        match found {
            Some(found) => found.result(location),
            None => self.inner.get_opts(location, options).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.written();
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed();
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.listed();
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.written();
        self.inner.copy_opts(from, to, options).await
    }
}
