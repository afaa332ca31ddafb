use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;

use super::Walk;
use crate::env::Env;
use crate::interval::{End, Interval, ReadSet, next_key};
use crate::limits::Limits;
use crate::query::Order;
use crate::state::model::{Modelled, PREFIX_COUNT, document, events, intervals, key_of, order, run, within};
use crate::transaction::Transaction;

/// Own writes made before each step: the document now at a key, or that there is none.
fn own_writes() -> impl Strategy<Value = Vec<Vec<(usize, Option<u32>)>>> {
    let write = (0..PREFIX_COUNT, proptest::option::weighted(0.6, any::<u32>()));
    proptest::collection::vec(proptest::collection::vec(write, 0..3), 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A walk sees the snapshot under own writes, also those made on the way, and records just what it passed.
    #[test]
    fn walks_see_own_writes_and_record_what_they_pass(
        events in events(),
        interval in intervals(),
        order in order(),
        own in own_writes(),
        back in 0..5u64,
        give_up in any::<bool>(),
    ) {
        run(async {
            let modelled = Modelled::new(events).await;
            let ts = modelled.ts.saturating_sub(back * 10);
            let mut seen = modelled.seen(ts);
            let mut tx =
                Transaction::new(modelled.at(ts).await, "test", Env::deterministic(2), Arc::new(Limits::default()));
            let mut walk = Walk::new(interval.clone(), order);
            let mut ahead = interval.clone();
            for writes in own {
                for (n, value) in writes {
                    let new = value.map(|value| document(n, value));
                    tx.staged.overlay.insert(key_of(n), new.clone());
                    match new {
                        Some(new) => drop(seen.insert(key_of(n), new)),
                        None => drop(seen.remove(&key_of(n))),
                    }
                }
                let expected = within(&seen, &ahead, order).first().cloned();
                // A step that waits for segments and is dropped meanwhile has changed nothing.
                let polled = match give_up {
                    true => futures::poll!(pin!(tx.step(&mut walk))),
                    false => Poll::Pending,
                };
                let found = match polled {
                    Poll::Ready(found) => found.unwrap(),
                    Poll::Pending => tx.step(&mut walk).await.unwrap(),
                };
                prop_assert_eq!(&found, &expected);
                match (&found, order) {
                    (Some((key, _)), Order::Asc) => ahead.start = next_key(key),
                    (Some((key, _)), Order::Desc) => ahead.end = End::Before(key.clone()),
                    (None, _) => {
                        prop_assert_eq!(tx.reads(), &ReadSet::from_iter([interval.clone()]));
                        return Ok(());
                    }
                }
                prop_assert_eq!(tx.reads(), &recorded(&interval, &ahead, order));
            }
            Ok(())
        })?;
    }
}

/// What was passed of an interval.
fn recorded(interval: &Interval, ahead: &Interval, order: Order) -> ReadSet {
    let passed = match order {
        Order::Asc => Interval { start: interval.start.clone(), end: End::Before(ahead.start.clone()) },
        Order::Desc => match &ahead.end {
            End::Before(end) => Interval { start: end.clone(), end: interval.end.clone() },
            End::Unbounded => return ReadSet::new(),
        },
    };
    ReadSet::from_iter([passed])
}
