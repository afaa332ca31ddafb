//! One invocation: what is large or missing goes through the store.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lakewire_storage::env::Env;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::RemoteNode;
use super::payload::{
    Answer, BundleFile, BundleModule, End, Fetched, Invocation, MOST, Packages, Stored, Task, VERSION, Why,
};
use crate::node::{NodeBundle, NodeError};
use crate::runtime::ModuleSource;

/// How much longer than what it runs an invocation may take: it may have to fetch things first.
const MARGIN: Duration = Duration::from_secs(60);
/// How much longer than that its URLs are good: they are used before its end.
const URL_MARGIN: Duration = Duration::from_secs(5 * 60);
/// How long npm may take.
const INSTALL_TIME: Duration = Duration::from_secs(5 * 60);
/// A first time, one with the bundle, one with packages, one for what was deleted meanwhile.
const ATTEMPTS: usize = 4;

/// What is to be run or analyzed.
pub(super) struct Order<'a> {
    pub bundle: &'a NodeBundle,
    pub vars: &'a BTreeMap<String, String>,
    /// That it may take, once all is there.
    pub time: Duration,
}

impl RemoteNode {
    /// Invokes the function until it has what it needs. `sources` gives the texts of the bundle's modules if they are
    /// not in the store. `Ok(None)` if it took too long.
    pub(super) async fn execute<'a>(
        &self,
        env: &Env,
        order: &Order<'a>,
        task: impl Fn() -> Task<'a>,
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
    ) -> Result<Option<Answer>, NodeError> {
        let mut sources = Some(sources);
        let (mut is_put, mut installs) = (false, false);
        for _ in 0..ATTEMPTS {
            let id = hex::encode(env.random_bytes::<16>());
            let invocation = self.invocation(order, task(), &id, installs).await?;
            let payload = self.payload(&invocation, &id, order.time).await?;
            let time = order.time + MARGIN + if installs { INSTALL_TIME } else { Duration::ZERO };
            let Ok(answer) = env.timeout(time, self.function.invoke(payload)).await else { return Ok(None) };
            let answer = match read(&answer?)? {
                Answer { end: End::Stored, .. } => self.stored_answer(&id).await?,
                answer => answer,
            };
            match answer.end {
                End::Missing { bundle, packages } => {
                    tracing::debug!(bundle, packages, key = order.bundle.key, "the Node function misses something");
                    if bundle {
                        let Some(sources) = sources.take().filter(|_| !is_put) else { break };
                        self.put_bundle(order.bundle, sources.await.map_err(NodeError::Internal)?).await?;
                        is_put = true;
                    }
                    installs |= packages;
                }
                End::Refused { why, message } => {
                    return Err(match why {
                        Why::Unavailable => NodeError::Unavailable(message),
                        Why::Packages => NodeError::Packages(message),
                        Why::Internal => NodeError::Internal(message),
                    });
                }
                _ => return Ok(Some(answer)),
            }
        }
        Err(NodeError::Internal("the Node function does not find its bundle in the store".to_owned()))
    }

    async fn invocation<'a>(
        &self,
        order: &Order<'a>,
        task: Task<'a>,
        id: &str,
        installs: bool,
    ) -> Result<Invocation<'a>, NodeError> {
        let bundle = order.bundle;
        let time = order.time + MARGIN + URL_MARGIN;
        let packages = match &bundle.packages_key {
            None => None,
            Some(key) => {
                let path = packages_path(key);
                let pairs = bundle.packages.iter().map(|package| (package.name.as_str(), package.version.as_str()));
                let put = match installs {
                    true => Some(self.sign(Method::PUT, &path, time + INSTALL_TIME).await?),
                    false => None,
                };
                let fetched = Fetched { key, url: self.sign(Method::GET, &path, time).await? };
                Some(Packages { fetched, dependencies: pairs.collect(), put })
            }
        };
        Ok(Invocation {
            v: VERSION,
            bundle: Fetched { key: &bundle.key, url: self.sign(Method::GET, &bundle_path(&bundle.key), time).await? },
            packages,
            vars: order.vars,
            time_ms: order.time.as_millis() as u64,
            answer_url: self.sign(Method::PUT, &answer_path(id), time + INSTALL_TIME).await?,
            most_answer: MOST,
            task,
        })
    }

    async fn payload(&self, invocation: &Invocation<'_>, id: &str, time: Duration) -> Result<Bytes, NodeError> {
        let text = json(invocation)?;
        if text.len() <= MOST {
            return Ok(text);
        }
        let path = Self::temporary(id, "invocation");
        self.put(&path, text).await?;
        let url = self.sign(Method::GET, &path, time + MARGIN).await?;
        json(&Stored { lakewire_object: path.to_string(), url })
    }

    async fn stored_answer(&self, id: &str) -> Result<Answer, NodeError> {
        let path = answer_path(id);
        let failed = |error| NodeError::Internal(format!("cannot read `{path}`: {error}"));
        read(&self.store.get(&path).await.map_err(failed)?.bytes().await.map_err(failed)?)
    }

    async fn put_bundle(&self, bundle: &NodeBundle, modules: Vec<ModuleSource>) -> Result<(), NodeError> {
        let modules = modules.iter().map(|ModuleSource { path, source, source_map }| BundleModule {
            path,
            source,
            map: source_map.as_deref(),
        });
        self.put(&bundle_path(&bundle.key), json(&BundleFile { modules: modules.collect() })?).await
    }

    async fn put(&self, path: &Path, bytes: Bytes) -> Result<(), NodeError> {
        let failed = |error| NodeError::Internal(format!("cannot write `{path}`: {error}"));
        self.store.put(path, PutPayload::from_bytes(bytes)).await.map(drop).map_err(failed)
    }
}

fn bundle_path(key: &str) -> Path {
    Path::from(format!("node/bundles/{key}"))
}

fn packages_path(key: &str) -> Path {
    Path::from(format!("node/packages/{key}"))
}

fn answer_path(id: &str) -> Path {
    RemoteNode::temporary(id, "answer")
}

fn json(value: &impl serde::Serialize) -> Result<Bytes, NodeError> {
    let text = serde_json::to_vec(value);
    text.map(Bytes::from).map_err(|error| NodeError::Internal(format!("cannot write an invocation: {error}")))
}

fn read(answer: &[u8]) -> Result<Answer, NodeError> {
    serde_json::from_slice(answer).map_err(|error| {
        let start = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
        NodeError::Internal(format!("the Node function answered what is no answer: {error}: {start}"))
    })
}
