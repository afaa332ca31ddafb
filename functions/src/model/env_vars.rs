//! The deployment's environment variables: their rules, and changing them.

use std::collections::BTreeMap;

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::limits::{Limits, MAX_ENVIRONMENT_VARIABLE_NAME_LENGTH};
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::rows;

/// The built-in variables every function sees; users cannot set them.
pub const CLOUD_URL: &str = "CONVEX_CLOUD_URL";
/// See [`CLOUD_URL`].
pub const SITE_URL: &str = "CONVEX_SITE_URL";

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
    #[error("environment variable name `{}...` is {} bytes long, the limit is {MAX_ENVIRONMENT_VARIABLE_NAME_LENGTH}", name.chars().take(32).collect::<String>(), name.len())]
    NameTooLong { name: String },
    #[error("the value of environment variable `{name}` is {bytes} bytes long, the limit is {limit}")]
    ValueTooLarge { name: String, bytes: usize, limit: usize },
    #[error("environment variable name `{name}` is reserved: it is built in")]
    NameForbidden { name: String },
    #[error("a deployment can have at most {limit} environment variables")]
    TooMany { limit: usize },
    #[error("the environment variables are {bytes} bytes in total, the limit is {limit}")]
    TotalTooLarge { bytes: usize, limit: usize },
}

impl EnvVarError {
    /// The error code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            EnvVarError::NameInvalid { .. } => "EnvironmentVariableNameInvalid",
            EnvVarError::NameTooLong { .. } => "EnvironmentVariableNameTooLong",
            EnvVarError::ValueTooLarge { .. } => "EnvironmentVariableValueTooLarge",
            EnvVarError::NameForbidden { .. } => "EnvVarNameForbidden",
            EnvVarError::TooMany { .. } => "EnvVarLimitMet",
            EnvVarError::TotalTooLarge { .. } => "EnvVarTotalSizeLimitMet",
        }
    }
}

/// Checks that `name` is one users may set.
pub fn check_name(name: &str) -> Result<(), EnvVarError> {
    if name.len() > MAX_ENVIRONMENT_VARIABLE_NAME_LENGTH {
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
    limits: &Limits,
) -> Result<BTreeMap<String, String>, EnvVarError> {
    let mut next = current.clone();
    for change in changes {
        let Some(value) = &change.value else {
            next.remove(&change.name);
            continue;
        };
        check_name(&change.name)?;
        let limit = limits.environment_variable_value_size;
        if value.len() > limit {
            return Err(EnvVarError::ValueTooLarge { name: change.name.clone(), bytes: value.len(), limit });
        }
        next.insert(change.name.clone(), value.clone());
    }
    if next.len() > limits.environment_variables {
        return Err(EnvVarError::TooMany { limit: limits.environment_variables });
    }
    let bytes = next.iter().map(|(name, value)| name.len() + value.len()).sum();
    let limit = limits.environment_variables_size;
    if bytes > limit {
        return Err(EnvVarError::TotalTooLarge { bytes, limit });
    }
    Ok(next)
}

/// The rows, in order of name.
pub async fn rows(tx: &mut Transaction) -> Result<Vec<rows::Row<EnvVar>>, ModelError> {
    let mut rows = rows::scan::<EnvVar>(tx, TABLE).await?;
    rows.sort_by(|a, b| a.value.name.cmp(&b.value.name));
    Ok(rows)
}

/// All variables by name.
pub async fn read(tx: &mut Transaction) -> Result<BTreeMap<String, String>, ModelError> {
    Ok(rows(tx).await?.into_iter().map(|row| (row.value.name, row.value.value)).collect())
}

/// Makes the rows equal `wanted`, touching only those that differ.
pub async fn write(tx: &mut Transaction, wanted: &BTreeMap<String, String>) -> Result<(), ModelError> {
    let mut missing: BTreeMap<&str, &str> = wanted.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for row in rows(tx).await? {
        match missing.remove(row.value.name.as_str()) {
            Some(value) if value == row.value.value => {}
            Some(value) => {
                let next = EnvVar { name: row.value.name, value: value.to_owned() };
                rows::replace(tx, TABLE, row.id, &next).await?;
            }
            None => rows::delete(tx, TABLE, row.id).await?,
        }
    }
    for (name, value) in missing {
        rows::insert(tx, TABLE, &EnvVar { name: name.to_owned(), value: value.to_owned() }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
