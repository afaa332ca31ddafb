//! The naive model: documents in maps, queries by looking at all of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::id::DocumentId;
use serde_json::{Value as Json, json};

use crate::app::{Op, Read, Table};

/// All documents at one timestamp.
#[derive(Clone, Default)]
pub struct Model {
    tables: BTreeMap<Table, BTreeMap<DocumentId, Document>>,
}

#[derive(Clone)]
struct Document {
    text: Arc<str>,
    value: Arc<Json>,
}

impl Model {
    /// Does what a transaction did, without looking at what it read.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Read(..) => {}
            Op::Put(table, id, text) => {
                let value = Arc::new(serde_json::from_str(text).unwrap_or(Json::Null));
                self.tables.entry(*table).or_default().insert(*id, Document { text: text.clone(), value });
            }
            Op::Delete(table, id) => {
                self.tables.entry(*table).or_default().remove(id);
            }
        }
    }

    /// The text of a document.
    pub fn text(&self, table: Table, id: &DocumentId) -> Option<&Arc<str>> {
        self.tables.get(&table)?.get(id).map(|document| &document.text)
    }

    /// How many documents a table has.
    pub fn count(&self, table: Table) -> usize {
        self.tables.get(&table).map_or(0, BTreeMap::len)
    }

    /// Whether `seen` is the answer to a query.
    pub fn agrees(&self, read: &Read, seen: &Json) -> bool {
        match (read, seen) {
            (Read::Range { .. }, Json::Array(seen)) => {
                let found = self.range(read);
                found.len() == seen.len() && found.iter().zip(seen).all(|(document, seen)| *document.value == *seen)
            }
            (Read::Search { .. }, Json::Array(seen)) => {
                let found = self.search(read);
                let mut seen: Vec<_> = seen.iter().collect();
                seen.sort_by_key(|document| document["_id"].as_str());
                found.len() == seen.len() && found.iter().zip(seen).all(|(document, seen)| *document.value == *seen)
            }
            _ => self.answer(read) == *seen,
        }
    }

    /// The answer to a query.
    pub fn answer(&self, read: &Read) -> Json {
        match read {
            Read::Count { table } => json!(self.count(*table)),
            Read::Get { table, id } => {
                let found = id.parse().ok().and_then(|id| self.tables.get(table)?.get(&id));
                found.map_or(Json::Null, |document| (*document.value).clone())
            }
            Read::Search { .. } => self.search(read).into_iter().map(|document| (*document.value).clone()).collect(),
            Read::Range { .. } => self.range(read).into_iter().map(|document| (*document.value).clone()).collect(),
        }
    }

    /// In the order of ids.
    fn search(&self, read: &Read) -> Vec<&Document> {
        let Read::Search { words, group, .. } = read else { return Vec::new() };
        let words: Vec<String> = words.split(' ').map(str::to_lowercase).collect();
        let matches = |document: &&Document| {
            let text = document.value.get("text").and_then(Json::as_str).unwrap_or_default();
            let mut have = text.split([' ', ',']).filter(|word| !word.is_empty());
            let last = words.last();
            have.any(|have| words.iter().any(|word| word == have) || last.is_some_and(|last| have.starts_with(last)))
                && group.is_none_or(|group| field_of(document, "group") == Some(group))
        };
        let mut found: Vec<_> =
            self.tables.get(&Table::Items).into_iter().flat_map(BTreeMap::values).filter(matches).collect();
        found.sort_by_key(|document| document.value["_id"].as_str());
        found
    }

    /// How near each item is to a vector, by id; those without a direction are left out.
    pub fn near(&self, to: [f64; 3]) -> BTreeMap<String, f64> {
        let items = self.tables.get(&Table::Items).into_iter().flat_map(BTreeMap::values);
        let near = |document: &Document| {
            let at: Vec<f64> = document.value.get("at")?.as_array()?.iter().filter_map(Json::as_f64).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let cosine = dot(&at, &to) / (dot(&at, &at) * dot(&to, &to)).sqrt();
            Some((document.value["_id"].as_str()?.to_owned(), cosine))
        };
        items.filter_map(near).collect()
    }

    fn range(&self, read: &Read) -> Vec<&Document> {
        let Read::Range { index, equal, from, to, descending, limit, page } = read else { return Vec::new() };
        let fields = index.fields();
        let bounded = fields.get(equal.len());
        let matches = |document: &Document| {
            let next = bounded.and_then(|field| field_of(document, field));
            fields.iter().zip(equal).all(|(field, value)| field_of(document, field) == Some(*value))
                && from.is_none_or(|from| next.is_some_and(|next| next >= from))
                // A field that is not there comes before all numbers.
                && to.is_none_or(|to| next.is_none_or(|next| next < to))
        };
        let of_table = self.tables.get(&index.table()).into_iter().flatten();
        let mut found: Vec<_> = of_table.filter(|(_, document)| matches(document)).collect();
        found.sort_by(|one, other| in_order(fields, *one, *other));
        if *descending {
            found.reverse();
        }
        let most = if page.is_some() { usize::MAX } else { limit.map_or(usize::MAX, |limit| limit as usize) };
        found.into_iter().take(most).map(|(_, document)| document).collect()
    }
}

/// Where an answer and what was seen begin to differ, in two lines.
pub fn difference(right: &Json, seen: &Json) -> String {
    let (Json::Array(right), Json::Array(seen)) = (right, seen) else {
        return format!("\n  is   {right}\n  seen {seen}");
    };
    let at = right.iter().zip(seen).take_while(|(right, seen)| right == seen).count();
    let element = |of: &[Json]| of.get(at).map_or_else(|| "nothing".to_owned(), Json::to_string);
    let (most, found) = (right.len(), seen.len());
    format!("\n  is   {most} documents, number {at} {}\n  seen {found}, {}", element(right), element(seen))
}

fn field_of(document: &Document, field: &str) -> Option<f64> {
    document.value.get(field).and_then(Json::as_f64)
}

fn in_order(fields: &[&str], one: (&DocumentId, &Document), other: (&DocumentId, &Document)) -> Ordering {
    for field in fields.iter().chain(&["_creationTime"]) {
        let (one, other) = (field_of(one.1, field), field_of(other.1, field));
        let order = match (one, other) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
    one.0.internal.cmp(&other.0.internal)
}
