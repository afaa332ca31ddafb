//! The functions that a deployment consists of.

use std::str::FromStr;
use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use bytes::Bytes;
use lakewire_functions::files::Sweep;
use lakewire_functions::jobs::{Ticker, minute_end};
use lakewire_functions::lambda::{Front, LargeAnswers, upkeep};
use lakewire_functions::remote::Runs;
use lakewire_storage::database::{Database, Upkeep};
use lakewire_storage::env::Env;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::options::LambdaArguments;
use super::socket;
use super::worker::{Worker, answer_with, end_with_the_log, ended};
use crate::args::OpenData;
use crate::failure::Failure;
use crate::storage::open::{BranchOptions, Deployment, Storage};
use crate::storage::place::Place;

/// The schedule of upkeep, in ns, and how many of its runs make a day.
const UPKEEP_NS: u64 = 15 * 60 * 1_000_000_000;
const UPKEEPS_A_DAY: u64 = 96;

/// A Lambda function, by its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Behind the HTTP APIs.
    Http,
    /// Runs what relays have no room for.
    Run,
    /// Runs what is due.
    Tick,
    /// Flushes, merges, deletes.
    Upkeep,
    /// Behind the WebSocket API.
    Socket,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(handler: &str) -> Result<Self, String> {
        match handler {
            "http" => Ok(Self::Http),
            "run" => Ok(Self::Run),
            "tick" => Ok(Self::Tick),
            "upkeep" => Ok(Self::Upkeep),
            "socket" => Ok(Self::Socket),
            _ => Err(format!("`{handler}` is no handler: `http`, `run`, `tick`, `upkeep` and `socket` are")),
        }
    }
}

type Answer = Result<Json, lambda_runtime::Error>;

impl Part {
    /// Answers invocations until Lambda ends the process.
    pub async fn run(self, arguments: LambdaArguments, env: Env) -> Result<(), Failure> {
        match self {
            Self::Http => http(arguments, env).await,
            Self::Run => runs(arguments, env).await,
            Self::Socket => socket::run(Worker::open(arguments, &env).await?, env).await,
            Self::Tick => tick(arguments, env).await,
            Self::Upkeep => keep_up(arguments, env).await,
        }
    }
}

async fn http(arguments: LambdaArguments, env: Env) -> Result<(), Failure> {
    let worker = Worker::open(arguments, &env).await?;
    let notices = worker.notices(worker.arguments.tick_function.clone())?;
    let store = worker.engine.store().clone();
    let large = worker.cloud.presigner.clone().map(|presigner| LargeAnswers { store, presigner, env });
    let front = Front::new(worker.engine.clone(), worker.arguments.site_api.clone(), large, notices);
    answer_with(worker.engine, async |event: ApiGatewayV2httpRequest| Ok(front.answer(event).await)).await
}

async fn runs(arguments: LambdaArguments, env: Env) -> Result<(), Failure> {
    let worker = Worker::open(arguments, &env).await?;
    let runs = Runs::new(worker.engine.clone(), worker.cloud.spill());
    let answer = async |event: Box<RawValue>| {
        let answer = runs.answer(Bytes::from(event.get().to_owned())).await?;
        Ok(serde_json::from_slice::<Box<RawValue>>(&answer)?)
    };
    answer_with(worker.engine, answer).await
}

async fn tick(arguments: LambdaArguments, env: Env) -> Result<(), Failure> {
    let worker = Worker::open(arguments, &env).await?;
    // What its functions schedule is run here.
    let notices = worker.notices(None)?;
    let ticker = Ticker::new(worker.engine.clone());
    let answer = async |_event: Json| {
        let until_ms = minute_end(env.now_ns() as f64 / 1e6);
        notices.tick().await;
        let ran = ticker.run(until_ms).await;
        notices.send(worker.engine.db()).await;
        ran.map(|()| json!({})).map_err(lambda_runtime::Error::from)
    };
    answer_with(worker.engine.clone(), answer).await
}

/// Upkeep of a deployment that may not be there yet.
async fn keep_up(arguments: LambdaArguments, env: Env) -> Result<(), Failure> {
    let opened = tokio::sync::OnceCell::new();
    let handler = service_fn(async |_event: LambdaEvent<Json>| {
        let kept: &Kept = match opened.get_or_try_init(|| Kept::open(&arguments, &env)).await {
            Ok(kept) => kept,
            // Its first request makes it.
            Err(Failure::NoDeployment { .. }) => return Ok(json!({"deployment": null})),
            Err(failure) => return Err(lambda_runtime::Error::from(failure)),
        };
        kept.upkeep(&arguments, &env).await
    });
    Runtime::new(handler).run().await.map_err(ended)
}

struct Kept {
    deployment: Deployment,
    db: Arc<Database>,
}

impl Kept {
    async fn open(arguments: &LambdaArguments, env: &Env) -> Result<Self, Failure> {
        let storage = Storage::open(Place::resolve(&arguments.serve.storage)?, env).await?;
        let deployment = storage.existing_deployment().await?;
        // It trims the log, but does nothing in the background.
        let options = BranchOptions { upkeep: Upkeep::OnDemand, ..BranchOptions::from(&arguments.serve.tuning) };
        let db = deployment.database(&arguments.serve.storage.branch, &options).await?;
        env.spawn("sealed", end_with_the_log(db.clone()));
        Ok(Self { deployment, db })
    }

    async fn upkeep(&self, arguments: &LambdaArguments, env: &Env) -> Answer {
        let branch = &arguments.serve.storage.branch;
        let history = arguments.serve.tuning.history;
        let lake = match arguments.serve.tuning.open_data {
            OpenData::Off => None,
            OpenData::Every(_) => self.deployment.lake(branch, history)?,
        };
        let sweep = Sweep::new(self.db.clone(), self.deployment.context.store.clone());
        let search = (env.now_ns() / UPKEEP_NS).is_multiple_of(UPKEEPS_A_DAY);
        let kept = upkeep(&self.db, &sweep, lake.as_ref(), search).await?;
        Ok(serde_json::to_value(kept)?)
    }
}
