//! Cursors of paginated queries.
//!
//! A cursor is a position in a query's index and the query's fingerprint, encrypted and authenticated by AES-SIV, which is
//! made for this: the same position always gives the same text (cursors are arguments of queries, and different texts would
//! look like different queries), yet nobody without the deployment's key can read document fields from a cursor or make one.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256, Sha512};

use super::{Query, QueryError};
use crate::value::FieldPath;

/// Where in its index a query stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// After the entry with this key, without the index id at its start (see [`Key::after_index`](crate::key::Key::after_index)):
    /// an index that is built anew gets another id.
    After(Vec<u8>),
    /// After the last entry.
    End,
}

/// Tells the queries apart that cursors belong to: a hash of the query and the fields of its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// The key of a deployment's cursors.
#[derive(Clone)]
pub struct CursorKey([u8; 64]);

/// Changes when the meaning of cursors does.
const VERSION: u8 = 1;
const AT_END: u8 = 0;
const AFTER_KEY: u8 = 1;

impl Query {
    /// The fingerprint of the query when it reads an index with these fields.
    pub fn fingerprint(&self, index_fields: &[FieldPath]) -> Fingerprint {
        let text =
            serde_json::to_vec(&(self, index_fields)).expect("object keys are strings, and nothing else can fail");
        Fingerprint(Sha256::digest(text).into())
    }
}

impl CursorKey {
    /// Derives the key from the deployment's secret.
    pub fn derive(secret: &[u8]) -> CursorKey {
        let hash = Sha512::new().chain_update(b"lakewire cursor key\0").chain_update(secret).finalize();
        CursorKey(hash.into())
    }

    /// Makes the cursor of a position. The same input gives the same text.
    pub fn seal(&self, position: &Position, query: &Fingerprint) -> String {
        let plain = match position {
            Position::End => vec![AT_END],
            Position::After(key) => [&[AFTER_KEY], key.as_slice()].concat(),
        };
        let sealed = self
            .cipher()
            .encrypt([&[VERSION][..], &query.0], &plain)
            .expect("two headers and a buffer of its own are always accepted");
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Reads a cursor; [`QueryError::InvalidCursor`] if it was not made with this key for this query.
    pub fn open(&self, cursor: &str, query: &Fingerprint) -> Result<Position, QueryError> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| QueryError::InvalidCursor)?;
        let plain =
            self.cipher().decrypt([&[VERSION][..], &query.0], &sealed).map_err(|_| QueryError::InvalidCursor)?;
        match plain.split_first() {
            Some((&AT_END, [])) => Ok(Position::End),
            Some((&AFTER_KEY, key)) => Ok(Position::After(key.to_vec())),
            _ => Err(QueryError::InvalidCursor),
        }
    }

    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new((&self.0).into())
    }
}
