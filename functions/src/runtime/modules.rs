//! Loading, linking and evaluating ES modules.

use std::collections::HashMap;

use url::Url;

use super::errors;
use super::invocation::{FailureKind, JsFailure, UdfKind};
use super::ops::{string, throw_error, throw_type_error};
use super::sources::SCHEME;
use super::state::{self, Execution, Mode};

/// The modules of one context.
#[derive(Default)]
pub(super) struct ModuleMap {
    by_path: HashMap<String, v8::Global<v8::Module>>,
    /// Hashes are not unique: the paths that share one are told apart by identity.
    by_hash: HashMap<i32, Vec<String>>,
    /// Values of the default exports of synthetic modules, until these are evaluated.
    synthetic: HashMap<String, v8::Global<v8::Value>>,
}

impl ModuleMap {
    pub(super) fn insert(&mut self, scope: &mut v8::PinScope<'_, '_>, path: &str, module: v8::Local<v8::Module>) {
        self.by_hash.entry(module.get_identity_hash().get()).or_default().push(path.to_owned());
        self.by_path.insert(path.to_owned(), v8::Global::new(scope, module));
    }

    pub(super) fn get<'s>(&self, scope: &mut v8::PinScope<'s, '_>, path: &str) -> Option<v8::Local<'s, v8::Module>> {
        self.by_path.get(path).map(|module| v8::Local::new(scope, module))
    }

    fn path_of<'s>(&self, scope: &mut v8::PinScope<'s, '_>, module: v8::Local<'s, v8::Module>) -> Option<String> {
        let paths = self.by_hash.get(&module.get_identity_hash().get())?;
        paths.iter().find(|path| self.get(scope, path) == Some(module)).cloned()
    }

    /// Paths of all modules, in order.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.by_path.keys().cloned().collect();
        paths.sort();
        paths
    }

    /// Adds a module whose one export, `default`, is `value`.
    pub(super) fn insert_synthetic(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        path: &str,
        value: v8::Local<v8::Value>,
    ) {
        let name = string(scope, &format!("{SCHEME}{path}"));
        let default = string(scope, "default");
        let module = v8::Module::create_synthetic_module(scope, name, &[default], evaluate_synthetic);
        self.insert(scope, path, module);
        self.synthetic.insert(path.to_owned(), v8::Global::new(scope, value));
    }
}

fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let execution = state::current(scope)?;
    let modules = execution.modules.borrow();
    let path = modules.path_of(scope, module)?;
    let value = v8::Local::new(scope, modules.synthetic.get(&path)?);
    let default = string(scope, "default");
    module.set_synthetic_module_export(scope, default, value)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope);
    resolver.resolve(scope, undefined.into());
    Some(resolver.get_promise(scope).into())
}

/// Why a specifier names no module.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("Invalid import specifier '{0}'")]
    Invalid(String),
    #[error("Unsupported scheme in import specifier '{0}': only `convex:` is supported")]
    UnsupportedScheme(String),
    #[error("Unsupported authority in import specifier '{0}'")]
    UnsupportedAuthority(String),
}

/// The path of the module that `specifier` means within the module at `referrer`.
pub(super) fn resolve(specifier: &str, referrer: &str) -> Result<String, ResolveError> {
    let invalid = || ResolveError::Invalid(specifier.to_owned());
    let base = Url::parse(&format!("{SCHEME}{referrer}")).map_err(|_| invalid())?;
    let url = base.join(specifier).map_err(|_| invalid())?;
    if url.scheme() != "convex" {
        return Err(ResolveError::UnsupportedScheme(specifier.to_owned()));
    }
    if url.has_authority() {
        return Err(ResolveError::UnsupportedAuthority(specifier.to_owned()));
    }
    url.path().strip_prefix('/').map(str::to_owned).ok_or_else(invalid)
}

/// Loads, links and evaluates the module at `path` and what it imports, and returns its namespace.
pub(super) fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    execution: &Execution,
    path: &str,
) -> Result<v8::Local<'s, v8::Object>, JsFailure> {
    v8::tc_scope!(let scope, scope);
    let namespace = evaluate_inner(scope, execution, path);
    match namespace {
        Some(Ok(namespace)) => Ok(namespace),
        Some(Err(message)) => Err(JsFailure::new(FailureKind::Thrown, message)),
        None => {
            if let Some(failure) = execution.fatal.take() {
                return Err(failure);
            }
            if scope.has_terminated() {
                return Err(JsFailure::new(FailureKind::Timeout, "Uncaught Error: Module evaluation timed out"));
            }
            match scope.exception() {
                Some(error) => Err(errors::failure(scope, error)),
                None => Err(JsFailure::new(FailureKind::Internal, "cannot evaluate the module")),
            }
        }
    }
}

/// `None`: an exception is pending. `Some(Err(_))`: a failure without one.
fn evaluate_inner<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    execution: &Execution,
    path: &str,
) -> Option<Result<v8::Local<'s, v8::Object>, String>> {
    let module = load(scope, execution, path)?;
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module(scope, resolve_static)?;
    }
    let promise = module.evaluate(scope)?;
    scope.perform_microtask_checkpoint();
    let promise = v8::Local::<v8::Promise>::try_from(promise).ok()?;
    match promise.state() {
        v8::PromiseState::Fulfilled => {
            // A promise of an import that nobody waits for fails it, as one of a call fails that.
            let unhandled = execution.rejections.take().into_iter().next();
            if let Some(rejection) = unhandled {
                let error = v8::Local::new(scope, rejection.value);
                scope.throw_exception(error);
                return None;
            }
            let namespace = module.get_module_namespace();
            Some(Ok(namespace.to_object(scope)?))
        }
        v8::PromiseState::Pending if scope.is_execution_terminating() => None,
        v8::PromiseState::Pending => Some(Err(format!(
            "Uncaught Error: Top-level awaits in source files are unsupported: `{path}` did not finish loading"
        ))),
        v8::PromiseState::Rejected => {
            promise.mark_as_handled();
            execution.rejections.borrow_mut().clear();
            let error = promise.result(scope);
            scope.throw_exception(error);
            None
        }
    }
}

/// Compiles the module at `path` and everything it imports. `None`: an exception is pending.
fn load<'s>(scope: &mut v8::PinScope<'s, '_>, execution: &Execution, path: &str) -> Option<v8::Local<'s, v8::Module>> {
    let mut to_load = vec![path.to_owned()];
    while let Some(path) = to_load.pop() {
        if execution.modules.borrow().get(scope, &path).is_some() {
            continue;
        }
        let Some(source) = execution.sources.get(&path) else {
            throw_error(
                scope,
                &format!("Module `{path}` not found. Try running `npx convex dev` to push your modules."),
            );
            return None;
        };
        let module = compile(scope, &path, &source.source)?;
        execution.modules.borrow_mut().insert(scope, &path, module);
        let requests = module.get_module_requests();
        for index in 0..requests.length() {
            let request = requests.get(scope, index)?;
            let request = v8::Local::<v8::ModuleRequest>::try_from(request).ok()?;
            if request.get_import_attributes().length() > 0 {
                throw_type_error(scope, "Import attributes are not supported");
                return None;
            }
            let specifier = request.get_specifier().to_rust_string_lossy(scope);
            match resolve(&specifier, &path) {
                Ok(path) => to_load.push(path),
                Err(error) => {
                    throw_type_error(scope, &error.to_string());
                    return None;
                }
            }
        }
    }
    execution.modules.borrow().get(scope, path)
}

fn compile<'s>(scope: &mut v8::PinScope<'s, '_>, path: &str, source: &str) -> Option<v8::Local<'s, v8::Module>> {
    let name = string(scope, &format!("{SCHEME}{path}"));
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, true, None);
    let source = string(scope, source);
    let mut source = v8::script_compiler::Source::new(source, Some(&origin));
    v8::script_compiler::compile_module(scope, &mut source)
}

/// Finds an already loaded module for an `import` declaration.
fn resolve_static<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    _attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    let execution = state::current(scope)?;
    let specifier = specifier.to_rust_string_lossy(scope);
    let modules = execution.modules.borrow();
    let referrer = modules.path_of(scope, referrer)?;
    let found = resolve(&specifier, &referrer).ok().and_then(|path| modules.get(scope, &path));
    if found.is_none() {
        throw_error(scope, &format!("Module `{specifier}` not found"));
    }
    found
}

/// `import()`: only actions may load modules.
pub(super) fn import_dynamically<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    _host_defined_options: v8::Local<'s, v8::Data>,
    resource_name: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    _attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    let execution = state::current(scope)?;
    v8::tc_scope!(let scope, scope);
    let referrer = resource_name.to_rust_string_lossy(scope);
    let specifier = specifier.to_rust_string_lossy(scope);
    let namespace = if execution.mode == Mode::Function(UdfKind::Action) {
        let referrer = referrer.strip_prefix(SCHEME).unwrap_or_default();
        match resolve(&specifier, referrer) {
            Ok(path) => import_now(scope, &execution, &path),
            Err(error) => {
                throw_type_error(scope, &error.to_string());
                None
            }
        }
    } else {
        throw_type_error(scope, "dynamic module import is only supported in actions");
        None
    };
    match namespace {
        Some(namespace) => {
            resolver.resolve(scope, namespace);
        }
        None => {
            let error = scope.exception()?;
            scope.reset();
            resolver.reject(scope, error);
        }
    }
    Some(promise)
}

/// Evaluates a module while a function runs: no microtasks may run in between.
fn import_now<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    execution: &Execution,
    path: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let module = load(scope, execution, path)?;
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module(scope, resolve_static)?;
    }
    let promise = module.evaluate(scope)?;
    let promise = v8::Local::<v8::Promise>::try_from(promise).ok()?;
    match promise.state() {
        v8::PromiseState::Fulfilled => Some(module.get_module_namespace()),
        v8::PromiseState::Rejected => {
            promise.mark_as_handled();
            let error = promise.result(scope);
            scope.throw_exception(error);
            None
        }
        v8::PromiseState::Pending => {
            throw_error(scope, "Top-level awaits in source files are unsupported");
            None
        }
    }
}

/// `import.meta` is not supported: reading it throws.
pub(super) unsafe extern "C" fn import_meta(
    context: v8::Local<v8::Context>,
    _module: v8::Local<v8::Module>,
    _meta: v8::Local<v8::Object>,
) {
    v8::callback_scope!(unsafe scope, context);
    throw_type_error(scope, "import.meta is not supported");
}
