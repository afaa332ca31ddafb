//! The keys of providers, kept and renewed.
//!
//! A set is asked for again when it is old, and when a token names a key that it does not have: providers change their keys.
//! As tokens can name any key, that is done a few times and then at a steady pace only. While a provider can not be reached
//! its last keys hold.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use lakewire_storage::env::Env;
use parking_lot::Mutex;
use serde::Deserialize;
use url::Url;

use super::AuthError;
use super::download::{Document, Download, is_safe};
use super::issuer::normalised;
use super::key_set::KeySet;

/// How long keys are kept without asking, unless the provider says otherwise, and within which bounds it may.
const KEEP: Duration = Duration::from_secs(600);
const KEEP_AT_LEAST: Duration = Duration::from_secs(60);
const KEEP_AT_MOST: Duration = Duration::from_secs(3600);
/// How long keys hold that can't be renewed.
const KEEP_UNREACHABLE: Duration = Duration::from_secs(24 * 3600);
/// How long old keys are used without asking again, after asking failed.
const PAUSE: Duration = Duration::from_secs(30);
/// A provider is asked once in so long in the long run, and so often at once.
const PACE: Duration = Duration::from_secs(5);
const BURST: u32 = 4;
/// How long all requests for one set of keys may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Providers that are remembered, those of earlier configurations included.
const MAX_SOURCES: usize = 256;

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The issuer of an OpenID Connect provider, which says where its keys are.
    Discovery(String),
    /// The URL of a key set.
    Keys(String),
}

/// The keys of all providers that were needed.
pub(super) struct KeyCache {
    env: Env,
    download: Arc<dyn Download>,
    sources: Mutex<HashMap<Source, Arc<Cached>>>,
}

#[derive(Default)]
struct Cached {
    state: Mutex<State>,
    /// Held by whoever asks the provider.
    asking: tokio::sync::Mutex<()>,
}

/// Moments are of the monotonic clock, in nanoseconds.
#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// Until when keys are used without asking.
    fresh_until: u64,
    /// Until when they are used at all.
    valid_until: u64,
    /// When the provider was last asked, with an answer or without.
    asked: u64,
    /// Up to here the pace is used up.
    paced: u64,
    /// Why the last attempt failed.
    failure: Option<AuthError>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl KeyCache {
    pub(super) fn new(env: Env, download: Arc<dyn Download>) -> Self {
        Self { env, download, sources: Mutex::default() }
    }

    /// The key with the id `kid` for tokens signed with `alg`.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`] if there is none; that the provider could not be asked.
    pub(super) async fn key(
        &self,
        source: &Source,
        kid: Option<&str>,
        alg: Algorithm,
    ) -> Result<DecodingKey, AuthError> {
        let cached = self.cached(source);
        let began = self.env.monotonic_ns();
        if let Some(key) = cached.state.lock().fresh(kid, alg, began) {
            return Ok(key);
        }
        let _asking = cached.asking.lock().await;
        let now = self.env.monotonic_ns();
        let may_ask = {
            let mut state = cached.state.lock();
            if let Some(key) = state.fresh(kid, alg, now) {
                return Ok(key);
            }
            // Whoever waited while another asked has the answer to the same question.
            let is_answered = state.asked > began;
            !is_answered && state.take_turn(now)
        };
        if may_ask {
            let answer = match self.env.timeout(TIMEOUT, self.ask(source)).await {
                Ok(answer) => answer,
                Err(timed_out) => Err(AuthError::ProviderUnavailable(format!("asking {source} {timed_out}"))),
            };
            cached.state.lock().answered(answer, self.env.monotonic_ns());
        }
        cached.state.lock().find(kid, alg, self.env.monotonic_ns()).map_err(|missing| {
            tracing::info!(%source, error = %missing, "no key for a token");
            missing
        })
    }

    fn cached(&self, source: &Source) -> Arc<Cached> {
        let mut sources = self.sources.lock();
        if sources.len() >= MAX_SOURCES && !sources.contains_key(source) {
            sources.clear();
        }
        Arc::clone(sources.entry(source.clone()).or_default())
    }

    async fn ask(&self, source: &Source) -> Result<(KeySet, Duration), AuthError> {
        let keys = match source {
            Source::Keys(url) => {
                let document = self.get(url).await?;
                check_content_type(url, &document)?;
                document
            }
            Source::Discovery(issuer) => {
                let base = issuer.trim_end_matches('/');
                let document = self.get(&format!("{base}/.well-known/openid-configuration")).await?;
                let Discovery { issuer: found, jwks_uri } = serde_json::from_slice(&document.body)
                    .map_err(|error| AuthError::InvalidKeys(format!("the discovery document of {issuer}: {error}")))?;
                if normalised(&found) != normalised(issuer) {
                    let text = format!("the discovery document of {issuer} is that of the issuer `{found}`");
                    return Err(AuthError::InvalidKeys(text));
                }
                self.get(&jwks_uri).await?
            }
        };
        let set = KeySet::parse(&keys.body)
            .map_err(|error| AuthError::InvalidKeys(format!("the document of {source} is no key set: {error}")))?;
        Ok((set, keys.max_age.unwrap_or(KEEP).clamp(KEEP_AT_LEAST, KEEP_AT_MOST)))
    }

    async fn get(&self, url: &str) -> Result<Document, AuthError> {
        match Url::parse(url) {
            Ok(url) if is_safe(&url) => self.download.get(&url).await,
            _ => Err(AuthError::InvalidKeys(format!("`{url}` is neither an `https` URL nor on this machine"))),
        }
    }
}

impl State {
    fn fresh(&self, kid: Option<&str>, alg: Algorithm, now: u64) -> Option<DecodingKey> {
        let keys = self.keys.as_ref().filter(|_| now < self.fresh_until)?;
        keys.find(kid, alg).cloned()
    }

    /// Whether the provider may be asked now; then it counts as asked.
    fn take_turn(&mut self, now: u64) -> bool {
        let ahead = self.paced.saturating_sub(now);
        if ahead > nanos(PACE * (BURST - 1)) {
            return false;
        }
        self.paced = self.paced.max(now) + nanos(PACE);
        true
    }

    fn answered(&mut self, answer: Result<(KeySet, Duration), AuthError>, now: u64) {
        self.asked = now;
        match answer {
            Ok((keys, keep)) => {
                self.keys = Some(Arc::new(keys));
                self.fresh_until = now + nanos(keep);
                self.valid_until = now + nanos(KEEP_UNREACHABLE);
                self.failure = None;
            }
            Err(error) => {
                tracing::warn!(%error, "the keys of an auth provider can't be renewed");
                // Never before what is left of their time.
                self.fresh_until = self.fresh_until.max(now + nanos(PAUSE));
                self.failure = Some(error);
            }
        }
    }

    fn find(&self, kid: Option<&str>, alg: Algorithm, now: u64) -> Result<DecodingKey, AuthError> {
        let keys = self.keys.as_ref().filter(|_| now < self.valid_until);
        if let Some(key) = keys.and_then(|keys| keys.find(kid, alg)) {
            return Ok(key.clone());
        }
        match (&self.failure, keys) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(_)) => {
                let which = kid.map_or_else(|| "it names none".to_owned(), |kid| format!("`{kid}`"));
                Err(AuthError::InvalidToken(format!("its provider has no {alg:?} key for it (`kid`: {which})")))
            }
            (None, None) => Err(AuthError::ProviderUnavailable("its keys could not be asked for yet".to_owned())),
        }
    }
}

/// As in the specification of key sets, so that a page of somebody else on the same server is none.
fn check_content_type(url: &str, document: &Document) -> Result<(), AuthError> {
    let content_type = document.content_type.as_deref().unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_json = ["application/json", "application/jwk-set+json"].iter().any(|it| essence.eq_ignore_ascii_case(it));
    let is_utf8 = parts.all(|part| {
        !part.to_ascii_lowercase().starts_with("charset=") || part[8..].trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let text =
        format!("{url} has the content type `{content_type}`, not `application/json` or `application/jwk-set+json`");
    Err(AuthError::InvalidKeys(text))
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Discovery(url) | Self::Keys(url) => f.write_str(url),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

#[cfg(test)]
#[path = "key_cache_tests.rs"]
mod tests;
