//! A whole deployment in one argument: a data directory, or the URL of a store.

use std::path::PathBuf;
use std::str::FromStr;

use crate::storage::location::{InvalidLocation, StoreLocation};
use crate::storage::place::{IdentityPlace, LogPlace, Place, PlaceError};

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Store, log and identity in one folder.
    Directory(PathBuf),
    /// A store; its log is in itself or in a table.
    Store(StoreLocation),
}

impl FromStr for Target {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        if text.contains("://") { text.parse().map(Self::Store) } else { Ok(Self::Directory(PathBuf::from(text))) }
    }
}

impl Target {
    /// The places of the deployment.
    ///
    /// # Errors
    /// If it has none that others could open, or a table that it has no use for.
    pub fn place(self, table: Option<String>) -> Result<Place, PlaceError> {
        match (self, table) {
            (Self::Directory(data), None) => Ok(Place::directory(&data)),
            (Self::Directory(data), Some(table)) => Err(PlaceError::TableForDirectory { table, data }),
            (Self::Store(store), table) => {
                let log = table.map_or(LogPlace::ObjectStore, |table| LogPlace::DynamoDb { table });
                Place { store, log, identity: IdentityPlace::Store }.outside_of_servers("promote")
            }
        }
    }
}
