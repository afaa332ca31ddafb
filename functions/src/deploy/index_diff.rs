//! Comparing the indexes a schema wants with those there are.
//!
//! An index is wanted by table and name. Two rows of one name can exist at a time: the enabled one that the
//! deployed code queries, and its replacement that is being built. Only a push that finishes may touch the former.

use std::collections::BTreeMap;

use lakewire_storage::catalog::{IndexConfig, IndexInfo, IndexState};
use serde_json::{Value as Json, json};

/// An index, wanted or existing, as users see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    pub table: String,
    pub name: String,
    pub config: IndexConfig,
    pub staged: bool,
}

impl IndexSpec {
    /// The specification of an existing index.
    pub fn of(table: &str, index: &IndexInfo) -> IndexSpec {
        IndexSpec {
            table: table.to_owned(),
            name: index.name.clone(),
            config: index.config.clone(),
            staged: index.staged,
        }
    }

    /// The form of index diffs on the wire.
    pub fn to_json(&self) -> Json {
        let paths = |paths: &[_]| paths.iter().map(ToString::to_string).collect::<Vec<String>>();
        let name = format!("{}.{}", self.table, self.name);
        let mut json = match &self.config {
            IndexConfig::Database { fields } => {
                let mut fields = paths(fields);
                fields.push("_creationTime".to_owned());
                json!({"type": "database", "fields": fields})
            }
            IndexConfig::Search { search_field, filter_fields, options } => {
                let mut json = json!({"type": "search", "searchField": search_field.to_string(),
                                      "filterFields": paths(filter_fields)});
                if !options.is_default() {
                    json["lakewire"] = options.to_json();
                }
                json
            }
            IndexConfig::Vector { vector_field, dimensions, filter_fields } => {
                json!({"type": "vector", "vectorField": vector_field.to_string(), "dimensions": dimensions,
                       "filterFields": paths(filter_fields)})
            }
        };
        json["name"] = name.into();
        json["staged"] = self.staged.into();
        json
    }
}

/// An existing index and its table's name.
#[derive(Clone, Debug)]
pub struct ExistingIndex<'a> {
    pub table: &'a str,
    pub index: &'a IndexInfo,
}

/// What is to happen at once, at the start of a push. Nothing of it is visible to deployed code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartStep {
    /// A new row, to be built.
    Add(IndexSpec),
    /// A row that was never enabled and is no longer wanted.
    Drop(IndexSpec),
    /// A row that was never enabled gets this staged flag.
    SetStaged(IndexSpec),
}

/// What is to happen in the transaction that finishes the push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishStep {
    /// A complete index becomes queryable.
    Enable(IndexSpec),
    /// An enabled index becomes staged again, without being rebuilt.
    Disable(IndexSpec),
    /// An enabled index goes.
    Drop(IndexSpec),
}

/// What the user is told, and what is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexDiff {
    pub identical: Vec<IndexSpec>,
    pub added: Vec<IndexSpec>,
    pub removed: Vec<IndexSpec>,
    pub enabled: Vec<IndexSpec>,
    pub disabled: Vec<IndexSpec>,
    pub start: Vec<StartStep>,
    pub finish: Vec<FinishStep>,
}

impl IndexDiff {
    /// The form of the wire.
    pub fn to_json(&self) -> Json {
        let list = |specs: &[IndexSpec]| specs.iter().map(IndexSpec::to_json).collect::<Vec<_>>();
        json!({
            "added_indexes": list(&self.added),
            "removed_indexes": list(&self.removed),
            "enabled_indexes": list(&self.enabled),
            "disabled_indexes": list(&self.disabled),
        })
    }
}

/// Compares the indexes of all tables of the app.
pub fn diff(wanted: &[IndexSpec], existing: &[ExistingIndex<'_>]) -> IndexDiff {
    let mut rows: BTreeMap<(&str, &str), Rows<'_>> = BTreeMap::new();
    for ExistingIndex { table, index } in existing {
        let rows = rows.entry((table, &index.name)).or_default();
        match index.state {
            IndexState::Enabled => rows.enabled = Some(index),
            IndexState::Backfilling | IndexState::Backfilled => rows.pending.push(index),
        }
    }
    let mut out = IndexDiff::default();
    for spec in wanted {
        let rows = rows.remove(&(spec.table.as_str(), spec.name.as_str())).unwrap_or_default();
        out.want(spec, rows);
    }
    for ((table, _), rows) in rows {
        out.unwanted(table, rows);
    }
    out
}

/// The rows of one name.
#[derive(Default)]
struct Rows<'a> {
    enabled: Option<&'a IndexInfo>,
    pending: Vec<&'a IndexInfo>,
}

impl IndexDiff {
    fn want(&mut self, spec: &IndexSpec, rows: Rows<'_>) {
        let fits = |row: &IndexInfo| row.config == spec.config && !row.is_outdated();
        let (same, other): (Vec<_>, Vec<_>) = rows.pending.into_iter().partition(|row| fits(row));
        let enabled_fits = rows.enabled.is_some_and(fits);
        // A replacement that an abandoned push began is of no use any more.
        let superfluous = if enabled_fits { same.as_slice() } else { same.get(1..).unwrap_or_default() };
        for row in other.iter().chain(superfluous) {
            self.drop_pending(&spec.table, row);
        }
        if enabled_fits {
            if spec.staged {
                self.disabled.push(spec.clone());
                self.finish.push(FinishStep::Disable(spec.clone()));
            } else {
                self.identical.push(spec.clone());
            }
            return;
        }
        if let Some(row) = rows.enabled {
            self.drop_enabled(&spec.table, row);
        }
        match same.first() {
            Some(row) => self.continue_pending(spec, row),
            None => {
                self.added.push(spec.clone());
                self.start.push(StartStep::Add(spec.clone()));
            }
        }
        if !spec.staged {
            self.finish.push(FinishStep::Enable(spec.clone()));
        }
    }

    /// `row` is what `spec` wants, but not enabled.
    fn continue_pending(&mut self, spec: &IndexSpec, row: &IndexInfo) {
        if row.staged != spec.staged {
            self.start.push(StartStep::SetStaged(spec.clone()));
        }
        match (row.staged, spec.staged) {
            (true, true) => self.identical.push(spec.clone()),
            (true, false) => self.enabled.push(spec.clone()),
            // Began by a push that did not finish, so to the user it is new.
            (false, _) => self.added.push(spec.clone()),
        }
    }

    fn unwanted(&mut self, table: &str, rows: Rows<'_>) {
        for row in rows.pending {
            self.drop_pending(table, row);
        }
        if let Some(row) = rows.enabled {
            self.drop_enabled(table, row);
        }
    }

    fn drop_pending(&mut self, table: &str, row: &IndexInfo) {
        let spec = IndexSpec::of(table, row);
        if row.staged {
            self.removed.push(spec.clone());
        }
        self.start.push(StartStep::Drop(spec));
    }

    fn drop_enabled(&mut self, table: &str, row: &IndexInfo) {
        let spec = IndexSpec::of(table, row);
        self.removed.push(spec.clone());
        self.finish.push(FinishStep::Drop(spec));
    }
}

#[cfg(test)]
mod tests;
