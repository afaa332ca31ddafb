//! The lists of a part that a query needs.

use super::TextPart;
use super::expand::Clause;
use super::norms::Norms;
use crate::search::ordinals::OrdinalSet;
use crate::search::postings::{Cursor, Damage, DictionaryEntry, END, Postings, entries, load};
use crate::segment::ReadError;

/// What a query needs of a part.
pub(super) struct PartLists {
    /// How many live documents have each clause's term.
    pub live: Vec<u32>,
    /// By clause.
    pub clauses: Vec<Option<Postings>>,
    /// By filter; `None` if some filter has no documents here.
    pub filters: Option<Vec<Postings>>,
    pub norms: Norms,
}

impl PartLists {
    /// Where no document matches.
    fn nothing(live: Vec<u32>) -> Self {
        let clauses = live.iter().map(|_| None).collect();
        PartLists { live, clauses, filters: None, norms: Norms::default() }
    }

    /// Reads the dictionary, and then lists and lengths.
    pub async fn load(part: &TextPart<'_>, clauses: &[Clause], filters: &[Vec<u8>]) -> Result<Self, ReadError> {
        if part.live == 0 {
            return Ok(PartLists::nothing(vec![0; clauses.len()]));
        }
        let terms = clauses.iter().map(|clause| &clause.term).chain(filters).cloned().collect::<Vec<_>>();
        let mut of_clauses = entries(part.reader, part.documents, &terms).await?;
        let of_filters: Option<Vec<_>> = of_clauses.drain(clauses.len()..).collect();
        let matches = of_filters.is_some() && of_clauses.iter().any(Option::is_some);
        if !matches && part.dead.is_empty() {
            let live = of_clauses.iter().map(|entry| entry.as_ref().map_or(0, |entry| entry.documents));
            return Ok(PartLists::nothing(live.collect()));
        }
        let spans: Vec<_> = of_clauses.iter().flatten().filter(|_| matches).flat_map(DictionaryEntry::spans).collect();
        let is_there: Vec<_> = of_clauses.iter().map(Option::is_some).collect();
        let (lists, filters, norms) = futures::try_join!(
            load(part.reader, of_clauses.into_iter().flatten().collect()),
            load(part.reader, of_filters.filter(|_| matches).unwrap_or_default()),
            Norms::load(part.reader, part.documents, spans),
        )?;
        let mut lists = lists.into_iter();
        let clauses: Vec<_> = is_there.into_iter().map(|is_there| is_there.then(|| lists.next()).flatten()).collect();
        let count = |list: &Option<Postings>| list.as_ref().map_or(Ok(0), |list| live_documents(list, part.dead));
        let live = clauses.iter().map(count).collect::<Result<_, _>>();
        let live = live.map_err(|damage: Damage| part.reader.corrupt(damage.to_string()))?;
        Ok(PartLists { live, clauses, filters: matches.then_some(filters), norms })
    }
}

/// How many documents of a list are not dead.
fn live_documents(list: &Postings, dead: &OrdinalSet) -> Result<u32, Damage> {
    let mut live = list.documents();
    if dead.is_empty() {
        return Ok(live);
    }
    let mut cursor = Cursor::new(list);
    let mut next = 0;
    for ordinal in dead.iter() {
        if ordinal > next || ordinal == 0 {
            next = cursor.seek(ordinal)?;
            if next == END {
                break;
            }
        }
        live -= u32::from(ordinal == next);
    }
    Ok(live)
}

/// How many live documents of a part have each of some terms.
pub(super) async fn live_counts(part: &TextPart<'_>, terms: &[Vec<u8>]) -> Result<Vec<u32>, ReadError> {
    let found = entries(part.reader, part.documents, terms).await?;
    let mut counts: Vec<u32> = found.iter().map(|entry| entry.as_ref().map_or(0, |entry| entry.documents)).collect();
    if !part.dead.is_empty() {
        let lists = load(part.reader, found.into_iter().flatten().collect()).await?;
        for (count, list) in counts.iter_mut().filter(|count| **count > 0).zip(lists) {
            *count = live_documents(&list, part.dead).map_err(|damage| part.reader.corrupt(damage.to_string()))?;
        }
    }
    Ok(counts)
}
