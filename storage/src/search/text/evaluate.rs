//! The best documents of a part, without a look at all that match.
//!
//! MaxScore over blocks: ordinals are gone through in windows, at most 4,096 ordinals long. What a list can add to a score in a
//! window is known from the impacts of its blocks. The lists with the smallest bounds, as long as their sum does not exceed the
//! worst of the best scores so far, are not *essential*: a document that has none but these is not among the best. So only
//! essential lists are decoded, and the others looked up for the documents whose score could still be large enough; a window
//! without essential lists is passed over. (Turtle, Flood, "Query evaluation: strategies and optimizations", 1995; Ding, Suel,
//! "Faster top-k document retrieval using block-max indexes", 2011; in windows as in Lucene's `MaxScoreBulkScorer`.)
//!
//! Where filters leave few documents, these are gone through instead.

use super::TextPart;
use super::bm25::Scorer;
use super::lists::PartLists;
use super::norms::Norms;
use super::top::Top;
use crate::search::ordinals::OrdinalSet;
use crate::search::postings::{BLOCK, Cursor, Damage, END, intersection};

/// Ordinals in a window, at most and at least.
const WINDOW: usize = 4_096;
const MIN_WINDOW: u32 = 256;
/// Windows, or documents, after which other tasks have their turn.
const TURN: usize = 1_024;
/// Documents are looked up one by one if there are fewer by this factor than postings.
const LOOKUP_FACTOR: u64 = 8;

/// Finds the best documents of a part.
///
/// # Errors
/// [`Damage`].
pub(super) async fn best(
    part: &TextPart<'_>,
    lists: &PartLists,
    scorers: &[Scorer<'_>],
    top: &mut Top,
) -> Result<(), Damage> {
    let Some(filters) = &lists.filters else { return Ok(()) };
    let clauses = lists.clauses.iter().zip(scorers);
    let clauses = clauses.filter_map(|(list, scorer)| Some(List::new(Cursor::new(list.as_ref()?), *scorer)));
    let mut evaluation = Evaluation {
        lists: clauses.collect(),
        filters: filters.iter().map(Cursor::new).collect(),
        norms: &lists.norms,
        dead: part.dead,
        documents: part.documents,
        start: 0,
        order: Vec::new(),
        rest: Vec::new(),
        candidates: Vec::new(),
        sums: vec![0.0; WINDOW],
        seen: [0; WINDOW / 64],
        top,
    };
    evaluation.lists.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    evaluation.filters.sort_by_key(Cursor::documents);
    let postings: u64 = evaluation.lists.iter().map(|list| u64::from(list.cursor.documents())).sum();
    let shortest = evaluation.filters.first().map(|filter| u64::from(filter.documents()));
    let by_filter = shortest.is_some_and(|shortest| shortest * LOOKUP_FACTOR < postings);
    if by_filter {
        evaluation.prepare_look_up();
    }
    loop {
        let more = if by_filter { evaluation.look_up()? } else { evaluation.windows()? };
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// The bound of a list that has nothing in a window.
const NOWHERE: f64 = -1.0;

/// The list of a clause.
struct List<'a> {
    cursor: Cursor<'a>,
    scorer: Scorer<'a>,
    /// What it adds to a score at most.
    bound: f64,
    /// The same in the window, or [`NOWHERE`].
    window: f64,
    /// The same in a block, and which.
    block: f64,
    block_at: usize,
    /// The scores of a block, and of which.
    scores: Box<[f64; BLOCK]>,
    scores_of: usize,
}

impl<'a> List<'a> {
    fn new(cursor: Cursor<'a>, scorer: Scorer<'a>) -> Self {
        let bounds = cursor.impacts().iter().map(|impacts| scorer.bound(impacts));
        let bound = bounds.fold(0.0, f64::max);
        let scores = Box::new([0.0; BLOCK]);
        List { cursor, scorer, bound, window: 0.0, block: 0.0, block_at: usize::MAX, scores, scores_of: usize::MAX }
    }

    /// What it adds to the score of a document, if it has that.
    fn score(&mut self, ordinal: u32, norms: &Norms) -> Result<Option<f64>, Damage> {
        if self.cursor.seek(ordinal)? != ordinal {
            return Ok(None);
        }
        Ok(Some(self.scorer.score(self.cursor.frequency()?, norms.get(ordinal)?)))
    }

    /// Sets the bound in a window, which the cursor is at the start of.
    fn set_window(&mut self, end: u32) {
        self.window = NOWHERE;
        if self.cursor.block_base() >= end {
            return;
        }
        let mut at = self.cursor.block();
        while let Some((impacts, last)) = self.cursor.impacts_of(at) {
            if self.block_at != at {
                (self.block, self.block_at) = (self.scorer.bound(&impacts), at);
            }
            self.window = self.window.max(self.block);
            if last >= end - 1 {
                break;
            }
            at += 1;
        }
    }

    /// Calls `take` with the ordinals and scores of each block in a window, cut off where the window is.
    fn each_block(
        &mut self,
        norms: &Norms,
        start: u32,
        end: u32,
        mut take: impl FnMut(&[u32], &[f64]),
    ) -> Result<(), Damage> {
        while self.cursor.block_base() < end {
            let at = self.cursor.block();
            let (ordinals, frequencies) = self.cursor.postings()?;
            if self.scores_of != at {
                let (scores, scorer) = (&mut self.scores[..ordinals.len()], self.scorer);
                norms.each(ordinals, |at, norm| scores[at] = scorer.score(frequencies[at], norm))?;
                self.scores_of = at;
            }
            let is_inside = |from: &u32| *from >= start;
            let from =
                if ordinals.first().is_some_and(is_inside) { 0 } else { ordinals.partition_point(|at| *at < start) };
            let ends_inside = ordinals.last().is_some_and(|last| *last < end);
            let to = if ends_inside { ordinals.len() } else { ordinals.partition_point(|at| *at < end) };
            if from < to {
                take(&ordinals[from..to], &self.scores[from..to]);
            }
            if !ends_inside || !self.cursor.next_block() {
                break;
            }
        }
        Ok(())
    }
}

struct Evaluation<'a> {
    /// By their bounds, ascending; those that are not at their end. When documents are looked up: descending, all.
    lists: Vec<List<'a>>,
    /// The shortest first.
    filters: Vec<Cursor<'a>>,
    norms: &'a Norms,
    dead: &'a OrdinalSet,
    documents: u32,
    /// What is before this is done.
    start: u32,
    /// The lists by their bounds in the window, ascending.
    order: Vec<usize>,
    /// The sums of bounds of the first 0, 1, .. of these; when documents are looked up, of the lists from 0, 1, .. on.
    rest: Vec<f64>,
    /// Documents whose score could be large enough, and what it is so far.
    candidates: Vec<(u32, f64)>,
    /// Scores in the window, and which documents have one.
    sums: Vec<f64>,
    seen: [u64; WINDOW / 64],
    top: &'a mut Top,
}

impl Evaluation<'_> {
    /// Goes through some windows; whether there are more.
    fn windows(&mut self) -> Result<bool, Damage> {
        for _ in 0..TURN {
            let start = self.start;
            self.lists.retain_mut(|list| list.cursor.shallow_seek(start));
            // A window has to do with lists that would be essential everywhere.
            let (mut sum, threshold) = (0.0, self.top.threshold());
            let optional = self.lists.iter().take_while(|list| {
                sum += list.bound;
                sum <= threshold
            });
            let essential = &self.lists[optional.count()..];
            let Some(first) = essential.iter().map(|list| list.cursor.block_base()).min() else { return Ok(false) };
            if first > start {
                self.start = first;
                continue;
            }
            let last = essential.iter().map(|list| list.cursor.block_last()).min().unwrap_or(start);
            let end = last.saturating_add(1).max(start.saturating_add(MIN_WINDOW));
            let end = end.min(start.saturating_add(WINDOW as u32)).min(self.documents);
            if end <= start {
                return Err(Damage("an ordinal of no document"));
            }
            self.window(start, end)?;
            self.start = end;
        }
        Ok(true)
    }

    fn window(&mut self, start: u32, end: u32) -> Result<(), Damage> {
        self.lists.iter_mut().for_each(|list| list.set_window(end));
        let lists = &self.lists;
        self.order.clear();
        self.order.extend((0..lists.len()).filter(|at| lists[*at].window != NOWHERE));
        self.order.sort_unstable_by(|a, b| lists[*a].window.total_cmp(&lists[*b].window));
        let mut sum = 0.0;
        self.rest.clear();
        self.rest.push(sum);
        self.rest.extend(self.order.iter().map(|at| {
            sum += lists[*at].window;
            sum
        }));
        let threshold = self.top.threshold();
        let optional = self.rest[1..].iter().take_while(|sum| **sum <= threshold).count();
        self.candidates.clear();
        match self.order[optional..] {
            [] => Ok(()),
            [list] => {
                let (candidates, rest) = (&mut self.candidates, self.rest[optional]);
                self.lists[list].each_block(self.norms, start, end, |ordinals, scores| {
                    let postings = ordinals.iter().copied().zip(scores.iter().copied());
                    candidates.extend(postings.filter(|(_, score)| score + rest > threshold));
                })?;
                self.check_candidates(optional)
            }
            _ => {
                self.add_up(start, end, optional)?;
                self.check_candidates(optional)
            }
        }
    }

    /// Adds up what the essential lists say, and makes those documents candidates whose score could be large enough.
    fn add_up(&mut self, start: u32, end: u32, optional: usize) -> Result<(), Damage> {
        let (sums, seen) = (&mut self.sums, &mut self.seen);
        for list in &self.order[optional..] {
            self.lists[*list].each_block(self.norms, start, end, |ordinals, scores| {
                for (ordinal, score) in ordinals.iter().zip(scores) {
                    let at = (ordinal - start) as usize;
                    sums[at] += score;
                    seen[at / 64] |= 1 << (at % 64);
                }
            })?;
        }
        let (threshold, rest) = (self.top.threshold(), self.rest[optional]);
        for (word, left) in seen.iter_mut().enumerate().take((end - start).div_ceil(64) as usize) {
            while *left != 0 {
                let at = word * 64 + left.trailing_zeros() as usize;
                *left &= *left - 1;
                let score = std::mem::take(&mut sums[at]);
                if score + rest > threshold {
                    self.candidates.push((start + at as u32, score));
                }
            }
        }
        Ok(())
    }

    /// Looks the candidates up in the lists that are not essential, as long as their score could still be large enough.
    fn check_candidates(&mut self, optional: usize) -> Result<(), Damage> {
        'candidates: for (ordinal, mut score) in self.candidates.drain(..) {
            let threshold = self.top.threshold();
            if score + self.rest[optional] <= threshold || self.dead.contains(ordinal) {
                continue;
            }
            for filter in &mut self.filters {
                if filter.seek(ordinal)? != ordinal {
                    continue 'candidates;
                }
            }
            for at in (0..optional).rev() {
                if score + self.rest[at + 1] <= threshold {
                    continue 'candidates;
                }
                score += self.lists[self.order[at]].score(ordinal, self.norms)?.unwrap_or_default();
            }
            if score > threshold {
                self.top.push(score, ordinal);
            }
        }
        Ok(())
    }

    /// Makes ready for [`Self::look_up`].
    fn prepare_look_up(&mut self) {
        self.lists.reverse();
        let mut sum = 0.0;
        self.rest = vec![sum];
        self.rest.extend(self.lists.iter().rev().map(|list| {
            sum += list.bound;
            sum
        }));
        self.rest.reverse();
    }

    /// Goes through some documents that pass the filters; whether there are more.
    fn look_up(&mut self) -> Result<bool, Damage> {
        'documents: for _ in 0..TURN {
            let ordinal = intersection(&mut self.filters, self.start)?;
            if ordinal == END {
                return Ok(false);
            }
            self.start = ordinal + 1;
            if self.dead.contains(ordinal) {
                continue;
            }
            let threshold = self.top.threshold();
            let (mut score, mut matches) = (0.0, false);
            for (list, rest) in self.lists.iter_mut().zip(&self.rest) {
                if score + rest <= threshold {
                    continue 'documents;
                }
                if let Some(of_list) = list.score(ordinal, self.norms)? {
                    score += of_list;
                    matches = true;
                }
            }
            if matches && score > threshold {
                self.top.push(score, ordinal);
            }
        }
        Ok(true)
    }
}
