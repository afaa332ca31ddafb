//! The deployment's environment variables: their rules, and changing them.

use std::collections::BTreeMap;

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::rows;

/// The built-in variables every function sees; users cannot set them.
pub const CLOUD_URL: &str = "CONVEX_CLOUD_URL";
/// See [`CLOUD_URL`].
pub const SITE_URL: &str = "CONVEX_SITE_URL";

/// Longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 8 * 1024;
/// Most variables of a deployment.
pub const MAX_VARIABLES: usize = 512;
/// Largest sum of the bytes of all names and values.
pub const MAX_TOTAL_BYTES: usize = 1024 * 1024;

const TABLE: SystemTable = SystemTable::EnvironmentVariables;

/// A row of `_environment_variables`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVar {
    pub name: String,
    pub value: String,
}

/// One requested change: a `value` of `None` removes the variable.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EnvVarChange {
    pub name: String,
    #[serde(default)]
    pub value: Option<String>,
}

/// A change that the rules refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvVarError {
    #[error(
        "environment variable name `{name}` is invalid: names start with a letter or underscore, followed by letters, digits and underscores"
    )]
    NameInvalid { name: String },
    #[error("environment variable name `{}...` is {} bytes long, the limit is {MAX_NAME_BYTES}", name.chars().take(32).collect::<String>(), name.len())]
    NameTooLong { name: String },
    #[error("the value of environment variable `{name}` is {bytes} bytes long, the limit is {MAX_VALUE_BYTES}")]
    ValueTooLarge { name: String, bytes: usize },
    #[error("environment variable name `{name}` is reserved: it is built in")]
    NameForbidden { name: String },
    #[error("a deployment can have at most {MAX_VARIABLES} environment variables")]
    TooMany,
    #[error("the environment variables are {bytes} bytes in total, the limit is {MAX_TOTAL_BYTES}")]
    TotalTooLarge { bytes: usize },
}

impl EnvVarError {
    /// The error code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            EnvVarError::NameInvalid { .. } => "EnvironmentVariableNameInvalid",
            EnvVarError::NameTooLong { .. } => "EnvironmentVariableNameTooLong",
            EnvVarError::ValueTooLarge { .. } => "EnvironmentVariableValueTooLarge",
            EnvVarError::NameForbidden { .. } => "EnvVarNameForbidden",
            EnvVarError::TooMany => "EnvVarLimitMet",
            EnvVarError::TotalTooLarge { .. } => "EnvVarTotalSizeLimitMet",
        }
    }
}

/// Checks that `name` is one users may set.
pub fn check_name(name: &str) -> Result<(), EnvVarError> {
    if name.len() > MAX_NAME_BYTES {
        return Err(EnvVarError::NameTooLong { name: name.to_owned() });
    }
    let mut bytes = name.bytes();
    let head = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !head || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(EnvVarError::NameInvalid { name: name.to_owned() });
    }
    if name == CLOUD_URL || name == SITE_URL {
        return Err(EnvVarError::NameForbidden { name: name.to_owned() });
    }
    Ok(())
}

/// The variables after `changes`, applied in order, all or none.
///
/// # Errors
/// Any name, value or total that breaks the limits. Removing a variable that is not set succeeds.
pub fn apply(
    current: &BTreeMap<String, String>,
    changes: &[EnvVarChange],
) -> Result<BTreeMap<String, String>, EnvVarError> {
    let mut next = current.clone();
    for change in changes {
        let Some(value) = &change.value else {
            next.remove(&change.name);
            continue;
        };
        check_name(&change.name)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(EnvVarError::ValueTooLarge { name: change.name.clone(), bytes: value.len() });
        }
        next.insert(change.name.clone(), value.clone());
    }
    if next.len() > MAX_VARIABLES {
        return Err(EnvVarError::TooMany);
    }
    let bytes = next.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_TOTAL_BYTES {
        return Err(EnvVarError::TotalTooLarge { bytes });
    }
    Ok(next)
}

/// The rows, in order of name.
pub fn rows(tx: &mut Transaction) -> Result<Vec<rows::Row<EnvVar>>, ModelError> {
    let mut rows = rows::scan::<EnvVar>(tx, TABLE)?;
    rows.sort_by(|a, b| a.value.name.cmp(&b.value.name));
    Ok(rows)
}

/// All variables by name.
pub fn read(tx: &mut Transaction) -> Result<BTreeMap<String, String>, ModelError> {
    Ok(rows(tx)?.into_iter().map(|row| (row.value.name, row.value.value)).collect())
}

/// Makes the rows equal `wanted`, touching only those that differ.
pub fn write(tx: &mut Transaction, wanted: &BTreeMap<String, String>) -> Result<(), ModelError> {
    let mut missing: BTreeMap<&str, &str> = wanted.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for row in rows(tx)? {
        match missing.remove(row.value.name.as_str()) {
            Some(value) if value == row.value.value => {}
            Some(value) => {
                let next = EnvVar { name: row.value.name, value: value.to_owned() };
                rows::replace(tx, TABLE, row.id, &next)?;
            }
            None => rows::delete(tx, TABLE, row.id)?,
        }
    }
    for (name, value) in missing {
        rows::insert(tx, TABLE, &EnvVar { name: name.to_owned(), value: value.to_owned() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
