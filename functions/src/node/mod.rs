//! `"use node"`: actions that run in processes of Node.js.
//!
//! A process serves one bundle under one set of environment variables, several actions at a time; see [`NodeExecutor`].
//! It is connected by a socket pair that is its standard input, and asks over it for what actions ask of an
//! [`ActionHost`](crate::runtime::ActionHost); the JavaScript in it is in `js/`. Bundles and external packages are written
//! to a folder of the machine, by their hash.
//!
//! With [`NodeOptions::remote`], they run in a function of a cloud instead: see [`remote`].
//!
//! **Security:** a process gets nothing of the server's environment variables and is confined as far as the operating
//! system can, see [`Sandbox`]; but it runs as the user of the server, and the network is in reach.

mod bundle;
mod cache;
mod error;
mod executor;
mod lambda;
mod packages;
mod process;
mod protocol;
pub(crate) mod remote;
mod run;
mod sandbox;
mod transfer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

pub use bundle::NodeBundle;
pub use error::NodeError;
pub use executor::NodeExecutor;
pub use lambda::LAMBDA_FILES;
pub use remote::{FunctionEnded, LambdaNode, NodeFunction, RemoteNode};
pub use run::NodeCall;
pub use sandbox::Sandbox;

/// The oldest major version of Node.js that the npm package runs on.
pub const OLDEST_NODE: u64 = 20;

/// How Node actions run.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The executable: a path, or a name that is looked up in `PATH`.
    pub exe: PathBuf,
    /// Whether processes are confined.
    pub sandbox: Sandbox,
    /// Files and folders that confined processes may read and write besides.
    pub allowed_paths: Vec<PathBuf>,
    /// Where bundles and packages are written; a folder below the temporary one of the system if `None`.
    pub cache: Option<PathBuf>,
    /// Time that an action takes; the limit of the deployment if `None`.
    pub action_time: Option<Duration>,
    /// Heap of a process, in MiB.
    pub heap_mib: usize,
    /// Actions that run in one process at a time; more start another.
    pub actions_per_process: usize,
    /// Processes at a time.
    pub processes: usize,
    /// A process that has had nothing to do for this long ends.
    pub idle: Duration,
    /// Where actions run instead; what is above is of no use then, but for the time.
    pub remote: Option<RemoteNode>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            exe: "node".into(),
            sandbox: Sandbox::default(),
            allowed_paths: Vec::new(),
            cache: None,
            action_time: None,
            heap_mib: 512,
            actions_per_process: 32,
            processes: 16,
            idle: Duration::from_secs(60),
            remote: None,
        }
    }
}
