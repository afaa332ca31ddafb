//! Programs of deployed apps: built once, found by deployment version, kept over restarts.

use std::sync::Arc;

use lakewire_storage::env::Env;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::model::{AppModel, ModuleEnvironment, ModuleStore, UdfConfig};
use crate::runtime::{BuildError, Bundle, ModuleSource, Pool, Program};

/// Programs kept in memory. A push replaces one by the next; calls in flight hold on to theirs anyway.
const KEPT: usize = 3;

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
    by_version: Mutex<Recent<u64>>,
    by_content: Mutex<Recent<[u8; 32]>>,
}

type Slot = Arc<OnceCell<Arc<Program>>>;

/// The most recently used slots, newest last.
struct Recent<K>(Vec<(K, Slot)>);

impl<K: PartialEq> Recent<K> {
    /// The slot of `key`, and the key of the one that made room for it.
    fn slot(&mut self, key: K) -> (Slot, Option<K>) {
        if let Some(at) = self.0.iter().position(|(other, _)| *other == key) {
            let found = self.0.remove(at);
            let slot = found.1.clone();
            self.0.push(found);
            return (slot, None);
        }
        let evicted = (self.0.len() >= KEPT).then(|| self.0.remove(0).0);
        let slot = Slot::default();
        self.0.push((key, slot.clone()));
        (slot, evicted)
    }
}

impl ProgramCache {
    pub(super) fn new(modules: ModuleStore, store: Arc<dyn ObjectStore>, pool: Arc<Pool>, env: Env) -> Self {
        let (by_version, by_content) = (Mutex::new(Recent(Vec::new())), Mutex::new(Recent(Vec::new())));
        Self { modules, store, pool, env, by_version, by_content }
    }

    /// The program of the app at its deployment version.
    ///
    /// # Errors
    /// [`ProgramError`]; the next call tries again.
    pub async fn program(&self, model: &AppModel) -> Result<Arc<Program>, ProgramError> {
        let (slot, _) = self.by_version.lock().slot(model.deployment_version);
        slot.get_or_try_init(|| self.prepare(model)).await.cloned()
    }

    /// Builds the program of an app whose version is not known yet, so that its first call finds it. For pushes,
    /// before they commit.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub async fn prepare(&self, model: &AppModel) -> Result<Arc<Program>, ProgramError> {
        let bundle = self.bundle(model).await?;
        let key = bundle.cache_key();
        let (slot, evicted) = self.by_content.lock().slot(key);
        if let Some(evicted) = evicted {
            let (store, path) = (self.store.clone(), stored_at(&evicted));
            self.env.spawn("drop-program", async move {
                // It is only a cache: what stays behind costs space.
                let _ = store.delete(&path).await;
            });
        }
        slot.get_or_try_init(|| self.load_or_build(bundle, key)).await.cloned()
    }

    async fn load_or_build(&self, bundle: Bundle, key: [u8; 32]) -> Result<Arc<Program>, ProgramError> {
        let path = stored_at(&key);
        if let Ok(found) = self.store.get(&path).await
            && let Ok(bytes) = found.bytes().await
            && let Some(program) = Program::from_bytes(bundle.clone(), &bytes)
        {
            return Ok(Arc::new(program));
        }
        let program = self.pool.build(bundle).await.map_err(|error| match error {
            BuildError::Import(error) => ProgramError::Import(error.message),
            BuildError::Internal(message) => ProgramError::Internal(message),
        })?;
        let (store, kept) = (self.store.clone(), program.clone());
        self.env.spawn("keep-program", async move {
            if let Err(error) = store.put(&path, PutPayload::from(kept.to_bytes())).await {
                tracing::warn!(%error, "cannot keep a built program; it is built again after the next start");
            }
        });
        Ok(program)
    }

    async fn bundle(&self, model: &AppModel) -> Result<Bundle, ProgramError> {
        let isolate = model.modules.values().filter(|module| module.environment == ModuleEnvironment::Isolate);
        let sources = isolate.map(|module| async move {
            let text = self.modules.get(module).await.map_err(|error| ProgramError::Internal(error.to_string()))?;
            Ok(ModuleSource { path: module.path.clone(), source: text.source, source_map: text.source_map })
        });
        let modules = futures::future::try_join_all(sources).await?;
        let config = model.udf_config.as_ref();
        Ok(Bundle {
            modules,
            entries: model.entries().map(|module| module.path.clone()).collect(),
            env: (*model.process_env).clone(),
            import_seed: config.map_or([0; 32], UdfConfig::seed),
            import_now_ms: config.map_or(0.0, |config| config.import_phase_unix_timestamp_ms),
        })
    }
}

fn stored_at(key: &[u8; 32]) -> Path {
    Path::from(format!("programs/{}", hex::encode(key)))
}
