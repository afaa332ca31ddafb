//! Contexts that calls use one after the other, instead of a fresh one each.
//!
//! Two kinds of modules have them. Those that ask for it by `export const experimental_reuseContext = true`: what such
//! a module keeps in its variables is there for its next call. And those that keep nothing: their text shows that no
//! function assigns a variable that outlives it ([`stateless`]), and everything that a call finds is immutable
//! ([`harden`]). A call in an immutable context that fails, for whatever reason, has to be run again in a fresh one:
//! it may have tried a write that would have succeeded there.

mod harden;
mod inventory;
mod parts;
mod stateless;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use self::harden::harden;
use self::parts::{Need, Parts};
use self::stateless::Objection;
use super::function;
use super::isolate::IsolateShared;
use super::modules;
use super::ops::string;
use super::program::Program;
use super::sources::Sources;

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
    /// Nothing in it can change.
    pub(super) is_immutable: bool,
}

/// Contexts that an isolate keeps.
const MAX_KEPT: usize = 32;
/// Calls of a module in an isolate after which an immutable context is worth making.
const HOT: u32 = 16;

/// A used context and whose it is.
struct Kept {
    /// Mounts of one component share the program, and must find nothing of one another: of no account for an immutable
    /// context.
    component: u32,
    /// Path of the module.
    module: String,
    used: UsedContext,
}

/// The used contexts of an isolate.
#[derive(Default)]
pub(super) struct UsedContexts {
    /// The last used at the end.
    kept: RefCell<Vec<Kept>>,
    /// Calls of modules that got a fresh context.
    fresh: RefCell<HashMap<String, u32>>,
}

impl UsedContexts {
    /// Takes the context of a component's module for a call under `env`. An immutable one only if `may_be_immutable`.
    pub(super) fn take(
        &self,
        component: u32,
        module: &str,
        env: &BTreeMap<String, String>,
        may_be_immutable: bool,
    ) -> Option<UsedContext> {
        let mut kept = self.kept.borrow_mut();
        let fits = |kept: &Kept| {
            let used = &kept.used;
            kept.module == module && if used.is_immutable { may_be_immutable } else { kept.component == component }
        };
        let at = kept.iter().rposition(fits)?;
        let Kept { used, .. } = kept.remove(at);
        used.seen.iter().all(|(name, seen)| env.get(name) == seen.as_ref()).then_some(used)
    }

    /// Gives a context back after a call that has left nothing behind but what the module keeps.
    pub(super) fn put(&self, isolate: &mut v8::Isolate, component: u32, module: &str, used: UsedContext) {
        let heap = isolate.get_heap_statistics();
        // What a module keeps may grow: it must not take the memory of the calls after it.
        if !used.is_immutable && heap.used_heap_size() > heap.heap_size_limit() / 2 {
            return;
        }
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push(Kept { component, module: module.to_owned(), used });
    }

    /// Notes that a call of a module got a fresh context.
    pub(super) fn note_fresh(&self, module: &str) {
        let mut fresh = self.fresh.borrow_mut();
        match fresh.get_mut(module) {
            Some(calls) => *calls += 1,
            None => drop(fresh.insert(module.to_owned(), 1)),
        }
    }

    /// Whether there is one for a module.
    pub(super) fn has(&self, module: &str) -> bool {
        self.kept.borrow().iter().any(|kept| kept.module == module)
    }

    /// Whether an immutable context is worth making for a module: it is called often.
    pub(super) fn wants_immutable(&self, module: &str) -> bool {
        self.fresh.borrow().get(module).is_some_and(|calls| *calls >= HOT)
    }

    pub(super) fn clear(&self) {
        self.kept.borrow_mut().clear();
    }
}

/// Makes an immutable context, the one at `index` of the startup snapshot, for the calls of `module`.
pub(super) fn prepare(
    scope: &mut v8::PinScope<'_, '_, ()>,
    shared: &IsolateShared,
    program: &Program,
    module: &str,
    index: usize,
) {
    shared.used.fresh.borrow_mut().remove(module);
    let Some(context) = v8::Context::from_snapshot(scope, index, v8::ContextOptions::default()) else { return };
    let scope = &mut v8::ContextScope::new(scope, context);
    match harden(scope).and_then(|()| function::frozen_namespace(scope).ok_or("V8 gave no namespace")) {
        Ok(namespace) => {
            let context = v8::Global::new(scope, context);
            let namespace = v8::Global::new(scope, namespace);
            let used = UsedContext { context, namespace, seen: BTreeMap::new(), is_immutable: true };
            shared.used.put(scope, 0, module, used);
        }
        Err(why) => program.refuse_immutable(module, why),
    }
}

/// Which modules of a program may share an immutable context.
#[derive(Default)]
pub(super) struct Verdicts {
    /// By path of a module; `None` if it can't be taken apart.
    parts: Mutex<HashMap<String, Option<Arc<Parts>>>>,
    /// By path of an entry module: whether the texts of its modules allow it.
    texts: Mutex<HashMap<String, bool>>,
    /// By path of an entry module: why it was refused for what it did or kept.
    refused: Mutex<HashMap<String, &'static str>>,
}

impl Verdicts {
    /// Whether the entry module whose modules are `paths`, itself the first, may have an immutable context.
    pub(super) fn allow(&self, sources: &Sources, paths: &[String]) -> bool {
        let Some(entry) = paths.first() else { return false };
        if self.refused.lock().contains_key(entry) {
            return false;
        }
        if let Some(allowed) = self.texts.lock().get(entry) {
            return *allowed;
        }
        let checked = self.check(sources, entry, paths);
        if let Err((path, objection)) = &checked {
            let source = sources.get(path).map(|module| module.source.clone()).unwrap_or_default();
            let line = source.get(..objection.offset as usize).unwrap_or_default().lines().count();
            tracing::debug!(entry, path, line, why = objection.what, "its calls get fresh contexts");
        }
        self.texts.lock().insert(entry.clone(), checked.is_ok());
        checked.is_ok()
    }

    /// Looks at everything that the functions of `entry` can reach.
    fn check(&self, sources: &Sources, entry: &str, paths: &[String]) -> Result<(), (String, Objection)> {
        let mut modules = HashMap::new();
        for path in paths {
            modules.insert(path.as_str(), self.parts_of(sources, path)?);
        }
        let mut to_see: Vec<(String, usize)> = Vec::new();
        for (path, module) in &modules {
            let is_entry = *path == entry;
            let reached = module.parts.iter().enumerate().filter(|(_, part)| is_entry || part.is_effect);
            to_see.extend(reached.map(|(index, _)| ((*path).to_owned(), index)));
        }
        let mut seen = HashSet::new();
        while let Some((path, index)) = to_see.pop() {
            if !seen.insert((path.clone(), index)) {
                continue;
            }
            let Some(part) = modules.get(path.as_str()).and_then(|module| module.parts.get(index)) else { continue };
            if let Some(objection) = part.objections.first() {
                return Err((path, objection.clone()));
            }
            for need in &part.needs {
                reach(&modules, &path, need, &mut to_see);
            }
        }
        Ok(())
    }

    fn parts_of(&self, sources: &Sources, path: &str) -> Result<Arc<Parts>, (String, Objection)> {
        let refused = |what| (path.to_owned(), Objection { what, offset: 0 });
        if let Some(parts) = self.parts.lock().get(path) {
            return parts.clone().ok_or_else(|| refused("it can't be taken apart"));
        }
        let source = sources.get(path).ok_or_else(|| refused("its text is not known"))?;
        let parts = Parts::of(&source.source).map(Arc::new);
        self.parts.lock().insert(path.to_owned(), parts.as_ref().ok().cloned());
        parts.map_err(|objection| (path.to_owned(), objection))
    }

    /// From now on the calls of an entry module get fresh contexts.
    pub(super) fn refuse(&self, entry: &str, why: &'static str) {
        tracing::debug!(entry, why, "its calls get fresh contexts");
        self.refused.lock().insert(entry.to_owned(), why);
    }
}

/// Adds the parts that `need`, of the module at `path`, means.
fn reach(modules: &HashMap<&str, Arc<Parts>>, path: &str, need: &Need, found: &mut Vec<(String, usize)>) {
    let from = |specifier: &str| modules::resolve(specifier, path).ok();
    let (path, name) = match need {
        Need::Part(index) => return found.push((path.to_owned(), *index)),
        Need::Import(specifier, name) => (from(specifier), Some(name)),
        Need::Module(specifier) => (from(specifier), None),
    };
    let Some(path) = path else { return };
    let Some(module) = modules.get(path.as_str()) else { return };
    match name {
        // An export that another module has is found from there.
        Some(name) => {
            if let Some(need) = module.exports.get(name) {
                reach(modules, &path, need, found);
            }
        }
        None => found.extend((0..module.parts.len()).map(|index| (path.clone(), index))),
    }
}

/// Whether the text of a failure tells of a write to an immutable object. The texts are V8's.
pub(super) fn is_refused_write(message: &str) -> bool {
    const TEXTS: &[&str] = &[
        "Cannot assign to read only property",
        "Cannot delete property",
        "Cannot redefine property",
        "is not extensible",
    ];
    TEXTS.iter().any(|text| message.contains(text))
}
