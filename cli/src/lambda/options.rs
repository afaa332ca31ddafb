//! What the environment of a Lambda function says, besides the options of `lakewire serve`.

use clap::Parser;

use crate::args::{CloudArgs, ServeOptions};
use crate::failure::Failure;

/// Options that only the environment gives.
#[derive(Parser)]
pub struct LambdaArguments {
    /// Those that servers have too.
    #[command(flatten)]
    pub serve: ServeOptions,
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// The id of the HTTP API whose requests are for HTTP actions.
    #[arg(long, env = "LAKEWIRE_SITE_API")]
    pub site_api: Option<String>,
    /// The function that runs what is due.
    #[arg(long, env = "LAKEWIRE_TICK_FUNCTION")]
    pub tick_function: Option<String>,
    /// The function behind the WebSocket API.
    #[arg(long, env = "LAKEWIRE_SOCKET_FUNCTION")]
    pub socket_function: Option<String>,
    /// The URL of the WebSocket API's stage, for messages to its clients.
    #[arg(long, env = "LAKEWIRE_SOCKET_ENDPOINT")]
    pub socket_endpoint: Option<String>,
    /// Where relays are reached, to be nudged.
    #[arg(long, env = "LAKEWIRE_RELAY_URL")]
    pub relay_url: Option<String>,
}

impl LambdaArguments {
    /// Reads them.
    ///
    /// # Errors
    /// If a variable has a value that is none of its option.
    pub fn from_environment() -> Result<Self, Failure> {
        let set = Self::try_parse_from(["lakewire"]);
        set.map_err(|error| Failure::Server(format!("the environment of the function is not valid: {error}")))
    }
}
