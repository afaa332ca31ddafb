//! The configuration all functions of the app run under: one row of `_udf_config`.

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::env::Env;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::rows;

const TABLE: SystemTable = SystemTable::UdfConfig;

/// A package that Node modules import and that is not part of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeDependency {
    pub name: String,
    /// An exact version.
    pub version: String,
}

/// What the import phase of every execution must see again, and what the last push said about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UdfConfig {
    /// Version of the npm package the app was bundled with.
    pub server_version: String,
    /// Seed of `Math.random` while modules are imported, 64 hex digits.
    pub import_phase_rng_seed: String,
    /// Clock while modules are imported, whole milliseconds since the epoch.
    pub import_phase_unix_timestamp_ms: f64,
    /// The functions folder as the CLI names it, e.g. `convex/`; echoed by `get_config_hashes`.
    pub functions_dir: String,
    /// The evaluated `convex.config.js` of the app as JSON text, with its environment variable declarations.
    pub definition: String,
    /// The external packages of the Node modules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_dependencies: Vec<NodeDependency>,
    /// The major version of Node that the app asks for. The server has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_version: Option<String>,
}

impl UdfConfig {
    /// The configuration of a push with `server_version`: keeps the seed and clock of `previous` while the
    /// version of the npm package stays the same, so that import-time values do not change with every push.
    pub fn for_push(
        previous: Option<&UdfConfig>,
        server_version: &str,
        functions_dir: &str,
        definition: String,
        env: &Env,
    ) -> UdfConfig {
        let kept = previous.filter(|previous| previous.server_version == server_version);
        UdfConfig {
            server_version: server_version.to_owned(),
            import_phase_rng_seed: kept
                .map_or_else(|| hex::encode(env.random_bytes::<32>()), |kept| kept.import_phase_rng_seed.clone()),
            import_phase_unix_timestamp_ms: kept
                .map_or_else(|| (env.now_ns() / 1_000_000) as f64, |kept| kept.import_phase_unix_timestamp_ms),
            functions_dir: functions_dir.to_owned(),
            definition,
            node_dependencies: Vec::new(),
            node_version: None,
        }
    }

    /// The import seed as bytes; a damaged row gives zeros.
    pub fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        let _ = hex::decode_to_slice(&self.import_phase_rng_seed, &mut seed);
        seed
    }
}

/// The row, or `None` before the first push.
pub async fn read(tx: &mut Transaction) -> Result<Option<UdfConfig>, ModelError> {
    rows::single(tx, TABLE).await
}

/// Replaces the row.
pub async fn write(tx: &mut Transaction, config: &UdfConfig) -> Result<(), ModelError> {
    rows::put_single(tx, TABLE, config).await
}
