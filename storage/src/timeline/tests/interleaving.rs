//! All jobs at once, on stores that delay, stall and fail, some dying halfway: at every moment everything can be read, and at
//! the end nothing is lost and nothing is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::{BoxFuture, join_all};
use object_store::ObjectStore;
use object_store::path::Path;

use super::world::World;
use crate::timeline::branch::{create, delete, resolve, restore};
use crate::timeline::registry::Registries;
use crate::timeline::{BranchName, Faults, Segments, SegmentsOptions, TimelineId, TimelineState, UnsteadyStore};

const SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(120);
const ORPHAN_AGE: Duration = Duration::from_secs(3600);

const ROUGH: Faults = Faults {
    delay: Duration::from_millis(500),
    stalls: 4,
    stall: Duration::from_secs(7200),
    lost_requests: 5,
    lost_answers: 5,
    late_puts: 5,
    lateness: Duration::from_secs(60),
};
/// A reader keeps its promise to look for newer manifests.
const PROMPT: Faults = Faults { delay: Duration::from_millis(100), ..ROUGH_BUT_PROMPT };
const ROUGH_BUT_PROMPT: Faults = Faults { stalls: 0, lost_requests: 0, lost_answers: 0, late_puts: 0, ..ROUGH };

fn options() -> SegmentsOptions {
    SegmentsOptions {
        history: Duration::from_secs(300),
        grace: GRACE,
        log_kept: Duration::from_secs(200),
        orphan_age: ORPHAN_AGE,
        manifests_kept: 8,
        flush_file_bytes: 3_000,
        file_bytes: 400,
        ..SegmentsOptions::default()
    }
}

/// One process: its own store and its own view of each timeline.
struct Node {
    world: Arc<World>,
    store: Arc<dyn ObjectStore>,
    open: BTreeMap<TimelineId, Arc<Segments>>,
}

impl Node {
    fn new(world: &Arc<World>, faults: Faults) -> Node {
        let store = Arc::new(UnsteadyStore { inner: world.store.clone(), env: world.env.clone(), faults });
        Node { world: world.clone(), store, open: BTreeMap::new() }
    }

    fn random(&self, below: usize) -> usize {
        (self.world.env.random_u64() % below as u64) as usize
    }

    async fn branches(&self) -> Vec<BranchName> {
        let registries = Registries::new(self.store.clone(), self.world.env.clone());
        let registry = registries.latest().await.ok().flatten();
        registry.map_or(Vec::new(), |registry| registry.branches.into_keys().collect())
    }

    async fn any_branch(&self) -> Option<BranchName> {
        let branches = self.branches().await;
        (!branches.is_empty()).then(|| branches[self.random(branches.len())].clone())
    }

    /// The files of a branch.
    async fn segments_of(&mut self, branch: &BranchName) -> Option<Arc<Segments>> {
        let timeline = resolve(&self.world.context(self.store.clone()), branch).await.ok()?;
        if !self.open.contains_key(&timeline) {
            let segments = self.world.open(self.store.clone(), &timeline).await.ok()?;
            self.open.insert(timeline.clone(), segments);
        }
        self.open.get(&timeline).cloned()
    }

    async fn any_segments(&mut self) -> Option<Arc<Segments>> {
        let branch = self.any_branch().await?;
        self.segments_of(&branch).await
    }

    async fn write(&mut self) {
        let Some(segments) = self.any_segments().await else { return };
        for _ in 0..self.random(4) {
            let ids: BTreeSet<u8> = (0..=self.random(5)).map(|_| self.random(24) as u8).collect();
            let ids: Vec<u8> = ids.into_iter().collect();
            let field = (self.random(3) > 0).then(|| self.random(8) as u8);
            self.world.commit(segments.timeline(), &ids, field).await;
        }
    }

    async fn flush(&mut self) {
        let Some(segments) = self.any_segments().await else { return };
        if let Ok(Some(outcome)) = self.world.flush(&segments).await {
            let through = outcome.manifest().trimmable(self.world.env.now_ns(), self.world.options.log_kept);
            use crate::log::CommitLog;
            self.world.log(segments.timeline()).trim(through).await.expect("a memory log");
        }
    }

    async fn compact(&mut self) {
        let Some(segments) = self.any_segments().await else { return };
        let all = self.random(4) == 0;
        let _maybe = if all { segments.compact_all().await } else { segments.compact().await };
    }

    async fn collect(&mut self) {
        let Some(segments) = self.any_segments().await else { return };
        let _maybe = segments.collect().await;
    }

    async fn branch(&mut self) {
        let (branches, context) = (self.branches().await, self.world.context(self.store.clone()));
        let Some(branch) = self.any_branch().await else { return };
        let ago = Duration::from_secs(self.random(400) as u64).as_nanos() as u64;
        let at = self.world.env.now_ns() - ago;
        match self.random(4) {
            0 | 1 if branches.len() < 4 => {
                let name = format!("b{}", self.random(1000)).parse().expect("a name");
                let _maybe = create(&context, &name, &branch, (self.random(2) == 0).then_some(at)).await;
            }
            2 if self.random(2) == 0 => {
                let _maybe = restore(&context, &branch, at).await;
            }
            _ if branches.len() > 2 => {
                let _maybe = delete(&context, &branch).await;
            }
            _ => {}
        }
    }

    /// Everything in the window of history can be read.
    async fn read(&mut self) {
        let Some(segments) = self.any_segments().await else { return };
        let _same_if_it_fails = segments.refresh().await;
        let (manifest, version) = segments.current();
        let span = manifest.flushed_ts - manifest.horizon_ts;
        for ts in
            [manifest.horizon_ts, manifest.flushed_ts, manifest.horizon_ts + self.world.env.random_u64() % (span + 1)]
        {
            self.world.check(segments.timeline(), &version, ts).await;
        }
    }
}

type Job = for<'n> fn(&'n mut Node) -> BoxFuture<'n, ()>;

/// Does a job again and again; sometimes dies within it and starts afresh.
async fn forever(world: Arc<World>, faults: Faults, pause: Duration, job: Job) {
    let mut node = Node::new(&world, faults);
    loop {
        let env = &world.env;
        env.sleep(pause * (env.random_u64() % 200) as u32 / 100).await;
        if faults.lost_requests > 0 && env.random_u64().is_multiple_of(8) {
            let life = Duration::from_millis(env.random_u64() % 20_000);
            let _dead_or_done = env.timeout(life, job(&mut node)).await;
            node = Node::new(&world, faults);
        } else {
            job(&mut node).await;
        }
    }
}

async fn run(seed: u64, time: Duration) {
    let world = World::new(seed, options());
    world.open(world.store.clone(), &TimelineId::main()).await.expect("a calm store");
    let job = |faults, pause: u32, job: Job| forever(world.clone(), faults, SECOND * pause, job);
    let jobs = [
        job(ROUGH_BUT_PROMPT, 3, |node| Box::pin(node.write())),
        job(ROUGH, 20, |node| Box::pin(node.flush())),
        job(ROUGH, 20, |node| Box::pin(node.flush())),
        job(ROUGH, 20, |node| Box::pin(node.compact())),
        job(ROUGH, 20, |node| Box::pin(node.compact())),
        job(ROUGH, 30, |node| Box::pin(node.collect())),
        job(ROUGH, 30, |node| Box::pin(node.collect())),
        job(ROUGH, 120, |node| Box::pin(node.branch())),
        job(ROUGH, 120, |node| Box::pin(node.branch())),
        job(PROMPT, 15, |node| Box::pin(node.read())),
        job(PROMPT, 15, |node| Box::pin(node.read())),
    ];
    let _endless = world.env.timeout(time, join_all(jobs)).await;
    settle(&world, seed).await;
}

/// Nothing is lost, and once all is collected nothing is left over.
async fn settle(world: &Arc<World>, seed: u64) {
    let mut node = Node::new(world, Faults::default());
    world.env.sleep(ROUGH.lateness).await;
    for branch in node.branches().await {
        let segments = node.segments_of(&branch).await.expect("a branch can be opened");
        segments.refresh().await.expect("a calm store");
        world.flush(&segments).await.expect("a calm store");
        let timeline = segments.timeline();
        let (manifest, version) = segments.current();
        assert!(manifest.flushed_ts >= world.last_ts(timeline), "seed {seed}: all is flushed");
        if let Some(counts) = &manifest.counts {
            assert_eq!(*counts, world.model(timeline).counts(manifest.flushed_ts));
        }
        world.check(timeline, &version, manifest.flushed_ts).await;
        world.check(timeline, &version, manifest.horizon_ts).await;
        segments.compact_all().await.expect("a calm store");
        let (manifest, version) = segments.current();
        world.check(timeline, &version, manifest.flushed_ts).await;
        world.check(timeline, &version, manifest.horizon_ts).await;
    }
    // Once for what is left behind and for interrupted creations, then for what these had kept.
    for wait in [ORPHAN_AGE * 2, ORPHAN_AGE * 2, GRACE * 2, GRACE * 2] {
        world.env.sleep(wait).await;
        for branch in node.branches().await {
            let segments = node.segments_of(&branch).await.expect("a branch can be opened");
            segments.collect().await.expect("a calm store");
        }
    }
    // A restore that was interrupted before the seal keeps its timeline.
    let registries = Registries::new(world.store.clone(), world.env.clone());
    let registry = registries.latest().await.expect("a calm store").expect("a registry");
    let mut needed = BTreeSet::new();
    for (timeline, entry) in &registry.timelines {
        assert!(entry.state != TimelineState::Creating && (entry.restores.is_none() || entry.parent.is_some()));
        if entry.state == TimelineState::Live {
            let segments = world.open(world.store.clone(), timeline).await.expect("it is live");
            needed.extend(segments.manifest().needed().into_iter().map(str::to_owned));
        }
    }
    for branch in node.branches().await {
        let segments = node.segments_of(&branch).await.expect("a branch can be opened");
        let manifest = segments.refresh().await.expect("a calm store");
        world.check(segments.timeline(), &segments.version(), manifest.flushed_ts).await;
    }
    let listed: Vec<_> = world.store.list(Some(&Path::from("segments"))).try_collect().await.expect("a calm store");
    let present: BTreeSet<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
    assert_eq!(present, needed, "seed {seed}: exactly the segments that are needed are there");
}

/// Runs some seeds. One takes about ten seconds, and several times that on a busy machine: hence two tests, side by side.
fn run_seeds(part: u64) {
    let seeds = std::env::var("LAKEWIRE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1);
    let first =
        std::env::var("LAKEWIRE_FIRST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0) + part * seeds;
    for seed in first..first + seeds {
        println!("seed {seed}");
        crate::segment::tests::block_on(run(seed, Duration::from_secs(4 * 3600)));
    }
}

#[test]
fn jobs_in_any_order_lose_nothing() {
    run_seeds(0);
}

#[test]
fn jobs_in_other_orders_lose_nothing() {
    run_seeds(1);
}
