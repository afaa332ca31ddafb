//! Measures a running Lakewire over its official wire (HTTP and WebSocket) and prints one JSON document.
//!
//! `tests/bench/run.mjs` starts the release build, deploys `tests/bench/app` with the official CLI and calls this.

#![allow(clippy::disallowed_methods, reason = "a load generator lives on the real clock")]

mod fanout;
mod http;
mod load;
mod process;
mod scenarios;
mod socket;

use clap::Parser;

/// Anything that stops a measurement; benchmarks only ever print it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures a running server.
#[derive(Parser)]
struct Arguments {
    /// `host:port` of the API.
    #[arg(long)]
    host: String,
    /// Process id of the server, for its memory and processor time.
    #[arg(long)]
    pid: u32,
    /// Only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// No scenario whose name contains one of these.
    #[arg(long)]
    skip: Vec<String>,
    /// Seconds counted a load.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let server = process::Process { pid: arguments.pid };
    let chosen = scenarios::Chosen { only: arguments.only, skip: arguments.skip };
    let results = scenarios::all(&arguments.host, server, arguments.seconds, &chosen).await?;
    println!("{}", serde_json::to_string_pretty(&results)?);
    Ok(())
}
