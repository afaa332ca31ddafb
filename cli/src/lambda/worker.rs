//! What functions that run the app's functions begin with.

use std::future::Future;
use std::sync::Arc;

use lakewire_functions::engine::Engine;
use lakewire_functions::lambda::{Listeners, Notices, Restored};
use lakewire_functions::nudge::{Nudge, NudgeKey};
use lakewire_storage::database::{Database, Upkeep};
use lakewire_storage::env::Env;
use lakewire_storage::timeline::TimelineId;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::options::LambdaArguments;
use crate::args::{IdentityArgs, InstanceSecret};
use crate::cloud::Cloud;
use crate::engine::Elsewhere;
use crate::failure::Failure;
use crate::serve::Addresses;
use crate::storage::open::{BranchOptions, Deployment, Storage};
use crate::storage::place::Place;

/// Ends the process once its log is sealed: the branch was restored to an earlier moment, and goes on with another log. Lambda
/// starts another process, which finds it.
pub async fn end_with_the_log(db: Arc<Database>) {
    let successor = db.sealed().await;
    tracing::warn!(successor, "the branch was restored or deleted; this process ends");
    std::process::exit(1);
}

/// Answers the invocations of a function that runs functions of `engine`, until Lambda ends the process.
///
/// # Errors
/// If Lambda does not answer.
pub async fn answer_with<E, A, F, Fut>(engine: Arc<Engine>, answer: F) -> Result<(), Failure>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Fn(E) -> Fut,
    Fut: Future<Output = Result<A, lambda_runtime::Error>>,
{
    let handler = service_fn(|event: LambdaEvent<E>| answer(event.payload));
    let runtime = Runtime::new(handler).register_snapstart_resource(Arc::new(Restored(engine)));
    runtime.run().await.map_err(ended)
}

/// Why a function ends that Lambda has not ended.
pub fn ended(error: lambda_runtime::Error) -> Failure {
    Failure::Server(format!("the Lambda runtime: {error}"))
}

/// A deployment whose functions can be run here.
pub struct Worker {
    /// What the environment says.
    pub arguments: LambdaArguments,
    /// The other parts of the deployment.
    pub cloud: Cloud,
    /// Its store and logs.
    pub deployment: Deployment,
    /// What its database is a timeline of.
    pub timeline: TimelineId,
    /// Runs its functions.
    pub engine: Arc<Engine>,
}

impl Worker {
    /// Opens the deployment, and loads the app.
    ///
    /// # Errors
    /// If the secret, the store or the log can't be read, or the engine can't be started.
    pub async fn open(mut arguments: LambdaArguments, env: &Env) -> Result<Self, Failure> {
        let mut storage = Storage::open(Place::resolve(&arguments.serve.storage)?, env).await?;
        let startup = storage.begin_start(&arguments.serve.storage.branch);
        let cloud = Cloud::around(&storage, env)?;
        let nobody = IdentityArgs { instance_name: None, instance_secret: InstanceSecret(None) };
        // At the same time: the first request waits for both.
        let (secret, existing) = futures::join!(
            cloud.identify(&arguments.cloud, &mut arguments.serve.identity),
            storage.place.existing_identity(&*storage.store, &nobody, env),
        );
        secret?;
        let deployment = match existing? {
            Some(identity) => storage.with_identity(identity.replaced_by(&arguments.serve.identity)?),
            None => storage.deployment(&arguments.serve.identity).await?,
        };
        let options = BranchOptions { upkeep: Upkeep::Suspended, ..BranchOptions::from(&arguments.serve.tuning) };
        let parts = deployment.parts(&arguments.serve.storage.branch, &options).await?;
        let timeline = parts.timeline.clone();
        let db = deployment.database_of(parts, &options).await?;
        let instance = deployment.place.instance(&deployment.identity)?;
        // Nobody reaches a function by an address of its own.
        let nowhere = Addresses { api: "http://127.0.0.1".to_owned(), site: "http://127.0.0.1".to_owned() };
        let origin = arguments.serve.cloud_origin.as_deref().unwrap_or(&nowhere.api);
        let elsewhere = Elsewhere { runner: None, node: cloud.node(&arguments.cloud, origin) };
        let engine = crate::engine::start(&arguments.serve, &db, &deployment.context, instance, &nowhere, elsewhere)?;
        engine.warm_up().await;
        startup.finish();
        env.spawn("sealed", end_with_the_log(db));
        Ok(Self { arguments, cloud, deployment, timeline, engine })
    }

    /// Who is told of what is committed here; `tick` is the function that runs what is due, if it is another one.
    ///
    /// # Errors
    /// If there is no TLS.
    pub fn notices(&self, tick: Option<String>) -> Result<Notices, Failure> {
        let relay = match &self.arguments.relay_url {
            None => None,
            Some(url) => {
                let client = reqwest::Client::builder().build().map_err(|error| Failure::Server(error.to_string()))?;
                Some(Nudge::new(client, url, NudgeKey::new(&self.engine.deployment().secret), true))
            }
        };
        let listeners = Listeners {
            tick,
            upkeep: self.arguments.cloud.upkeep_function.clone(),
            socket: self.arguments.socket_function.clone(),
            relay,
        };
        Ok(Notices::new(self.engine.db(), self.cloud.rest.clone(), listeners))
    }
}
