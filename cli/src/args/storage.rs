//! Options that say where a deployment is and how its storage behaves.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lakewire_storage::timeline::BranchName;

use super::units;
use crate::storage::location::StoreLocation;

/// Where a deployment is. Every command that touches data takes these.
#[derive(Args, Clone, Debug)]
pub struct StorageArgs {
    /// The data directory; made when missing. Not needed when store and log are elsewhere.
    #[arg(long, env = "LAKEWIRE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where segments, modules and files are: file://DIR, s3://BUCKET/PREFIX or memory://. In the data directory by default.
    #[arg(long, env = "LAKEWIRE_STORE", value_name = "URL")]
    pub store: Option<StoreLocation>,
    /// Where the commit log is; in the data directory by default.
    #[arg(long, env = "LAKEWIRE_LOG", value_name = "KIND")]
    pub log: Option<LogKind>,
    /// The DynamoDB table of `--log dynamodb`. Deployments can share one.
    #[arg(long, env = "LAKEWIRE_TABLE", value_name = "NAME")]
    pub table: Option<String>,
    /// The branch of the deployment.
    #[arg(long, env = "LAKEWIRE_BRANCH", value_name = "NAME", default_value_t = BranchName::main())]
    pub branch: BranchName,
}

impl StorageArgs {
    /// No place, branch `main`.
    #[cfg(test)]
    pub fn on_main() -> Self {
        Self { data: None, store: None, log: None, table: None, branch: BranchName::main() }
    }
}

/// The kinds of commit logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogKind {
    /// Files in the data directory; one server at a time.
    Local,
    /// Items of a DynamoDB table; any number of servers.
    Dynamodb,
    /// Objects in the store; any number of servers.
    ObjectStore,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Dynamodb => "dynamodb",
            Self::ObjectStore => "object-store",
        })
    }
}

/// How the storage of a served deployment behaves.
#[derive(Args, Clone, Debug)]
pub struct TuningArgs {
    /// Create the DynamoDB table when it is missing (on demand, encrypted by AWS' own key).
    #[arg(long, env = "LAKEWIRE_CREATE_TABLE")]
    pub create_table: bool,
    /// How far back reads, branches and restores reach.
    #[arg(long, env = "LAKEWIRE_HISTORY", value_name = "DURATION", default_value = "1h", value_parser = units::duration)]
    pub history: Duration,
    /// Memory for parts of segments that were read.
    #[arg(long, env = "LAKEWIRE_CACHE_BYTES", value_name = "SIZE", default_value = "256MiB", value_parser = units::bytes)]
    pub cache_bytes: usize,
    /// Folder for more of them, in files; emptied at the start.
    #[arg(long, env = "LAKEWIRE_DISK_CACHE", value_name = "DIR")]
    pub disk_cache: Option<PathBuf>,
    /// Bytes of files in that folder at most.
    #[arg(long, env = "LAKEWIRE_DISK_CACHE_BYTES", value_name = "SIZE", default_value = "256MiB", value_parser = units::bytes)]
    pub disk_cache_bytes: usize,
    /// Commits are written into a segment at the latest after this long; 1m by default, 5m with the local log.
    #[arg(long, env = "LAKEWIRE_FLUSH_INTERVAL", value_name = "DURATION", value_parser = units::duration)]
    pub flush_interval: Option<Duration>,
    /// And as soon as they are this large in memory.
    #[arg(long, env = "LAKEWIRE_FLUSH_BYTES", value_name = "SIZE", default_value = "32MiB", value_parser = units::bytes)]
    pub flush_bytes: usize,
    /// Every table is also an Iceberg table in the store, brought up to date at this interval while there are changes; `off`
    /// for none.
    #[arg(long, env = "LAKEWIRE_OPEN_DATA", value_name = "DURATION|off", default_value = "1m")]
    pub open_data: OpenData,
}

/// Whether open tables are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenData {
    /// They are not.
    Off,
    /// They are, at this interval.
    Every(Duration),
}

impl FromStr for OpenData {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self::Off),
            text => match units::duration(text)? {
                Duration::ZERO => Err("an interval of 0 is none: write `off` to publish no tables".to_owned()),
                interval => Ok(Self::Every(interval)),
            },
        }
    }
}
