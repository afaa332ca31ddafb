//! Isolates, each for one program on one thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::allocator::{Account, limited_allocator};
use super::context;
use super::ops;
use super::platform;
use super::pool::RuntimeOptions;
use super::program::Program;
use super::reuse::UsedContexts;
use super::state::ExecutionStack;
use super::watchdog::{Watch, Watchdog};

/// How often the heap limit is raised so that an isolate can be stopped. After that V8 ends the
/// process, as it would without the raising.
const MAX_RAISES: u32 = 8;
/// By how much it is raised from the second time on: a single large allocation must fit, for only
/// then does V8 get to stop.
const LARGE_RAISE: usize = 600 << 20;

/// A V8 isolate that has been entered at no time but inside [`enter`](Self::enter).
pub(super) struct ProgramIsolate {
    isolate: Option<v8::OwnedIsolate>,
    pub(super) shared: Rc<IsolateShared>,
    /// V8 has a pointer to it.
    heap_guard: Box<HeapGuard>,
    /// The startup snapshot is read in place: it must live as long as the isolate.
    _program: Option<Arc<Program>>,
}

/// What belongs to an isolate besides its heap.
pub(super) struct IsolateShared {
    pub(super) executions: Rc<ExecutionStack>,
    pub(super) watch: Arc<Watch>,
    /// Set when the heap limit was hit.
    heap_raises: Arc<AtomicU32>,
    /// Contexts made ahead of need, by index in the program's startup snapshot.
    pub(super) spares: RefCell<VecDeque<(usize, v8::Global<v8::Context>)>>,
    pub(super) used: UsedContexts,
}

impl IsolateShared {
    /// True once the isolate has used up its heap: it must not be used any more.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.heap_raises.load(Ordering::Relaxed) > 0
    }

    /// True if the isolate can't run any more.
    pub(super) fn is_broken(&self) -> bool {
        self.is_out_of_memory() || self.watch.has_fired()
    }
}

/// So many times what may be held outside of the heap is not garbage that waits: it came at once, and more may follow
/// before V8 lets anybody look.
const FAR_OVER: i64 = 3;

struct HeapGuard {
    raises: Arc<AtomicU32>,
    buffers: Arc<Account>,
    isolate: v8::IsolateHandle,
    slack: usize,
    /// The most memory outside of the heap, bytes: array buffers, and what the account of these can't count, which are
    /// resizable buffers and memories of WebAssembly.
    external_bytes: i64,
    /// [`look_again`] is to come.
    looking: AtomicBool,
}

/// Called by V8 after a collection of the whole heap; what is held outside of it makes V8 collect more often.
unsafe extern "C" fn after_collection(
    isolate: v8::UnsafeRawIsolatePtr,
    _type: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: the guard outlives the isolate, see the order of the fields and `drop`; V8 gives the isolate that calls.
    let (guard, mut isolate) = unsafe { (&*data.cast::<HeapGuard>(), v8::Isolate::from_raw_isolate_ptr(isolate)) };
    let over = guard.over(&mut isolate);
    if over > FAR_OVER {
        guard.stop();
    } else if over > 1 && !guard.looking.swap(true, Ordering::Relaxed) {
        // What it has found to be garbage may not have been given back yet: that takes another look.
        guard.isolate.request_interrupt(look_again, data);
    }
}

/// Called by V8 between two steps of JavaScript.
unsafe extern "C" fn look_again(isolate: v8::UnsafeRawIsolatePtr, data: *mut c_void) {
    // SAFETY: as above.
    let (guard, mut isolate) = unsafe { (&*data.cast::<HeapGuard>(), v8::Isolate::from_raw_isolate_ptr(isolate)) };
    isolate.low_memory_notification();
    if guard.over(&mut isolate) > 1 {
        guard.stop();
    }
    guard.looking.store(false, Ordering::Relaxed);
}

impl HeapGuard {
    /// What is held outside of the heap, as a multiple of what may be, rounded up: 1 is within it.
    fn over(&self, isolate: &mut v8::Isolate) -> i64 {
        // A change by nothing tells the total.
        isolate.adjust_amount_of_external_allocated_memory(0) / self.external_bytes + 1
    }

    /// Ends the execution: it is out of memory.
    fn stop(&self) {
        self.raises.fetch_add(1, Ordering::Relaxed);
        self.isolate.terminate_execution();
    }
}

unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: the guard outlives the isolate, see the order of the fields and `drop`.
    let guard = unsafe { &*data.cast::<HeapGuard>() };
    // V8 also calls this when it has asked for an array buffer again and again. Saying no once more
    // makes that a `RangeError`; afterwards it asks a last time, which is why one refusal says nothing.
    if guard.buffers.take_refusals() > 1 {
        return current;
    }
    let raises = guard.raises.fetch_add(1, Ordering::Relaxed);
    guard.isolate.terminate_execution();
    match raises {
        0 => current + guard.slack,
        1..MAX_RAISES => current + LARGE_RAISE,
        _ => current,
    }
}

impl ProgramIsolate {
    /// An isolate, from the startup snapshot of `program` if there is one.
    pub(super) fn new(program: Option<Arc<Program>>, options: &RuntimeOptions, watchdog: &Watchdog) -> Self {
        platform::initialize();
        let (allocator, buffers) = limited_allocator(options.array_buffer_bytes);
        let mut params = v8::CreateParams::default()
            .heap_limits(0, options.heap_bytes)
            .array_buffer_allocator(allocator.make_shared())
            .external_references(ops::external_references().into())
            .allow_atomics_wait(false);
        if let Some(program) = &program {
            let blob = program.blob();
            // SAFETY: `_program` keeps the bytes alive until after the isolate is gone.
            let blob: &'static [u8] = unsafe { std::slice::from_raw_parts(blob.as_ptr(), blob.len()) };
            params = params.snapshot_blob(blob.into());
        }
        let mut isolate = v8::Isolate::new(params);
        context::prepare_isolate(&mut isolate);
        let executions = Rc::new(ExecutionStack::default());
        isolate.set_slot(executions.clone());
        isolate.set_slot(buffers.clone());
        let raises = Arc::new(AtomicU32::new(0));
        let heap_guard = Box::new(HeapGuard {
            raises: raises.clone(),
            buffers,
            isolate: isolate.thread_safe_handle(),
            slack: options.heap_slack_bytes,
            external_bytes: i64::try_from(options.array_buffer_bytes * 2).unwrap_or(i64::MAX).max(1),
            looking: AtomicBool::new(false),
        });
        let data = (&raw const *heap_guard).cast_mut().cast::<c_void>();
        isolate.add_near_heap_limit_callback(near_heap_limit, data);
        isolate.add_gc_epilogue_callback(after_collection, data, v8::GCType::kGCTypeMarkSweepCompact);
        let shared = Rc::new(IsolateShared {
            executions,
            watch: watchdog.watch(isolate.thread_safe_handle()),
            heap_raises: raises,
            spares: RefCell::default(),
            used: UsedContexts::default(),
        });
        // SAFETY: creating it has entered it.
        unsafe { isolate.exit() };
        Self { isolate: Some(isolate), shared, heap_guard, _program: program }
    }

    /// Makes this the current isolate of the thread while `body` runs.
    pub(super) fn enter<R>(&mut self, body: impl FnOnce(&mut v8::OwnedIsolate) -> R) -> R {
        struct Entered<'a>(&'a mut v8::OwnedIsolate);
        impl Drop for Entered<'_> {
            fn drop(&mut self) {
                // SAFETY: entered below; isolates entered within have been exited by now.
                unsafe { self.0.exit() };
            }
        }
        let isolate = self.isolate.as_mut().expect("taken only when dropped");
        // SAFETY: exited by the guard, in reverse order of entering.
        unsafe { isolate.enter() };
        let entered = Entered(isolate);
        body(entered.0)
    }
}

impl Drop for ProgramIsolate {
    fn drop(&mut self) {
        self.shared.watch.disarm();
        self.shared.spares.borrow_mut().clear();
        self.shared.used.clear();
        if let Some(isolate) = self.isolate.take() {
            // SAFETY: an isolate must be the current one when it is dropped, which exits it.
            unsafe { isolate.enter() };
            drop(isolate);
        }
        // Only now: V8 may call back until the isolate is gone.
        let _ = &self.heap_guard;
    }
}
