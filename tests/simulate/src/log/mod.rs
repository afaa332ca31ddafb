//! A log like a table with conditional writes: one item an entry, linearizable, behind a network that fails.

mod logs;
mod table;

use std::sync::Arc;

use async_trait::async_trait;
use lakewire_storage::log::{Append, CommitLog, EntryNumber, LogEntry, LogError};

pub use logs::Logs;
pub use table::Table;

use crate::host::Host;
use crate::network::{Sent, send};
use crate::world::World;

/// A node's way to one stream of the table.
pub struct HostLog {
    host: Arc<Host>,
    table: Arc<Table>,
    stream: String,
}

impl HostLog {
    /// The way of `host` to `stream`.
    pub fn new(host: Arc<Host>, table: Arc<Table>, stream: &str) -> Arc<Self> {
        Arc::new(Self { host, table, stream: stream.to_owned() })
    }

    async fn read_request<T: Send + 'static>(
        &self,
        operation: &'static str,
        carry_out: impl Fn(&Table, &str) -> Result<T, LogError> + Send + Sync + 'static,
    ) -> Result<T, LogError> {
        let (table, stream) = (self.table.clone(), self.stream.clone());
        match send(&self.host, move |_| carry_out(&table, &stream)).await {
            Sent::Answer(answer) => answer,
            Sent::Refused => Err(failed(operation, "throttled")),
            Sent::TimedOut => Err(failed(operation, "timed out")),
        }
    }
}

fn failed(operation: &'static str, text: &'static str) -> LogError {
    LogError::Io { operation, path: "simulated table".into(), error: std::io::Error::other(text) }
}

#[async_trait]
impl CommitLog for HostLog {
    async fn append_if_absent(&self, n: EntryNumber, entry: &LogEntry) -> Result<Append, LogError> {
        let encoded = entry.encode()?;
        let (table, stream, entry) = (self.table.clone(), self.stream.clone(), entry.clone());
        let name = self.host.name.clone();
        let carry_out = move |world: &World| {
            let outcome = table.append(&stream, n, &entry, &encoded);
            let said = match &outcome {
                Ok(Append::Appended) => "done",
                Ok(_) => "occupied",
                Err(_) => "refused",
            };
            world.event(format_args!("{name} appends entry {n} of {stream}: {said}"));
            outcome
        };
        match send(&self.host, carry_out).await {
            Sent::Answer(answer) => answer,
            Sent::Refused => Err(failed("append", "throttled")),
            Sent::TimedOut => Ok(Append::Unknown),
        }
    }

    async fn read(&self, from: EntryNumber, max: usize) -> Result<Vec<(EntryNumber, LogEntry)>, LogError> {
        self.read_request("read", move |table, stream| table.read(stream, from, max)).await
    }

    async fn head(&self) -> Result<EntryNumber, LogError> {
        self.read_request("read the head", |table, stream| Ok(table.head(stream))).await
    }

    async fn first(&self) -> Result<EntryNumber, LogError> {
        self.read_request("read the start", |table, stream| Ok(table.first(stream))).await
    }

    async fn trim(&self, through: EntryNumber) -> Result<(), LogError> {
        let name = self.host.name.clone();
        let (table, stream) = (self.table.clone(), self.stream.clone());
        let carry_out = move |world: &World| {
            table.trim(&stream, through);
            world.event(format_args!("{name} trims {stream} through {through}"));
        };
        match send(&self.host, carry_out).await {
            Sent::Answer(()) => Ok(()),
            Sent::Refused => Err(failed("trim", "throttled")),
            Sent::TimedOut => Err(failed("trim", "timed out")),
        }
    }

    fn is_shared(&self) -> bool {
        true
    }
}
