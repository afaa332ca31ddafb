//! A context in which modules of a push are evaluated, with the restrictions of their kind.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::EvaluationError;
use crate::runtime::bundle::Bundle;
use crate::runtime::console::Console;
use crate::runtime::context;
use crate::runtime::errors;
use crate::runtime::invocation::{InvocationLimits, JsFailure};
use crate::runtime::isolate::ProgramIsolate;
use crate::runtime::modules;
use crate::runtime::ops::string;
use crate::runtime::pool::RuntimeOptions;
use crate::runtime::sources::Sources;
use crate::runtime::state::{Execution, ExecutionSetup, Mode, Services};
use crate::runtime::watchdog::Watchdog;

/// What modules are evaluated in.
pub(super) struct Setting<'a> {
    pub(super) mode: Mode,
    pub(super) bundle: &'a Bundle,
    pub(super) time: Duration,
    /// Code of errors that have none of their own.
    pub(super) code: &'static str,
    /// What is being done, for the developer: `analyze a.js`.
    pub(super) task: String,
}

/// The context of an evaluation that is under way.
pub(super) struct Evaluation<'a> {
    pub(super) setting: &'a Setting<'a>,
    pub(super) execution: Rc<Execution>,
    console: Rc<Console>,
}

impl Setting<'_> {
    /// Runs `body` in a new isolate, within the time there is.
    pub(super) fn run<R>(
        &self,
        options: &RuntimeOptions,
        watchdog: &Watchdog,
        body: impl FnOnce(&mut v8::PinScope<'_, '_>, &Evaluation) -> Result<R, EvaluationError>,
    ) -> Result<R, EvaluationError> {
        let internal = || EvaluationError {
            code: "InternalServerError",
            message: format!("cannot set up a context to {}", self.task),
        };
        let mut isolate = ProgramIsolate::new(None, options, watchdog);
        let shared = isolate.shared.clone();
        let console = Rc::new(Console::new(Services::None, &InvocationLimits::default()));
        let execution = Execution::new(ExecutionSetup {
            mode: self.mode,
            sources: Sources::new(self.bundle),
            services: Services::None,
            env: Arc::new(self.bundle.env.clone()),
            console: console.clone(),
            clock: shared.watch.clock(),
            now_ms: self.bundle.import_now_ms,
            import_now_ms: self.bundle.import_now_ms,
            seed: self.bundle.import_seed,
        });
        let evaluation = Evaluation { setting: self, execution: execution.clone(), console };
        let result = isolate.enter(|isolate| {
            v8::scope!(let scope, isolate);
            let context = context::create(scope).ok_or_else(internal)?;
            let scope = &mut v8::ContextScope::new(scope, context);
            let _guard = shared.executions.push(execution.clone());
            shared.watch.arm_for(self.time);
            let result = body(scope, &evaluation);
            shared.watch.disarm();
            *execution.modules.borrow_mut() = modules::ModuleMap::default();
            execution.rejections.borrow_mut().clear();
            result
        });
        if shared.watch.has_fired() {
            let message = format!("Evaluation timed out (maximum duration: {:?})", self.time);
            return Err(evaluation.error(None, &message));
        }
        if shared.is_out_of_memory() {
            return Err(evaluation.error(None, "JavaScript execution ran out of memory"));
        }
        result
    }
}

impl Evaluation<'_> {
    /// The same context, for another task.
    pub(super) fn for_task<'b>(&self, setting: &'b Setting<'b>) -> Evaluation<'b> {
        Evaluation { setting, execution: self.execution.clone(), console: self.console.clone() }
    }

    /// Evaluates a module and returns its namespace.
    pub(super) fn import<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        path: &str,
    ) -> Result<v8::Local<'s, v8::Object>, EvaluationError> {
        modules::evaluate(scope, &self.execution, path).map_err(|failure| self.failed(&failure))
    }

    /// `namespace.default`, which must be there.
    pub(super) fn default_export<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        namespace: v8::Local<'s, v8::Object>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let key = string(scope, "default");
        namespace.get(scope, key.into()).filter(|value| !value.is_undefined())
    }

    /// Calls `object[name]()`; `None` if it isn't a function.
    pub(super) fn call_method<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        name: &str,
    ) -> Result<Option<v8::Local<'s, v8::Value>>, EvaluationError> {
        v8::tc_scope!(let scope, scope);
        let Some(method) = context::method(scope, object, name) else {
            return match scope.exception() {
                Some(thrown) => Err(self.failed(&errors::failure(scope, thrown))),
                None => Ok(None),
            };
        };
        match method.call(scope, object.into(), &[]) {
            Some(value) => Ok(Some(value)),
            None => match scope.exception() {
                Some(thrown) => Err(self.failed(&errors::failure(scope, thrown))),
                None => Err(self.error(None, &format!("`{name}` was stopped"))),
            },
        }
    }

    /// The error for a failure in JavaScript.
    pub(super) fn failed(&self, failure: &JsFailure) -> EvaluationError {
        self.error(self.execution.forbidden.get(), &failure.message)
    }

    /// An error with the console's lines. `code` replaces the setting's own.
    pub(super) fn error(&self, code: Option<&'static str>, message: &str) -> EvaluationError {
        let mut text = format!("Failed to {}: {message}", self.setting.task);
        let lines = self.console.take_kept();
        if !lines.is_empty() {
            text.push_str("\n\nConsole output:\n");
            text.push_str(&lines.join("\n"));
        }
        EvaluationError { code: code.unwrap_or(self.setting.code), message: text }
    }
}

/// A bundle of one module.
pub(super) fn single(
    module: crate::runtime::ModuleSource,
    env: BTreeMap<String, String>,
    seed: [u8; 32],
    now_ms: f64,
) -> Bundle {
    Bundle { entries: vec![module.path.clone()], modules: vec![module], env, import_seed: seed, import_now_ms: now_ms }
}
