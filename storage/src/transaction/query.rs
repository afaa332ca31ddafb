//! Running queries.

use std::sync::Arc;

use super::search::{SearchRange, SearchWalk};
use super::walk::Walk;
use super::write::parse;
use super::{Transaction, TxError};
use crate::catalog::{IndexId, IndexState, Namespace, TableInfo};
use crate::document::Document;
use crate::interval::Interval;
use crate::key::Key;
use crate::query::{
    Expression, IndexFields, IndexShape, Operator, Order, Query, QueryError, RangeExpression, Source, compile_range,
};
use crate::search::compile_text;
use crate::value::FieldPath;

/// A query being read. Belongs to the transaction that opened it.
pub struct QueryStream {
    /// `None` if there is no such table.
    scan: Option<Scan>,
    steps: Vec<Step>,
}

struct Scan {
    walk: AnyWalk,
    table: Arc<TableInfo>,
}

enum AnyWalk {
    Index(Walk),
    Search(Box<SearchWalk>),
}

enum Step {
    Filter(Expression),
    /// How many more documents may pass.
    Limit(u64),
}

/// The part of an index that a query reads.
pub(super) struct Range {
    pub table: Arc<TableInfo>,
    pub index: IndexId,
    /// The declared fields of the index.
    pub fields: Vec<FieldPath>,
    pub interval: Interval,
    pub order: Order,
    /// What is searched for, if it is a search; the interval is then not used.
    pub search: Option<SearchRange>,
}

/// A document that was read, and whether it comes out of the query.
pub(super) struct Scanned {
    pub key: Key,
    pub document: Arc<Document>,
    pub passes: bool,
}

impl Transaction {
    /// Starts a query. Reads nothing yet.
    ///
    /// # Errors
    /// Those of [`QueryError`]: the index does not exist, is not ready, or the range does not suit it. A table that does not
    /// exist is empty.
    pub fn open_query(&mut self, namespace: Namespace, query: &Query) -> Result<QueryStream, TxError> {
        let range = self.range_of(namespace, query)?;
        Ok(QueryStream::new(range, &query.operators))
    }

    /// The next document of a query, `None` at its end. What is read for it is recorded and counted. The stream stays usable
    /// after an error.
    ///
    /// # Errors
    /// `TooManyDocumentsRead`, `TooManyBytesRead`, `TooManyReads`, `EvalError`.
    pub async fn next(&mut self, stream: &mut QueryStream) -> Result<Option<Arc<Document>>, TxError> {
        while let Some(scanned) = self.scan(stream).await? {
            if scanned.passes {
                return Ok(Some(scanned.document));
            }
        }
        Ok(None)
    }

    /// Reads one more document for a query; `None` at its end.
    pub(super) async fn scan(&mut self, stream: &mut QueryStream) -> Result<Option<Scanned>, TxError> {
        let Some(scan) = &mut stream.scan else { return Ok(None) };
        // A limit that is used up ends the query without looking at what comes next.
        if stream.steps.iter().any(|step| matches!(step, Step::Limit(0))) {
            return Ok(None);
        }
        let next = match &mut scan.walk {
            AnyWalk::Index(walk) => self.step(walk).await?,
            AnyWalk::Search(walk) => self.search_step(walk).await?,
        };
        let Some((key, document)) = next else { return Ok(None) };
        if !scan.table.is_system() {
            self.usage.read(document.size as usize, &self.limits)?;
        }
        let mut value = None;
        for step in &mut stream.steps {
            match step {
                Step::Limit(left) => *left -= 1,
                Step::Filter(expression) => {
                    let value = match &mut value {
                        Some(value) => value,
                        none => none.insert(parse(&scan.table, &document)?),
                    };
                    if !expression.matches(value).map_err(QueryError::from)? {
                        return Ok(Some(Scanned { key, document, passes: false }));
                    }
                }
            }
        }
        Ok(Some(Scanned { key, document, passes: true }))
    }

    /// The part of an index that a query reads; `None` if there is no such table.
    pub(super) fn range_of(&mut self, namespace: Namespace, query: &Query) -> Result<Option<Range>, TxError> {
        let table = self.find_table(namespace, query.source.table())?;
        match &query.source {
            Source::FullTableScan { order, .. } => {
                table.map(|table| builtin(table, "by_creation_time", &[], *order)).transpose()
            }
            Source::IndexRange { index, range, order, .. }
                if matches!(index.as_str(), "by_id" | "by_creation_time") =>
            {
                table.map(|table| builtin(table, index, range, *order)).transpose()
            }
            Source::IndexRange { table: name, index, range, order } => {
                let full_name = format!("{name}.{index}");
                let visible = table.filter(|table| !table.is_system() || self.privileged);
                let Some(table) = visible else { return Err(QueryError::IndexNotFound(full_name).into()) };
                declared(table, index, full_name, range, *order).map(Some)
            }
            Source::Search { table: name, index, filters } => {
                let visible = table.filter(|table| !table.is_system());
                let Some(table) = visible else {
                    return Err(QueryError::IndexNotFound(format!("{name}.{index}")).into());
                };
                let search = compile_text(&table, index, filters)?;
                let id = search.index.id;
                let (interval, order) = (Interval::prefix(&id.0.to_be_bytes()), Order::Asc);
                Ok(Some(Range {
                    table,
                    index: id,
                    fields: Vec::new(),
                    interval,
                    order,
                    search: Some(SearchRange::all(search)),
                }))
            }
        }
    }
}

impl QueryStream {
    pub(super) fn new(range: Option<Range>, operators: &[Operator]) -> Self {
        let steps = operators.iter().map(|operator| match operator {
            Operator::Filter(expression) => Step::Filter(expression.clone()),
            Operator::Limit(limit) => Step::Limit(*limit),
        });
        let wanted = match operators.first() {
            Some(Operator::Limit(limit)) => Some(*limit),
            _ => None,
        };
        let scan = range.map(|Range { table, interval, order, search, .. }| Scan {
            walk: match search {
                Some(search) => AnyWalk::Search(Box::new(SearchWalk::new(table.clone(), search, wanted))),
                None => AnyWalk::Index(Walk::new(interval, order)),
            },
            table,
        });
        QueryStream { scan, steps: steps.collect() }
    }
}

/// A range of `by_id` or `by_creation_time`, which every table has.
fn builtin(table: Arc<TableInfo>, index: &str, range: &[RangeExpression], order: Order) -> Result<Range, TxError> {
    let (id, fields) = match index {
        "by_id" => (table.by_id, IndexFields::ById),
        _ => (table.by_creation_time, IndexFields::ByCreationTime),
    };
    let name = format!("{}.{index}", table.name);
    let interval = compile_range(&IndexShape { id, table: table.number, name: &name, fields }, range)?;
    Ok(Range { table, index: id, fields: Vec::new(), interval, order, search: None })
}

/// A range of an index that a schema declares.
fn declared(
    table: Arc<TableInfo>,
    index: &str,
    full_name: String,
    range: &[RangeExpression],
    order: Order,
) -> Result<Range, TxError> {
    let found = table.database_indexes().filter(|(info, _)| info.name == index);
    // An enabled index is still used while its replacement is being built.
    let Some((info, fields)) = found.max_by_key(|(info, _)| info.state == IndexState::Enabled) else {
        return Err(QueryError::IndexNotFound(full_name).into());
    };
    if info.state != IndexState::Enabled {
        let error = if info.staged { QueryError::IndexStaged } else { QueryError::IndexBackfilling };
        return Err(error(full_name).into());
    }
    let shape =
        IndexShape { id: info.id, table: table.number, name: &full_name, fields: IndexFields::Declared(fields) };
    let interval = compile_range(&shape, range)?;
    let (index, fields) = (info.id, fields.to_vec());
    Ok(Range { table, index, fields, interval, order, search: None })
}
