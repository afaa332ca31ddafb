//! An object store that counts, fails and lies as told.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

/// Objects in memory.
#[derive(Debug, Default)]
pub(crate) struct TestStore {
    pub inner: InMemory,
    /// How many GETs came.
    pub gets: AtomicU64,
    /// How many of the next GETs fail.
    pub failures: AtomicU64,
    /// How many parts were put.
    pub parts: AtomicU64,
    /// The bytes asked for by each GET.
    pub ranges: Mutex<Vec<Range<u64>>>,
}

impl TestStore {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How many GETs came since this was asked before.
    pub fn take_gets(&self) -> u64 {
        self.gets.swap(0, SeqCst)
    }

    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let object = self.inner.get(&Path::from(path)).await.expect("an object");
        object.bytes().await.expect("its bytes").to_vec()
    }

    pub async fn set(&self, path: &str, bytes: Vec<u8>) {
        self.inner.put(&Path::from(path), bytes.into()).await.expect("a put");
    }
}

impl fmt::Display for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestStore")
    }
}

#[async_trait]
impl ObjectStore for TestStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.parts.fetch_add(1, SeqCst);
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if !options.head {
            self.gets.fetch_add(1, SeqCst);
            if let Some(GetRange::Bounded(range)) = &options.range {
                self.ranges.lock().push(range.clone());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if self.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                return Err(Error::Generic { store: "test", source: "503 slow down".into() });
            }
        }
        self.inner.get_opts(location, options).await
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
