//! Which documents of a part have terms of filters.

use super::{BLOCK, Cursor, Damage, END, Postings, entries, load};
use crate::search::ordinals::OrdinalSet;
use crate::search::part::PartReader;
use crate::segment::ReadError;

/// How several filter terms are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    /// A document has one of them.
    Any,
    /// A document has all of them.
    All,
}

/// The documents of a part, of which it has `documents`, that have any or all of `terms`; dead ones too. No document has any
/// of no terms, and all documents have all of no terms.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn filter(
    part: &PartReader,
    documents: u32,
    terms: &[Vec<u8>],
    matches: Match,
) -> Result<OrdinalSet, ReadError> {
    let found = entries(part, documents, terms).await?;
    let mut set = OrdinalSet::default();
    if matches == Match::All && terms.is_empty() {
        (0..documents).for_each(|ordinal| set.insert(ordinal));
        return Ok(set);
    }
    if matches == Match::All && found.iter().any(Option::is_none) {
        return Ok(set);
    }
    let lists = load(part, found.into_iter().flatten().collect()).await?;
    let result = match matches {
        Match::Any => lists.iter().try_for_each(|list| insert_all(list, &mut set)),
        Match::All => insert_common(&lists, &mut set),
    };
    result.map_err(|damage| part.corrupt(damage.to_string()))?;
    Ok(set)
}

fn insert_all(list: &Postings, set: &mut OrdinalSet) -> Result<(), Damage> {
    let mut ordinals = [0; BLOCK];
    for block in 0..list.blocks() {
        let len = list.ordinals(block, &mut ordinals)?;
        ordinals[..len].iter().for_each(|ordinal| set.insert(*ordinal));
    }
    Ok(())
}

fn insert_common(lists: &[Postings], set: &mut OrdinalSet) -> Result<(), Damage> {
    let mut cursors: Vec<_> = lists.iter().map(Cursor::new).collect();
    cursors.sort_by_key(Cursor::documents);
    let mut ordinal = intersection(&mut cursors, 0)?;
    while ordinal != END {
        set.insert(ordinal);
        ordinal = intersection(&mut cursors, ordinal + 1)?;
    }
    Ok(())
}

/// The first ordinal from `from` on that all cursors have, or [`END`]. The cursors are in order of how long their lists are, and
/// there is one at least.
///
/// # Errors
/// [`Damage`].
pub(crate) fn intersection(cursors: &mut [Cursor<'_>], from: u32) -> Result<u32, Damage> {
    let mut wanted = from;
    loop {
        let mut found = wanted;
        for cursor in &mut *cursors {
            found = cursor.seek(wanted)?;
            if found != wanted {
                break;
            }
        }
        if found == wanted || found == END {
            return Ok(found);
        }
        wanted = found;
    }
}
