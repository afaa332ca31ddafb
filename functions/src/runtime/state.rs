//! What the host knows about the JavaScript that is running.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use lakewire_storage::env::Clock;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::console::Console;
use super::host::{ActionHost, AsyncCall, UdfHost};
use super::invocation::{FailureKind, JsFailure, Observed, UdfKind};
use super::modules::ModuleMap;
use super::native::NativeCall;
use super::sources::Sources;
use super::streams::Streams;
use super::timers::Timers;

/// What is being evaluated, which decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Modules, before any function is called.
    Import,
    /// A function.
    Function(UdfKind),
    Schema,
    AuthConfig,
    /// A definition; `true` if it may read environment variables.
    Definition(bool),
}

impl Mode {
    pub(super) fn is_action(self) -> bool {
        self == Mode::Function(UdfKind::Action)
    }
}

/// The host of a query or mutation, shared by it and the calls nested in it.
pub(super) type HostCell = RefCell<Option<Box<dyn UdfHost>>>;

/// Whom syscalls go to.
#[derive(Clone)]
pub(super) enum Services {
    None,
    Udf(Rc<HostCell>),
    Action(Arc<dyn ActionHost>),
}

/// An asynchronous syscall that waits for its turn.
pub(super) struct PendingCall {
    pub(super) call: AsyncCall,
    pub(super) resolver: v8::Global<v8::PromiseResolver>,
    /// Dropped when its turn has come.
    #[expect(dead_code, reason = "what matters is when it is dropped")]
    pub(super) held: Held,
}

/// Bytes outside of JavaScript's heap that count as long as this is there.
pub(super) struct Held {
    total: Rc<Cell<usize>>,
    bytes: usize,
}

impl Held {
    /// `None` if that were too many.
    pub(super) fn new(total: &Rc<Cell<usize>>, bytes: usize) -> Option<Self> {
        let after = total.get().saturating_add(bytes);
        (after <= MAX_QUEUED_BYTES).then(|| {
            total.set(after);
            Self { total: total.clone(), bytes }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.set(self.total.get() - self.bytes);
    }
}

/// The most that the arguments of syscalls which wait for their turn may take in one execution, bytes: as much as the heap.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// A promise that was rejected while nobody listened.
pub(super) struct Rejection {
    pub(super) promise: v8::Global<v8::Promise>,
    pub(super) value: v8::Global<v8::Value>,
}

/// The evaluation that happens in one context.
pub(super) struct Execution {
    pub(super) mode: Mode,
    pub(super) sources: Arc<Sources>,
    pub(super) services: Services,
    pub(super) env: Arc<BTreeMap<String, String>>,
    pub(super) console: Rc<Console>,
    pub(super) clock: Arc<dyn Clock>,
    /// Time at the start, milliseconds since 1970.
    pub(super) now_ms: f64,
    /// Time at which the modules were evaluated.
    pub(super) import_now_ms: f64,
    started_ns: u64,
    pub(super) random: RefCell<ChaCha12Rng>,
    pub(super) observed: Cell<Observed>,
    pub(super) pending: RefCell<VecDeque<PendingCall>>,
    /// Bytes of the arguments in `pending`.
    pub(super) queued_bytes: Rc<Cell<usize>>,
    /// Operations on bytes, which only actions have.
    pub(super) native: RefCell<VecDeque<NativeCall>>,
    pub(super) streams: RefCell<Streams>,
    pub(super) rejections: RefCell<Vec<Rejection>>,
    pub(super) timers: RefCell<Timers>,
    pub(super) modules: RefCell<ModuleMap>,
    /// Namespace of the module that the function is in, once it is known.
    pub(super) namespace: RefCell<Option<v8::Global<v8::Object>>>,
    /// The context is one that calls share because nothing in it can change.
    pub(super) is_immutable: Cell<bool>,
    /// It reached for something that can change all the same.
    pub(super) has_tripped: Cell<bool>,
    /// Labels of `console.time` with the moment each was set.
    pub(super) labels: RefCell<HashMap<String, u64>>,
    /// Set when the execution has to end whatever JavaScript says.
    pub(super) fatal: RefCell<Option<JsFailure>>,
    /// Names of the environment variables that were looked at.
    pub(super) env_reads: RefCell<BTreeSet<String>>,
    /// Code of the first thing that `mode` forbids and was tried all the same.
    pub(super) forbidden: Cell<Option<&'static str>>,
}

/// What an [`Execution`] is made from.
pub(super) struct ExecutionSetup {
    pub(super) mode: Mode,
    pub(super) sources: Arc<Sources>,
    pub(super) services: Services,
    pub(super) env: Arc<BTreeMap<String, String>>,
    pub(super) console: Rc<Console>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) now_ms: f64,
    pub(super) import_now_ms: f64,
    pub(super) seed: [u8; 32],
}

impl Execution {
    pub(super) fn new(setup: ExecutionSetup) -> Rc<Self> {
        Rc::new(Self {
            mode: setup.mode,
            sources: setup.sources,
            services: setup.services,
            env: setup.env,
            console: setup.console,
            started_ns: setup.clock.monotonic_ns(),
            clock: setup.clock,
            now_ms: setup.now_ms,
            import_now_ms: setup.import_now_ms,
            random: RefCell::new(ChaCha12Rng::from_seed(setup.seed)),
            observed: Cell::default(),
            pending: RefCell::default(),
            queued_bytes: Rc::default(),
            native: RefCell::default(),
            streams: RefCell::default(),
            rejections: RefCell::default(),
            timers: RefCell::default(),
            modules: RefCell::default(),
            namespace: RefCell::default(),
            is_immutable: Cell::default(),
            has_tripped: Cell::default(),
            labels: RefCell::default(),
            fatal: RefCell::default(),
            env_reads: RefCell::default(),
            forbidden: Cell::default(),
        })
    }

    /// Lets go of everything that waits.
    pub(super) fn clear(&self) {
        self.pending.borrow_mut().clear();
        self.native.borrow_mut().clear();
        self.streams.take();
        self.rejections.borrow_mut().clear();
        self.timers.take();
    }

    /// A seed for a function that this one calls.
    pub(super) fn nested_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.random.borrow_mut().fill_bytes(&mut seed);
        seed
    }

    /// `Date.now()`, whole milliseconds.
    pub(super) fn date_now(&self) -> f64 {
        self.observe_time();
        if self.mode.is_action() {
            return (self.clock.now_ns() / 1_000_000) as f64;
        }
        self.now_ms.trunc()
    }

    /// `performance.now()`, a multiple of 0.1 ms.
    pub(super) fn performance_now(&self) -> f64 {
        self.observe_time();
        let ms = match self.mode {
            Mode::Function(UdfKind::Query) => self.now_ms - self.import_now_ms,
            Mode::Function(_) => self.now_ms - self.import_now_ms + self.elapsed_ns() as f64 / 1e6,
            _ => 0.0,
        };
        (ms * 10.0).floor() / 10.0
    }

    pub(super) fn elapsed_ns(&self) -> u64 {
        self.clock.monotonic_ns().saturating_sub(self.started_ns)
    }

    pub(super) fn observe_time(&self) {
        self.observed.set(Observed { time: true, ..self.observed.get() });
    }

    pub(super) fn observe_random(&self) {
        self.observed.set(Observed { random: true, ..self.observed.get() });
    }

    /// Takes over what a nested call looked at.
    pub(super) fn observe_all(&self, nested: Observed) {
        let own = self.observed.get();
        self.observed.set(Observed { time: own.time || nested.time, random: own.random || nested.random });
    }

    /// Makes the execution end with an error that JavaScript can't catch.
    pub(super) fn fail_uncatchably(&self, isolate: &v8::Isolate, message: impl Into<String>) {
        self.fail_with(isolate, JsFailure::new(FailureKind::Uncatchable, message));
    }

    /// Ends the execution with a failure, unless it has one already.
    pub(super) fn fail_with(&self, isolate: &v8::Isolate, failure: JsFailure) {
        self.fatal.borrow_mut().get_or_insert(failure);
        isolate.terminate_execution();
    }

    /// Ends the execution because it needs a context of its own.
    pub(super) fn trip(&self, isolate: &v8::Isolate) {
        self.has_tripped.set(true);
        self.fail_uncatchably(isolate, "the function needs a context of its own");
    }

    /// Notes that something `mode` forbids was tried.
    pub(super) fn forbid(&self, code: &'static str) {
        if self.forbidden.get().is_none() {
            self.forbidden.set(Some(code));
        }
    }
}

/// The executions of an isolate: a nested call is above its caller.
#[derive(Default)]
pub(super) struct ExecutionStack {
    stack: RefCell<Vec<Rc<Execution>>>,
}

impl ExecutionStack {
    /// Makes `execution` the current one until the guard is dropped.
    pub(super) fn push(self: &Rc<Self>, execution: Rc<Execution>) -> ExecutionGuard {
        self.stack.borrow_mut().push(execution);
        ExecutionGuard { stack: self.clone() }
    }
}

/// Ends the execution on top of the stack when dropped.
pub(super) struct ExecutionGuard {
    stack: Rc<ExecutionStack>,
}

impl Drop for ExecutionGuard {
    fn drop(&mut self) {
        self.stack.stack.borrow_mut().pop();
    }
}

/// The execution whose JavaScript is running, `None` while a context is set up.
pub(super) fn current(isolate: &v8::Isolate) -> Option<Rc<Execution>> {
    let stack = isolate.get_slot::<Rc<ExecutionStack>>()?;
    stack.stack.borrow().last().cloned()
}
