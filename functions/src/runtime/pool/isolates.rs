//! The isolates of one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::RuntimeOptions;
use crate::runtime::invocation::Invocation;
use crate::runtime::isolate::{IsolateShared, ProgramIsolate};
use crate::runtime::program::Program;
use crate::runtime::reuse;
use crate::runtime::watchdog::Watchdog;

/// Isolates for the programs that a thread has last run, the latest at the end.
pub(in crate::runtime) struct IsolateCache {
    options: Arc<RuntimeOptions>,
    watchdog: Watchdog,
    cached: RefCell<Vec<(u64, ProgramIsolate)>>,
    created: Cell<u64>,
}

impl IsolateCache {
    pub(super) fn new(options: Arc<RuntimeOptions>, watchdog: Watchdog) -> Self {
        Self { options, watchdog, cached: RefCell::default(), created: Cell::new(0) }
    }

    /// Runs `body` in an isolate of the program. One that runs already is never given again: a
    /// second one is made.
    pub(in crate::runtime) fn with<R>(
        &self,
        program: &Arc<Program>,
        body: impl FnOnce(&mut v8::OwnedIsolate, &Rc<IsolateShared>) -> R,
    ) -> R {
        let cached = {
            let mut cached = self.cached.borrow_mut();
            let at = cached.iter().rposition(|(id, _)| *id == program.id());
            // A collection while it was idle may have found it out of memory.
            at.map(|at| cached.remove(at).1).filter(|isolate| !isolate.shared.is_broken())
        };
        let mut isolate = cached.unwrap_or_else(|| {
            self.created.set(self.created.get() + 1);
            ProgramIsolate::new(Some(program.clone()), &self.options, &self.watchdog)
        });
        let shared = isolate.shared.clone();
        let result = isolate.enter(|entered| body(entered, &shared));
        if !shared.is_broken() {
            self.keep(program.id(), isolate);
        }
        result
    }

    fn keep(&self, id: u64, isolate: ProgramIsolate) {
        let mut cached = self.cached.borrow_mut();
        cached.push((id, isolate));
        if cached.len() > self.options.programs_per_worker {
            cached.remove(0);
        }
    }

    /// Makes a context ahead of need: an immutable one for a module that is called often and may have it, otherwise a
    /// fresh one if the thread has nothing else to do.
    pub(super) fn prepare(&self, next: &Next, is_idle: bool) {
        let mut cached = self.cached.borrow_mut();
        let Some((_, isolate)) = cached.iter_mut().find(|(id, _)| *id == next.program.id()) else { return };
        let Some(context) = next.context() else { return };
        let shared = isolate.shared.clone();
        if next.is_udf && shared.used.has(&next.module) {
            return;
        }
        if next.is_udf && shared.used.wants_immutable(&next.module) && next.program.may_be_immutable(&next.module) {
            isolate.enter(|isolate| {
                v8::scope!(let scope, isolate);
                reuse::prepare(scope, &shared, &next.program, &next.module, context);
            });
            return;
        }
        let room = self.options.spare_contexts;
        if !is_idle || room == 0 || shared.spares.borrow().iter().any(|(index, _)| *index == context) {
            return;
        }
        isolate.enter(|isolate| {
            v8::scope!(let scope, isolate);
            let made = v8::Context::from_snapshot(scope, context, v8::ContextOptions::default());
            if let Some(made) = made {
                let mut spares = shared.spares.borrow_mut();
                spares.push_back((context, v8::Global::new(scope, made)));
                if spares.len() > room {
                    spares.pop_front();
                }
            }
        });
    }

    /// Gives memory back, while there is nothing else to do.
    pub(super) fn trim(&self) {
        for (_, isolate) in self.cached.borrow_mut().iter_mut() {
            isolate.enter(|isolate| isolate.low_memory_notification());
        }
    }
}

/// A call that ended: the next one may be of the same module.
pub(super) struct Next {
    program: Arc<Program>,
    module: String,
    /// A query or mutation.
    is_udf: bool,
}

impl Next {
    pub(super) fn udf(call: Invocation) -> Self {
        Self { program: call.program, module: call.module, is_udf: true }
    }

    pub(super) fn action(call: Invocation) -> Self {
        Self { program: call.program, module: call.module, is_udf: false }
    }

    /// Index in the startup snapshot of the context that it would need, if making it ahead is of use.
    fn context(&self) -> Option<usize> {
        let entry = self.program.entry(&self.module)?;
        entry.context.filter(|_| !self.is_udf || !entry.reuses)
    }
}
