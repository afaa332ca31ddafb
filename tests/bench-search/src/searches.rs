//! Running many searches: cold and warm, with what they read and what they find.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::place::Place;
use crate::stats::{percentiles, report, resident_mb, round};

/// Results asked for.
pub const RESULTS: usize = 10;
/// Searches with nothing in the cache.
const COLD: usize = 200;
/// Commits after each of which is searched.
const FRESH: u64 = 200;

/// A search and its kind.
pub trait Search {
    fn kind(&self) -> &str;
}

/// Measures searches, which give numbers of documents. `truth` names the best results of each, and is called so in the report.
pub async fn run<S: Search>(
    name: &str,
    place: &Place,
    queries: &[S],
    truth: Option<(&str, Vec<Vec<u32>>)>,
    search: impl AsyncFn(&Place, &S) -> Outcome<Vec<u32>>,
) -> Outcome<()> {
    let (mut times, mut gets, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for query in queries.iter().take(COLD) {
        // Neither blocks nor footers.
        place.segments.cache().clear();
        let before = place.read();
        let begun = Instant::now();
        search(place, query).await?;
        times.push(begun.elapsed());
        let after = place.read();
        gets.push(after.0 - before.0);
        bytes.push(after.1 - before.1);
    }
    report(&json!({
        "name": format!("{name}: search, cold"), "latency": percentiles(times), "gets": spread(gets), "bytes_read": spread(bytes),
    }));

    // What fits into the cache is there after the first round.
    let mut found = Vec::new();
    for query in queries {
        found.push(search(place, query).await?);
    }
    let before = place.read();
    let (mut times, mut kinds): (_, BTreeMap<&str, Vec<Duration>>) = (Vec::new(), BTreeMap::new());
    for query in queries {
        let begun = Instant::now();
        search(place, query).await?;
        let time = begun.elapsed();
        times.push(time);
        kinds.entry(query.kind()).or_default().push(time);
    }
    let after = place.read();
    let per_query = |number: u64| round(number as f64 / queries.len() as f64);
    let by_kind: BTreeMap<_, _> = kinds.into_iter().map(|(kind, times)| (kind, percentiles(times))).collect();
    let mut result = json!({
        "name": format!("{name}: search, warm"), "queries": queries.len(), "latency": percentiles(times), "by_kind": by_kind,
        "gets_per_query": per_query(after.0 - before.0), "bytes_read_per_query": per_query(after.1 - before.1),
        "without_result": found.iter().filter(|found| found.is_empty()).count(),
        "resident_mb": resident_mb(), "cache_mb": round(place.segments.cache().usage().bytes_held as f64 / 1e6),
    });
    if let Some((called, truth)) = truth {
        result[called] = share(&found, &truth).into();
    }
    report(&result);
    Ok(())
}

/// Which share of the best results was found.
fn share(found: &[Vec<u32>], truth: &[Vec<u32>]) -> f64 {
    let (mut hits, mut all) = (0, 0);
    for (found, truth) in found.iter().zip(truth) {
        let found: HashSet<_> = found.iter().collect();
        let best = &truth[..truth.len().min(RESULTS)];
        hits += best.iter().filter(|document| found.contains(document)).count();
        all += best.len();
    }
    round(hits as f64 / all.max(1) as f64)
}

fn spread(mut numbers: Vec<u64>) -> Value {
    numbers.sort_unstable();
    let at = |share: f64| numbers.get(((numbers.len() as f64 * share) as usize).min(numbers.len().saturating_sub(1)));
    json!({"p50": at(0.5), "p90": at(0.9), "most": at(1.0)})
}

/// Commits a document and searches for it at once, many times.
pub async fn fresh<W: Future<Output = Outcome<()>>, F: Future<Output = Outcome<bool>>>(
    name: &str,
    write: impl Fn(u64) -> W,
    find: impl Fn(u64) -> F,
) -> Outcome<()> {
    let (mut commits, mut searches, mut found) = (Vec::new(), Vec::new(), 0);
    for n in 0..FRESH {
        let begun = Instant::now();
        write(n).await?;
        commits.push(begun.elapsed());
        let begun = Instant::now();
        found += u64::from(find(n).await?);
        searches.push(begun.elapsed());
    }
    report(&json!({
        "name": format!("{name}: from commit to searchable"), "commits": FRESH, "found_by_the_next_search": found,
        "commit": percentiles(commits), "search_after_it": percentiles(searches),
    }));
    Ok(())
}
