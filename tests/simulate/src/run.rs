//! One seed, from its beginning to the verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::log::Timestamp;
use lakewire_storage::timeline::{BranchName, Manifest, branch};

use crate::app;
use crate::book::Attempt;
use crate::branches;
use crate::chaos;
use crate::client::{Client, Ended};
use crate::cluster::Cluster;
use crate::host::Host;
use crate::model::Model;
use crate::node;
use crate::oracle::{Replayed, replay, verify_database, verify_files};
use crate::plan::Plan;
use crate::trace::Violation;
use crate::world::World;

/// The first timeline.
pub const MAIN: &str = "main";
/// How long everything may take to come to rest, in simulated time.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the store may take to be rid of what nobody needs.
const COLLECTED: Duration = Duration::from_secs(4 * 3600);

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What must not have happened, in order; empty if all is well.
    pub violations: Vec<Violation>,
    /// The hash over all events.
    pub hash: String,
    /// How many events there were.
    pub events: u64,
    /// How long it was, in simulated time.
    pub simulated: Duration,
    /// Transactions of the app that were held against the model.
    pub transactions: u64,
    /// Queries that were.
    pub queries: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The last events.
    pub recent: Vec<String>,
    /// What the seed decided at its beginning.
    pub plan: String,
}

/// Runs a seed.
///
/// # Errors
/// When there can be no runtime.
pub fn run(seed: u64) -> std::io::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let report = runtime.block_on(simulate(seed));
    runtime.shutdown_background();
    Ok(report)
}

async fn simulate(seed: u64) -> Report {
    let world = World::new(seed);
    let plan = Plan::draw(&world.dice);
    world.event(format_args!("{plan:?}"));
    let cluster = Cluster::new(&world, plan.clone());
    let mut states = BTreeMap::new();
    if tokio::time::timeout(3 * PATIENCE + COLLECTED + plan.length, whole(&cluster, &mut states)).await.is_err() {
        world.violation("liveness", format_args!("not at rest after {:?}", world.elapsed()));
    }
    for number in 0..cluster.len() {
        cluster.host(number).kill();
    }
    let (hash, events) = world.trace.digest();
    Report {
        seed,
        violations: world.trace.violations(),
        hash,
        events,
        simulated: world.elapsed(),
        transactions: states.values().map(|state: &Replayed| state.transactions).sum(),
        queries: states.values().map(|state| state.queries).sum(),
        faults: world.trace.faults(),
        recent: world.trace.recent(),
        plan: format!("{plan:?}"),
    }
}

async fn whole(cluster: &Arc<Cluster>, states: &mut BTreeMap<String, Replayed>) {
    let world = &cluster.world;
    if let Err(error) = begin(cluster).await {
        world.violation("errors", format_args!("cannot set up: {error}"));
        return;
    }
    world.set_rates(cluster.plan.rates.clone());
    world.spawn(chaos::reign(cluster.clone()));
    world.spawn(chaos::revive(cluster.clone()));
    world.spawn(branches::reign(cluster.clone()));
    let mut clients = Vec::new();
    for number in 0..cluster.plan.clients {
        clients.push(tokio::spawn(Client::new(cluster, MAIN, number).live()));
    }
    let end = world.elapsed() + cluster.plan.length;
    while world.elapsed() < end && !world.trace.is_violated() {
        world.sleep(Duration::from_secs(1)).await;
    }
    world.event(format_args!("the end begins"));
    cluster.end();
    chaos::calm(cluster);
    if world.trace.is_violated() {
        return;
    }
    let mut ended = Vec::new();
    for client in clients {
        let Ok(client) = tokio::time::timeout(PATIENCE, client).await else {
            world.violation("liveness", format_args!("a client is not answered, though nothing fails any more"));
            break;
        };
        match client {
            Ok(client) => ended.push(client),
            Err(error) => world.violation("panic", format_args!("a client: {error}")),
        }
    }
    if world.trace.is_violated() {
        return;
    }
    if let Err(name) = cluster.all_ready(PATIENCE).await {
        world.violation("liveness", format_args!("{name} cannot be opened, though nothing fails any more"));
    }
    judge(cluster, &ended, states).await;
}

/// The first node, which makes the tables, and all others.
async fn begin(cluster: &Arc<Cluster>) -> Result<(), String> {
    let host = Host::start(&cluster.world, "setup".to_owned(), 0);
    let (shared, life) = (cluster.clone(), host.clone());
    let set_up = on(&host, async move {
        match node::open(&shared, &life, &BranchName::main()).await {
            Some(ready) => app::set_up(&ready.backend.database, &shared.book, MAIN).await,
            None => Err("no database".to_owned()),
        }
    });
    set_up.await.unwrap_or_else(|| Err("it died".to_owned()))?;
    host.kill();
    for number in 0..cluster.plan.nodes {
        cluster.add(&format!("node{number}"), &BranchName::main());
    }
    cluster.all_ready(Duration::from_secs(60)).await
}

/// Runs a future as a task of a host; `None` if the host dies.
async fn on<T: Send + 'static>(host: &Arc<Host>, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    host.spawn(async move {
        let _gone = done.send(future.await);
    });
    outcome.await.ok()
}

async fn judge(cluster: &Arc<Cluster>, clients: &[Ended], states: &mut BTreeMap<String, Replayed>) {
    let world = &cluster.world;
    let attempts = cluster.book.attempts();
    for manifest in cluster.bucket.first_manifests() {
        match serde_json::from_slice::<Manifest>(&manifest) {
            Ok(manifest) => {
                let parent = manifest.parent.map(|parent| (parent.timeline.to_string(), parent.ts));
                cluster.lineage.found(manifest.timeline.as_str(), parent);
            }
            Err(error) => world.violation("files", format_args!("the first manifest of a timeline: {error}")),
        }
    }
    for timeline in cluster.lineage.timelines() {
        let from = match cluster.lineage.parent(&timeline) {
            Some((parent, ts)) => model_at(cluster, &attempts, &parent, ts),
            None => Model::default(),
        };
        let history = cluster.medium().history(world, &timeline);
        states.insert(timeline.clone(), replay(world, &cluster.book, &cluster.lineage, &timeline, from, &history));
    }
    for client in clients {
        judge_answers(world, client, states);
    }
    for number in 0..cluster.len() {
        let Some(ready) = cluster.ready(number) else { continue };
        let Some(state) = states.get(&ready.backend.timeline) else { continue };
        let (shared, model) = (cluster.clone(), state.model.clone());
        on(&cluster.host(number), async move {
            let (database, timeline) = (&ready.backend.database, &ready.backend.timeline);
            let who = format!("{} on `{timeline}`", ready.backend.host.name);
            verify_database(&shared.world, database, &who, &model).await;
        })
        .await;
    }
    if world.trace.is_violated() {
        return;
    }
    // Only now: the clocks of nodes that go on would never let the store come to rest.
    cluster.retire_all();
    let host = Host::start(world, "judge".to_owned(), 0);
    let (shared, life) = (cluster.clone(), host.clone());
    on(&host, async move { verify_files(&shared, &life).await }).await;
    let branches: Vec<_> = states.keys().cloned().collect();
    let (shared, life, known) = (cluster.clone(), host.clone(), states.clone());
    on(&host, async move {
        for info in branch::list(&node::branch_context(&shared, &life)).await.unwrap_or_default() {
            let Some(state) = known.get(info.timeline.as_str()) else { continue };
            if let Some(ready) = node::open(&shared, &life, &info.name).await {
                let who = format!("judge on `{}`", info.timeline);
                verify_database(&shared.world, &ready.backend.database, &who, &state.model).await;
            }
        }
    })
    .await;
    world.event(format_args!("{} timelines were judged", branches.len()));
    host.kill();
}

/// What a timeline was at a timestamp.
fn model_at(cluster: &Cluster, attempts: &BTreeMap<String, Attempt>, timeline: &str, ts: Timestamp) -> Model {
    let mut model = match cluster.lineage.parent(timeline) {
        Some((parent, at)) => model_at(cluster, attempts, &parent, at.min(ts)),
        None => Model::default(),
    };
    for transaction in cluster.medium().history(&cluster.world, timeline) {
        if transaction.ts <= ts
            && let Some(attempt) = attempts.get(&transaction.source)
        {
            attempt.ops.iter().for_each(|op| model.apply(op));
        }
    }
    model
}

/// What a client was told of its mutations is so.
fn judge_answers(world: &World, client: &Ended, states: &BTreeMap<String, Replayed>) {
    let Some(state) = states.get(&client.timeline) else { return };
    for (request, ts) in &client.answered {
        let committed = state.requests.get(&(client.session.clone(), *request));
        if committed.is_some_and(|committed| committed != ts) {
            let session = &client.session;
            world.violation(
                "exactly once",
                format_args!("{session} was told {ts} of request {request}, committed at {committed:?}"),
            );
        }
    }
}
