//! What can be set about running functions.

use std::path::PathBuf;
use std::time::Duration;

use lakewire_storage::limits::Limits;

/// Sizes and ceilings of a [`Pool`](super::Pool).
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Threads for queries and mutations that are always there. Each has an isolate of its own for
    /// every program it runs.
    pub workers: usize,
    /// To how many such threads the pool may grow while calls wait.
    pub max_workers: usize,
    /// Actions that run at a time.
    pub max_actions: usize,
    /// Calls that may wait for a thread; more are refused as overload.
    pub max_queued: usize,
    /// How long an action may wait for others to end before it is refused as overload.
    pub action_queue_time: Duration,
    /// Time that an action takes; what the invocation says if `None`.
    pub action_time: Option<Duration>,
    /// JavaScript heap of an isolate, bytes.
    pub heap_bytes: usize,
    /// What is granted above `heap_bytes` so that the isolate can be stopped in good order, bytes.
    pub heap_slack_bytes: usize,
    /// Total of all array buffers of an isolate, bytes.
    pub array_buffer_bytes: usize,
    /// Programs that a thread keeps isolates for.
    pub programs_per_worker: usize,
    /// Contexts made ahead of need, per thread.
    pub spare_contexts: usize,
    /// The program that builds startup snapshots: run with the argument `build-snapshot`, it must
    /// call [`run_build_child`](crate::runtime::run_build_child). `None` builds within this
    /// process, which V8 can abort on some modules.
    pub snapshot_exe: Option<PathBuf>,
    /// Time that evaluating the modules of a push may take.
    pub analyze_time: Duration,
    /// Time that evaluating a schema, an auth config or a definition may take.
    pub evaluate_time: Duration,
}

impl RuntimeOptions {
    /// Sizes for this machine, and the ceilings of `limits`.
    pub fn new(limits: &Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            workers: cores,
            max_workers: cores * 4,
            max_actions: 64,
            max_queued: 10_000,
            action_queue_time: Duration::from_secs(5),
            action_time: None,
            heap_bytes: limits.heap_bytes,
            heap_slack_bytes: 32 << 20,
            array_buffer_bytes: limits.array_buffer_bytes,
            programs_per_worker: 6,
            spare_contexts: 2,
            snapshot_exe: None,
            analyze_time: Duration::from_millis(limits.analyze_time_ms),
            evaluate_time: Duration::from_millis(limits.evaluate_time_ms),
        }
    }
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}
