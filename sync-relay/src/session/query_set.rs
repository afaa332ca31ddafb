//! The queries a client subscribes to.

use std::sync::Arc;

use lakewire_functions::auth::Identity;
use lakewire_functions::udf::{
    ComponentPath, Failure, FunctionErrorKind, FunctionPath, Observed, PathError, QueryResult, RequestId,
};
use lakewire_storage::interval::ReadSet;

use super::kept::Kept;
use super::{End, Session, Wire, violation};
use crate::cache::{Content, Fingerprint, Query, QueryCache, Watch};
use crate::protocol::{Add, Modification, ModifyQuerySet};
use crate::signal::Signal;

/// The subscriptions of a session, by ascending query id.
#[derive(Default)]
pub(super) struct QuerySet {
    subscriptions: Vec<Subscription>,
    /// Ids the client is yet to be told of that they are gone.
    pub(super) removed: Vec<u32>,
}

/// One query id of the client.
pub(super) struct Subscription {
    pub(super) query_id: u32,
    pub(super) source: Source,
    /// What the client was told last.
    pub(super) sent: Option<Told>,
    /// What is known of that if it was told by an earlier life of the session.
    pub(super) kept: Option<Box<Kept>>,
    /// The result at the snapshot of the Transition being put together.
    pub(super) in_hand: Option<Arc<Content>>,
}

/// Where results come from.
pub(super) enum Source {
    Cache(Watch),
    /// The query cannot be run by anybody: the same failure for ever.
    Fixed(Arc<Content>, Box<Unnamed>),
    /// Between two entries.
    Moving,
}

/// What names no function.
pub(super) struct Unnamed {
    pub(super) udf_path: String,
    pub(super) component_path: Option<String>,
    pub(super) args: Arc<str>,
}

/// What a client was told.
pub(super) enum Told {
    Content(Arc<Content>),
    Fingerprint(Fingerprint),
}

impl Told {
    /// Whether it is the same as `content`.
    pub(super) fn is(&self, content: &Content) -> bool {
        match self {
            Self::Content(told) => told.same(content),
            Self::Fingerprint(told) => told == content.fingerprint(),
        }
    }

    pub(super) fn fingerprint(&self) -> &Fingerprint {
        match self {
            Self::Content(told) => told.fingerprint(),
            Self::Fingerprint(told) => told,
        }
    }
}

impl QuerySet {
    /// The subscriptions, which are in order.
    pub(super) fn new(subscriptions: Vec<Subscription>, removed: Vec<u32>) -> Self {
        Self { subscriptions, removed }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.subscriptions.iter_mut()
    }

    /// The subscription at a position of [`QuerySet::iter_mut`].
    pub(super) fn at(&mut self, position: usize) -> &mut Subscription {
        &mut self.subscriptions[position]
    }

    /// Ends all subscriptions.
    pub(super) fn clear(&mut self, cache: &QueryCache) {
        for subscription in self.subscriptions.drain(..) {
            subscription.end(cache);
        }
    }

    /// Asks for every query as `identity` from now on.
    pub(super) fn change_identity(&mut self, cache: &QueryCache, identity: &Identity, signal: &Arc<Signal>) {
        for subscription in &mut self.subscriptions {
            subscription.in_hand = None;
            // The function may have asked who calls.
            subscription.kept = None;
            subscription.rewatch(cache, identity, signal);
        }
    }

    fn position(&self, query_id: u32) -> Result<usize, usize> {
        self.subscriptions.binary_search_by_key(&query_id, |subscription| subscription.query_id)
    }
}

impl Subscription {
    /// Looks up the entry again.
    pub(super) fn rewatch(&mut self, cache: &QueryCache, identity: &Identity, signal: &Arc<Signal>) {
        self.source = match std::mem::replace(&mut self.source, Source::Moving) {
            Source::Cache(watch) => Source::Cache(cache.rewatch(watch, identity, signal)),
            other => other,
        };
    }

    /// Goes on with the pages of the result that the client was just sent.
    pub(super) fn follow_journal(&mut self, cache: &QueryCache, identity: &Identity, signal: &Arc<Signal>) {
        let Some(Told::Content(content)) = &self.sent else { return };
        let moves = matches!(&self.source, Source::Cache(watch) if watch.query().journal.as_ref() != content.journal());
        if !moves {
            return;
        }
        let journal = content.journal().cloned();
        self.source = match std::mem::replace(&mut self.source, Source::Moving) {
            Source::Cache(watch) => Source::Cache(cache.follow_journal(watch, journal, identity, signal)),
            other => other,
        };
    }

    fn end(self, cache: &QueryCache) {
        if let Source::Cache(watch) = self.source {
            cache.unwatch(watch);
        }
    }
}

impl Session {
    /// Applies a change of the query set; its results come with the next Transition.
    pub(super) fn modify_query_set<W: Wire>(&mut self, change: ModifyQuerySet, socket: &mut W) -> Result<(), End> {
        let ModifyQuerySet { base_version, new_version, modifications } = change;
        let current = self.wanted.query_set;
        if base_version != current || new_version <= base_version {
            let text = format!(
                "BaseVersionMismatch: a change of query set version `{current}` was expected, one from `{base_version}` to `{new_version}` was given"
            );
            return Err(violation(&text, socket));
        }
        if modifications.iter().any(|modification| matches!(modification, Modification::Add(_))) {
            self.refresh();
        }
        for modification in modifications {
            match modification {
                Modification::Add(add) => match self.queries.position(add.query_id) {
                    Ok(_) => return Err(violation(&format!("query id `{}` is in use", add.query_id), socket)),
                    Err(at) => {
                        let subscription = self.subscribe(add);
                        self.queries.subscriptions.insert(at, subscription);
                    }
                },
                Modification::Remove(query_id) => {
                    if let Ok(at) = self.queries.position(query_id) {
                        self.queries.subscriptions.remove(at).end(&self.shared.cache);
                        self.queries.removed.push(query_id);
                    }
                }
            }
        }
        self.wanted.query_set = new_version;
        Ok(())
    }

    pub(super) fn subscribe(&self, add: Add) -> Subscription {
        let source = match parse_path(&add.udf_path, add.component_path.as_deref()) {
            Ok(path) => {
                let query = Query::new(path, &add.args, add.journal.map(Arc::from), &self.identity);
                Source::Cache(self.shared.cache.watch(query, &self.identity, &self.signal))
            }
            Err(error) => {
                let failure = Failure::new(FunctionErrorKind::NotFound, error.to_string());
                let error = failure.into_error(&RequestId::random(&self.shared.env), false);
                let result = QueryResult {
                    outcome: Err(error),
                    log_lines: Arc::new([]),
                    journal: None,
                    reads: Arc::new(ReadSet::default()),
                    ts: 0,
                    observed: Observed::default(),
                    audit: Arc::new([]),
                };
                let Add { udf_path, component_path, args, .. } = add;
                let unnamed = Unnamed { udf_path, component_path, args };
                Source::Fixed(Arc::new(Content::new(Arc::new(result), None)), Box::new(unnamed))
            }
        };
        Subscription { query_id: add.query_id, source, sent: None, kept: None, in_hand: None }
    }
}

/// The function that a request names.
pub(super) fn parse_path(udf_path: &str, component_path: Option<&str>) -> Result<FunctionPath, PathError> {
    let component = component_path.map_or_else(|| Ok(ComponentPath::root()), ComponentPath::parse)?;
    FunctionPath::parse_in(component, udf_path)
}
