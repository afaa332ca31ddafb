//! `lakewire` as AWS Lambda starts it: without arguments, told by the environment what to do.
//!
//! The function's handler (`_HANDLER`) says which [part](Part) this process is. Where the deployment is, and all else, is said by
//! the variables that the options of `lakewire serve` have too.

mod options;
mod parts;
mod socket;
mod worker;

use lakewire_storage::env::Env;

use self::options::LambdaArguments;
use self::parts::Part;
use crate::failure::Failure;

/// Whether Lambda has started this process.
pub fn is_here() -> bool {
    // What starts itself to build a snapshot inherits the environment.
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() && std::env::args_os().len() == 1
}

/// Answers invocations until Lambda ends the process.
pub async fn run(env: Env) -> Result<(), Failure> {
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    let part: Part = handler.parse().map_err(Failure::Server)?;
    let ended = part.run(LambdaArguments::from_environment()?, env).await;
    ended.inspect_err(|failure| tracing::error!(%failure, handler, "the function cannot start"))
}
