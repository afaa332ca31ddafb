//! `lakewire relay`: holds the sockets of a deployment whose log and files others look after.

use std::sync::Arc;

use bytes::Bytes;
use lakewire_functions::lambda::{Listeners, Notices};
use lakewire_functions::remote::{FunctionRunner, LambdaRunner, LambdaRunnerOptions};
use lakewire_relay::peers::{DynamoDbRegistry, Registry};
use lakewire_storage::database::{Database, Upkeep};
use lakewire_storage::env::Env;
use lakewire_storage::log::RecentLog;
use serde::Deserialize;

use crate::args::RelayOptions;
use crate::cloud::Cloud;
use crate::engine::Elsewhere;
use crate::failure::Failure;
use crate::serve::{Ports, Role};
use crate::storage::open::{BranchOptions, Deployment, Storage};
use crate::storage::place::{LogPlace, Place};

/// Where ECS tells a task about itself.
const ECS_METADATA: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// Calls that wait for each thread before others run elsewhere.
const WAITING_PER_THREAD: usize = 4;

/// Serves until SIGINT, SIGTERM, or the end of the branch's log.
pub async fn run(options: RelayOptions, env: Env) -> Result<(), Failure> {
    let RelayOptions { mut serve, cloud: args, run_function, run_above, run_most, address, drain, jobs } = options;
    let place = Place::resolve(&serve.storage)?;
    if let LogPlace::Local(_) | LogPlace::Memory = place.log {
        return Err(Failure::RelayAlone { place: place.to_string() });
    }
    let ports = Ports::open(&serve).await?;
    let storage = Storage::open(place, &env).await?;
    if serve.tuning.create_table {
        storage.create_table().await?;
    }
    let cloud = Cloud::around(&storage, &env)?;
    cloud.identify(&args, &mut serve.identity).await?;
    let deployment = storage.deployment(&serve.identity).await?;
    let branch = BranchOptions { upkeep: Upkeep::Elsewhere, ..BranchOptions::from(&serve.tuning) };
    let mut parts = deployment.parts(&serve.storage.branch, &branch).await?;
    let threads = serve.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
    let runner = match (run_function, &cloud.rest) {
        (Some(function), Some(rest)) => {
            // What there is no room for sees the newest entries without reading them.
            let log = Arc::new(RecentLog::new(parts.log));
            parts.log = log.clone();
            let above = run_above.unwrap_or(threads * WAITING_PER_THREAD);
            let options = LambdaRunnerOptions { above, most: run_most };
            let runner = LambdaRunner::new(rest.clone(), function, log, cloud.spill(), env.clone(), options);
            Some(Arc::new(runner) as Arc<dyn FunctionRunner>)
        }
        _ => None,
    };
    let db = deployment.database_of(parts, &branch).await?;
    let origin = serve.cloud_origin.clone().unwrap_or_default();
    let elsewhere = Elsewhere { runner, node: cloud.node(&args, &origin) };
    let registry = registry(&deployment, &env);
    let address = match address {
        Some(address) => Some(address),
        None => task_address(serve.port).await,
    };
    let registry = registry.map(|registry| (registry, address));
    let notices = Notices::new(&db, cloud.rest, Listeners { upkeep: args.upkeep_function, ..Listeners::default() });
    let _telling = env.spawn("notices", tell(db.clone(), notices));
    let role = Role { upkeep: Upkeep::Elsewhere, jobs, elsewhere, registry, drain };
    ports.serve(serve, &deployment, db, role, |_, _, _| {}).await
}

/// Has others flush what is committed here.
async fn tell(db: Arc<Database>, notices: Notices) {
    let mut commits = db.commits();
    while commits.next().await.is_some() {
        notices.send(&db).await;
    }
}

/// Where relays of the deployment find each other: in the table of its log.
fn registry(deployment: &Deployment, env: &Env) -> Option<Arc<dyn Registry>> {
    let (LogPlace::DynamoDb { table }, Some(client)) = (&deployment.place.log, &deployment.dynamodb) else {
        return None;
    };
    Some(Arc::new(DynamoDbRegistry::new(client.clone(), table.clone(), &deployment.identity.id, env.clone())))
}

/// Where the task that this is in ECS is reached by others.
async fn task_address(port: u16) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Container {
        networks: Vec<Network>,
    }
    #[derive(Deserialize)]
    struct Network {
        #[serde(rename = "IPv4Addresses")]
        addresses: Vec<String>,
    }
    let url = std::env::var(ECS_METADATA).ok()?;
    let told: Result<Bytes, reqwest::Error> = async { reqwest::get(&url).await?.bytes().await }.await;
    let found = match told {
        Ok(text) => serde_json::from_slice::<Container>(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match found {
        Ok(container) => {
            let ip = container.networks.into_iter().flat_map(|network| network.addresses).next()?;
            Some(format!("http://{ip}:{port}"))
        }
        Err(error) => {
            tracing::warn!(error, "ECS does not say what address this task has");
            None
        }
    }
}
