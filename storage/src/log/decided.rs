//! Appending until the log has said what became of it.

use std::time::Duration;

use super::{Append, CommitLog, EntryNumber, LogEntry, LogError};
use crate::env::Env;
use crate::sabotage::{self, Rule};

/// How an append ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// The entry is in the log at that number.
    Appended,
    /// Another writer's entry, this one, is; the own one is not, and never will be at that number.
    Occupied(LogEntry),
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Appends `entry` at `n`, and repeats that, with growing pauses and for as long as it takes, while the outcome is
/// unknown.
///
/// # Errors
/// An error on the first attempt means that the entry is not in the log. Once an outcome was unknown, an error of a
/// later attempt says nothing about the earlier one (which may still land), so transient errors are waited out as well.
pub async fn append_decided(
    log: &dyn CommitLog,
    env: &Env,
    n: EntryNumber,
    entry: &LogEntry,
) -> Result<Decided, LogError> {
    let mut undecided = false;
    let mut pause = FIRST_PAUSE;
    loop {
        match log.append_if_absent(n, entry).await {
            Ok(Append::Appended) => return Ok(Decided::Appended),
            Ok(Append::Occupied(present)) if is_own(&present, entry) => return Ok(Decided::Appended),
            Ok(Append::Occupied(present)) => return Ok(Decided::Occupied(present)),
            Ok(Append::Unknown) if sabotage::is(Rule::UnknownAppendGivenUp) => {
                let nothing = LogEntry { nonce: [0; 16], transactions: Vec::new(), seal: None };
                return Ok(Decided::Occupied(nothing));
            }
            Ok(Append::Unknown) => undecided = true,
            Err(error) if undecided && error.is_transient() => {
                tracing::warn!(entry = n, %error, "still waiting for the outcome of an append");
            }
            Err(error) => return Err(error),
        }
        env.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_own(present: &LogEntry, entry: &LogEntry) -> bool {
    if sabotage::is(Rule::ForeignEntryIsOwn) {
        return true;
    }
    present.nonce == entry.nonce && !sabotage::is(Rule::OwnEntryIsForeign)
}
