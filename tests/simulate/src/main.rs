//! `lakewire-simulate`: runs seeds, and tests the simulation itself.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lakewire_simulate::command::{self, Seeds};

/// Runs the production code in a simulated world.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Seeds: one, or `first..end`.
    #[arg(long, default_value = "0..100")]
    seeds: Seeds,
    /// How many to run at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Ends no seed before this many minutes have passed: goes on after the last one.
    #[arg(long)]
    minutes: Option<u64>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs each seed twice, and compares all that happens.
    Meta {
        /// Seeds: one, or `first..end`.
        #[arg(long, default_value = "0..10")]
        seeds: Seeds,
    },
    /// Breaks rules of the production code, and sees that the oracles notice.
    #[cfg(feature = "sabotage")]
    Sabotage {
        /// Only this one.
        #[arg(long)]
        rule: Option<String>,
        /// Seeds to try for each rule, at most: one, or `first..end`.
        #[arg(long, default_value = "0..200")]
        seeds: Seeds,
    },
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let args = Args::parse();
    let succeeded = match args.command {
        None => command::seeds(args.seeds, args.jobs, args.minutes),
        Some(Command::Meta { seeds }) => command::meta(seeds),
        #[cfg(feature = "sabotage")]
        Some(Command::Sabotage { rule, seeds }) => command::sabotage(rule.as_deref(), seeds),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
