//! Options of `infra`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::package::Arch;

/// What is done with a stack.
#[derive(Subcommand, Clone, Debug)]
pub enum InfraCommand {
    /// Print what `up` would do.
    Plan(InfraOptions),
    /// Make or change the stack, and print its URL and an admin key.
    Up {
        #[command(flatten)]
        options: InfraOptions,
        /// Ask nothing.
        #[arg(long)]
        yes: bool,
    },
    /// Remove the stack; table, bucket and secret stay unless the stack was told otherwise.
    Down {
        /// The stack's folder.
        #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
        dir: PathBuf,
        /// Ask nothing.
        #[arg(long)]
        yes: bool,
    },
}

/// The folder of a stack when nobody says which.
const DIRECTORY: &str = "lakewire-infra";

/// What a stack is to be; what is not given stays as it is.
#[derive(Args, Clone, Debug)]
pub struct InfraOptions {
    /// The stack's folder: files of the tool, packages, state. Made when missing; what you change in it stays.
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    pub dir: PathBuf,
    /// Name of the stack, of the deployment, and prefix of all names in AWS; `lakewire` by default.
    #[arg(long, value_name = "NAME")]
    pub stack_name: Option<String>,
    /// Where live subscriptions are served.
    #[arg(long, value_name = "MODE")]
    pub relay: Option<RelayMode>,
    /// The image of the relay in a registry; with `--relay fargate`.
    #[arg(long, value_name = "IMAGE")]
    pub relay_image: Option<String>,
    /// The processor; that of this binary by default.
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<Arch>,
    /// What makes the stack; Terraform by default.
    #[arg(long, value_name = "TOOL")]
    pub tool: Option<InfraTool>,
}

/// What makes stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InfraTool {
    /// The module in `terraform/`.
    Terraform,
    /// The app in `cdk/`.
    Cdk,
}

impl InfraTool {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::Cdk => "the CDK",
        }
    }
}

/// Where live subscriptions are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayMode {
    /// Nowhere: all else works.
    None,
    /// API Gateway and Lambda; costs nothing while nobody is connected.
    SocketApi,
    /// A service that always runs, with the lowest latency.
    Fargate,
}

impl fmt::Display for RelayMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::SocketApi => "socket-api",
            Self::Fargate => "fargate",
        })
    }
}
