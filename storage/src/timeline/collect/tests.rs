use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use super::Collected;
use crate::segment::tests::{block_on, key, row};
use crate::timeline::output::{Cut, Made, Output};
use crate::timeline::tests::world::World;
use crate::timeline::{Flushed, Segments, SegmentsError, SegmentsOptions, TimelineEntry, TimelineId, TimelineState};

async fn setup(options: SegmentsOptions) -> (Arc<World>, Arc<Segments>) {
    let world = World::new(5, options);
    let segments = world.open(world.store.clone(), &TimelineId::main()).await.expect("opened");
    (world, segments)
}

async fn objects(world: &World, folder: &str) -> usize {
    let listed: Vec<_> = world.store.list(Some(&Path::from(folder))).try_collect().await.expect("a list");
    listed.len()
}

/// A segment that is not published.
async fn made(segments: &Segments) -> Made {
    let mut output = Output::new(segments, Cut { raw_bytes: u64::MAX, bytes: u64::MAX, indexes: false });
    output.push(&row(&key(1, &[], 1), 5, Some("{}"))).await.expect("a row");
    output.finish(Ok(())).await.expect("a segment")
}

/// Two flushes and a compaction: two obsolete segments.
async fn two_obsolete(world: &World, segments: &Segments) {
    for _ in 0..2 {
        world.commit(&TimelineId::main(), &[1, 2], Some(1)).await;
        world.flush(segments).await.expect("flushed");
    }
    assert!(segments.compact_all().await.expect("compacted"));
    assert_eq!(segments.manifest().obsolete.len(), 2);
}

#[test]
fn obsolete_segments_stay_for_readers_and_then_go() {
    block_on(async {
        let (world, segments) = setup(SegmentsOptions::default()).await;
        two_obsolete(&world, &segments).await;
        let all = objects(&world, "segments").await;
        world.env.sleep(Duration::from_secs(14 * 60)).await;
        assert_eq!(segments.collect().await.expect("collected"), Collected::default());
        assert_eq!(objects(&world, "segments").await, all);
        world.env.sleep(Duration::from_secs(2 * 60)).await;
        let collected = segments.collect().await.expect("collected");
        assert_eq!((collected.condemned, collected.segments), (2, 2));
        assert_eq!(objects(&world, "segments").await, all - 2);
        assert_eq!(segments.manifest().condemned, Vec::<String>::new());
    });
}

#[test]
fn nothing_goes_while_a_timeline_is_made_or_until_it_counts_as_dead() {
    block_on(async {
        let (world, segments) = setup(SegmentsOptions::default()).await;
        two_obsolete(&world, &segments).await;
        world.env.sleep(Duration::from_secs(20 * 60)).await;
        let now = world.env.now_ns();
        let (child, state) = (TimelineId::random(&world.env), TimelineState::Creating);
        let entry = TimelineEntry { created_ns: now, parent: None, state, since_ns: now, restores: None };
        let registered = segments.registries.change(|registry| {
            registry.timelines.insert(child.clone(), entry.clone());
            Ok::<_, SegmentsError>(())
        });
        registered.await.expect("registered");
        let collected = segments.collect().await.expect("collected");
        assert_eq!((collected.condemned, collected.segments), (2, 0));
        world.env.sleep(Duration::from_secs(61 * 60)).await;
        assert_eq!(segments.collect().await.expect("collected").segments, 2);
        world.env.sleep(Duration::from_secs(25 * 60 * 60)).await;
        assert_eq!(segments.collect().await.expect("collected").timelines, 1);
        assert!(!segments.registries.latest_or_initial().await.expect("a registry").timelines.contains_key(&child));
    });
}

#[test]
fn a_publisher_that_stalled_finds_its_segment_condemned_or_too_old() {
    block_on(async {
        let (world, segments) = setup(SegmentsOptions::default()).await;
        let other = world.open(world.store.clone(), &TimelineId::main()).await.expect("opened");
        let upto = Flushed { entry: 1, ts: 5, ..Flushed::default() };
        let condemned = made(&segments).await;
        let path = condemned.run.files[0].segment.path.clone();
        let condemn = other.publish(|manifest| {
            manifest.condemned.push(path.clone());
            Some(())
        });
        condemn.await.expect("published");
        assert!(matches!(segments.publish_flush(&condemned, &upto).await, Err(SegmentsError::TooSlow)));

        let stalled = made(&segments).await;
        world.env.sleep(Duration::from_secs(25 * 60 * 60)).await;
        let collected = other.collect().await.expect("collected");
        assert_eq!((collected.condemned, collected.segments, objects(&world, "segments").await), (1, 2, 0));
        assert!(matches!(segments.publish_flush(&stalled, &upto).await, Err(SegmentsError::TooSlow)));
        // One that is quick enough is published, whatever was published since.
        let quick = made(&segments).await;
        other.publish(|_| Some(())).await.expect("published");
        segments.publish_flush(&quick, &upto).await.expect("published");
        assert_eq!(segments.manifest().runs.len(), 1);
    });
}

#[test]
fn old_manifests_go() {
    block_on(async {
        let (world, segments) = setup(SegmentsOptions { manifests_kept: 10, ..SegmentsOptions::default() }).await;
        for _ in 0..50 {
            segments.publish(|_| Some(())).await.expect("published");
        }
        assert_eq!(segments.collect().await.expect("collected").versions, 0, "they are young");
        world.env.sleep(Duration::from_secs(2 * 60 * 60)).await;
        assert_eq!(segments.collect().await.expect("collected").versions, 41);
        // `latest` and `first` besides.
        assert_eq!(objects(&world, "timelines/main/manifest").await, 10 + 2);
        let opened = world.open(world.store.clone(), &TimelineId::main()).await.expect("opened");
        assert_eq!(opened.manifest().version, 51);
    });
}
