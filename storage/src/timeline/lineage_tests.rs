use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::timeline::{REGISTRY_FORMAT, TimelineEntry};

const HOUR: u64 = 3_600_000_000_000;

/// What happens in a store, an hour apart. Timelines are numbers, modulo how many there are.
#[derive(Clone, Debug)]
enum Event {
    Make(usize),
    Fork(usize),
    Delete(usize),
    Bury(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => any::<usize>().prop_map(Event::Make),
        2 => any::<usize>().prop_map(Event::Fork),
        1 => any::<usize>().prop_map(Event::Delete),
        1 => any::<usize>().prop_map(Event::Bury),
    ];
    proptest::collection::vec(event, 1..40)
}

fn id(n: usize) -> TimelineId {
    if n == 0 { TimelineId::main() } else { format!("{n:016x}").parse().expect("an id") }
}

proptest! {
    /// Whatever is made, forked and deleted: no object that another timeline knows of counts as not shared.
    #[test]
    fn what_another_knows_is_shared(events in events()) {
        let entry = |parent: Option<usize>, created_ns| TimelineEntry {
            created_ns, parent: parent.map(id), state: TimelineState::Live, since_ns: created_ns, restores: None,
        };
        let mut timelines = BTreeMap::from([(id(0), entry(None, 0))]);
        let mut known: Vec<BTreeSet<usize>> = vec![BTreeSet::new()];
        let mut objects: Vec<(usize, u64)> = Vec::new();
        for (event, hour) in events.into_iter().zip(1u64..) {
            let now = hour * HOUR;
            let live: Vec<usize> = (0..known.len())
                .filter(|n| timelines.get(&id(*n)).is_some_and(|entry| entry.state == TimelineState::Live))
                .collect();
            let Some(some) = (!live.is_empty()).then_some(|n: usize| live[n % live.len()]) else { break };
            match event {
                Event::Make(n) => {
                    known[some(n)].insert(objects.len());
                    objects.push((some(n), now));
                }
                Event::Fork(n) => {
                    timelines.insert(id(known.len()), entry(Some(some(n)), now));
                    known.push(known[some(n)].clone());
                }
                Event::Delete(n) => timelines.get_mut(&id(some(n))).expect("live").state = TimelineState::Deleted,
                Event::Bury(n) => {
                    let dead = id(n % known.len());
                    if timelines.get(&dead).is_some_and(|entry| entry.state == TimelineState::Deleted) {
                        timelines.remove(&dead);
                    }
                }
            }
        }
        let nonce = String::new();
        let registry = Registry {
            format: REGISTRY_FORMAT, version: 1, nonce, published_ns: 0, timelines, branches: BTreeMap::new(),
        };
        let is_live = |n: &usize| registry.state(&id(*n)) == Some(TimelineState::Live);
        for seen_from in (0..known.len()).filter(is_live) {
            let lineage = Lineage { timeline: id(seen_from), registry: registry.clone() };
            for (object, (maker, made)) in objects.iter().enumerate() {
                let others = (0..known.len()).filter(is_live).filter(|n| *n != seen_from);
                let is_known = others.into_iter().any(|n| known[n].contains(&object));
                prop_assert!(!is_known || lineage.is_shared(&id(*maker), *made), "object {object} from {seen_from}");
            }
            // And where there is only one timeline, nothing is.
            if (0..known.len()).filter(is_live).count() == 1 {
                for (maker, made) in &objects {
                    prop_assert!(!lineage.is_shared(&id(*maker), *made));
                }
            }
        }
    }
}
