//! Contexts that calls use one after the other, for modules that ask for it by
//! `export const experimental_reuseContext = true`: what such a module keeps in its variables is there for its next
//! call. All other modules get a fresh context for every call.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::ops::string;

/// The export by which a module asks for it.
pub(super) const EXPORT: &str = "experimental_reuseContext";

/// Whether the module with this namespace asks for it.
pub(super) fn is_asked_for(scope: &mut v8::PinScope<'_, '_>, namespace: v8::Local<v8::Object>) -> bool {
    let name = string(scope, EXPORT);
    namespace.get(scope, name.into()).is_some_and(|value| value.is_true())
}

/// A context that calls have run in, and that none runs in now.
pub(super) struct UsedContext {
    pub(super) context: v8::Global<v8::Context>,
    /// The namespace of the module.
    pub(super) namespace: v8::Global<v8::Object>,
    /// What the module saw of the environment, if it was not evaluated for the startup snapshot.
    pub(super) seen: BTreeMap<String, Option<String>>,
}

/// The used contexts of an isolate, by component and path of the module: mounts of one component share the program, and
/// must find nothing of one another.
#[derive(Default)]
pub(super) struct UsedContexts(RefCell<HashMap<(u32, String), UsedContext>>);

impl UsedContexts {
    /// Takes the context of a module for a call under `env`.
    pub(super) fn take(&self, component: u32, module: &str, env: &BTreeMap<String, String>) -> Option<UsedContext> {
        let mut contexts = self.0.borrow_mut();
        if contexts.is_empty() {
            return None;
        }
        let used = contexts.remove(&(component, module.to_owned()))?;
        used.seen.iter().all(|(name, seen)| env.get(name) == seen.as_ref()).then_some(used)
    }

    /// Gives a context back after a call that has left nothing behind but what the module keeps.
    pub(super) fn put(&self, isolate: &mut v8::Isolate, component: u32, module: &str, used: UsedContext) {
        let heap = isolate.get_heap_statistics();
        // What a module keeps may grow: it must not take the memory of the calls after it.
        if heap.used_heap_size() <= heap.heap_size_limit() / 2 {
            self.0.borrow_mut().insert((component, module.to_owned()), used);
        }
    }

    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}
