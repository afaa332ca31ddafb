use proptest::prelude::*;

use super::model::{Modelled, PREFIX_COUNT, events, intervals, key_of, order, run, within};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is in the tail and whatever in segments, each timestamp sees what it should.
    #[test]
    fn reads_at_any_timestamp(events in events(), reads in proptest::collection::vec((intervals(), order(), 0..120u64), 1..12)) {
        run(async {
            let modelled = Modelled::new(events).await;
            for (interval, order, step) in reads {
                // Between two commits as well, and after the last.
                let ts = (step * 9).min(modelled.ts + 5);
                let snapshot = modelled.at(ts).await;
                let seen = modelled.seen(ts);
                let mut scan = snapshot.scan(interval.clone(), order);
                let mut found = Vec::new();
                while let Some(entry) = scan.next().await.unwrap() {
                    found.push(entry);
                }
                prop_assert!(scan.next().await.unwrap().is_none());
                prop_assert_eq!(found, within(&seen, &interval, order));
                for n in 0..PREFIX_COUNT {
                    let key = key_of(n);
                    let got = snapshot.get(&key).await.unwrap();
                    prop_assert_eq!(got.as_ref(), seen.get(&key));
                }
            }
            Ok(())
        })?;
    }

    /// What was committed after a timestamp is found, or not known any more.
    #[test]
    fn changes_are_found_or_forgotten(events in events(), probes in proptest::collection::vec((intervals(), 0..120u64), 1..12)) {
        run(async {
            let modelled = Modelled::new(events).await;
            let newest = modelled.at(modelled.ts).await;
            let flushed = modelled.state.version().segments_after(0).concat();
            let flushed = flushed.iter().map(|segment| segment.newest_ts()).max().unwrap_or(0);
            for (interval, step) in probes {
                let since = (step * 9).min(modelled.ts);
                let inside = modelled.model.iter().filter(|(key, _)| interval.contains(key));
                let mut versions = inside.flat_map(|(_, versions)| versions.keys());
                let changed = versions.any(|ts| *ts > since);
                let found = newest.touched_since(since, &std::iter::once(interval).collect());
                if since >= flushed {
                    prop_assert_eq!(found, Some(changed));
                } else {
                    prop_assert!(found.is_none() || found == Some(changed));
                }
            }
            Ok(())
        })?;
    }
}
