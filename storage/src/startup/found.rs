//! One read of a start, and what it found.

use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{
    Attributes, Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStore, Result,
};
use serde::{Deserialize, Serialize};

/// A plain GET: of an object, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Read {
    path: String,
    /// The first byte and the one after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<(u64, u64)>,
}

impl Read {
    /// What is asked for, if its answer depends on nothing but the object.
    pub fn of(location: &Path, options: &GetOptions) -> Option<Self> {
        let range = match &options.range {
            None => None,
            Some(GetRange::Bounded(range)) => Some((range.start, range.end)),
            Some(GetRange::Offset(_) | GetRange::Suffix(_)) => return None,
        };
        let is_conditional = options.if_match.is_some()
            || options.if_none_match.is_some()
            || options.if_modified_since.is_some()
            || options.if_unmodified_since.is_some();
        let is_plain = !options.head && !is_conditional && options.version.is_none();
        is_plain.then(|| Self { path: location.to_string(), range })
    }

    /// `None` if the store fails.
    pub async fn get(self, store: &dyn ObjectStore) -> Option<Found> {
        let range = self.range.map(|(start, end)| GetRange::Bounded(start..end));
        let location = Path::parse(&self.path).ok()?;
        let result = match store.get_opts(&location, GetOptions { range, ..GetOptions::default() }).await {
            Ok(result) => result,
            Err(Error::NotFound { .. }) => return Some(Found::Missing),
            Err(_) => return None,
        };
        let (meta, range, attributes) = (result.meta.clone(), result.range.clone(), result.attributes.clone());
        let bytes = result.bytes().await.ok()?;
        Some(Found::There { meta, range, attributes, bytes })
    }
}

/// What was at a path.
#[derive(Clone)]
pub(super) enum Found {
    Missing,
    There { meta: ObjectMeta, range: Range<u64>, attributes: Attributes, bytes: Bytes },
}

impl Found {
    /// As the store answered.
    pub fn result(self, location: &Path) -> Result<GetResult> {
        match self {
            Found::Missing => {
                let source = "it was not there when this process started".into();
                Err(Error::NotFound { path: location.to_string(), source })
            }
            Found::There { meta, range, attributes, bytes } => {
                let payload = GetResultPayload::Stream(futures::stream::iter([Ok(bytes)]).boxed());
                Ok(GetResult { payload, meta, range, attributes, extensions: Default::default() })
            }
        }
    }
}
