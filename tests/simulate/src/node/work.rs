//! The tasks of a node that use its database directly.

use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::log::Timestamp;

use super::Ready;
use crate::app::{Failed, Index, Recorder, add_index, drop_index, random_change, random_read};
use crate::book::Observation;
use crate::cluster::Cluster;
use crate::host::Host;

/// Starts them.
pub fn work(cluster: &Arc<Cluster>, host: &Arc<Host>, ready: &Arc<Ready>) {
    for worker in 0..cluster.plan.workers {
        let (cluster, ready) = (cluster.clone(), ready.clone());
        host.spawn(async move {
            let mut done = 0u64;
            while !cluster.is_over() {
                let pause = cluster.world.dice.skewed_ms(8000);
                cluster.world.sleep(pause).await;
                match cluster.world.dice.below(0..100) {
                    0..55 => change(&cluster, &ready, worker, done).await,
                    55..97 => query(&cluster, &ready).await,
                    _ => maintain(&cluster, &ready).await,
                }
                done += 1;
            }
        });
    }
    let (life, ready) = (host.clone(), ready.clone());
    host.spawn(async move {
        let successor = ready.backend.database.sealed().await;
        life.world.event(format_args!("{} finds its log sealed for `{successor}`", life.name));
        life.kill();
    });
}

async fn change(cluster: &Cluster, ready: &Ready, worker: usize, done: u64) {
    let host = &ready.backend.host;
    let change = random_change(&cluster.world.dice, || format!("{}/{worker}/{done}", host.name));
    // One that loses may be run again, or be given up.
    while let Ok(None) = ready.backend.attempt(&change, None).await {
        if cluster.world.dice.chance(0.3) {
            return;
        }
    }
}

async fn query(cluster: &Cluster, ready: &Ready) {
    let (world, database, host) = (&cluster.world, &ready.backend.database, &ready.backend.host);
    let timeline = &ready.backend.timeline;
    let mut not_before = cluster.book.newest_acknowledged(&host.name);
    let read = random_read(&world.dice, &[]);
    let (snapshot, needs_durability) = match world.dice.below(0..6) {
        0 => (database.head(), true),
        1 | 2 => {
            let back: Timestamp = world.dice.below(0..900_000_000_000) >> world.dice.below(0..20);
            not_before = 0;
            let at = database.latest().ts().saturating_sub(back).max(cluster.book.newest_acknowledged("setup"));
            match database.snapshot_at(at).await {
                Ok(snapshot) => (snapshot, false),
                Err(_) => return,
            }
        }
        3 => {
            // Strictly serializable: whatever anybody was told before this began is there.
            let told = cluster.book.newest_acknowledged(timeline);
            if database.refresh().await.is_err() {
                return;
            }
            not_before = told;
            (database.latest(), false)
        }
        _ => (database.latest(), false),
    };
    let mut recorder = Recorder::new(database.begin(snapshot.clone(), "sim:query"));
    // Some read slowly, while segments come and go.
    if world.dice.chance(0.1) {
        world.sleep(world.dice.skewed_ms(60_000)).await;
    }
    match recorder.read(&read).await {
        Ok(result) => {
            if needs_durability && database.wait_durable(&snapshot).await.is_err() {
                return;
            }
            let who = format!("a query of {}", host.name);
            let (timeline, ts) = (timeline.clone(), snapshot.ts());
            cluster.book.saw(Observation { timeline, who, ts, not_before, read, result: Arc::new(result) });
        }
        Err(Failed::Wrong(text)) => world.violation("errors", format_args!("{}: {read:?} fails: {text}", host.name)),
        Err(_) => {}
    }
}

/// Jobs that also run by themselves, at any time, and changes of indexes.
async fn maintain(cluster: &Cluster, ready: &Ready) {
    let (world, database, host) = (&cluster.world, &ready.backend.database, &ready.backend.host);
    let segments = database.segments();
    let fleeting = *world.dice.pick(&[Index::Fleeting, Index::FleetingWords]);
    let (job, outcome) = match world.dice.below(0..8) {
        0 | 1 => ("flushes", database.checkpoint().await.map_err(|error| error.to_string())),
        2 => ("compacts", segments.compact().await.map(drop).map_err(|error| error.to_string())),
        3 | 4 => ("collects", segments.collect().await.map(drop).map_err(|error| error.to_string())),
        5 => ("compacts all", segments.compact_all().await.map(drop).map_err(|error| error.to_string())),
        6 => ("adds an index", add_index(database, fleeting).await),
        _ => ("drops an index", drop_index(database, fleeting).await),
    };
    match outcome {
        Ok(()) => world.event(format_args!("{} {job}", host.name)),
        Err(error) => world.event(format_args!("{} {job}: {error}", host.name)),
    }
    world.sleep(Duration::from_millis(1)).await;
}
