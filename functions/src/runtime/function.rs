//! Finding the function to call, in a fresh context.

use std::rc::Rc;
use std::sync::Arc;

use super::console::Console;
use super::context::method;
use super::invocation::{FailureKind, Invocation, InvocationLimits, JsFailure, UdfKind};
use super::isolate::IsolateShared;
use super::modules;
use super::ops::string;
use super::program::{Entry, Program, import_execution};
use super::state::{Execution, Services};

/// A function of a program.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) program: &'a Arc<Program>,
    pub(super) module: &'a str,
    pub(super) export: &'a str,
    pub(super) kind: UdfKind,
}

impl Invocation {
    pub(super) fn target(&self) -> Target<'_> {
        Target { program: &self.program, module: &self.module, export: &self.export, kind: self.kind }
    }
}

impl<'a> Target<'a> {
    fn not_callable(&self, message: String) -> JsFailure {
        JsFailure::new(FailureKind::NotCallable, message)
    }

    pub(super) fn entry(&self) -> Result<&'a Entry, JsFailure> {
        self.program
            .entry(self.module)
            .ok_or_else(|| self.not_callable(format!("Couldn't find JavaScript module '{}'", self.module)))
    }

    /// Index in the startup snapshot of the context the function runs in.
    pub(super) fn context_index(&self) -> Result<usize, JsFailure> {
        Ok(self.entry()?.context.unwrap_or(self.program.bare_context()))
    }
}

/// A context that nothing has run in since it was frozen.
pub(super) fn fresh_context<'s>(
    scope: &mut v8::PinScope<'s, '_, ()>,
    shared: &IsolateShared,
    index: usize,
) -> Option<v8::Local<'s, v8::Context>> {
    let spare = {
        let mut spares = shared.spares.borrow_mut();
        let at = spares.iter().position(|(of, _)| *of == index);
        at.and_then(|at| spares.remove(at))
    };
    match spare {
        Some((_, context)) => Some(v8::Local::new(scope, context)),
        None => v8::Context::from_snapshot(scope, index, v8::ContextOptions::default()),
    }
}

/// The namespace of the target's module: known already, from the snapshot, or evaluated now.
///
/// The modules become those of `execution`.
pub(super) fn namespace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    shared: &Rc<IsolateShared>,
    execution: &Execution,
    target: &Target,
) -> Result<v8::Local<'s, v8::Object>, JsFailure> {
    if let Some(namespace) = &*execution.namespace.borrow() {
        return Ok(v8::Local::new(scope, namespace));
    }
    let entry = target.entry()?;
    if entry.context.is_none() {
        let console = Rc::new(Console::new(Services::None, &InvocationLimits::default()));
        let bundle = target.program.bundle();
        // The program may be shared with a component that has another environment.
        let env = execution.env.clone();
        let import = import_execution(bundle, env, target.program.sources(), &console, execution.clock.clone());
        let _guard = shared.executions.push(import.clone());
        let namespace = modules::evaluate(scope, &import, target.module)?;
        execution.modules.swap(&import.modules);
        execution.env_reads.swap(&import.env_reads);
        execution.namespace.replace(Some(v8::Global::new(scope, namespace)));
        return Ok(namespace);
    }
    let damaged = || JsFailure::new(FailureKind::Internal, "the startup snapshot lacks a module");
    // Only `import()` needs the others.
    let needed = if execution.mode.is_action() { entry.modules.len() } else { 1 };
    let mut main = None;
    for (index, path) in entry.modules.iter().take(needed).enumerate() {
        let module = scope.get_context_data_from_snapshot_once::<v8::Module>(index).map_err(|_| damaged())?;
        if execution.mode.is_action() {
            execution.modules.borrow_mut().insert(scope, path, module);
        }
        main.get_or_insert(module);
    }
    let namespace = main.ok_or_else(damaged)?.get_module_namespace();
    let namespace = namespace.to_object(scope).ok_or_else(damaged)?;
    if entry.reuses {
        execution.namespace.replace(Some(v8::Global::new(scope, namespace)));
    }
    Ok(namespace)
}

/// The namespace of the entry module of the current context, which is from the startup snapshot. Once a context.
pub(super) fn frozen_namespace<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let module = scope.get_context_data_from_snapshot_once::<v8::Module>(0).ok()?;
    module.get_module_namespace().to_object(scope)
}

/// Calls the target. The promise it gives is still to be settled.
///
/// `first` is the argument before the JSON text of the arguments, if there is one.
pub(super) fn call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    namespace: v8::Local<'s, v8::Object>,
    target: &Target,
    first: Option<&str>,
    args: &str,
) -> Result<Option<v8::Local<'s, v8::Promise>>, JsFailure> {
    let name = format!("{}:{}", target.module.trim_end_matches(".js"), target.export);
    let function = {
        let key = string(scope, target.export);
        let value = namespace.get(scope, key.into());
        match value.filter(|value| !value.is_undefined()) {
            Some(value) => value,
            None => {
                return Err(target.not_callable(format!(
                    "Couldn't find '{}' in module '{}'. Did you forget to export it?",
                    target.export, target.module
                )));
            }
        }
    };
    let Ok(function) = v8::Local::<v8::Object>::try_from(function) else {
        return Err(target.not_callable(format!("'{name}' is not a function")));
    };
    if !has_marker(scope, function, target.kind) {
        let other = [UdfKind::Query, UdfKind::Mutation, UdfKind::Action]
            .into_iter()
            .find(|kind| has_marker(scope, function, *kind));
        return Err(target.not_callable(match other {
            Some(other) => {
                format!("Trying to execute '{name}' as {}, but it is defined as {}.", target.kind.name(), other.name())
            }
            None => format!("'{name}' is not a registered {}", target.kind.name()),
        }));
    }
    let Some(invoke) = method(scope, function, target.kind.invoke_method()) else {
        let method = target.kind.invoke_method();
        return Err(target.not_callable(format!("'{name}' has no method {method}")));
    };
    let mut arguments = Vec::with_capacity(2);
    if let Some(first) = first {
        arguments.push(string(scope, first).into());
    }
    arguments.push(string(scope, args).into());
    let global = scope.get_current_context().global(scope);
    let Some(result) = invoke.call(scope, global.into(), &arguments) else { return Ok(None) };
    match v8::Local::<v8::Promise>::try_from(result) {
        Ok(promise) => {
            promise.mark_as_handled();
            Ok(Some(promise))
        }
        Err(_) => Err(JsFailure::new(FailureKind::NotCallable, format!("'{name}' did not return a promise"))),
    }
}

fn has_marker(scope: &mut v8::PinScope<'_, '_>, function: v8::Local<v8::Object>, kind: UdfKind) -> bool {
    let key = string(scope, kind.marker());
    function.get(scope, key.into()).is_some_and(|value| value.is_true())
}
