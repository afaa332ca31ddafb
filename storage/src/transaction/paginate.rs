//! Reading a query page by page.

use std::sync::Arc;

use super::query::{QueryStream, Range};
use super::{Transaction, TxError};
use crate::catalog::{IndexId, Namespace};
use crate::document::Document;
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::limits::{Limits, MAX_ARRAY_LENGTH};
use crate::query::{CursorKey, Fingerprint, Order, Position, Query};

/// Which page to read.
#[derive(Clone, Debug, Default)]
pub struct PageOptions {
    /// Where the page starts: just after this position; `None` is the beginning.
    pub cursor: Option<String>,
    /// Where the page ends: with this position, however many documents that makes. From the arguments, or else from the
    /// journal of an earlier run. Overrides the sizes below.
    pub end_cursor: Option<String>,
    /// How many documents.
    pub page_size: usize,
    /// How many documents to read for that at most, filtered ones included; at least one is read.
    pub maximum_rows_read: Option<usize>,
    /// How many bytes of documents to read for that, about.
    pub maximum_bytes_read: Option<usize>,
}

/// A page of a query.
#[derive(Clone, Debug)]
pub struct Page {
    /// The documents.
    pub documents: Vec<Arc<Document>>,
    /// Whether the query has no more.
    pub is_done: bool,
    /// Where the next page starts and this one ends: what the journal of the query is to hold.
    pub continue_cursor: String,
    /// A position about halfway through what was read, where there is one.
    pub split_cursor: Option<String>,
    /// Whether the page should be split in two.
    pub status: Option<PageStatus>,
}

/// Whether a page should be split in two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageStatus {
    /// It grows large.
    SplitRecommended,
    /// It was cut short by a limit.
    SplitRequired,
}

impl PageStatus {
    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            PageStatus::SplitRecommended => "SplitRecommended",
            PageStatus::SplitRequired => "SplitRequired",
        }
    }
}

/// Why reading a page stopped.
#[derive(PartialEq, Eq)]
enum Stop {
    /// It has as many documents as were asked for.
    Full,
    /// The query, or the part up to the end cursor, has no more.
    Exhausted,
    /// A limit on what may be read.
    Limit,
}

/// What was read for a page.
#[derive(Default)]
struct Read {
    documents: Vec<Arc<Document>>,
    /// The keys of all documents read, those filtered out included.
    keys: Vec<Key>,
    bytes: usize,
}

impl Transaction {
    /// Reads one page of a query. `cursor_key` is the deployment's; the same page always has the same cursors.
    ///
    /// # Errors
    /// `NoDocumentsForPagination`, `PageSizeTooLarge`, `InvalidPaginationLimit`, `InvalidCursor`; those of
    /// [`Self::open_query`] and [`Self::next`], except that a limit on reads ends the page once it has read a document.
    pub async fn paginate(
        &mut self,
        namespace: Namespace,
        query: &Query,
        options: &PageOptions,
        cursor_key: &CursorKey,
    ) -> Result<Page, TxError> {
        options.check(&self.limits)?;
        let range = self.range_of(namespace, query)?;
        let fields = range.as_ref().map(|range| range.fields.as_slice()).unwrap_or_default();
        let cursors = Cursors { key: cursor_key, fingerprint: query.fingerprint(fields) };
        let start = options.cursor.as_deref().map(|cursor| cursors.open(cursor)).transpose()?;
        let end = options.end_cursor.as_deref().map(|cursor| cursors.open(cursor)).transpose()?;

        let range = range.map(|range| range.between(start.as_ref(), end.as_ref()));
        let mut stream = QueryStream::new(range, &query.operators);
        let (read, stop) = self.read_page(&mut stream, options, end.is_some()).await?;

        let position = match (&end, &stop, read.keys.last()) {
            (Some(end), ..) => end.clone(),
            (None, Stop::Exhausted, _) => Position::End,
            (None, _, Some(last)) => after(last),
            (None, _, None) => start.unwrap_or(Position::End),
        };
        let middle = (read.keys.len() >= 3).then(|| &read.keys[(read.keys.len() - 1) / 2]);
        Ok(Page {
            is_done: position == Position::End,
            // The same position has the same text, so this is the end cursor if there was one.
            continue_cursor: cursors.seal(&position),
            split_cursor: middle.map(|key| cursors.seal(&after(key))),
            status: self.page_status(&read, &stop),
            documents: read.documents,
        })
    }

    async fn read_page(
        &mut self,
        stream: &mut QueryStream,
        options: &PageOptions,
        pinned: bool,
    ) -> Result<(Read, Stop), TxError> {
        let mut read = Read::default();
        let page_size = if pinned { usize::MAX } else { options.page_size };
        let (most_rows, most_bytes) = match pinned {
            true => (usize::MAX, usize::MAX),
            false => {
                (options.maximum_rows_read.unwrap_or(usize::MAX), options.maximum_bytes_read.unwrap_or(usize::MAX))
            }
        };
        loop {
            if read.documents.len() >= page_size {
                return Ok((read, Stop::Full));
            }
            if read.keys.len() >= most_rows || read.bytes >= most_bytes || read.documents.len() >= MAX_ARRAY_LENGTH {
                return Ok((read, Stop::Limit));
            }
            match self.scan(stream).await {
                Ok(Some(scanned)) => {
                    read.bytes += scanned.document.size as usize;
                    read.keys.push(scanned.key);
                    if scanned.passes {
                        read.documents.push(scanned.document);
                    }
                }
                Ok(None) => return Ok((read, Stop::Exhausted)),
                Err(error) if is_read_limit(&error) && !read.keys.is_empty() => return Ok((read, Stop::Limit)),
                Err(error) => return Err(error),
            }
        }
    }

    fn page_status(&self, read: &Read, stop: &Stop) -> Option<PageStatus> {
        if *stop == Stop::Limit {
            return Some(PageStatus::SplitRequired);
        }
        let most = |limit: usize| limit / 4 * 3;
        let large = read.keys.len() > most(self.limits.documents_read)
            || read.bytes > most(self.limits.bytes_read)
            || read.documents.len() > self.limits.page_size_before_split;
        large.then_some(PageStatus::SplitRecommended)
    }
}

impl PageOptions {
    fn check(&self, limits: &Limits) -> Result<(), TxError> {
        if self.page_size == 0 {
            return Err(TxError::developer("NoDocumentsForPagination", "a page must have at least one document"));
        }
        if self.page_size > limits.page_size {
            return Err(TxError::developer(
                "PageSizeTooLarge",
                format!("a page of {} documents is too large: the limit is {}", self.page_size, limits.page_size),
            ));
        }
        let zero = |limit: Option<usize>| limit == Some(0);
        if zero(self.maximum_rows_read) || zero(self.maximum_bytes_read) {
            return Err(TxError::developer(
                "InvalidPaginationLimit",
                "`maximumRowsRead` and `maximumBytesRead` must be greater than 0",
            ));
        }
        Ok(())
    }
}

struct Cursors<'a> {
    key: &'a CursorKey,
    fingerprint: Fingerprint,
}

impl Cursors<'_> {
    fn open(&self, cursor: &str) -> Result<Position, TxError> {
        Ok(self.key.open(cursor, &self.fingerprint)?)
    }

    fn seal(&self, position: &Position) -> String {
        self.key.seal(position, &self.fingerprint)
    }
}

impl Range {
    /// The part after the one position, up to and including the other, in the order of the query.
    fn between(mut self, after: Option<&Position>, through: Option<&Position>) -> Self {
        if let Some(search) = &mut self.search {
            (search.after, search.through) = (after.cloned(), through.cloned());
            return self;
        }
        let Interval { start, end } = &mut self.interval;
        match (after, self.order) {
            (None, _) => {}
            (Some(Position::End), _) => *end = End::Before(start.clone()),
            (Some(Position::After(key)), Order::Asc) => {
                *start = start.clone().max(next_key(&with_index(self.index, key)));
            }
            (Some(Position::After(key)), Order::Desc) => {
                *end = end.clone().min(End::Before(with_index(self.index, key)));
            }
        }
        match (through, self.order) {
            (None | Some(Position::End), _) => {}
            (Some(Position::After(key)), Order::Asc) => {
                *end = end.clone().min(End::Before(next_key(&with_index(self.index, key))));
            }
            (Some(Position::After(key)), Order::Desc) => *start = start.clone().max(with_index(self.index, key)),
        }
        self
    }
}

fn after(key: &Key) -> Position {
    Position::After(key.after_index().to_vec())
}

fn with_index(index: IndexId, key: &[u8]) -> Key {
    Key::from([&index.0.to_be_bytes(), key].concat())
}

fn is_read_limit(error: &TxError) -> bool {
    matches!(error.code(), "TooManyDocumentsRead" | "TooManyBytesRead" | "TooManyReads")
}
