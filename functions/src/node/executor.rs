//! [`NodeExecutor`]: the processes of a deployment.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use lakewire_storage::env::Env;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, mpsc};

use super::bundle::hash;
use super::cache::Cache;
use super::process::{Place, Process};
use super::protocol::{Ended, Event, FoundModule, FoundVisibility, ToNode};
use super::sandbox::{Reach, Scratch};
use super::{NodeBundle, NodeError, NodeOptions, RemoteNode, packages};
use crate::runtime::{AnalyzedFunction, AnalyzedModule, FunctionVisibility, ModuleSource};

/// Runs and analyzes Node modules. Processes start when they are needed.
pub struct NodeExecutor {
    pub(super) env: Env,
    pub(super) options: NodeOptions,
    cache: Cache,
    opened: OnceCell<()>,
    /// Locked while a process starts or packages are installed.
    starting: tokio::sync::Mutex<()>,
    /// By hash of bundle and environment.
    processes: Mutex<HashMap<String, Vec<Arc<Process>>>>,
    pub(super) remote: Option<Arc<RemoteNode>>,
}

impl NodeExecutor {
    /// An executor without processes.
    pub fn new(options: NodeOptions, env: Env) -> Self {
        Self {
            cache: Cache::new(options.cache.clone(), env.clone()),
            opened: OnceCell::new(),
            starting: tokio::sync::Mutex::default(),
            processes: Mutex::default(),
            remote: options.remote.clone().map(Arc::new),
            options,
            env,
        }
    }

    /// The function in which actions run, if they do not run on this machine.
    pub(crate) fn remote(&self) -> Option<&Arc<RemoteNode>> {
        self.remote.as_ref()
    }

    /// Tells what the modules `entries` of a bundle offer. `sources` gives the texts of all its modules.
    ///
    /// # Errors
    /// [`NodeError`]; [`NodeError::Import`] for what the modules do wrong.
    pub async fn analyze(
        &self,
        bundle: &NodeBundle,
        vars: &BTreeMap<String, String>,
        entries: &[String],
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
        time: std::time::Duration,
    ) -> Result<Vec<AnalyzedModule>, NodeError> {
        if let Some(remote) = &self.remote {
            return remote.analyze(&self.env, (bundle, vars), entries, sources, time).await;
        }
        let mut lease = self.lease(bundle, vars, sources).await?;
        lease.process.send(&ToNode::Analyze { run: lease.run, modules: entries });
        let answer = self.env.timeout(time, async {
            loop {
                match lease.events.recv().await {
                    Some(Event::Analyzed { modules }) => return Ok(modules.into_iter().map(analyzed).collect()),
                    Some(Event::Failed { message, .. }) => return Err(message),
                    Some(Event::Ended(Ended::OutOfMemory)) => return Err("Node.js ran out of memory".to_owned()),
                    Some(Event::Ended(Ended::Otherwise(how))) => return Err(format!("Node.js ended: {how}")),
                    None => return Err("Node.js ended".to_owned()),
                    Some(_) => {}
                }
            }
        });
        match answer.await {
            Ok(Ok(modules)) => {
                lease.finished = true;
                Ok(modules)
            }
            Ok(Err(message)) => Err(NodeError::Import(message)),
            Err(_) => {
                lease.process.kill();
                Err(NodeError::Import(format!("loading the modules took longer than {} s", time.as_secs())))
            }
        }
    }

    /// Room for a run in a process of the bundle under `vars`, which is started if there is none.
    pub(super) async fn lease(
        &self,
        bundle: &NodeBundle,
        vars: &BTreeMap<String, String>,
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
    ) -> Result<Lease, NodeError> {
        let vars_of = vars.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let key = hash([(bundle.key.as_str(), "")].into_iter().chain(vars_of));
        if let Some(lease) = self.find(&key) {
            return Ok(lease);
        }
        let _starting = self.starting.lock().await;
        if let Some(lease) = self.find(&key) {
            return Ok(lease);
        }
        self.make_room()?;
        self.opened.get_or_try_init(|| self.cache.open()).await?;
        packages::install(&self.cache, &self.env, &self.options, bundle).await?;
        if !self.cache.has(bundle).await {
            let sources = sources.await.map_err(NodeError::Internal)?;
            self.cache.write(bundle, sources).await?;
        }
        let script = self.cache.scripts().await?;
        let modules = self.cache.modules(bundle);
        let scratch = Scratch::make(self.cache.temporary())?;
        let reach = Reach::of_programs(&[&self.options.exe])
            .and_read(self.cache.folders(bundle))
            .and_read(script.parent().map(Path::to_owned))
            .and_write([scratch.path().to_owned()])
            .and_write(self.options.allowed_paths.iter().cloned());
        let place = Place { script: &script, modules: &modules, scratch, reach };
        let process = Process::start(&self.env, &self.options, place, vars).await?;
        self.processes.lock().entry(key.clone()).or_default().push(process);
        self.find(&key).ok_or_else(|| NodeError::Internal("a Node process ended when it had just started".to_owned()))
    }

    fn find(&self, key: &str) -> Option<Lease> {
        let mut processes = self.processes.lock();
        let of_key = processes.get_mut(key)?;
        of_key.retain(|process| process.is_usable());
        of_key.iter().find_map(|process| {
            let (run, events) = process.begin(self.options.actions_per_process)?;
            let (idle, env) = (self.options.idle, self.env.clone());
            Some(Lease { process: process.clone(), run, events, finished: false, idle, env })
        })
    }

    /// Forgets processes that have ended; ends an idle one if there are too many.
    fn make_room(&self) -> Result<(), NodeError> {
        let mut processes = self.processes.lock();
        processes.retain(|_, of_key| {
            of_key.retain(|process| !process.has_ended());
            !of_key.is_empty()
        });
        let all: Vec<_> = processes.values().flatten().collect();
        if all.len() < self.options.processes {
            return Ok(());
        }
        let idle = |process: &&Arc<Process>| process.idle_since().is_some_and(|begun| process.end_if_idle(begun));
        if all.into_iter().any(|process| idle(&process)) { Ok(()) } else { Err(NodeError::Overloaded) }
    }
}

impl Drop for NodeExecutor {
    fn drop(&mut self) {
        for process in self.processes.lock().values().flatten() {
            process.kill();
        }
    }
}

/// A run in a process.
pub(super) struct Lease {
    pub process: Arc<Process>,
    pub run: u64,
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Nothing goes on any more in the process that belongs to the run.
    pub finished: bool,
    idle: std::time::Duration,
    env: Env,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.finished {
            self.process.retire();
        }
        self.process.end(self.run);
        let Some(begun) = self.process.idle_since() else { return };
        let (process, env, idle) = (Arc::downgrade(&self.process), self.env.clone(), self.idle);
        self.env.spawn("node-idle", async move {
            env.sleep(idle).await;
            if let Some(process) = process.upgrade() {
                process.end_if_idle(begun);
            }
        });
    }
}

pub(super) fn analyzed(found: FoundModule) -> AnalyzedModule {
    let function = |found: super::protocol::FoundFunction| AnalyzedFunction {
        name: found.name,
        kind: found.kind,
        visibility: found.visibility.map(|visibility| match visibility {
            FoundVisibility::Public => FunctionVisibility::Public,
            FoundVisibility::Internal => FunctionVisibility::Internal,
        }),
        args: found.args,
        returns: found.returns,
        position: found.position,
    };
    let mut functions: Vec<_> = found.functions.into_iter().map(function).collect();
    functions.sort_by(|a, b| a.position.cmp(&b.position));
    let FoundModule { path, plain, .. } = found;
    AnalyzedModule { path, functions, http_routes: None, crons: None, reuse_context: false, plain }
}
