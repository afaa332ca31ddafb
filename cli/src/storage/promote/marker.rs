//! `promotion.json` in the root of a target: whose copy it is to be, until it is one.

use lakewire_storage::env::Env;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::is_empty;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::storage::identity::new_id;
use crate::storage::open::Storage;

pub const FILE: &str = "promotion.json";

/// The file's content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Hash of the deployment's name and secret, in hexadecimal.
    source: String,
    /// What the target's id will be.
    pub id: String,
}

/// Marks the target as a copy of `source`. `None`: it is one already, and only the mark was left.
///
/// # Errors
/// If it is a deployment, the copy of another one, or holds anything else.
pub async fn begin(target: &Storage, source: &Instance, exists: bool, env: &Env) -> Result<Option<Marker>, Failure> {
    let place = || target.place.to_string();
    let failed = |error: object_store::Error| Failure::Copy(format!("`{FILE}`: {error}"));
    let path = Path::from(FILE);
    let fingerprint = fingerprint(source);
    let present = match target.store.get(&path).await {
        Ok(found) => Some(found.bytes().await.map_err(failed)?),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => return Err(failed(error)),
    };
    let present = present.map(|bytes| serde_json::from_slice::<Marker>(&bytes)).transpose();
    let present = present.map_err(|error| Failure::Copy(format!("`{FILE}` in `{}`: {error}", place())))?;
    match present {
        Some(marker) if marker.source != fingerprint => Err(Failure::OtherCopy { place: place() }),
        Some(_) if exists => end(&*target.store).await.map(|()| None),
        Some(marker) => Ok(Some(marker)),
        None if exists => Err(Failure::OtherDeployment { place: place() }),
        None => {
            if !is_empty(&*target.store, &target.place.log).await? {
                return Err(Failure::NotEmpty { place: place() });
            }
            let marker = Marker { source: fingerprint, id: new_id(env) };
            let text = serde_json::to_vec(&marker).map_err(|error| Failure::Copy(error.to_string()))?;
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            target.store.put_opts(&path, PutPayload::from(text), options).await.map_err(failed)?;
            Ok(Some(marker))
        }
    }
}

/// Takes the mark away.
///
/// # Errors
/// If the store fails.
pub async fn end(store: &dyn ObjectStore) -> Result<(), Failure> {
    match store.delete(&Path::from(FILE)).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(Failure::Copy(format!("`{FILE}`: {error}"))),
    }
}

/// Names a deployment without telling its secret.
fn fingerprint(instance: &Instance) -> String {
    let mut hash = Sha256::new();
    hash.update(b"lakewire promotion\0");
    hash.update(instance.name.as_bytes());
    hash.update([0]);
    hash.update(instance.secret);
    hex::encode(hash.finalize())
}
