//! Evaluating modules and freezing the result in a V8 startup snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BuildError, Entry, Frozen, ImportError, Manifest};
use crate::runtime::bundle::Bundle;
use crate::runtime::console::Console;
use crate::runtime::context;
use crate::runtime::invocation::{FailureKind, InvocationLimits};
use crate::runtime::modules;
use crate::runtime::ops;
use crate::runtime::platform;
use crate::runtime::pool::RuntimeOptions;
use crate::runtime::reuse;
use crate::runtime::sources::Sources;
use crate::runtime::state::{Execution, ExecutionSetup, ExecutionStack, Mode, Services};
use crate::runtime::watchdog::{Watch, Watchdog};

/// Which entries are left unfrozen, to be evaluated in every context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Caution {
    /// None: V8 ends the process if one can't be frozen.
    None,
    /// Those that use things V8 can't freeze.
    Suspicious,
    /// All.
    All,
}

impl Caution {
    pub(super) fn more(self) -> Option<Self> {
        match self {
            Caution::None => Some(Caution::Suspicious),
            Caution::Suspicious => Some(Caution::All),
            Caution::All => None,
        }
    }
}

/// What is left unfrozen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) caution: Caution,
    /// Entries by path, whatever the caution says.
    pub(super) excluded: BTreeSet<String>,
}

/// Objects made by these have parts outside of the heap.
const SUSPICIOUS: &[&str] = &["WebAssembly", "Intl.", "SharedArrayBuffer", "Iterator.zip", ".segment("];

/// Evaluates the entries of a bundle, each in a context of its own, and freezes the contexts.
pub(super) fn freeze(
    bundle: &Bundle,
    choice: &Choice,
    options: &RuntimeOptions,
    watchdog: &Watchdog,
) -> Result<Frozen, BuildError> {
    platform::initialize();
    let sources = Sources::new(bundle);
    let params = v8::CreateParams::default().allow_atomics_wait(false);
    let mut isolate = v8::Isolate::snapshot_creator(Some(ops::external_references().into()), Some(params));
    context::prepare_isolate(&mut isolate);
    let executions = Rc::new(ExecutionStack::default());
    isolate.set_slot(executions.clone());
    let watch = watchdog.watch(isolate.thread_safe_handle());
    let mut freezer = Freezer { bundle, choice, options, sources, executions, watch };
    match freezer.add_contexts(&mut isolate) {
        Ok(manifest) => {
            drop(freezer);
            let blob = isolate
                .create_blob(v8::FunctionCodeHandling::Keep)
                .ok_or_else(|| BuildError::Internal("V8 made no startup snapshot".to_owned()))?;
            Ok(Frozen { manifest, blob: blob.to_vec() })
        }
        Err(error) => {
            // An isolate that makes snapshots can only be ended by making one, which might not be
            // possible with what the failed module has left behind: better to lose its memory.
            // SAFETY: entered since it was created.
            unsafe { isolate.exit() };
            std::mem::forget(isolate);
            Err(error)
        }
    }
}

struct Freezer<'a> {
    bundle: &'a Bundle,
    choice: &'a Choice,
    options: &'a RuntimeOptions,
    sources: Arc<Sources>,
    executions: Rc<ExecutionStack>,
    watch: Arc<Watch>,
}

impl Freezer<'_> {
    fn add_contexts(&mut self, isolate: &mut v8::OwnedIsolate) -> Result<Manifest, BuildError> {
        v8::scope!(let scope, isolate);
        let no_context = || BuildError::Internal("cannot make a context".to_owned());
        let default = v8::Context::new(scope, v8::ContextOptions::default());
        scope.set_default_context(default);
        let bare = context::create(scope).ok_or_else(no_context)?;
        let bare = scope.add_context(bare);
        let (mut entries, mut env_reads) = (HashMap::new(), BTreeMap::new());
        for path in &self.bundle.entries {
            let context = context::create(scope).ok_or_else(no_context)?;
            let entry = self.evaluate(scope, context, path, &mut env_reads)?;
            let entry = match entry {
                Some((modules, reuses)) => Entry { context: Some(scope.add_context(context)), modules, reuses },
                None => Entry { context: None, modules: Vec::new(), reuses: false },
            };
            entries.insert(path.clone(), entry);
        }
        Ok(Manifest { bare, entries, env_reads })
    }

    /// Evaluates an entry: the modules it has, and whether it asks for its context to be used again. `None` if it is
    /// left for later.
    fn evaluate(
        &self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        context: v8::Local<v8::Context>,
        path: &str,
        env_reads: &mut BTreeMap<String, Option<String>>,
    ) -> Result<Option<(Vec<String>, bool)>, BuildError> {
        match self.choice.caution {
            _ if self.choice.excluded.contains(path) => return Ok(None),
            Caution::None => {}
            Caution::Suspicious if !self.is_suspicious(path) => {}
            _ => return Ok(None),
        }
        v8::scope!(let scope, scope);
        let context = v8::Local::new(scope, context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let no_context = || BuildError::Internal("cannot make a context".to_owned());
        let additions = Additions::new(scope).ok_or_else(no_context)?;
        let console = Rc::new(Console::new(Services::None, &InvocationLimits::default()));
        let env = Arc::new(self.bundle.env.clone());
        let execution = import_execution(self.bundle, env, &self.sources, &console, self.watch.clock());
        let _guard = self.executions.push(execution.clone());
        let budget = self.options.analyze_time;
        self.watch.arm_for(budget);
        let result = modules::evaluate(scope, &execution, path).map(|namespace| reuse::is_asked_for(scope, namespace));
        let has_fired = self.watch.disarm();
        let reuses = result.map_err(|failure| {
            let message = if has_fired {
                format!("Uncaught Error: Module evaluation timed out (maximum duration: {budget:?})")
            } else if failure.kind == FailureKind::Internal {
                return BuildError::Internal(format!("`{path}`: {}", failure.message));
            } else {
                failure.message
            };
            BuildError::Import(ImportError { module: path.to_owned(), message, console: console.take_kept() })
        })?;
        if !additions.have_room(scope) {
            return Ok(None);
        }
        let seen = |name: &String| (name.clone(), self.bundle.env.get(name).cloned());
        env_reads.extend(execution.env_reads.borrow().iter().map(seen));
        let modules = execution.modules.borrow();
        let mut paths = vec![path.to_owned()];
        paths.extend(modules.paths().into_iter().filter(|other| other != path));
        for path in &paths {
            if let Some(module) = modules.get(scope, path) {
                scope.add_context_data(context, module);
            }
        }
        let undefined = v8::undefined(scope);
        scope.set_continuation_preserved_embedder_data(undefined.into());
        Ok(Some((paths, reuses)))
    }

    /// True if a module that the entry imports mentions what V8 can't freeze.
    fn is_suspicious(&self, entry: &str) -> bool {
        let mut seen = HashSet::new();
        let mut to_see = vec![entry.to_owned()];
        while let Some(path) = to_see.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let Some(module) = self.sources.get(&path) else { continue };
            if SUSPICIOUS.iter().any(|token| module.source.contains(token)) {
                return true;
            }
            to_see.extend(imports(&module.source, &path));
        }
        false
    }
}

/// What V8 adds to a context that it takes from a snapshot: `Error.stackTraceLimit` and `WebAssembly`. Where it can't,
/// because modules have added them or closed the objects they belong to, it ends the process.
struct Additions<'s> {
    places: [(v8::Local<'s, v8::Object>, &'static str); 2],
    is_extensible: v8::Local<'s, v8::Function>,
}

impl<'s> Additions<'s> {
    /// Of a context that no module has run in.
    fn new(scope: &mut v8::PinScope<'s, '_>) -> Option<Self> {
        let global = scope.get_current_context().global(scope);
        let object = |name| {
            let name = ops::string(scope, name);
            global.get(scope, name.into())?.to_object(scope)
        };
        let (error, constructor) = (object("Error")?, object("Object")?);
        let is_extensible = context::method(scope, constructor, "isExtensible")?;
        Some(Self { places: [(error, "stackTraceLimit"), (global, "WebAssembly")], is_extensible })
    }

    fn have_room(&self, scope: &mut v8::PinScope<'s, '_>) -> bool {
        self.places.iter().all(|(object, name)| {
            let name = ops::string(scope, name);
            let undefined = v8::undefined(scope);
            let is_open = self.is_extensible.call(scope, undefined.into(), &[(*object).into()]);
            is_open.is_some_and(|is_open| is_open.is_true())
                && object.has_own_property(scope, name.into()) == Some(false)
        })
    }
}

/// Makes every context of a snapshot once: those that V8 can't make end the process, and this is the one where they may.
/// `next` is told of the entry whose turn it is.
pub(super) fn prove(frozen: &Frozen, mut next: impl FnMut(&str)) -> Result<(), BuildError> {
    let references = ops::external_references();
    let params =
        v8::CreateParams::default().external_references(references.into()).snapshot_blob(frozen.blob.clone().into());
    let mut isolate = v8::Isolate::new(params);
    context::prepare_isolate(&mut isolate);
    isolate.set_slot(Rc::new(ExecutionStack::default()));
    let entries = frozen.manifest.entries.iter().filter_map(|(path, entry)| Some((path, entry.context?)));
    for (path, index) in entries {
        next(path);
        v8::scope!(let scope, &mut isolate);
        if v8::Context::from_snapshot(scope, index, v8::ContextOptions::default()).is_none() {
            return Err(BuildError::Internal("a startup snapshot lacks a context".to_owned()));
        }
    }
    Ok(())
}

/// Paths of the modules that the text seems to import: whatever stands in quotes after `from` or
/// `import`. More than are really imported does no harm here.
fn imports(source: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for keyword in ["from", "import"] {
        for (at, _) in source.match_indices(keyword) {
            let rest = source[at + keyword.len()..].trim_start();
            let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                continue;
            };
            if let Some((specifier, _)) = rest[1..].split_once(quote) {
                found.extend(modules::resolve(specifier, path).ok());
            }
        }
    }
    found
}

/// The execution in which the modules of a bundle are evaluated under `env`.
pub(in crate::runtime) fn import_execution(
    bundle: &Bundle,
    env: Arc<BTreeMap<String, String>>,
    sources: &Arc<Sources>,
    console: &Rc<Console>,
    clock: Arc<dyn lakewire_storage::env::Clock>,
) -> Rc<Execution> {
    Execution::new(ExecutionSetup {
        mode: Mode::Import,
        sources: sources.clone(),
        services: Services::None,
        env,
        console: console.clone(),
        clock,
        now_ms: bundle.import_now_ms,
        import_now_ms: bundle.import_now_ms,
        seed: bundle.import_seed,
    })
}
