//! A log in objects, one an entry, in any store that can create an object only if there is none.

#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};

use super::remote::{Marker, Medium, MediumError, Put, RemoteLog};
use super::{EntryNumber, LogError, Nonce};
use crate::env::Env;

/// A [`CommitLog`](super::CommitLog) in a folder of an object store: entry n is the object `{n:020}.lwe`.
///
/// The store must create objects conditionally and atomically ([`PutMode::Create`]) and show at once what was put.
/// `LocalFileSystem` does, and what is acknowledged there is durable if it was made with `with_fsync(true)`.
pub type ObjectStoreLog = RemoteLog<Folder>;

impl ObjectStoreLog {
    /// The log in `folder` of `store`, new if nothing is there.
    ///
    /// # Errors
    /// [`LogError::Remote`] if the store cannot be read.
    pub async fn open(store: Arc<dyn ObjectStore>, folder: &str, env: &Env) -> Result<Self, LogError> {
        Self::open_in(Folder { store, folder: Path::from(folder) }, env.clone()).await
    }
}

/// Where an [`ObjectStoreLog`] is.
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

impl Folder {
    fn entry(&self, n: EntryNumber) -> Path {
        self.folder.clone().join(format!("{n:020}.lwe"))
    }

    fn marker_path(&self) -> Path {
        self.folder.clone().join("first")
    }

    fn hint_path(&self) -> Path {
        self.folder.clone().join("head")
    }

    /// The object's content and version, `None` if it is not there.
    async fn get_object(&self, path: &Path) -> Result<Option<(Bytes, UpdateVersion)>, MediumError> {
        let got = match self.store.get_opts(path, GetOptions::default()).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(error)?,
        };
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        match got.bytes().await {
            Err(Error::NotFound { .. }) => Ok(None),
            bytes => Ok(Some((bytes.map_err(error)?, version))),
        }
    }

    async fn marker_and_version(&self) -> Result<(Marker, Option<UpdateVersion>), MediumError> {
        let path = self.marker_path();
        let Some((content, version)) = self.get_object(&path).await? else { return Ok((Marker::default(), None)) };
        let marker =
            parse_marker(&content).ok_or_else(|| MediumError::Refused(format!("`{path}` is not a trim marker")))?;
        Ok((marker, Some(version)))
    }
}

#[async_trait]
impl Medium for Folder {
    const WINDOW: usize = 16;

    fn place(&self) -> String {
        self.folder.to_string()
    }

    async fn put(&self, n: EntryNumber, _nonce: &Nonce, encoded: Bytes) -> Result<Put, MediumError> {
        let path = self.entry(n);
        match self.store.put_opts(&path, encoded.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(Put::Done),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                // If this fails, so what: the caller comes again.
                let present =
                    self.get_object(&path).await.map_err(|error| MediumError::Unclear(format!("{error:?}")))?;
                Ok(Put::Present(present.map(|(content, _)| content)))
            }
            Err(other) => Err(error(other)),
        }
    }

    async fn get(&self, from: EntryNumber, count: usize) -> Result<Vec<Option<Bytes>>, MediumError> {
        let numbers = from..from + count as EntryNumber;
        let objects = numbers.map(async |n| self.get_object(&self.entry(n)).await);
        let found = try_join_all(objects).await?;
        Ok(found.into_iter().map(|object| object.map(|(content, _)| content)).collect())
    }

    async fn present(&self, numbers: &[EntryNumber]) -> Result<Vec<bool>, MediumError> {
        let heads = numbers.iter().map(async |n| match self.store.head(&self.entry(*n)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(error(other)),
        });
        join_all(heads).await.into_iter().collect()
    }

    async fn delete(&self, from: EntryNumber, to: EntryNumber) -> Result<(), MediumError> {
        let paths: Vec<Result<Path, Error>> = (from..to).map(|n| Ok(self.entry(n))).collect();
        let mut deleted = self.store.delete_stream(stream::iter(paths).boxed());
        loop {
            match deleted.try_next().await {
                Ok(None) => return Ok(()),
                Ok(Some(_)) | Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(error(other)),
            }
        }
    }

    async fn marker(&self) -> Result<Marker, MediumError> {
        Ok(self.marker_and_version().await?.0)
    }

    async fn advance_marker(&self, marker: Marker) -> Result<(), MediumError> {
        let (present, version) = self.marker_and_version().await?;
        let merged = Marker { first: present.first.max(marker.first), swept: present.swept.max(marker.swept) };
        if merged == present {
            return Ok(());
        }
        let put = async |mode: PutMode| {
            let content = Bytes::from(format!("{} {}\n", merged.first, merged.swept));
            self.store.put_opts(&self.marker_path(), content.into(), mode.into()).await
        };
        let put = match put(version.map_or(PutMode::Create, PutMode::Update)).await {
            // `LocalFileSystem` has no conditional update. There, one process at a time may trim.
            Err(Error::NotImplemented { .. }) => put(PutMode::Overwrite).await,
            put => put,
        };
        match put {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                Err(MediumError::Busy("somebody else moves the trim marker".to_owned()))
            }
            Err(other) => Err(error(other)),
        }
    }

    async fn hint(&self) -> Result<EntryNumber, MediumError> {
        let content = self.get_object(&self.hint_path()).await?;
        let text = content.as_ref().and_then(|(content, _)| std::str::from_utf8(content).ok());
        Ok(text.and_then(|text| text.trim_end().parse().ok()).unwrap_or(0))
    }

    async fn set_hint(&self, n: EntryNumber) -> Result<(), MediumError> {
        let content = Bytes::from(format!("{n}\n"));
        self.store.put(&self.hint_path(), content.into()).await.map(drop).map_err(error)
    }
}

fn parse_marker(content: &[u8]) -> Option<Marker> {
    let (first, swept) = std::str::from_utf8(content).ok()?.trim_end().split_once(' ')?;
    Some(Marker { first: first.parse().ok()?, swept: swept.parse().ok()? })
}

/// What an error of the store says about the request.
pub(in crate::log) fn error(error: Error) -> MediumError {
    if let Some(kind) = io_error(&error).map(io::Error::kind)
        && matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    {
        // Of a file system: it writes a file aside, then gives it its name, which needs no space.
        return MediumError::Full;
    }
    match error {
        Error::Generic { .. } | Error::JoinError { .. } => MediumError::Unclear(error.to_string()),
        other => MediumError::Refused(other.to_string()),
    }
}

/// The error of the operating system behind `error`.
fn io_error(error: &Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref() {
            return Some(io);
        }
        source = inner.source();
    }
    None
}
