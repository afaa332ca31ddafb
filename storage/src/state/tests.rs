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
}
