//! Programs of deployed apps and their components: built once, found by deployment version, kept over restarts.
//!
//! A program is made of the code of a definition. Components of the same definition share it, unless their modules
//! looked at variables, while they were evaluated, that differ between them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lakewire_storage::env::Env;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;

use crate::model::source::CONCURRENT_BLOBS;
use crate::model::{AppModel, Component, ModuleEnvironment, ModuleStore, UdfConfig};
use crate::runtime::{BuildError, Bundle, CodeKey, ModuleSource, Pool, Program};
use crate::udf::ComponentPath;

/// Deployment versions whose programs are kept in memory, and pushes and changes of variables that code outlives which
/// is in use no more. Calls in flight hold on to theirs anyway.
const KEPT: usize = 3;

/// Programs of one code that differ in what they saw of the environment.
const VARIANTS: usize = 8;

/// Programs built at a time: each takes a process.
const CONCURRENT_BUILDS: usize = 2;

/// Why an app has no program.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProgramError {
    /// A module of the app cannot be loaded: the text that its developer sees.
    #[error("{0}")]
    Import(String),
    /// A fault of the server.
    #[error("{0}")]
    Internal(String),
}

/// Makes and keeps programs. Whoever asks for one that is being made waits for it.
pub struct ProgramCache {
    modules: ModuleStore,
    store: Arc<dyn ObjectStore>,
    pool: Arc<Pool>,
    env: Env,
    by_version: Mutex<Vec<(u64, ByComponent)>>,
    by_code: Mutex<ByCode>,
}

type ByComponent = HashMap<ComponentPath, Arc<Program>>;

/// The programs of one code, newest last. Locked while one is made.
type Variants = Arc<tokio::sync::Mutex<Vec<Arc<Program>>>>;

#[derive(Default)]
struct ByCode {
    programs: HashMap<CodeKey, (Variants, usize)>,
    /// Raised by every app that was prepared: programs tell by it how long they have not been used.
    generation: usize,
}

impl ByCode {
    fn variants(&mut self, key: CodeKey) -> Variants {
        let generation = self.generation;
        let (variants, used) = self.programs.entry(key).or_default();
        *used = generation;
        variants.clone()
    }

    /// Begins a generation; returns the codes that nobody has used for long, and forgets them.
    fn advance(&mut self) -> Vec<CodeKey> {
        self.generation += 1;
        let oldest = self.generation.saturating_sub(KEPT);
        self.programs.extract_if(|_, (_, used)| *used < oldest).map(|(key, _)| key).collect()
    }
}

impl ProgramCache {
    pub(super) fn new(modules: ModuleStore, store: Arc<dyn ObjectStore>, pool: Arc<Pool>, env: Env) -> Self {
        Self { modules, store, pool, env, by_version: Mutex::default(), by_code: Mutex::default() }
    }

    /// The program of a component at the deployment version of `model`.
    ///
    /// # Errors
    /// [`ProgramError`]; the next call tries again.
    pub async fn program(&self, model: &AppModel, component: &Component) -> Result<Arc<Program>, ProgramError> {
        let version = model.deployment_version;
        if let Some((_, programs)) = self.by_version.lock().iter().find(|(other, _)| *other == version)
            && let Some(program) = programs.get(&component.path)
        {
            return Ok(program.clone());
        }
        let program = self.find_or_make(model, component).await?;
        let mut recent = self.by_version.lock();
        if !recent.iter().any(|(other, _)| *other == version) {
            if recent.len() >= KEPT {
                recent.remove(0);
            }
            recent.push((version, ByComponent::new()));
        }
        if let Some((_, programs)) = recent.iter_mut().find(|(other, _)| *other == version) {
            programs.insert(component.path.clone(), program.clone());
        }
        Ok(program)
    }

    /// Builds the programs of an app whose version is not known yet, so that its first calls find them. For pushes,
    /// before they commit.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub async fn prepare(&self, model: &AppModel) -> Result<(), ProgramError> {
        let made: Vec<_> = model.mounted().map(|component| self.find_or_make(model, component)).collect();
        stream::iter(made).buffer_unordered(CONCURRENT_BUILDS).try_for_each(|_| async { Ok(()) }).await?;
        // Only now: an app that cannot be loaded does not take the place of one that can.
        for key in self.by_code.lock().advance() {
            self.forget(key);
        }
        Ok(())
    }

    async fn find_or_make(&self, model: &AppModel, component: &Component) -> Result<Arc<Program>, ProgramError> {
        let key = code_key(model, component);
        let variants = self.by_code.lock().variants(key);
        let mut variants = variants.lock().await;
        let env = &component.process_env;
        if let Some(at) = variants.iter().position(|program| program.fits(env)) {
            let program = variants.remove(at);
            variants.push(program.clone());
            return Ok(program);
        }
        // At the same time: a worker that starts waits for both.
        let plain = path(key, Program::plain_env_key());
        let (bundle, plain) = futures::join!(self.bundle(model, component), self.stored(&plain));
        let bundle = bundle?;
        let fitting = |bytes: Bytes| Program::from_bytes(bundle.clone(), &bytes).filter(|program| program.fits(env));
        let mut found = plain.and_then(fitting);
        if found.is_none() {
            found = self.kept(key).await.into_iter().find_map(fitting);
        }
        let program = match found {
            Some(program) => Arc::new(program),
            None => self.build(key, bundle.clone()).await?,
        };
        if variants.len() >= VARIANTS {
            variants.remove(0);
        }
        variants.push(program.clone());
        Ok(program)
    }

    /// Programs of the code that an earlier process, or another one, has built.
    async fn kept(&self, key: CodeKey) -> Vec<Bytes> {
        let objects = self.store.list(Some(&folder(key))).filter_map(|found| async { found.ok() });
        let bytes = objects.map(|object| async move { self.stored(&object.location).await });
        bytes.buffered(CONCURRENT_BLOBS).filter_map(|bytes| async { bytes }).collect().await
    }

    async fn stored(&self, path: &Path) -> Option<Bytes> {
        self.store.get(path).await.ok()?.bytes().await.ok()
    }

    async fn build(&self, key: CodeKey, bundle: Bundle) -> Result<Arc<Program>, ProgramError> {
        let program = self.pool.build(bundle).await.map_err(|error| match error {
            BuildError::Import(error) => ProgramError::Import(error.message),
            BuildError::Internal(message) => ProgramError::Internal(message),
        })?;
        // Waited for: a process that may be suspended at any time would never come to it.
        let path = path(key, program.env_key());
        if let Err(error) = self.store.put(&path, PutPayload::from(program.to_bytes())).await {
            tracing::warn!(%error, "cannot keep a built program; it is built again after the next start");
        }
        Ok(program)
    }

    /// Deletes what is stored of a code. It is only a cache: what stays behind costs space.
    fn forget(&self, key: CodeKey) {
        let store = self.store.clone();
        self.env.spawn("drop-program", async move {
            let kept: Vec<_> = store.list(Some(&folder(key))).filter_map(|found| async { found.ok() }).collect().await;
            for object in kept {
                let _ = store.delete(&object.location).await;
            }
        });
    }

    async fn bundle(&self, model: &AppModel, component: &Component) -> Result<Bundle, ProgramError> {
        let definition = &component.definition;
        let isolate = definition.modules.values().filter(|module| module.environment == ModuleEnvironment::Isolate);
        let sources: Vec<_> = isolate
            .map(|module| async move {
                let text = self.modules.get(module).await.map_err(|error| ProgramError::Internal(error.to_string()))?;
                Ok(ModuleSource { path: module.path.clone(), source: text.source, source_map: text.source_map })
            })
            .collect();
        let (import_seed, import_now_ms) = import_world(model);
        Ok(Bundle {
            modules: stream::iter(sources).buffered(CONCURRENT_BLOBS).try_collect().await?,
            entries: definition.entries().map(|module| module.path.clone()).collect(),
            env: (*component.process_env).clone(),
            import_seed,
            import_now_ms,
        })
    }
}

/// What modules see of chance and time while they are evaluated: the same in all components.
fn import_world(model: &AppModel) -> ([u8; 32], f64) {
    let config = model.udf_config.as_ref();
    (config.map_or([0; 32], UdfConfig::seed), config.map_or(0.0, |config| config.import_phase_unix_timestamp_ms))
}

fn code_key(model: &AppModel, component: &Component) -> CodeKey {
    let definition = &component.definition;
    let (seed, now_ms) = import_world(model);
    let isolate = definition.modules.values().filter(|module| module.environment == ModuleEnvironment::Isolate);
    let modules = isolate.map(|module| (module.path.as_str(), module.sha256.as_str()));
    CodeKey::new(&seed, now_ms, definition.entries().map(|module| module.path.as_str()), modules)
}

fn folder(key: CodeKey) -> Path {
    Path::from(format!("programs/{key}"))
}

fn path(key: CodeKey, env_key: [u8; 32]) -> Path {
    folder(key).join(hex::encode(env_key))
}
