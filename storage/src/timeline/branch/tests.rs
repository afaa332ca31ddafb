use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use super::fork::fork;
use super::restore::{announce, end_log};
use super::{BranchContext, BranchError, create, delete, list, resolve, restore};
use crate::log::{CommitLog, LogEntry};
use crate::segment::tests::block_on;
use crate::timeline::tests::world::World;
use crate::timeline::{BranchName, Segments, SegmentsError, SegmentsOptions, TimelineId};

fn name(text: &str) -> BranchName {
    text.parse().expect("a name")
}

async fn setup() -> (Arc<World>, BranchContext, Arc<Segments>) {
    let world = World::new(5, SegmentsOptions::default());
    let segments = world.open(world.store.clone(), &TimelineId::main()).await.expect("opened");
    let context = world.context(world.store.clone());
    (world, context, segments)
}

/// Opens a branch and compares everything it has with its model, at its newest and at the oldest timestamp.
async fn check(world: &Arc<World>, context: &BranchContext, branch: &BranchName) -> Arc<Segments> {
    let timeline = resolve(context, branch).await.expect("resolved");
    let segments = world.open(world.store.clone(), &timeline).await.expect("opened");
    world.flush(&segments).await.expect("flushed");
    let (manifest, version) = segments.current();
    for ts in [manifest.horizon_ts, manifest.flushed_ts] {
        world.check(&timeline, &version, ts).await;
    }
    segments
}

async fn pass(world: &World) {
    world.env.sleep(Duration::from_secs(1)).await;
}

async fn objects(world: &World, folder: &str) -> usize {
    let listed: Vec<_> = world.store.list(Some(&Path::from(folder))).try_collect().await.expect("a list");
    listed.len()
}

#[test]
fn a_branch_has_what_was_there_and_goes_its_own_way() {
    block_on(async {
        let (world, context, segments) = setup().await;
        let main = TimelineId::main();
        world.commit(&main, &[1, 2, 3], Some(1)).await;
        world.flush(&segments).await.expect("flushed");
        let early = world.last_ts(&main);
        pass(&world).await;
        world.commit(&main, &[2], Some(5)).await;
        world.commit(&main, &[3], None).await;
        world.flush(&segments).await.expect("flushed");
        pass(&world).await;
        // In the log only.
        world.commit(&main, &[1, 4], Some(2)).await;
        let late = world.last_ts(&main);
        let before = objects(&world, "segments").await;

        let now = create(&context, &name("now"), &name("main"), None).await.expect("a branch");
        assert_eq!(objects(&world, "segments").await, before + 1, "one segment, of the tail");
        let then = create(&context, &name("then"), &name("main"), Some(early)).await.expect("a branch");
        let between = create(&context, &name("between"), &name("main"), Some(late - 1)).await.expect("a branch");
        assert_eq!(objects(&world, "segments").await, before + 1, "none where there was nothing in the log");
        let at = |info: &super::BranchInfo| info.parent.as_ref().expect("a parent").ts;
        assert_eq!((at(&now), at(&then)), (late, early));
        assert!(at(&between) < late, "what was committed before is what counts");
        assert_eq!(now.parent_branch, Some(name("main")));
        assert!(now.foreign_bytes > 0 && now.foreign_bytes < now.bytes);

        for branch in ["now", "then", "between", "main"] {
            let segments = check(&world, &context, &name(branch)).await;
            pass(&world).await;
            world.commit(segments.timeline(), &[1, 9], Some(7)).await;
            world.commit(segments.timeline(), &[2], None).await;
        }
        for branch in ["now", "then", "between", "main"] {
            let segments = check(&world, &context, &name(branch)).await;
            segments.compact_all().await.expect("compacted");
            check(&world, &context, &name(branch)).await;
        }
        let names: Vec<_> = list(&context).await.expect("a list").into_iter().map(|info| info.name).collect();
        assert_eq!(names, ["between", "main", "now", "then"].map(name));
    });
}

#[test]
fn what_cannot_be_is_refused() {
    block_on(async {
        let (world, context, segments) = setup().await;
        let (main, branch) = (name("main"), name("b"));
        world.commit(&TimelineId::main(), &[1], Some(1)).await;
        world.env.sleep(Duration::from_secs(7200)).await;
        world.commit(&TimelineId::main(), &[1], Some(2)).await;
        world.flush(&segments).await.expect("flushed");
        segments.compact_all().await.expect("compacted");
        let (first, last, now) =
            (world.env.now_ns() - 7_200_000_000_000, world.last_ts(&TimelineId::main()), world.env.now_ns());
        let make = async |at| create(&context, &branch, &main, at).await;
        assert!(matches!(make(Some(first)).await, Err(BranchError::BeforeHistory { at, .. }) if at == first));
        assert!(matches!(make(Some(now + 1)).await, Err(BranchError::InFuture { last: l, .. }) if l == last));
        assert!(matches!(create(&context, &branch, &name("none"), None).await, Err(BranchError::NoBranch(_))));
        assert!(matches!(delete(&context, &branch).await, Err(BranchError::NoBranch(_))));
        assert!(matches!(delete(&context, &main).await, Err(BranchError::Main)));
        make(Some(now)).await.expect("a branch");
        assert!(matches!(make(None).await, Err(BranchError::Exists(_))));
        assert!(matches!(create(&context, &main, &main, None).await, Err(BranchError::Exists(_))));
        assert_eq!(list(&context).await.expect("a list").len(), 2);
    });
}

#[test]
fn a_child_outlives_its_parent() {
    block_on(async {
        let (world, context, segments) = setup().await;
        world.commit(&TimelineId::main(), &[1, 2, 3], Some(1)).await;
        world.flush(&segments).await.expect("flushed");
        let parent = create(&context, &name("parent"), &name("main"), None).await.expect("a branch");
        check(&world, &context, &name("parent")).await;
        world.commit(&parent.timeline, &[4, 5], Some(2)).await;
        check(&world, &context, &name("parent")).await;
        let child = create(&context, &name("child"), &name("parent"), None).await.expect("a branch");
        let served = world.open(world.store.clone(), &parent.timeline).await.expect("opened");

        delete(&context, &name("parent")).await.expect("deleted");
        let gone = world.open(world.store.clone(), &parent.timeline).await;
        assert!(matches!(gone, Err(SegmentsError::NoTimeline(_))));
        let log = world.log(&parent.timeline);
        let (next, entry) = (log.head().await.expect("a log") + 1, LogEntry::new([1; 16], Vec::new()));
        assert!(log.append_if_absent(next, &entry).await.is_err(), "its writers stop");

        let collect = async || {
            for _ in 0..3 {
                world.env.sleep(Duration::from_secs(100_000)).await;
                segments.collect().await.expect("collected");
            }
        };
        collect().await;
        let files = |timeline: &TimelineId| timeline.segments().to_string();
        assert_eq!(objects(&world, &files(&parent.timeline)).await, 1, "what the child needs");
        let child_segments = check(&world, &context, &name("child")).await;
        assert_eq!(list(&context).await.expect("a list")[0].parent_branch, None);

        world.commit(&child.timeline, &[1, 2, 3, 4, 5], Some(3)).await;
        world.flush(&child_segments).await.expect("flushed");
        child_segments.compact_all().await.expect("compacted");
        world.env.sleep(Duration::from_secs(100_000)).await;
        child_segments.collect().await.expect("collected");
        collect().await;
        assert_eq!(objects(&world, &files(&parent.timeline)).await, 0);
        assert_eq!(objects(&world, &format!("timelines/{}", parent.timeline)).await, 1, "only the mark of the end");
        assert!(served.compact_all().await.is_err(), "who slept through all of this fails");
        check(&world, &context, &name("child")).await;
        check(&world, &context, &name("main")).await;
    });
}

#[test]
fn a_restore_goes_back_and_stops_the_writers() {
    block_on(async {
        let (world, context, segments) = setup().await;
        let main = TimelineId::main();
        world.commit(&main, &[1, 2, 3], Some(1)).await;
        world.flush(&segments).await.expect("flushed");
        pass(&world).await;
        world.commit(&main, &[1], Some(2)).await;
        let at = world.last_ts(&main);
        pass(&world).await;
        world.commit(&main, &[2], None).await;

        let restored = restore(&context, &name("main"), at).await.expect("restored");
        assert_eq!((restored.previous, restored.ts), (main.clone(), at));
        assert_eq!(resolve(&context, &name("main")).await.expect("resolved"), restored.timeline);
        let later = world.last_ts(&main);
        world.commit(&main, &[3], None).await;
        assert_eq!(world.last_ts(&main), later, "the old log takes nothing more");
        let segments = check(&world, &context, &name("main")).await;
        world.commit(segments.timeline(), &[7], Some(7)).await;
        let segments = check(&world, &context, &name("main")).await;
        assert_eq!(world.model(segments.timeline()).at(u64::MAX).len(), 8);
        // And again, to before the first one.
        let again = restore(&context, &name("main"), at - 1).await.expect("restored");
        assert_eq!(again.previous, restored.timeline);
        check(&world, &context, &name("main")).await;
    });
}

#[test]
fn an_interrupted_restore_is_completed_or_forgotten() {
    block_on(async {
        let (world, context, segments) = setup().await;
        let (main, branch) = (TimelineId::main(), name("main"));
        world.commit(&main, &[1], Some(1)).await;
        world.flush(&segments).await.expect("flushed");
        let begin = async || {
            let made = fork(&context, &branch, None, |_| Ok(())).await.expect("a fork");
            announce(&context, &branch, &made).await.expect("announced");
            made.timeline
        };
        // Died before the seal: nothing happened.
        let forgotten = begin().await;
        assert_eq!(resolve(&context, &branch).await.expect("resolved"), main);
        // Died after it: it did.
        let completed = begin().await;
        end_log(&context, &branch, &*world.log(&main), completed.as_str()).await.expect("sealed");
        assert_eq!(resolve(&context, &branch).await.expect("resolved"), completed);
        check(&world, &context, &branch).await;
        assert!(world.open(world.store.clone(), &forgotten).await.is_err());
        // Two at a time: the seal decides.
        let first = begin().await;
        end_log(&context, &branch, &*world.log(&completed), first.as_str()).await.expect("sealed");
        let second = end_log(&context, &branch, &*world.log(&completed), "other").await.expect("sealed already");
        assert_eq!(second, first.as_str());
    });
}
