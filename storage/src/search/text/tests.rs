//! Searches against an oracle that knows no parts, no blocks and no bounds.

mod damage;
mod oracle;
mod properties;

use std::collections::BTreeMap;

use super::{TextHit, TextPart, TextQuery, encode_length, rank, search, write_norms};
use crate::catalog::IndexId;
use crate::search::key::{Payload, PayloadWriter};
use crate::search::ordinals::OrdinalSet;
use crate::search::part::PartReader;
use crate::search::part::tests::Parts;
use crate::search::postings::PostingsBuilder;
use crate::segment::ReadError;

/// A document, and its key: an earlier one comes first among documents with the same score.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub key: u32,
    pub terms: BTreeMap<String, u32>,
    pub filters: Vec<Vec<u8>>,
}

impl Text {
    pub fn new(key: u32, words: &[&str], filters: &[u8]) -> Text {
        let mut terms = BTreeMap::new();
        words.iter().for_each(|word| *terms.entry((*word).to_owned()).or_default() += 1);
        Text { key, terms, filters: filters.iter().map(|filter| vec![0, *filter]).collect() }
    }

    pub fn length(&self) -> u32 {
        self.terms.values().sum()
    }

    fn payload(&self) -> Vec<u8> {
        let terms = self.terms.iter().map(|(term, frequency)| (term.as_str(), *frequency));
        PayloadWriter::new(self.length(), &self.filters).text(terms)
    }
}

/// Texts in a part: by key, with whether they are dead.
pub(super) struct Part {
    pub reader: PartReader,
    pub texts: Vec<(Text, bool)>,
    dead: OrdinalSet,
}

pub(super) async fn part(parts: &Parts, name: &str, texts: Vec<(Text, bool)>) -> Part {
    let mut writer = parts.writer(name);
    writer.start_part(IndexId(1));
    let (mut builder, mut norms, mut dead) = (PostingsBuilder::new(), Vec::new(), OrdinalSet::default());
    for (ordinal, (text, is_dead)) in (0..).zip(&texts) {
        for (term, frequency) in &text.terms {
            builder.add(&[&[1], term.as_bytes()].concat(), ordinal, *frequency);
        }
        text.filters.iter().for_each(|filter| builder.add(filter, ordinal, 1));
        norms.push(encode_length(text.length()));
        if *is_dead {
            dead.insert(ordinal);
        }
    }
    write_norms(&mut writer, &norms).await.expect("written");
    builder.write(&mut writer, &norms).await.expect("written");
    Part { reader: parts.finish(writer, IndexId(1)).await, texts, dead }
}

/// Tasks that search move between threads.
fn send<F: Future + Send>(future: F) -> F {
    future
}

/// Scores (bits) and keys, best first.
pub(super) async fn found(query: &TextQuery, parts: &[Part], tail: &[Text]) -> Result<Vec<(u64, u32)>, ReadError> {
    let text_parts: Vec<_> = parts.iter().map(Part::searched).collect();
    let payloads: Vec<_> = tail.iter().map(Text::payload).collect();
    let payloads: Vec<_> = payloads.iter().map(|payload| Payload::parse(payload).expect("a payload")).collect();
    let hits = send(search(query, &text_parts, &payloads)).await?;
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    let key = |hit: &TextHit| match hit.place {
        super::HitPlace::Part { part, ordinal } => parts[part].texts[ordinal as usize].0.key,
        super::HitPlace::Tail(at) => tail[at].key,
    };
    let mut hits: Vec<_> = hits.into_iter().map(|hit| (hit, key(&hit))).collect();
    rank(&mut hits, query.limit);
    Ok(hits.into_iter().map(|(hit, key)| (hit.score.to_bits(), key)).collect())
}

impl Part {
    fn searched(&self) -> TextPart<'_> {
        let live = self.texts.iter().filter(|(_, is_dead)| !is_dead);
        TextPart {
            reader: &self.reader,
            documents: self.texts.len() as u32,
            dead: &self.dead,
            live: live.clone().count() as u32,
            total_length: live.map(|(text, _)| u64::from(text.length())).sum(),
        }
    }
}
