//! `lakewire`: the one binary. Parses the command line and wires storage, functions and relay together.
//!
//! Nothing is decided here that a test would want to reach without a process.

mod args;
mod build_snapshot;
mod dev;
mod failure;
mod instance;
mod keys;
mod limits;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command, KeysCommand};

// The default allocator keeps freed pages of a burst for long; this one gives them back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Serve(options) => serve::run(&options),
        Command::Dev(options) => dev::run(&options),
        Command::Keys { command: KeysCommand::Create { data } } => keys::create(&data),
        Command::Limits => limits::print(),
        Command::BuildSnapshot => return build_snapshot::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("lakewire: {failure}");
            ExitCode::FAILURE
        }
    }
}
