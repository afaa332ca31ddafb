//! Which timeline comes from which.

use std::collections::BTreeMap;

use lakewire_storage::log::Timestamp;
use parking_lot::Mutex;

/// The timelines that were ever opened.
#[derive(Default)]
pub struct Lineage(Mutex<BTreeMap<String, Option<(String, Timestamp)>>>);

impl Lineage {
    /// Takes note of a timeline, its parent, and the last commit of the parent that it has.
    pub fn found(&self, timeline: &str, parent: Option<(String, Timestamp)>) {
        self.0.lock().entry(timeline.to_owned()).or_insert(parent);
    }

    /// The parent of a timeline.
    pub fn parent(&self, timeline: &str) -> Option<(String, Timestamp)> {
        self.0.lock().get(timeline).cloned().flatten()
    }

    /// The timeline on which what `timeline` was at `ts` happened: itself, or one that it comes from.
    pub fn of(&self, timeline: &str, ts: Timestamp) -> String {
        let known = self.0.lock();
        let mut at = timeline;
        while let Some(Some((parent, until))) = known.get(at)
            && ts < *until
        {
            at = parent;
        }
        at.to_owned()
    }

    /// Every timeline, parents first.
    pub fn timelines(&self) -> Vec<String> {
        let known = self.0.lock();
        let depth = |name: &String| {
            let mut depth = 0;
            let mut at = name;
            while let Some(Some((parent, _))) = known.get(at) {
                (depth, at) = (depth + 1, parent);
            }
            depth
        };
        let mut names: Vec<_> = known.keys().cloned().collect();
        names.sort_by_key(|name| (depth(name), name.clone()));
        names
    }
}
