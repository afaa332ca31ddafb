//! What a test says about a function.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// A function: the body of `PUT /functions/{name}`. Exactly one of `bootstrap` and `node` is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Definition {
    /// The executable of a custom runtime; it gets no arguments.
    pub bootstrap: Option<PathBuf>,
    /// The folder of a function for Node.js.
    pub node: Option<PathBuf>,
    /// `_HANDLER`: for Node.js, module and export.
    #[serde(default = "default_handler")]
    pub handler: String,
    /// Nothing else of this process' environment gets there but `PATH`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// In MB. Told to the process and counted in the statistics; not enforced.
    #[serde(default = "default_memory")]
    pub memory: u32,
    /// How many environments there may be; more invocations at a time are throttled.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// How long an environment is kept without an invocation.
    #[serde(default = "default_idle")]
    pub idle_ms: u64,
    /// Whether processes are stopped between invocations.
    #[serde(default = "default_freeze")]
    pub freeze: bool,
    /// Whether environments stop in `GET /restore/next` after their initialization, until an invocation needs them.
    #[serde(default)]
    pub snap_start: bool,
    /// How many environments are initialized ahead; with `snap_start`, those that were used are replaced.
    #[serde(default)]
    pub prepare: usize,
    /// When a failed asynchronous invocation is tried again, and how often.
    #[serde(default = "default_retries")]
    pub retry_delays_ms: Vec<u64>,
    /// Whether every asynchronous invocation is made twice, as AWS may do.
    #[serde(default)]
    pub duplicate_events: bool,
}

fn default_handler() -> String {
    "index.handler".to_owned()
}

fn default_timeout() -> u64 {
    3000
}

fn default_memory() -> u32 {
    1769
}

fn default_concurrency() -> usize {
    100
}

fn default_idle() -> u64 {
    300_000
}

fn default_freeze() -> bool {
    true
}

fn default_retries() -> Vec<u64> {
    vec![60_000, 120_000]
}

impl Definition {
    /// What is wrong with it, if anything is.
    pub fn fault(&self) -> Option<String> {
        match (&self.bootstrap, &self.node) {
            (Some(bootstrap), None) if !bootstrap.is_file() => Some(format!("no file `{}`", bootstrap.display())),
            (None, Some(folder)) if !folder.is_dir() => Some(format!("no folder `{}`", folder.display())),
            (Some(_), Some(_)) | (None, None) => Some("exactly one of `bootstrap` and `node` must be given".to_owned()),
            _ => None,
        }
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// `AWS_LAMBDA_INITIALIZATION_TYPE`.
    pub fn initialization_type(&self) -> &'static str {
        match (self.snap_start, self.prepare) {
            (true, _) => "snap-start",
            (false, 0) => "on-demand",
            (false, _) => "provisioned-concurrency",
        }
    }
}
