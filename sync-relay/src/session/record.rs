//! A session on paper: what it takes to go on with it in another process.
//!
//! What the client was told is not part of it, but what names it ([`Told::fingerprint`]): a query whose result is the same again is
//! no news, and the record stays small. A query that no commit has touched since is not even run: its read set is in the record.
//!
//! The identity is kept as it was verified, with the time at which its token expires. Verifying again would ask the provider for
//! its keys with every message, and who can write to the table that the records are in can write to the log as well. The token is
//! there because functions may ask for it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakewire_functions::auth::{AdminIdentity, AuthError, Identity, UserIdentity};
use lakewire_functions::udf::ClientInfo;
use lakewire_storage::interval::{DecodeError, ReadSet};
use lakewire_storage::log::Timestamp;
use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::query_set::{QuerySet, Source, Subscription, Told, Unnamed};
use super::{Peer, Session};
use crate::backend::View;
use crate::protocol::{Add, StateVersion};
use crate::relay::Shared;

/// The version of the form. A record of another one is of a connection that has to be made anew.
const VERSION: u32 = 1;

/// A session between two messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionRecord {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock_skew_ms: Option<f64>,
    peer: PeerRecord,
    identity: IdentityRecord,
    /// From when on the token of a user is not good any more: nanoseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ns: Option<u64>,
    sent: VersionRecord,
    wanted: VersionRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owed: Option<Timestamp>,
    transitions: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<u32>,
    subscriptions: Vec<SubscriptionRecord>,
}

/// What is known of a client from the handshake, and its token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PeerRecord {
    takes_chunks: bool,
    ip: Option<Arc<str>>,
    user_agent: Option<Arc<str>>,
    token: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum IdentityRecord {
    Anonymous,
    Admin { instance: Arc<str> },
    ActingUser { instance: Arc<str>, user: Arc<str> },
    User { user: Arc<str> },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionRecord {
    query_set: u32,
    identity: u32,
    ts: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionRecord {
    id: u32,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    /// JSON text of the array of arguments.
    args: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journal: Option<Arc<str>>,
    /// The fingerprint of what the client was told last, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<KeptRecord>,
}

/// What is known of the result that the client has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptRecord {
    /// A snapshot at which it is right.
    from: Timestamp,
    /// An encoded [`ReadSet`] in base64.
    reads: String,
}

/// A record that no session can be made of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    #[error("not a record of a session: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a record of the unknown version `{0}`")]
    Version(u32),
    #[error("base64 in the record: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("the fingerprint of query `{0}` is none")]
    Fingerprint(u32),
    #[error("the reads of query `{query}`: {error}")]
    Reads { query: u32, error: DecodeError },
    #[error("the identity: {0}")]
    Identity(#[from] AuthError),
}

impl SessionRecord {
    /// Forgets what the queries have read, those that read most first, until what is left has `max` bytes, if it can be so few.
    /// Queries of which that is not known are run again when the session goes on.
    pub(crate) fn forget_reads(&mut self, mut bytes: usize, max: usize) {
        let size = |subscription: &SubscriptionRecord| subscription.kept.as_ref().map_or(0, |kept| kept.reads.len());
        while bytes > max
            && let Some(largest) = self.subscriptions.iter_mut().max_by_key(|subscription| size(subscription))
            && largest.kept.is_some()
        {
            bytes -= size(largest);
            largest.kept = None;
        }
    }

    /// Whether a session made of the record would have something to do at `view`, were nothing sent to it.
    ///
    /// # Errors
    /// If the reads can't be decoded.
    pub(crate) fn is_touched(&self, view: &dyn View) -> Result<bool, ResumeError> {
        for subscription in &self.subscriptions {
            let touched = match &subscription.kept {
                Some(kept) => view.touched_since(kept.from, &subscription.reads(kept)?),
                // Nothing is known of it: it has to be run.
                None => true,
            };
            if touched {
                return Ok(true);
            }
        }
        Ok(self.owed.is_some()
            || (self.wanted.query_set, self.wanted.identity) != (self.sent.query_set, self.sent.identity))
    }
}

impl SubscriptionRecord {
    fn reads(&self, kept: &KeptRecord) -> Result<ReadSet, ResumeError> {
        let encoded = STANDARD.decode(&kept.reads)?;
        ReadSet::decode(&encoded).map_err(|error| ResumeError::Reads { query: self.id, error })
    }
}

impl From<&Peer> for PeerRecord {
    fn from(peer: &Peer) -> Self {
        let ClientInfo { ip, user_agent, auth_token } = peer.info.clone();
        Self { takes_chunks: peer.takes_chunks, ip, user_agent, token: auth_token }
    }
}

impl From<PeerRecord> for Peer {
    fn from(record: PeerRecord) -> Self {
        let PeerRecord { takes_chunks, ip, user_agent, token } = record;
        Self { takes_chunks, info: ClientInfo { ip, user_agent, auth_token: token } }
    }
}

impl IdentityRecord {
    pub(super) fn of(identity: &Identity) -> Self {
        let instance = |admin: &AdminIdentity| Arc::clone(&admin.instance);
        match identity {
            Identity::Admin(admin) => Self::Admin { instance: instance(admin) },
            Identity::ActingUser { admin, user } => {
                Self::ActingUser { instance: instance(admin), user: Arc::clone(user.json()) }
            }
            Identity::User(user) => Self::User { user: Arc::clone(user.json()) },
            // Sessions have none of the last two.
            Identity::Anonymous | Identity::Rejected(_) | Identity::System => Self::Anonymous,
        }
    }

    pub(super) fn identity(self) -> Result<Identity, ResumeError> {
        let user_of = |text: &str| -> Result<UserIdentity, ResumeError> {
            Ok(UserIdentity::from_attributes(&serde_json::from_str(text)?)?)
        };
        Ok(match self {
            Self::Anonymous => Identity::Anonymous,
            Self::Admin { instance } => Identity::Admin(AdminIdentity { instance }),
            Self::ActingUser { instance, user } => {
                Identity::ActingUser { admin: AdminIdentity { instance }, user: user_of(&user)? }
            }
            Self::User { user } => Identity::User(user_of(&user)?),
        })
    }
}

impl From<StateVersion> for VersionRecord {
    fn from(StateVersion { query_set, identity, ts }: StateVersion) -> Self {
        Self { query_set, identity, ts }
    }
}

impl From<VersionRecord> for StateVersion {
    fn from(VersionRecord { query_set, identity, ts }: VersionRecord) -> Self {
        Self { query_set, identity, ts }
    }
}

impl Session {
    /// What it takes to go on with the session, of which no request is under way.
    pub(crate) fn record(&self) -> SessionRecord {
        SessionRecord {
            version: VERSION,
            session_id: self.session_id.clone(),
            clock_skew_ms: self.clock_skew_ms,
            peer: PeerRecord::from(&self.peer),
            identity: IdentityRecord::of(&self.identity),
            expires_ns: self.expires_ns,
            sent: self.sent.into(),
            wanted: self.wanted.into(),
            owed: self.owed,
            transitions: self.transitions,
            removed: self.queries.removed.clone(),
            subscriptions: self.queries.iter().map(Subscription::record).collect(),
        }
    }

    /// Goes on with a session. It shows nothing until it knows what others committed meanwhile.
    ///
    /// # Errors
    /// [`ResumeError`] if the record is damaged.
    pub(crate) fn resume(shared: Arc<Shared>, record: SessionRecord) -> Result<Self, ResumeError> {
        if record.version != VERSION {
            return Err(ResumeError::Version(record.version));
        }
        let mut session = Self::new(shared, record.peer.into());
        session.session_id = record.session_id;
        session.clock_skew_ms = record.clock_skew_ms;
        session.identity = record.identity.identity()?;
        session.expires_ns = record.expires_ns;
        session.sent = record.sent.into();
        session.wanted = record.wanted.into();
        // This process may know less than the one that served the client before.
        session.wanted.ts = session.wanted.ts.max(session.sent.ts);
        session.owed = record.owed;
        session.transitions = record.transitions;
        let subscriptions = record.subscriptions.into_iter().map(|subscription| session.resubscribe(subscription));
        let subscriptions = subscriptions.collect::<Result<_, _>>()?;
        session.queries = QuerySet::new(subscriptions, record.removed);
        session.look_again();
        Ok(session)
    }

    fn resubscribe(&self, record: SubscriptionRecord) -> Result<Subscription, ResumeError> {
        let (tracker, backend) = (self.shared.cache.tracker(), &*self.shared.backend);
        let kept = match &record.kept {
            Some(kept) => Some(Box::new(Kept::new(tracker, backend, Arc::new(record.reads(kept)?), kept.from))),
            None => None,
        };
        let sent = match &record.told {
            Some(text) => {
                let told = STANDARD.decode(text)?.try_into().map_err(|_| ResumeError::Fingerprint(record.id))?;
                Some(Told::Fingerprint(told))
            }
            None => None,
        };
        let SubscriptionRecord { id, path, component, args, journal, .. } = record;
        let journal = journal.as_deref().map(str::to_owned);
        let add = Add { query_id: id, udf_path: path, args, journal, component_path: component };
        Ok(Subscription { sent, kept, ..self.subscribe(add) })
    }
}

impl Subscription {
    fn record(&self) -> SubscriptionRecord {
        let (path, component, args, journal) = match &self.source {
            Source::Cache(watch) => {
                let query = watch.query();
                let component = query.path.component.to_string();
                let component = Some(component).filter(|component| !component.is_empty());
                (query.path.to_string(), component, Arc::clone(&query.args), query.journal.clone())
            }
            Source::Fixed(_, unnamed) => {
                let Unnamed { udf_path, component_path, args } = &**unnamed;
                (udf_path.clone(), component_path.clone(), Arc::clone(args), None)
            }
            Source::Moving => unreachable!("it moves within one call"),
        };
        let told = self.sent.as_ref().map(|sent| STANDARD.encode(sent.fingerprint()));
        let newest = match &self.source {
            Source::Cache(watch) => watch.entry.newest(),
            // Right for ever.
            Source::Fixed(content, _) => Some((Arc::clone(content), 0, Arc::new(ReadSet::new()))),
            Source::Moving => None,
        };
        // Only of what the client has: the rest has to be run, or told, anyway.
        let newest = newest.filter(|(content, ..)| self.sent.as_ref().is_some_and(|sent| sent.is(content)));
        let newest = newest.map(|(_, from, reads)| (from, reads));
        let kept = self.kept.as_ref().map(|kept| (kept.from(), Arc::clone(kept.reads())));
        let known = newest.into_iter().chain(kept).max_by_key(|(from, _)| *from);
        let kept = known.map(|(from, reads)| KeptRecord { from, reads: STANDARD.encode(reads.encode()) });
        SubscriptionRecord { id: self.query_id, path, component, args, journal, told, kept }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
