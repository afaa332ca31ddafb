//! The command line.

mod infra;
mod package;
mod relay;
mod storage;
mod units;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use lakewire_functions::fetch::{Allowed, Override};
use lakewire_functions::node::Sandbox;
use lakewire_storage::timeline::BranchName;

pub use infra::{InfraCommand, InfraOptions, InfraTool, RelayMode};
pub use package::{PackageFormat, PackageOptions};
pub use relay::{CloudArgs, RelayOptions};
pub use storage::{LogKind, OpenData, StorageArgs, TuningArgs};
pub use units::{Moment, rfc3339};

use crate::storage::promote::Target;

/// Runs apps written for the `convex` npm package.
#[derive(Parser)]
#[command(name = "lakewire", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve a deployment in the foreground.
    Serve(ServeOptions),
    /// Serve with friendly defaults for development: data in `.lakewire/`, the admin key printed.
    Dev(ServeOptions),
    /// Hold the WebSockets of a deployment whose functions otherwise run in Lambda; any number of relays at a time.
    Relay(RelayOptions),
    /// Admin keys.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Branches: databases of their own that start as a copy of another, in seconds whatever the size.
    Branch {
        #[command(subcommand)]
        command: BranchCommand,
    },
    /// Put a branch back to an earlier moment. What came later stays in the store for a while, under no branch's name.
    Restore {
        /// The moment: nanoseconds since 1970, RFC 3339, or `10m ago`.
        #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
        at: Moment,
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Copy a deployment to another store and log. Nobody may write to it meanwhile.
    Promote(PromoteOptions),
    /// Merge the segments of a branch into as few as possible; works while it is served.
    Compact {
        /// Also drop versions of documents that are older than this: branches and restores then reach no farther back.
        #[arg(long, value_name = "DURATION", value_parser = units::duration)]
        history: Option<Duration>,
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Print what is stored: segments, bytes, log, branches; works while it is served.
    Storage {
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Make what AWS runs: zips for Lambda, an image for Lambda and the relay. The same binary makes the same bytes.
    Package(PackageOptions),
    /// A stack on AWS, by Terraform or the CDK.
    Infra {
        #[command(subcommand)]
        command: InfraCommand,
    },
    /// Print every limit.
    Limits,
    /// Build a V8 startup snapshot: request on standard input, blob on standard output.
    #[command(hide = true)]
    BuildSnapshot,
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Print one admin key of a deployment; works while it is served.
    Create {
        #[command(flatten)]
        identity: IdentityArgs,
        #[command(flatten)]
        storage: StorageArgs,
    },
}

#[derive(Subcommand)]
pub enum BranchCommand {
    /// Create a branch; works while the deployment is served.
    Create {
        /// Its name: letters, digits and `-`.
        name: BranchName,
        /// The branch that it starts as a copy of; that of `--branch` by default.
        #[arg(long, value_name = "NAME")]
        from: Option<BranchName>,
        /// The moment that it starts at: nanoseconds since 1970, RFC 3339, or `10m ago`; now by default.
        #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
        at: Option<Moment>,
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// List the branches.
    List {
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Delete a branch and what only it needs.
    Delete {
        name: BranchName,
        #[command(flatten)]
        storage: StorageArgs,
    },
}

/// Options of `serve` and `dev`.
#[derive(Args, Clone)]
pub struct ServeOptions {
    /// Port of the API and the sync WebSocket; 0 picks a free one.
    #[arg(long, default_value_t = 3210)]
    pub port: u16,
    /// Port of the HTTP actions; 0 picks a free one.
    #[arg(long, default_value_t = 3211)]
    pub site_port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Public address of the API, as functions and clients see it.
    #[arg(long, env = "CONVEX_CLOUD_ORIGIN", value_name = "URL")]
    pub cloud_origin: Option<String>,
    /// Public address of the HTTP actions.
    #[arg(long, env = "CONVEX_SITE_ORIGIN", value_name = "URL")]
    pub site_origin: Option<String>,
    /// Hide messages, stacks and log lines of functions from clients.
    #[arg(long, env = "REDACT_LOGS_TO_CLIENT")]
    pub redact_logs_to_client: bool,
    /// Threads that run queries and mutations; the number of cores by default.
    #[arg(long, env = "LAKEWIRE_WORKERS", value_name = "N")]
    pub workers: Option<usize>,
    /// A host, address or range (10.0.0.0/8) that `fetch` of functions may reach besides public addresses. Repeatable.
    #[arg(long, env = "LAKEWIRE_ALLOW_FETCH", value_name = "HOST|CIDR", value_delimiter = ',')]
    pub allow_fetch: Vec<Allowed>,
    /// Send requests of functions for a host elsewhere: tests of services with a built-in address. Repeatable.
    #[arg(long, env = "LAKEWIRE_FETCH_OVERRIDE", value_name = "HOST=URL", value_delimiter = ',')]
    pub fetch_override: Vec<Override>,
    /// The Node.js that runs `"use node"` actions: a path, or a name in PATH.
    #[arg(long, env = "LAKEWIRE_NODE", value_name = "PATH", default_value = "node")]
    pub node: PathBuf,
    /// Whether `"use node"` actions are kept from the files and processes of the machine: where Linux can (`auto`), always or
    /// not at all (`require`), never (`off`).
    #[arg(long, env = "LAKEWIRE_NODE_SANDBOX", value_name = "auto|require|off", default_value = "auto")]
    pub node_sandbox: Sandbox,
    /// A file or folder that `"use node"` actions may read and write all the same. Repeatable.
    #[arg(long, env = "LAKEWIRE_NODE_ALLOW_PATH", value_name = "PATH", value_delimiter = ':')]
    pub node_allow_path: Vec<PathBuf>,
    /// Where bundles and packages of `"use node"` actions are written; below the temporary folder by default.
    #[arg(long, env = "LAKEWIRE_NODE_CACHE", value_name = "DIR")]
    pub node_cache: Option<PathBuf>,
    /// Time that an action takes in the default runtime, in seconds; 1800 by default.
    #[arg(long, env = "ACTIONS_USER_TIMEOUT_SECS", value_name = "SECONDS")]
    pub action_timeout: Option<u64>,
    /// Time that a `"use node"` action takes, in seconds; 600 by default.
    #[arg(long, env = "NODE_ACTION_USER_TIMEOUT_SECS", value_name = "SECONDS")]
    pub node_action_timeout: Option<u64>,
    /// File that lines of `log.audit` are appended to, as JSON; without one they are part of the server's own log.
    #[arg(long, env = "LAKEWIRE_AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// Whether `fetch` may reach the server itself: `dev` does, `serve` does not.
    #[arg(skip)]
    pub fetch_loopback: bool,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
    #[command(flatten)]
    pub tuning: TuningArgs,
}

/// Who a deployment is.
#[derive(Args, Clone)]
pub struct IdentityArgs {
    /// Name of a new deployment; an existing one keeps its own, unless the secret is given too.
    #[arg(long, env = "INSTANCE_NAME", value_name = "NAME")]
    pub instance_name: Option<String>,
    /// Secret behind admin keys, 32 bytes in hexadecimal. With the name it takes the place of the stored ones.
    // Only by the environment: arguments are seen by everyone on the machine.
    #[arg(skip)]
    pub instance_secret: InstanceSecret,
}

impl IdentityArgs {
    /// What the environment says, for commands without these options.
    pub fn from_environment() -> Self {
        let instance_name = std::env::var("INSTANCE_NAME").ok().filter(|name| !name.is_empty());
        Self { instance_name, instance_secret: InstanceSecret::default() }
    }
}

/// `INSTANCE_SECRET` of the environment.
#[derive(Clone)]
pub struct InstanceSecret(pub Option<String>);

impl Default for InstanceSecret {
    fn default() -> Self {
        Self(std::env::var("INSTANCE_SECRET").ok().filter(|secret| !secret.is_empty()))
    }
}

/// Options of `promote`.
#[derive(Args, Clone)]
pub struct PromoteOptions {
    /// The deployment to copy: a data directory, or the URL of a store.
    #[arg(long, value_name = "DIR|URL")]
    pub from: Target,
    /// The DynamoDB table with its log. Without, a store at a URL has its log in itself.
    #[arg(long, value_name = "NAME")]
    pub from_table: Option<String>,
    /// Where to: a data directory, or the URL of a store.
    #[arg(long, value_name = "DIR|URL")]
    pub to: Target,
    /// The DynamoDB table for its log. Without, a store at a URL has its log in itself.
    #[arg(long, value_name = "NAME")]
    pub to_table: Option<String>,
    /// Create that table when it is missing.
    #[arg(long, requires = "to_table")]
    pub create_table: bool,
}
