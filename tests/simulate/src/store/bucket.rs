//! The objects of a simulated object store: every operation at one moment.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use lakewire_storage::env::SIMULATED_EPOCH_NS;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, PutMode, PutResult, Result};
use parking_lot::Mutex;

use crate::world::World;

/// How long listings may lag behind.
const LONGEST_LAG: Duration = Duration::from_secs(60);

/// An object store without a network in front.
#[derive(Default)]
pub struct Bucket(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    objects: BTreeMap<Path, Object>,
    /// With the time at which they were deleted; for listings that lag behind.
    deleted: VecDeque<(Duration, Path, Object)>,
    /// The first content of every entry of an object-store log that ever was, by path.
    entries: BTreeMap<String, Bytes>,
    /// The first manifest of every timeline that ever was.
    manifests: Vec<Bytes>,
    next_tag: u64,
}

/// One object.
#[derive(Clone, Debug)]
pub struct Object {
    /// The content.
    pub data: Bytes,
    tag: u64,
    created: Duration,
}

impl Object {
    /// What a listing says of it.
    pub fn meta(&self, path: &Path) -> ObjectMeta {
        let ns = SIMULATED_EPOCH_NS + self.created.as_nanos() as u64;
        ObjectMeta {
            location: path.clone(),
            last_modified: DateTime::<Utc>::from_timestamp_nanos(ns.cast_signed()),
            size: self.data.len() as u64,
            e_tag: Some(format!("\"{}\"", self.tag)),
            version: None,
        }
    }
}

impl Bucket {
    /// A bucket with nothing in it.
    pub fn new() -> Arc<Bucket> {
        Arc::default()
    }

    /// Puts an object, if `mode` allows it.
    pub fn put(&self, world: &World, path: &Path, data: Bytes, mode: &PutMode) -> Result<PutResult> {
        let mut guard = self.0.lock();
        let inner = &mut *guard;
        let present = inner.objects.get(path);
        match (mode, present) {
            (PutMode::Overwrite, _) => {}
            (PutMode::Create, None) => {}
            (PutMode::Create, Some(_)) => {
                return Err(Error::AlreadyExists { path: path.to_string(), source: "simulated".into() });
            }
            (PutMode::Update(version), Some(present)) if version.e_tag == Some(format!("\"{}\"", present.tag)) => {}
            (PutMode::Update(_), _) => {
                return Err(Error::Precondition { path: path.to_string(), source: "simulated".into() });
            }
        }
        inner.next_tag += 1;
        let tag = inner.next_tag;
        if path.as_ref().ends_with(".lwe") && path.as_ref().starts_with("log/") {
            inner.entries.entry(path.to_string()).or_insert_with(|| data.clone());
        }
        if path.as_ref().ends_with("/manifest/00000000000000000001.json") {
            inner.manifests.push(data.clone());
        }
        inner.objects.insert(path.clone(), Object { data, tag, created: world.elapsed() });
        Ok(PutResult { e_tag: Some(format!("\"{tag}\"")), version: None, extensions: Default::default() })
    }

    /// The object at a path.
    pub fn get(&self, path: &Path) -> Result<Object> {
        let found = self.0.lock().objects.get(path).cloned();
        found.ok_or_else(|| Error::NotFound { path: path.to_string(), source: "simulated".into() })
    }

    /// Deletes an object, if it is there.
    pub fn delete(&self, world: &World, path: &Path) {
        let mut inner = self.0.lock();
        let now = world.elapsed();
        if let Some(object) = inner.objects.remove(path) {
            inner.deleted.push_back((now, path.clone(), object));
        }
        while inner.deleted.front().is_some_and(|(at, ..)| *at + LONGEST_LAG < now) {
            inner.deleted.pop_front();
        }
    }

    /// The objects below a prefix, in order, as they were `lag` ago.
    pub fn list(&self, world: &World, prefix: Option<&Path>, lag: Duration) -> Vec<ObjectMeta> {
        let inner = self.0.lock();
        let then = world.elapsed().saturating_sub(lag);
        let is_below = |path: &Path| {
            prefix.is_none_or(|prefix| path.prefix_match(prefix).is_some_and(|mut rest| rest.next().is_some()))
        };
        let gone = inner.deleted.iter().filter(|(at, ..)| !lag.is_zero() && *at > then);
        let all = inner.objects.iter().chain(gone.map(|(_, path, object)| (path, object)));
        let seen = all.filter(|(path, object)| is_below(path) && (lag.is_zero() || object.created <= then));
        let by_path: BTreeMap<_, _> = seen.map(|(path, object)| (path.clone(), object.meta(path))).collect();
        by_path.into_values().collect()
    }

    /// The first manifest of every timeline that ever was.
    pub fn first_manifests(&self) -> Vec<Bytes> {
        self.0.lock().manifests.clone()
    }

    /// The entries that were ever put into object-store logs, by path.
    pub fn entries(&self) -> BTreeMap<String, Bytes> {
        self.0.lock().entries.clone()
    }
}
