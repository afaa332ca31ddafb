//! Makes a context immutable, so that no call in it can leave anything behind for the next one.
//!
//! Every object that is there before the first call is frozen, wherever it is held; a write to one throws. What freezing
//! can't hold is refused: kinds of objects with state of their own (maps, dates, promises, ...). State of the engine
//! that no object shows ends the call that reaches for it.

use super::inventory;
use crate::runtime::context;
use crate::runtime::ops::string;
use crate::runtime::state;

const PREPARE: &str = include_str!("harden.js");
/// Built-in classes whose instances have state and that V8 does not tell apart otherwise.
const STATEFUL: &str = include_str!("stateful.js");

/// Makes the current context immutable. No function has been called in it yet.
///
/// # Errors
/// What stands against it. The context is of no use then.
pub(in crate::runtime) fn harden(scope: &mut v8::PinScope<'_, '_>) -> Result<(), &'static str> {
    const FAILED: &str = "V8 could not make it immutable";
    if context::has_loaded_stateful(scope) {
        return Err("a part of the web platform with state of its own was used at import");
    }
    context::load_stateless(scope).ok_or(FAILED)?;
    prepare(scope).ok_or(FAILED)?;
    let stateful = stateful_prototypes(scope).ok_or(FAILED)?;
    let objects = inventory::objects(scope).ok_or(FAILED)?;
    for object in &objects {
        if let Some(what) = state_of(scope, *object, &stateful) {
            return Err(what);
        }
    }
    let prototype = string(scope, "prototype");
    for object in objects {
        freeze(scope, object)?;
        // V8 makes the prototype of a function when it is first read.
        if object.is_function()
            && object.has_own_property(scope, prototype.into()) == Some(true)
            && let Some(made) = object.get(scope, prototype.into())
            && let Ok(made) = v8::Local::<v8::Object>::try_from(made)
        {
            freeze(scope, made)?;
        }
    }
    let global = scope.get_current_context().global(scope);
    freeze(scope, global)
}

fn freeze(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<v8::Object>) -> Result<(), &'static str> {
    v8::tc_scope!(let scope, scope);
    match object.set_integrity_level(scope, v8::IntegrityLevel::Frozen) {
        Some(true) => Ok(()),
        _ => Err("it keeps an object that can't be made immutable"),
    }
}

fn prepare(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    v8::tc_scope!(let scope, scope);
    let source = string(scope, PREPARE);
    let prepare = v8::Script::compile(scope, source, None)?.run(scope)?;
    let prepare = v8::Local::<v8::Function>::try_from(prepare).ok()?;
    let trip = v8::Function::new(scope, trip)?;
    let names = context::stateful_globals().map(|name| string(scope, name).into()).collect::<Vec<_>>();
    let names = v8::Array::new_with_elements(scope, &names);
    let undefined = v8::undefined(scope);
    prepare.call(scope, undefined.into(), &[trip.into(), names.into()])?;
    Some(())
}

/// Ends the call: it needs a context of its own.
fn trip(scope: &mut v8::PinScope<'_, '_>, _: v8::FunctionCallbackArguments<'_>, _: v8::ReturnValue<'_, v8::Value>) {
    if let Some(execution) = state::current(scope) {
        execution.trip(scope);
    }
}

fn stateful_prototypes<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<Vec<v8::Local<'s, v8::Object>>> {
    v8::tc_scope!(let scope, scope);
    let source = string(scope, STATEFUL);
    let found = v8::Script::compile(scope, source, None)?.run(scope)?;
    let found = v8::Local::<v8::Array>::try_from(found).ok()?;
    (0..found.length()).map(|index| found.get_index(scope, index)?.try_cast().ok()).collect()
}

/// What state an object has besides its properties.
fn state_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    stateful: &[v8::Local<'s, v8::Object>],
) -> Option<&'static str> {
    if object.is_map() || object.is_set() || object.is_weak_map() || object.is_weak_set() {
        return Some("it keeps a map or a set");
    }
    // Generators: modules are some, which have run; others need a generator function, which the text would show.
    if object.is_map_iterator() || object.is_set_iterator() {
        return Some("it keeps an iterator");
    }
    if object.is_array_buffer() || object.is_array_buffer_view() || object.is_shared_array_buffer() {
        return Some("it keeps bytes");
    }
    if object.is_date() {
        return Some("it keeps a date");
    }
    // That of a module's evaluation is settled, and nothing settles it again.
    if let Ok(promise) = v8::Local::<v8::Promise>::try_from(object) {
        let is_pending = promise.state() == v8::PromiseState::Pending;
        return is_pending.then_some("it keeps a promise that is not settled");
    }
    if object.is_native_error() {
        return Some("it keeps an error");
    }
    if object.internal_field_count() > 0 || object.is_external() {
        return Some("it keeps an object of the host");
    }
    if stateful.contains(&object) {
        return None;
    }
    let mut ancestor = object.get_prototype(scope);
    while let Some(Ok(prototype)) = ancestor.map(v8::Local::<v8::Object>::try_from) {
        if stateful.contains(&prototype) {
            return Some("it keeps an instance of a built-in class with state");
        }
        ancestor = prototype.get_prototype(scope);
    }
    None
}
