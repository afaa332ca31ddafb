//! Contexts with the prelude in them.

use std::ffi::c_void;

use v8::MapFnTo;

use super::modules;
use super::ops::{self, string};
use super::prelude::{self, PreludeFile};
use super::state;

/// A new context with the prelude.
pub(super) fn create<'s>(scope: &mut v8::PinScope<'s, '_, ()>) -> Option<v8::Local<'s, v8::Context>> {
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    let scope = &mut v8::ContextScope::new(scope, context);
    let global = context.global(scope);
    ops::install(scope, global);
    let core = run_file(scope, &prelude::CORE)?;
    let natives = ops::ops_object(scope);
    let undefined = v8::undefined(scope);
    core.call(scope, undefined.into(), &[global.into(), natives.into()])?;
    for file in prelude::LAZY {
        for name in file.globals {
            let name = string(scope, name);
            let undefined = v8::undefined(scope);
            global.set_lazy_data_property_with_data(
                scope,
                name.into(),
                lazy_global,
                undefined.into(),
                v8::PropertyAttribute::DONT_ENUM,
                v8::SideEffectType::HasSideEffect,
                v8::SideEffectType::HasSideEffect,
            );
        }
    }
    Some(context)
}

/// Sets an isolate up to run contexts of ours.
pub(super) fn prepare_isolate(isolate: &mut v8::Isolate) {
    isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
    isolate.set_capture_stack_trace_for_uncaught_exceptions(false, 0);
    isolate.set_prepare_stack_trace_callback(super::errors::prepare_stack_trace);
    isolate.set_promise_reject_callback(super::rejections::on_promise_reject);
    isolate.set_host_import_module_dynamically_callback(modules::import_dynamically);
    isolate.set_host_initialize_import_meta_object_callback(modules::import_meta);
}

/// The function that a file of the prelude is.
fn run_file<'s>(scope: &mut v8::PinScope<'s, '_>, file: &PreludeFile) -> Option<v8::Local<'s, v8::Function>> {
    let name = string(scope, &format!("{}/{}", prelude::SCHEME, file.name));
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, false, None);
    let source = string(scope, file.source);
    let script = v8::Script::compile(scope, source, Some(&origin))?;
    let value = script.run(scope)?;
    v8::Local::<v8::Function>::try_from(value).ok()
}

/// The address by which a startup snapshot refers to [`lazy_global`].
pub(super) fn lazy_global_getter() -> *mut c_void {
    let getter: v8::AccessorNameGetterCallback = lazy_global.map_fn_to();
    getter as *mut c_void
}

/// Makes a global of a lazy file when it is first read.
pub(super) fn lazy_global<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut result: v8::ReturnValue<'_, v8::Value>,
) {
    let name = name.to_rust_string_lossy(scope);
    if let Some(value) = lazy_export(scope, &name, &name) {
        result.set(value);
    }
}

/// What the lazy file called `file`, or that has a global of this name, exports as `name`.
pub(super) fn lazy_export<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    file: &str,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let exports = lazy_exports(scope, file)?;
    let name = string(scope, name);
    exports.get(scope, name.into())
}

/// The exports of a lazy file, which is evaluated at most once in a context.
fn lazy_exports<'s>(scope: &mut v8::PinScope<'s, '_>, file: &str) -> Option<v8::Local<'s, v8::Object>> {
    let file = prelude::lazy_file(file)?;
    if let Some(exports) = loaded(scope, file) {
        return Some(exports);
    }
    if let Some(execution) = state::current(scope)
        && execution.is_immutable.get()
    {
        execution.trip(scope);
        return None;
    }
    let function = run_file(scope, file)?;
    let natives = ops::ops_object(scope);
    let load = v8::Function::new(scope, load)?;
    let undefined = v8::undefined(scope);
    let exports = function.call(scope, undefined.into(), &[natives.into(), load.into()])?;
    let global = scope.get_current_context().global(scope);
    let key = exports_key(scope, file);
    global.set_private(scope, key, exports);
    v8::Local::<v8::Object>::try_from(exports).ok()
}

/// Where the exports of a lazy file are kept in the global object, out of the reach of user code.
fn exports_key<'s>(scope: &mut v8::PinScope<'s, '_>, file: &PreludeFile) -> v8::Local<'s, v8::Private> {
    let key = string(scope, &format!("{}/{}", prelude::SCHEME, file.name));
    v8::Private::for_api(scope, Some(key))
}

/// The exports of a lazy file, if it has been evaluated.
fn loaded<'s>(scope: &mut v8::PinScope<'s, '_>, file: &PreludeFile) -> Option<v8::Local<'s, v8::Object>> {
    let key = exports_key(scope, file);
    let global = scope.get_current_context().global(scope);
    global.get_private(scope, key)?.try_cast().ok()
}

/// Whether a lazy file that has state has been evaluated.
pub(super) fn has_loaded_stateful(scope: &mut v8::PinScope<'_, '_>) -> bool {
    prelude::LAZY.iter().any(|file| !file.is_stateless() && loaded(scope, file).is_some())
}

/// The globals of the lazy files that have state.
pub(super) fn stateful_globals() -> impl Iterator<Item = &'static str> {
    prelude::LAZY.iter().filter(|file| !file.is_stateless()).flat_map(|file| file.globals).copied()
}

/// Evaluates the lazy files without state, and makes their globals.
pub(super) fn load_stateless(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    let global = scope.get_current_context().global(scope);
    for file in prelude::LAZY.iter().filter(|file| file.is_stateless()) {
        lazy_exports(scope, file.name)?;
        for name in file.globals {
            let name = string(scope, name);
            global.get(scope, name.into())?;
        }
    }
    Some(())
}

/// `(file) => exports`, for lazy files that need one another.
pub(super) fn load<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let file = args.get(0).to_rust_string_lossy(scope);
    if let Some(exports) = lazy_exports(scope, &file) {
        result.set(exports.into());
    }
}

/// Reads a property that must be a function.
pub(super) fn method<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    let name = string(scope, name);
    let value = object.get(scope, name.into())?;
    v8::Local::<v8::Function>::try_from(value).ok()
}
