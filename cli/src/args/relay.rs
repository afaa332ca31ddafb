//! Options of parts of a deployment in a cloud.

use std::time::Duration;

use clap::Args;

use super::{ServeOptions, units};

/// Where the other parts of a deployment are.
#[derive(Args, Clone)]
pub struct CloudArgs {
    /// The secret of Secrets Manager that holds the instance secret, by name or ARN.
    #[arg(long, env = "LAKEWIRE_SECRET_ARN", value_name = "ARN")]
    pub secret_arn: Option<String>,
    /// The function that flushes and merges.
    #[arg(long, env = "LAKEWIRE_UPKEEP_FUNCTION", value_name = "NAME")]
    pub upkeep_function: Option<String>,
    /// The function that runs Node modules.
    #[arg(long, env = "LAKEWIRE_NODE_FUNCTION", value_name = "NAME")]
    pub node_function: Option<String>,
}

/// Options of `relay`.
#[derive(Args, Clone)]
pub struct RelayOptions {
    #[command(flatten)]
    pub serve: ServeOptions,
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// The function that runs queries and mutations for which this relay has no room. Without one they wait.
    #[arg(long, env = "LAKEWIRE_RUN_FUNCTION", value_name = "NAME")]
    pub run_function: Option<String>,
    /// It is used once so many calls wait for a thread here; four times the number of threads by default.
    #[arg(long, env = "LAKEWIRE_RUN_ABOVE", value_name = "N")]
    pub run_above: Option<usize>,
    /// And runs so often at a time at most.
    #[arg(long, env = "LAKEWIRE_RUN_MOST", value_name = "N", default_value_t = 100)]
    pub run_most: usize,
    /// Where other relays reach this one, to tell it of commits: `http://10.0.0.7:3210`. In ECS the task's address is found out.
    #[arg(long, env = "LAKEWIRE_RELAY_ADDRESS", value_name = "URL")]
    pub address: Option<String>,
    /// How long a relay that is stopped waits for the requests of its clients.
    #[arg(long, env = "LAKEWIRE_DRAIN", value_name = "DURATION", default_value = "20s", value_parser = units::duration)]
    pub drain: Duration,
    /// Whether scheduled functions and cron jobs are run here. They are run once, however many relays there are.
    #[arg(long, env = "LAKEWIRE_RELAY_JOBS", default_value_t = true, action = clap::ArgAction::Set)]
    pub jobs: bool,
}
