//! The single row of `_deployment`: the deployment version and what else there is one of.

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::rows;

const TABLE: SystemTable = SystemTable::Deployment;

/// Whether functions may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    #[default]
    Running,
    Paused,
}

impl RunState {
    /// `running` or `paused`.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Paused => "paused",
        }
    }
}

/// The row. Before anything changed the deployment there is none, which reads as the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentRow {
    /// Raised by every change of what functions can see of the deployment. A whole number, and never used twice,
    /// not even for a change whose commit failed: caches are keyed by it.
    pub version: f64,
    #[serde(default)]
    pub state: RunState,
    /// Id of the push that is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<String>,
    /// Replaces the configured API origin, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_url: Option<String>,
    /// Replaces the configured site origin, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_url: Option<String>,
}

/// The row as `tx` sees it. Records the read: whatever `tx` computes is invalidated by the next deployment change.
pub async fn read(tx: &mut Transaction) -> Result<DeploymentRow, ModelError> {
    Ok(rows::single(tx, TABLE).await?.unwrap_or_default())
}

/// Writes `row` with the next version. Part of every transaction that changes the deployed app.
///
/// Versions are microseconds since the epoch where the clock permits, so that a version that was assigned in a
/// transaction that never committed is not assigned again to another content.
pub async fn write_next(tx: &mut Transaction, now_ns: u64, mut row: DeploymentRow) -> Result<(), ModelError> {
    row.version = (row.version + 1.0).max((now_ns / 1_000) as f64);
    rows::put_single(tx, TABLE, &row).await
}

/// Raises the version and leaves the rest.
pub async fn bump(tx: &mut Transaction, now_ns: u64) -> Result<(), ModelError> {
    let row = read(tx).await?;
    write_next(tx, now_ns, row).await
}
