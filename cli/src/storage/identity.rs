//! Who a deployment is: name and secret, from which admin keys are made, and which log belongs to the store.
//!
//! A data directory says it in `instance.json`. Any other store says it in `deployment.json` in its root, which also names the
//! log: a server that opened the store with another log would make a second history of the same data.

use lakewire_storage::env::Env;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::args::IdentityArgs;
use crate::failure::Failure;
use crate::instance::{self, Instance};
use crate::storage::place::{IdentityPlace, LogPlace, Place};

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;

/// Where the identity of a store is.
pub const FILE: &str = "deployment.json";

const FORMAT: u32 = 1;

/// A deployment's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name and secret; none if the store does not say the secret and nobody else did.
    pub instance: Option<Instance>,
    /// Tells its log from those of other deployments in one table: 16 hexadecimal digits, made once. Empty for a data
    /// directory, whose log is in a folder of its own.
    pub id: String,
}

impl Identity {
    /// With the name and secret that the options give instead of its own, if they do.
    ///
    /// # Errors
    /// If those are none.
    pub fn replaced_by(self, args: &IdentityArgs) -> Result<Self, Failure> {
        Ok(Self { instance: given(args)?.or(self.instance), ..self })
    }
}

/// The content of `deployment.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    format: u32,
    name: String,
    /// Hexadecimal; absent when servers get it from their environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    id: String,
    log: StoredLog,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum StoredLog {
    /// In the data directory of one machine.
    Local,
    Dynamodb {
        table: String,
    },
    ObjectStore,
    Memory,
}

/// Why a deployment's identity can't be had.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The store does not answer.
    #[error("`{FILE}`: {0}")]
    Store(#[from] object_store::Error),
    /// The file is not what `lakewire` wrote.
    #[error("`{FILE}` does not describe a deployment: {0}")]
    Invalid(String),
    /// A newer `lakewire` wrote it.
    #[error("`{FILE}` has format {0}, and this program knows {FORMAT}: use a newer one")]
    Format(u64),
    /// The store belongs to another log.
    #[error("the store belongs to {0}; with another log its data would split in two")]
    OtherLog(String),
    /// No secret is stored and none was given.
    #[error("`{FILE}` has no secret: set INSTANCE_NAME and INSTANCE_SECRET as its servers do")]
    NoSecret,
    /// There is no deployment.
    #[error("there is no deployment: `{FILE}` is missing")]
    Missing,
}

impl Place {
    /// The identity of the deployment here; a new one is made when there is none. `args` name a new deployment, or replace
    /// the stored name and secret.
    ///
    /// # Errors
    /// If the store fails, the file is damaged, or the deployment has another log.
    pub async fn identity(&self, store: &dyn ObjectStore, args: &IdentityArgs, env: &Env) -> Result<Identity, Failure> {
        match &self.identity {
            IdentityPlace::Directory(data) => {
                let stored = || Instance::open(data, args.instance_name.as_deref(), env);
                let instance = given(args)?.map_or_else(stored, Ok)?;
                Ok(Identity { instance: Some(instance), id: String::new() })
            }
            IdentityPlace::Store => {
                let failed = |source| Failure::Identity { place: self.store.to_string(), source };
                let found = match read(store).await.map_err(failed)? {
                    Some(found) => found,
                    None => {
                        let id = match &self.log {
                            LogPlace::Local(folder) => instance::make_id_of_log(folder, env)?,
                            _ => new_id(env),
                        };
                        let stored = new(args, id, &self.log, env)?;
                        create(store, &stored).await.map_err(failed)?
                    }
                };
                self.check_log(&found)?;
                identity(found, args)
            }
        }
    }

    /// The identity of the deployment here, if there is one.
    ///
    /// # Errors
    /// As [`Self::identity`].
    pub async fn existing_identity(
        &self,
        store: &dyn ObjectStore,
        args: &IdentityArgs,
        env: &Env,
    ) -> Result<Option<Identity>, Failure> {
        match &self.identity {
            IdentityPlace::Directory(data) if !Instance::is_in(data)? => Ok(None),
            IdentityPlace::Directory(_) => self.identity(store, args, env).await.map(Some),
            IdentityPlace::Store => {
                let failed = |source| Failure::Identity { place: self.store.to_string(), source };
                let Some(found) = read(store).await.map_err(failed)? else { return Ok(None) };
                self.check_log(&found)?;
                identity(found, args).map(Some)
            }
        }
    }

    /// Makes the place a deployment with this identity: the last step of a copy.
    ///
    /// # Errors
    /// If it is one already, with another identity, or can't be written.
    pub async fn claim(&self, store: &dyn ObjectStore, identity: &Identity) -> Result<(), Failure> {
        match &self.identity {
            IdentityPlace::Directory(data) => self.instance(identity)?.write(data),
            IdentityPlace::Store => {
                let failed = |source| Failure::Identity { place: self.store.to_string(), source };
                let instance = self.instance(identity)?;
                let stored = Stored {
                    format: FORMAT,
                    name: instance.name.clone(),
                    secret: Some(hex::encode(instance.secret)),
                    id: identity.id.clone(),
                    log: stored_log(&self.log),
                };
                let there = create(store, &stored).await.map_err(failed)?;
                if there == stored { Ok(()) } else { Err(Failure::OtherDeployment { place: self.store.to_string() }) }
            }
        }
    }

    /// Name and secret of the deployment here.
    ///
    /// # Errors
    /// [`IdentityError::NoSecret`] if they are not known.
    pub fn instance<'a>(&self, identity: &'a Identity) -> Result<&'a Instance, Failure> {
        let missing = || Failure::Identity { place: self.store.to_string(), source: IdentityError::NoSecret };
        identity.instance.as_ref().ok_or_else(missing)
    }

    fn check_log(&self, found: &Stored) -> Result<(), Failure> {
        let same_folder = match &self.log {
            LogPlace::Local(folder) => instance::id_of_log(folder)?.as_ref() == Some(&found.id),
            _ => true,
        };
        if same_folder && found.log == stored_log(&self.log) {
            return Ok(());
        }
        let other = match &found.log {
            StoredLog::Local => "a log in the data directory of one machine".to_owned(),
            StoredLog::Dynamodb { table } => format!("a log in the DynamoDB table `{table}`"),
            StoredLog::ObjectStore => "the log in itself (`--log object-store`)".to_owned(),
            StoredLog::Memory => "a log in memory".to_owned(),
        };
        Err(Failure::Identity { place: self.store.to_string(), source: IdentityError::OtherLog(other) })
    }
}

/// An id for a deployment.
pub fn new_id(env: &Env) -> String {
    hex::encode(env.random_bytes::<8>())
}

fn stored_log(log: &LogPlace) -> StoredLog {
    match log {
        LogPlace::Local(_) => StoredLog::Local,
        LogPlace::DynamoDb { table } => StoredLog::Dynamodb { table: table.clone() },
        LogPlace::ObjectStore => StoredLog::ObjectStore,
        LogPlace::Memory => StoredLog::Memory,
    }
}

/// Name and secret, where the options give both.
pub fn given(args: &IdentityArgs) -> Result<Option<Instance>, Failure> {
    match (&args.instance_name, &args.instance_secret.0) {
        (Some(name), Some(secret)) => Instance::new(name, secret, "INSTANCE_SECRET").map(Some),
        (None, Some(_)) => Err(Failure::SecretWithoutName),
        (_, None) => Ok(None),
    }
}

fn new(args: &IdentityArgs, id: String, log: &LogPlace, env: &Env) -> Result<Stored, Failure> {
    let name = args.instance_name.as_deref().unwrap_or(instance::DEFAULT_NAME);
    instance::check_name(name)?;
    let secret = given(args)?.is_none().then(|| hex::encode(env.random_bytes::<{ instance::SECRET_BYTES }>()));
    Ok(Stored { format: FORMAT, name: name.to_owned(), secret, id, log: stored_log(log) })
}

fn identity(stored: Stored, args: &IdentityArgs) -> Result<Identity, Failure> {
    let secret = stored.secret.as_deref();
    let instance = secret.map(|secret| Instance::new(&stored.name, secret, FILE)).transpose()?;
    Identity { instance, id: stored.id }.replaced_by(args)
}

async fn read(store: &dyn ObjectStore) -> Result<Option<Stored>, IdentityError> {
    let bytes = match store.get(&Path::from(FILE)).await {
        Ok(found) => found.bytes().await?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let invalid = |error: serde_json::Error| IdentityError::Invalid(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(invalid)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format > u64::from(FORMAT) => Err(IdentityError::Format(format)),
        _ => serde_json::from_value(value).map(Some).map_err(invalid),
    }
}

/// Puts `stored` where nothing is; gives what is there then, which another server may have put.
async fn create(store: &dyn ObjectStore, stored: &Stored) -> Result<Stored, IdentityError> {
    let mut text = serde_json::to_vec_pretty(stored).map_err(|error| IdentityError::Invalid(error.to_string()))?;
    text.push(b'\n');
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match store.put_opts(&Path::from(FILE), PutPayload::from(text), options).await {
        Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => read(store).await?.ok_or(IdentityError::Missing),
        Err(error) => Err(error.into()),
    }
}
