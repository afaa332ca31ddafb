//! A store for tests whose every operation takes a random time, and may fail in the ways that real ones do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::env::Env;

/// What happens to operations; the rates are in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// The longest time before and after an operation.
    pub delay: Duration,
    /// How often the caller stalls, and for how long at most.
    pub stalls: u64,
    pub stall: Duration,
    /// How often an operation does not happen, and fails.
    pub lost_requests: u64,
    /// How often it happens, and fails.
    pub lost_answers: u64,
    /// How often a PUT fails and happens later, within this time.
    pub late_puts: u64,
    pub lateness: Duration,
}

/// Operations on `inner`, as one client sees them.
#[derive(Clone)]
pub(crate) struct UnsteadyStore {
    pub inner: Arc<dyn ObjectStore>,
    pub env: Env,
    pub faults: Faults,
}

impl UnsteadyStore {
    fn happens(&self, thousandths: u64) -> bool {
        self.env.random_u64() % 1000 < thousandths
    }

    fn up_to(&self, longest: Duration) -> Duration {
        Duration::from_nanos(self.env.random_u64() % (longest.as_nanos() as u64 + 1))
    }

    async fn pause(&self) {
        let longest = if self.happens(self.faults.stalls) { self.faults.stall } else { self.faults.delay };
        self.env.sleep(self.up_to(longest)).await;
    }

    fn lost(&self) -> Error {
        Error::Generic { store: "unsteady", source: "the connection was lost".into() }
    }

    async fn with<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        self.pause().await;
        if self.happens(self.faults.lost_requests) {
            return Err(self.lost());
        }
        let result = operation.await;
        self.pause().await;
        if self.happens(self.faults.lost_answers) { Err(self.lost()) } else { result }
    }
}

impl fmt::Display for UnsteadyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unsteady")
    }
}

impl fmt::Debug for UnsteadyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnsteadyStore")
    }
}

#[async_trait]
impl ObjectStore for UnsteadyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if self.happens(self.faults.late_puts) {
            let (store, location) = (self.clone(), location.clone());
            self.env.spawn("late put", async move {
                store.env.sleep(store.up_to(store.faults.lateness)).await;
                let _too_late_to_tell = store.inner.put_opts(&location, payload, options).await;
            });
            self.pause().await;
            return Err(self.lost());
        }
        self.with(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.with(self.inner.put_multipart_opts(location, options)).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.with(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = locations.and_then(move |location| {
            let store = store.clone();
            async move {
                let one = futures::stream::iter([Ok(location)]).boxed();
                let deleted = store.with(async { store.inner.delete_stream(one).next().await.expect("one") }).await?;
                Ok(deleted)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let all: Vec<_> = store.with(store.inner.list(prefix.as_ref()).try_collect()).await?;
            Ok::<_, Error>(futures::stream::iter(all.into_iter().map(Ok)))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.with(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.with(self.inner.copy_opts(from, to, options)).await
    }
}
