//! What is merged is what would have been built.

use super::{Lists, lists, norms, numbers, part};
use crate::catalog::IndexId;
use crate::search::part::tests::Parts;
use crate::search::part::{Kind, PartReader};
use crate::search::postings::GONE;
use crate::search::postings::merge::merge_with;
use crate::segment::tests::block_on;

/// Tasks that merge move between threads.
fn send<F: Future + Send>(future: F) -> F {
    future
}

async fn rows(part: &PartReader) -> Vec<(Kind, Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    for kind in [Kind::Norms, Kind::Terms, Kind::Postings] {
        for (key, value) in part.range(kind, &[], None).await.expect("read") {
            rows.push((kind, key.to_vec(), value.to_vec()));
        }
    }
    rows
}

#[test]
fn what_is_merged_is_what_would_have_been_built() {
    block_on(async {
        // How long the runs are of documents of the same input, and how many documents in 100 are gone.
        for (case, (inputs, run, gone)) in
            [(1, 1, 50), (2, 1, 0), (3, 40, 20), (4, 30_000, 10), (2, 500, 98)].into_iter().enumerate()
        {
            let store = Parts::new();
            let mut number = numbers(case as u64);
            let olds: Vec<_> = (0..inputs).map(|input| (lists(25_000, 7 + input), vec![GONE; 25_000])).collect();
            let mut olds: Vec<(Lists, Vec<u32>)> = olds;
            let (mut next_old, mut new) = (vec![0; olds.len()], 0);
            while next_old.iter().any(|next| *next < 25_000) {
                let at = number(inputs as u32) as usize;
                for _ in 0..=number(run) {
                    let Some(place) = olds[at].1.get_mut(next_old[at]) else { break };
                    next_old[at] += 1;
                    if number(100) >= gone {
                        *place = new;
                        new += 1;
                    }
                }
            }
            let norms = norms(new);
            let mut expected = Lists::new();
            let mut readers = Vec::new();
            for (at, (lists, new_ordinals)) in olds.iter().enumerate() {
                readers.push((part(&store, &format!("old{at}"), lists, &[], usize::MAX).await, &new_ordinals[..]));
                for (term, list) in lists {
                    let live = list.iter().map(|(old, frequency)| (new_ordinals[*old as usize], *frequency));
                    let live: Vec<_> = live.filter(|(new, _)| *new != GONE).collect();
                    if !live.is_empty() {
                        expected.entry(term.clone()).or_default().extend(live);
                    }
                }
            }
            expected.values_mut().for_each(|list| list.sort_unstable());
            let built = rows(&part(&store, "built", &expected, &norms, usize::MAX).await).await;
            for spool_bytes in [usize::MAX, 40_000, 0] {
                let mut writer = store.writer(&format!("merged{spool_bytes}"));
                writer.start_part(IndexId(1));
                let merging = merge_with(&readers, &mut writer, &norms, spool_bytes);
                send(merging).await.expect("merged");
                let merged = rows(&store.finish(writer, IndexId(1)).await).await;
                assert!(merged == built, "case {case}, spool {spool_bytes}");
            }
        }
    });
}
