//! A log and an object store that answer as late as those of a cloud do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use lakewire_storage::env::Env;
use lakewire_storage::log::{Append, CommitLog, EntryNumber, LogEntry, LogError};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use crate::timer;

/// A log-normal distribution of latencies.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Latency {
    /// Of an append to the log.
    pub const APPEND: Latency = Latency { p50_ms: 5.0, p99_ms: 15.0 };
    /// Of a GET of an object.
    pub const GET: Latency = Latency { p50_ms: 20.0, p99_ms: 80.0 };
    /// Of a PUT of an object or of a part of one.
    pub const PUT: Latency = Latency { p50_ms: 30.0, p99_ms: 120.0 };

    /// The 99th percentile of the standard normal distribution.
    const Z99: f64 = 2.326;

    pub async fn pass(self, env: &Env) {
        timer::sleep(self.sample(env)).await;
    }

    fn sample(self, env: &Env) -> Duration {
        // Sum of twelve uniform numbers, minus six: normal enough for a latency.
        let bytes: [u8; 12] = env.random_bytes();
        let extra = f64::from(env.random_u64() as u32) / f64::from(u32::MAX) / 256.0;
        let normal = bytes.iter().map(|byte| f64::from(*byte) / 256.0 + extra).sum::<f64>() - 6.0;
        let sigma = (self.p99_ms / self.p50_ms).ln() / Self::Z99;
        Duration::from_secs_f64(self.p50_ms / 1e3 * (sigma * normal).exp())
    }
}

/// A log whose appends take as long as those of DynamoDB.
pub struct SlowLog<L> {
    inner: L,
    env: Env,
    shared: bool,
}

impl<L> SlowLog<L> {
    pub fn new(inner: L, env: Env, shared: bool) -> Self {
        SlowLog { inner, env, shared }
    }
}

#[async_trait]
impl<L: CommitLog> CommitLog for SlowLog<L> {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        Latency::APPEND.pass(&self.env).await;
        self.inner.append_if_absent(n, entry).await
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        Latency::APPEND.pass(&self.env).await;
        self.inner.read(from, max).await
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.inner.head().await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.inner.first().await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        self.inner.trim(through).await
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}

/// Bytes that reached an object store.
#[derive(Debug, Default)]
pub struct Traffic {
    bytes_written: AtomicU64,
}

impl Traffic {
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    fn put(&self, payload: &PutPayload) {
        self.bytes_written.fetch_add(payload.content_length() as u64, Ordering::Relaxed);
    }
}

/// An object store whose requests take as long as those of S3, and are counted.
pub struct SlowStore {
    inner: Arc<dyn ObjectStore>,
    env: Env,
    traffic: Arc<Traffic>,
}

impl SlowStore {
    pub fn new(inner: Arc<dyn ObjectStore>, env: Env, traffic: Arc<Traffic>) -> Self {
        SlowStore { inner, env, traffic }
    }
}

impl fmt::Debug for SlowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowStore")
    }
}

impl fmt::Display for SlowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slow {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for SlowStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        Latency::PUT.pass(&self.env).await;
        self.traffic.put(&payload);
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Latency::PUT.pass(&self.env).await;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(SlowUpload { inner, env: self.env.clone(), traffic: self.traffic.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        Latency::GET.pass(&self.env).await;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        Latency::GET.pass(&self.env).await;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct SlowUpload {
    inner: Box<dyn MultipartUpload>,
    env: Env,
    traffic: Arc<Traffic>,
}

#[async_trait]
impl MultipartUpload for SlowUpload {
    fn put_part(&mut self, payload: PutPayload) -> object_store::UploadPart {
        self.traffic.put(&payload);
        let part = self.inner.put_part(payload);
        let env = self.env.clone();
        Box::pin(async move {
            Latency::PUT.pass(&env).await;
            part.await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Latency::PUT.pass(&self.env).await;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
