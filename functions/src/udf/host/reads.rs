//! `ctx.db` in queries: `get`, query streams, pages, counts.

use std::borrow::Cow;

use lakewire_storage::id::DocumentId;
use lakewire_storage::query::Query;
use lakewire_storage::transaction::{PageOptions, TableKind};
use lakewire_storage::value::Value;
use serde_json::value::RawValue;

use super::TransactionHost;
use super::args::{Count, Get, NormalizeId, OpenQuery, QueryId, QueryPage, parse};
use super::error::{developer, invalid_argument, transaction};
use crate::runtime::SyscallError;

impl TransactionHost {
    pub(super) async fn get(&mut self, args: &str) -> Result<String, SyscallError> {
        let args: Get<'_> = parse("db.get", args)?;
        let id = self.document_id("db.get", &args.id, args.table.as_deref())?;
        let kind = if args.is_system { TableKind::System } else { TableKind::User };
        let namespace = self.namespace();
        let document = self.tx().get(namespace, id, kind).await.map_err(transaction)?;
        Ok(document.map_or_else(|| "null".to_owned(), |document| document.json.to_string()))
    }

    /// Parses an id; `table`, if given, must be its table.
    pub(super) fn document_id(
        &mut self,
        api: &str,
        text: &str,
        table: Option<&str>,
    ) -> Result<DocumentId, SyscallError> {
        let id: DocumentId = text.parse().map_err(|error| invalid_argument("id", api, error))?;
        if let Some(expected) = table {
            let namespace = self.namespace();
            // A table that does not exist has no document to be confused with another's.
            if let Some(found) = self.tx().catalog().table_by_number(namespace, id.table)
                && found.name != expected
            {
                let reason = format!("expected an id of table \"{expected}\", got one of table \"{}\"", found.name);
                return Err(invalid_argument("id", api, reason));
            }
        }
        Ok(id)
    }

    pub(super) fn query_open(&mut self, args: &str) -> Result<String, SyscallError> {
        let args: OpenQuery<'_> = parse("db.query", args)?;
        let query = parse_query("db.query", args.query)?;
        let namespace = self.namespace();
        let stream = self.tx().open_query(namespace, &query).map_err(transaction)?;
        let id = self.frame().add_stream(stream);
        Ok(format!(r#"{{"queryId":{id}}}"#))
    }

    pub(super) async fn query_next(&mut self, args: &str) -> Result<String, SyscallError> {
        let QueryId { query_id } = parse("db.query", args)?;
        // Taken out while it is used: it borrows nothing, and neither must the transaction.
        let Some(mut stream) = self.frame().streams.remove(&query_id) else {
            return Err(developer("QueryNotFound", format_args!("query {query_id} is not open")));
        };
        let next = self.tx().next(&mut stream).await;
        if !matches!(next, Ok(None)) {
            self.frame().streams.insert(query_id, stream);
        }
        Ok(match next.map_err(transaction)? {
            Some(document) => {
                let mut reply = String::with_capacity(document.json.len() + 24);
                reply.push_str(r#"{"value":"#);
                reply.push_str(&document.json);
                reply.push_str(r#","done":false}"#);
                reply
            }
            None => r#"{"value":null,"done":true}"#.to_owned(),
        })
    }

    pub(super) fn query_cleanup(&mut self, args: &str) -> Result<String, SyscallError> {
        let QueryId { query_id } = parse("db.query", args)?;
        Ok(self.frame().streams.remove(&query_id).is_some().to_string())
    }

    pub(super) async fn query_page(&mut self, args: &str) -> Result<String, SyscallError> {
        const API: &str = "db.query.paginate";
        let args: QueryPage<'_> = parse(API, args)?;
        if !self.frame().path.component.is_root() {
            return Err(developer(
                "PaginationUnsupportedInComponents",
                "`.paginate()` can not be used in components: read with an index and keep the place yourself",
            ));
        }
        if std::mem::replace(&mut self.frame().paginated, true) {
            return Err(developer(
                "MultiplePaginatedDatabaseQueries",
                "this function ran several paginated queries: only one `.paginate()` is allowed in a function",
            ));
        }
        let query = parse_query(API, args.query)?;
        let is_top_level = self.frames.len() == 1;
        // What the caller asks for explicitly goes before what an earlier run chose.
        let journal = if is_top_level { self.journal.take() } else { None };
        let options = PageOptions {
            cursor: args.cursor.map(Cow::into_owned),
            end_cursor: args.end_cursor.map(Cow::into_owned).or(journal),
            page_size: count(API, "numItems", args.page_size)?,
            maximum_rows_read: args.maximum_rows_read.map(|n| count(API, "maximumRowsRead", n)).transpose()?,
            maximum_bytes_read: args.maximum_bytes_read.map(|n| count(API, "maximumBytesRead", n)).transpose()?,
        };
        let namespace = self.namespace();
        let tx = self.transactions.last_mut().expect("the first transaction is only taken by `finish`");
        let page = tx.paginate(namespace, &query, &options, &self.context.cursor_key).await.map_err(transaction)?;
        let documents = page.documents.iter().map(|document| document.json.len() + 1).sum::<usize>();
        let mut reply = String::with_capacity(documents + page.continue_cursor.len() + 128);
        reply.push_str(r#"{"page":["#);
        for (n, document) in page.documents.iter().enumerate() {
            if n > 0 {
                reply.push(',');
            }
            reply.push_str(&document.json);
        }
        let rest = serde_json::json!({
            "isDone": page.is_done,
            "continueCursor": page.continue_cursor,
            "splitCursor": page.split_cursor,
            "pageStatus": page.status.map(|status| status.as_str()),
        });
        reply.push_str("],");
        reply.push_str(&rest.to_string()[1..]);
        if is_top_level {
            self.outcome.journal = Some(page.continue_cursor);
        }
        Ok(reply)
    }

    pub(super) async fn count(&mut self, args: &str) -> Result<String, SyscallError> {
        let args: Count<'_> = parse("db.query.count", args)?;
        let namespace = self.namespace();
        let count = self.tx().count(namespace, &args.table).await.map_err(transaction)?;
        Ok(Value::Float64(count as f64).to_json())
    }

    pub(super) fn normalize_id(&mut self, args: &str) -> Result<String, SyscallError> {
        let args: NormalizeId<'_> = parse("db.normalizeId", args)?;
        let namespace = self.namespace();
        let id = self.tx().normalize_id(namespace, &args.table, &args.id_string).map_err(transaction)?;
        Ok(match id {
            Some(id) => format!(r#"{{"id":"{id}"}}"#),
            None => r#"{"id":null}"#.to_owned(),
        })
    }

    pub(super) fn snapshot_ts(&mut self) -> String {
        self.outcome.observed_time = true;
        let ts = i64::try_from(self.tx().snapshot_ts()).unwrap_or(i64::MAX);
        Value::Int64(ts).to_json()
    }
}

fn parse_query(api: &str, text: &RawValue) -> Result<Query, SyscallError> {
    Query::from_json(text.get()).map_err(|error| match error.code() {
        "InvalidArgument" => invalid_argument("query", api, error),
        code => developer(code, error),
    })
}

/// A number that counts something: JavaScript has only floats.
fn count(api: &str, name: &str, number: f64) -> Result<usize, SyscallError> {
    if number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX) {
        Ok(number as usize)
    } else {
        Err(invalid_argument(name, api, format_args!("expected a whole number that is not negative, got {number}")))
    }
}
