//! The object store as a node sees it: through a network that fails.

mod bucket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

pub use bucket::{Bucket, Object};

use crate::host::Host;
use crate::network::{Sent, send};
use crate::world::World;

/// A node's way to the bucket.
#[derive(Clone)]
pub struct HostStore {
    host: Arc<Host>,
    bucket: Arc<Bucket>,
}

impl HostStore {
    /// The way of `host` to `bucket`.
    pub fn new(host: Arc<Host>, bucket: Arc<Bucket>) -> Arc<Self> {
        Arc::new(Self { host, bucket })
    }

    async fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        path: &Path,
        carry_out: impl Fn(&World, &Bucket) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let (bucket, name, location) = (self.bucket.clone(), self.host.name.clone(), path.clone());
        let sent = send(&self.host, move |world| {
            let outcome = carry_out(world, &bucket);
            let said = match &outcome {
                Ok(_) => "ok",
                Err(Error::NotFound { .. }) => "not there",
                Err(Error::AlreadyExists { .. }) => "there already",
                Err(_) => "refused",
            };
            world.event(format_args!("{name} {operation} {location}: {said}"));
            outcome
        });
        match sent.await {
            Sent::Answer(answer) => answer,
            Sent::Refused => Err(failed(format!("{operation} {path}: 503 slow down"))),
            Sent::TimedOut => Err(failed(format!("{operation} {path}: timed out"))),
        }
    }
}

fn failed(text: String) -> Error {
    Error::Generic { store: "simulated", source: text.into() }
}

#[async_trait]
impl ObjectStore for HostStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (data, location) = (Bytes::from(payload), path.clone());
        let PutOptions { mode, .. } = options;
        let operation = match mode {
            PutMode::Overwrite => "puts",
            PutMode::Create => "creates",
            PutMode::Update(_) => "updates",
        };
        self.call(operation, path, move |world, bucket| bucket.put(world, &location, data.clone(), &mode)).await
    }

    async fn put_multipart_opts(&self, path: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { store: self.clone(), path: path.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let location = path.clone();
        let object = self.call("gets", path, move |_, bucket| bucket.get(&location)).await?;
        let meta = object.meta(path);
        options.check_preconditions(&meta)?;
        let size = meta.size;
        let range = match &options.range {
            Some(range) => range.as_range(size).map_err(|error| failed(error.to_string()))?,
            None => 0..size,
        };
        let data =
            if options.head { Bytes::new() } else { object.data.slice(range.start as usize..range.end as usize) };
        let world = &self.host.world;
        let chunks = if !options.head && world.fault("download cut off", world.rates().cut_body) {
            let half = data.slice(..data.len() / 2);
            vec![Ok(half), Err(failed(format!("gets {path}: connection reset")))]
        } else {
            vec![Ok(data)]
        };
        let payload = GetResultPayload::Stream(stream::iter(chunks).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .then(move |location| {
                let store = store.clone();
                async move {
                    let location = location?;
                    let path = location.clone();
                    let delete = move |world: &World, bucket: &Bucket| {
                        bucket.delete(world, &path);
                        Ok(())
                    };
                    store.call("deletes", &location, delete).await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listing = async move {
            let world = &store.host.world;
            let is_stale = world.fault("listing stale", world.rates().stale_list);
            let lag = if is_stale { world.dice.skewed_ms(60_000) } else { Duration::ZERO };
            let folder = prefix.clone().unwrap_or_default();
            let list = move |world: &World, bucket: &Bucket| Ok(bucket.list(world, prefix.as_ref(), lag));
            match store.call("lists", &folder, list).await {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        };
        stream::once(listing).flat_map(stream::iter).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listing = self.list(prefix);
        let (mut objects, mut folders) = (Vec::new(), std::collections::BTreeSet::new());
        let root = Path::default();
        let prefix = prefix.unwrap_or(&root);
        while let Some(meta) = listing.next().await {
            let meta = meta?;
            let mut rest = meta.location.prefix_match(prefix).into_iter().flatten();
            match (rest.next(), rest.next()) {
                (Some(folder), Some(_)) => {
                    folders.insert(prefix.clone().join(folder));
                }
                _ => {
                    drop(rest);
                    objects.push(meta);
                }
            }
        }
        Ok(ListResult { objects, common_prefixes: folders.into_iter().collect(), extensions: Default::default() })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        let (source, target) = (from.clone(), to.clone());
        let copy = move |world: &World, bucket: &Bucket| {
            let object = bucket.get(&source)?;
            bucket.put(world, &target, object.data, &mode).map(drop)
        };
        self.call("copies to", to, copy).await
    }
}

/// An upload in parts, which becomes an object at its end.
struct Upload {
    store: HostStore,
    path: Path,
    parts: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(Bytes::from(data));
        let (store, path) = (self.store.clone(), self.path.clone());
        Box::pin(async move { store.call("uploads a part of", &path, |_, _| Ok(())).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (data, location) = (Bytes::from(self.parts.concat()), self.path.clone());
        let complete =
            move |world: &World, bucket: &Bucket| bucket.put(world, &location, data.clone(), &PutMode::Overwrite);
        self.store.call("completes", &self.path, complete).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.call("aborts", &self.path, |_, _| Ok(())).await
    }
}

impl fmt::Debug for HostStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostStore")
    }
}

impl fmt::Display for HostStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated object store")
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upload")
    }
}
