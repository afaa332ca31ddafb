//! Measures the local commit log: `cargo run --release -p lakewire-storage --example bench_log [DIRECTORY]`.
//!
//! Prints how long one append takes until it is durable, for entries of several sizes, with and without zeros written
//! ahead, and how long it takes to open and read back what was written. The directory (default: the current one)
//! decides which disk is measured.

use lakewire_storage::env::Env;
use lakewire_storage::log::{Append, CommitLog, LocalLog, LocalLogOptions, LogEntry, conformance};

const APPENDS: u64 = 2_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env = Env::system();
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for preallocate_bytes in [0, LocalLogOptions::default().preallocate_bytes] {
        for size in [400, 4_000, 64_000] {
            let directory = tempfile::tempdir_in(&parent)?;
            let options = LocalLogOptions { preallocate_bytes, ..LocalLogOptions::default() };
            let entry = conformance::sample_entry(&env, size);
            let log = LocalLog::open_with(directory.path(), &env, options).await?;
            let mut times = Vec::new();
            for n in 1..=APPENDS {
                let entry = LogEntry { nonce: env.random_bytes(), ..entry.clone() };
                let began = env.monotonic_ns();
                if log.append_if_absent(n, &entry).await? != Append::Appended {
                    return Err(format!("entry {n} was not appended").into());
                }
                times.push(env.monotonic_ns() - began);
            }
            drop(log);
            times.sort_unstable();
            let percentile = |percent: usize| times[times.len() * percent / 100] / 1_000;
            println!(
                "append of {} bytes, {preallocate_bytes} written ahead: p50 {} us, p90 {} us, p99 {} us, mean {} us",
                entry.encode()?.len(),
                percentile(50),
                percentile(90),
                percentile(99),
                times.iter().sum::<u64>() / APPENDS / 1_000,
            );

            let began = env.monotonic_ns();
            let log = LocalLog::open_with(directory.path(), &env, options).await?;
            let opened = env.monotonic_ns();
            let mut next = 1;
            while next <= APPENDS {
                next += log.read(next, 1_000).await?.len() as u64;
            }
            let read = env.monotonic_ns();
            println!(
                "    {APPENDS} entries: opened in {} us, read in {} us",
                (opened - began) / 1_000,
                (read - opened) / 1_000
            );
        }
    }
    Ok(())
}
