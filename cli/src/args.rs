//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    Dev(DevOptions),
    /// Admin keys.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Print every limit.
    Limits,
    /// Build a V8 startup snapshot: request on standard input, blob on standard output.
    #[command(hide = true)]
    BuildSnapshot,
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Print one admin key of the deployment in a data directory; works while it is served.
    Create {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

/// Options of `serve`.
#[derive(Args, Clone)]
pub struct ServeOptions {
    /// Port of the API and the sync WebSocket; 0 picks a free one.
    #[arg(long, default_value_t = 3210)]
    pub port: u16,
    /// Port of the HTTP actions; 0 picks a free one.
    #[arg(long, default_value_t = 3211)]
    pub site_port: u16,
    /// The data directory; made when missing.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    #[command(flatten)]
    pub common: CommonOptions,
}

/// Options of `dev`.
#[derive(Args, Clone)]
pub struct DevOptions {
    /// Port of the API and the sync WebSocket; 0 picks a free one.
    #[arg(long, default_value_t = 3210)]
    pub port: u16,
    /// Port of the HTTP actions; 0 picks a free one.
    #[arg(long, default_value_t = 3211)]
    pub site_port: u16,
    /// The data directory; made when missing.
    #[arg(long, value_name = "DIR", default_value = ".lakewire")]
    pub data: PathBuf,
    #[command(flatten)]
    pub common: CommonOptions,
}

/// Options that `serve` and `dev` share.
#[derive(Args, Clone)]
pub struct CommonOptions {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Name of a new deployment; an existing data directory keeps its own.
    #[arg(long, env = "INSTANCE_NAME", value_name = "NAME")]
    pub instance_name: Option<String>,
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
}
