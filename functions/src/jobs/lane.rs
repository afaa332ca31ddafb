//! A queue of jobs: mutations and actions wait apart, so that long actions hold up no mutation.

use std::collections::VecDeque;
use std::sync::Arc;

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::id::InternalId;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::row::JobRow;
use crate::model::{FunctionKind, ModelError, rows};

/// Rows looked at in one go.
const BATCH: usize = 256;

/// The name of a queue in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LaneName {
    Mutation,
    Action,
}

impl LaneName {
    /// Where a function waits. What is neither mutation nor action fails soon, as a mutation that cannot be run.
    pub fn of(kind: Option<FunctionKind>) -> Self {
        if kind == Some(FunctionKind::Action) { Self::Action } else { Self::Mutation }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Mutation => "mutation",
            Self::Action => "action",
        }
    }
}

/// What one process knows of a queue.
pub(super) struct Lane {
    pub name: LaneName,
    /// Those that run here, `None` where the permit of one is. How many may.
    pub slots: Arc<tokio::sync::Semaphore>,
    /// Due, the earliest first.
    pub ready: VecDeque<(InternalId, JobRow)>,
    /// No row of the queue has an earlier time, in ms: what was before has ended, and left traces in memory that a scan
    /// from the beginning would have to pass again and again.
    floor: f64,
    /// When the next one is due that is not yet, ms.
    pub next_due: f64,
}

impl Lane {
    pub fn new(name: LaneName, slots: usize) -> Self {
        let slots = Arc::new(tokio::sync::Semaphore::new(slots));
        Self { name, slots, ready: VecDeque::new(), floor: f64::NEG_INFINITY, next_due: f64::NEG_INFINITY }
    }

    /// Anything may wait from `at` on, in ms.
    pub fn expect(&mut self, at: f64) {
        self.floor = self.floor.min(at);
        self.next_due = self.next_due.min(at);
    }

    /// Looks for what is due at `now_ms`. `is_running` tells what this process is at already.
    pub async fn look(
        &mut self,
        tx: &mut Transaction,
        now_ms: f64,
        is_running: impl Fn(InternalId) -> bool,
    ) -> Result<(), ModelError> {
        let span = (self.floor, f64::INFINITY);
        let found = rows::between::<JobRow>(
            tx,
            SystemTable::ScheduledJobs,
            "by_lane",
            &[self.name.as_str().into()],
            span,
            BATCH,
        )
        .await?;
        self.floor = found.first().and_then(|row| row.value.next_ts).unwrap_or(f64::INFINITY);
        let is_all = found.len() < BATCH;
        self.next_due = if is_all { f64::INFINITY } else { now_ms };
        for row in found {
            let due = row.value.next_ts.unwrap_or(f64::INFINITY);
            if due > now_ms {
                self.next_due = due;
                break;
            }
            if !is_running(row.id.internal) {
                self.ready.push_back((row.id.internal, row.value));
            }
        }
        Ok(())
    }
}
