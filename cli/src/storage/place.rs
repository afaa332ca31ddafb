//! Where a deployment is: its store, its log, and the file that says who it is.

use std::fmt;
use std::path::{Path, PathBuf};

use lakewire_storage::timeline::BranchName;
use thiserror::Error;

use crate::args::{LogKind, StorageArgs};
use crate::failure::Failure;
use crate::storage::location::StoreLocation;

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;

/// The places of one deployment, checked against each other. Nothing was opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Segments, manifests, modules, files.
    pub store: StoreLocation,
    /// The commits.
    pub log: LogPlace,
    /// Name and secret.
    pub identity: IdentityPlace,
}

/// Where the commit log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// A folder with files of our own.
    Local(PathBuf),
    /// Items of a DynamoDB table.
    DynamoDb {
        /// The table's name.
        table: String,
    },
    /// Objects in the deployment's store, under `log/`.
    ObjectStore,
    /// The memory of the process.
    Memory,
}

/// Where name and secret are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityPlace {
    /// `instance.json` in a data directory that holds the whole deployment.
    Directory(PathBuf),
    /// `deployment.json` in the root of the store.
    Store,
}

/// Options that do not go together.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// Neither a data directory nor other places.
    #[error("where is the data? give `--data DIR`, or `--store` with `--log dynamodb` or `--log object-store`")]
    NoData,
    /// The local log needs a folder.
    #[error("the local log needs a folder: give `--data DIR`, or choose `--log dynamodb` or `--log object-store`")]
    NoLogDirectory,
    /// The store is in a data directory by default, and there is none.
    #[error(
        "`--log {0}` without `--data DIR` needs a store: give `--store s3://BUCKET/PREFIX` or `--store file://DIR`"
    )]
    NoStore(LogKind),
    /// `--log dynamodb` without `--table`.
    #[error("`--log dynamodb` needs `--table NAME`")]
    NoTable,
    /// `--table` with another log.
    #[error("`--table {table}` goes with `--log dynamodb`, and the log is `{log}`")]
    TableWithoutDynamoDb { table: String, log: LogKind },
    /// A data directory has its log in itself.
    #[error("the data directory `{}` has its log in itself, and not in the table `{table}`", .data.display())]
    TableForDirectory { table: String, data: PathBuf },
    /// A log that lives longer than its store would point to segments that are gone.
    #[error("`--store memory://` is gone when the server stops; it can't go with `--log {0}`, which stays")]
    LogOutlivesStore(LogKind),
    /// Nobody else can look into a process' memory.
    #[error("`--store memory://` is the memory of one server: there is nothing for `lakewire {0}` to open")]
    NothingInMemory(&'static str),
    /// A new store in memory has no branches.
    #[error("`--branch {0}`: a store in memory starts empty, and has only `main`")]
    BranchInMemory(BranchName),
}

impl Place {
    /// The places that the options mean.
    ///
    /// # Errors
    /// If something is missing, or two of them do not go together.
    pub fn resolve(args: &StorageArgs) -> Result<Self, PlaceError> {
        let in_memory = args.store == Some(StoreLocation::Memory);
        let kind = args.log.unwrap_or(LogKind::Local);
        if let Some(table) = &args.table
            && kind != LogKind::Dynamodb
        {
            return Err(PlaceError::TableWithoutDynamoDb { table: table.clone(), log: kind });
        }
        if in_memory {
            return Self::in_memory(args);
        }
        let log = match kind {
            LogKind::Local if args.data.is_none() && args.store.is_none() => return Err(PlaceError::NoData),
            LogKind::Local => LogPlace::Local(args.data.as_ref().ok_or(PlaceError::NoLogDirectory)?.join("log")),
            LogKind::Dynamodb => LogPlace::DynamoDb { table: args.table.clone().ok_or(PlaceError::NoTable)? },
            LogKind::ObjectStore => LogPlace::ObjectStore,
        };
        let in_directory = args.data.as_ref().map(|data| StoreLocation::File(data.join("store")));
        let store = args.store.clone().or(in_directory).ok_or(PlaceError::NoStore(kind))?;
        let identity = match (&args.data, &log) {
            (Some(data), LogPlace::Local(_)) if store.is_folder(&data.join("store")) => {
                IdentityPlace::Directory(data.clone())
            }
            _ => IdentityPlace::Store,
        };
        Ok(Self { store, log, identity })
    }

    fn in_memory(args: &StorageArgs) -> Result<Self, PlaceError> {
        let log = match args.log {
            None => LogPlace::Memory,
            Some(LogKind::ObjectStore) => LogPlace::ObjectStore,
            Some(kind) => return Err(PlaceError::LogOutlivesStore(kind)),
        };
        if args.branch != BranchName::main() {
            return Err(PlaceError::BranchInMemory(args.branch.clone()));
        }
        Ok(Self { store: StoreLocation::Memory, log, identity: IdentityPlace::Store })
    }

    /// A deployment that is wholly in the data directory `data`.
    pub fn directory(data: &Path) -> Self {
        Self {
            store: StoreLocation::File(data.join("store")),
            log: LogPlace::Local(data.join("log")),
            identity: IdentityPlace::Directory(data.to_owned()),
        }
    }

    /// For commands that want a deployment: they do not make folders by looking for one.
    ///
    /// # Errors
    /// If the folder is not there.
    pub fn check_exists(&self) -> Result<(), Failure> {
        match &self.store {
            StoreLocation::File(folder) if !folder.is_dir() => Err(Failure::NoDeployment { place: self.to_string() }),
            _ => Ok(()),
        }
    }

    /// For commands that look at a deployment which others serve.
    ///
    /// # Errors
    /// If it is in the memory of one of them.
    pub fn outside_of_servers(self, command: &'static str) -> Result<Self, PlaceError> {
        if self.store == StoreLocation::Memory { Err(PlaceError::NothingInMemory(command)) } else { Ok(self) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let IdentityPlace::Directory(data) = &self.identity {
            return write!(f, "{}", data.display());
        }
        write!(f, "{} with {}", self.store, self.log)
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(folder) => write!(f, "the log in {}", folder.display()),
            Self::DynamoDb { table } => write!(f, "the log in the table {table}"),
            Self::ObjectStore => f.write_str("the log in the store"),
            Self::Memory => f.write_str("the log in memory"),
        }
    }
}
