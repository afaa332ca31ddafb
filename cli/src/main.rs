//! `lakewire`: the one binary. Parses the command line and wires storage, functions and relay together.
//!
//! Nothing is decided here that a test would want to reach without a process.

mod args;
mod branch;
mod build_snapshot;
mod cloud;
mod compact;
mod dev;
mod engine;
mod failure;
mod infra;
mod instance;
mod keys;
mod lambda;
mod limits;
mod package;
mod relay;
mod serve;
mod status;
mod storage;

use std::future::Future;
use std::process::ExitCode;

use clap::Parser;
use lakewire_functions::node::LAMBDA_FILES;
use lakewire_storage::env::Env;

use crate::args::{Arguments, BranchCommand, Command, KeysCommand};
use crate::failure::Failure;

// The default allocator keeps freed pages of a burst for long; this one gives them back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    keep_others_out();
    let outcome = if lambda::is_here() { block_on(lambda::run).map(|()| ExitCode::SUCCESS) } else { command() };
    match outcome {
        Ok(ended) => ended,
        Err(failure) => {
            eprintln!("lakewire: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
fn command() -> Result<ExitCode, Failure> {
    let outcome = match Arguments::parse().command {
        Command::Serve(options) => block_on(|env| serve::run(options, env)),
        Command::Dev(options) => block_on(|env| dev::run(options, env)),
        Command::Relay(options) => block_on(|env| relay::run(options, env)),
        Command::Keys { command: KeysCommand::Create { identity, storage } } => {
            block_on(|env| keys::create(storage, identity, env))
        }
        Command::Branch { command: BranchCommand::Create { name, from, at, storage } } => {
            block_on(|env| branch::create(name, from, at, storage, env))
        }
        Command::Branch { command: BranchCommand::List { storage } } => block_on(|env| branch::list(storage, env)),
        Command::Branch { command: BranchCommand::Delete { name, storage } } => {
            block_on(|env| branch::delete(name, storage, env))
        }
        Command::Restore { at, storage } => block_on(|env| branch::restore(at, storage, env)),
        Command::Promote(options) => block_on(|env| storage::promote::run(options, env)),
        Command::Compact { history, storage } => block_on(|env| compact::run(history, storage, env)),
        Command::Storage { storage } => block_on(|env| status::run(storage, env)),
        Command::Package(options) => package::run(&options, LAMBDA_FILES).map_err(Failure::from),
        Command::Infra { command } => block_on(|env| infra::command(command, LAMBDA_FILES, env)),
        Command::Limits => limits::print(),
        Command::BuildSnapshot => return Ok(build_snapshot::run()),
    };
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Keeps other processes of the same user, such as those of Node actions, from reading the memory and the environment of
/// this one: secrets are in there. Root can.
fn keep_others_out() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        eprintln!("lakewire: can't keep other processes out of this one's memory: {error}");
    }
}

/// What is logged unless `RUST_LOG` says otherwise.
fn default_filter() -> String {
    let own = "warn,lakewire=info";
    if lambda::is_here() { format!("{own},{}=info", lakewire_functions::logs::TARGET) } else { own.to_owned() }
}

/// Runs a command with the real clock, randomness and tasks; what it logs goes to standard error.
fn block_on<F: Future<Output = Result<(), Failure>>>(command: impl FnOnce(Env) -> F) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default_filter())),
        )
        .with_writer(std::io::stderr)
        .with_ansi(!lambda::is_here())
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Server(format!("can't start the runtime: {error}")))?
        .block_on(command(Env::system()))
}
