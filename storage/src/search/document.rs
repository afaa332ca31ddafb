//! What a search index knows of a document.

use super::analysis::{Analyzer, TextOptions};
use super::indexed_vector;
use super::key::{PayloadWriter, filter_term, search_key};
use super::vector::Normalised;
use crate::catalog::{IndexConfig, IndexInfo};
use crate::document::Document;
use crate::key::Key;
use crate::value::{FieldPath, Value};

/// The key of a document in a search index; `None` if it is not in the index, because its field holds no text or no vector of the
/// right length. `value` is the whole document.
pub(crate) fn document_key(index: &IndexInfo, document: &Document, value: &Value) -> Option<Key> {
    // Made before parts existed: such an index is built anew by the next push.
    index.id.search_kind()?;
    let payload = match &index.config {
        IndexConfig::Database { .. } => return None,
        IndexConfig::Search { search_field, filter_fields, options } => {
            text(search_field, options, value, &filters(filter_fields, value))?
        }
        IndexConfig::Vector { vector_field, dimensions, filter_fields } => {
            let vector = indexed_vector(vector_field.get(value), *dimensions)?;
            let vector: Vec<f64> = vector.into_iter().map(f64::from).collect();
            PayloadWriter::new(0, &filters(filter_fields, value)).vector(&Normalised::new(&vector).to_bytes())
        }
    };
    Some(search_key(index.id, document.creation_time, document.id.internal, &payload))
}

fn filters(fields: &[FieldPath], value: &Value) -> Vec<Vec<u8>> {
    fields.iter().enumerate().map(|(at, field)| filter_term(at, field.get(value))).collect()
}

fn text(field: &FieldPath, options: &TextOptions, value: &Value, filters: &[Vec<u8>]) -> Option<Vec<u8>> {
    let texts: Vec<&str> = options.texts(field, value).collect();
    if texts.is_empty() {
        return None;
    }
    let analyzer = Analyzer::of(options);
    // The terms one after the other, and where each is.
    let mut all = String::new();
    let mut places = Vec::new();
    for text in texts {
        analyzer.terms(text, &mut |term| {
            places.push(all.len()..all.len() + term.len());
            all.push_str(term);
        });
    }
    let tokens = places.len() as u32;
    places.sort_unstable_by(|a, b| all[a.clone()].cmp(&all[b.clone()]));
    let mut terms: Vec<(&str, u32)> = Vec::with_capacity(places.len());
    for place in places {
        let term = &all[place];
        match terms.last_mut() {
            Some((last, frequency)) if *last == term => *frequency += 1,
            _ => terms.push((term, 1)),
        }
    }
    Some(PayloadWriter::new(tokens, filters).text(terms.into_iter()))
}
