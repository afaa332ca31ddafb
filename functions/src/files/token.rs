//! Tokens of upload URLs: which component, since when, signed. They need no storage.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use lakewire_storage::catalog::Namespace;
use sha2::Sha256;

use super::Files;

const VERSION: u8 = 1;
const SIGNED: usize = 1 + 4 + 8;
/// Keeps these tags apart from every other use of the instance secret.
const PURPOSE: &[u8] = b"lakewire upload token\0";

impl Files {
    /// The text of an upload URL for a component; `origin` is that of the API.
    pub fn upload_url(&self, origin: &str, namespace: Namespace) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(&namespace.0.to_be_bytes());
        token.extend_from_slice(&(self.db.env().now_ns() / 1_000_000).to_be_bytes());
        let tag = self.mac(&token).finalize().into_bytes();
        token.extend_from_slice(&tag);
        format!("{origin}/api/storage/upload?token={}", URL_SAFE_NO_PAD.encode(token))
    }

    /// The component of an upload token; `None` if it is forged or too old.
    pub fn check_upload_token(&self, token: &str) -> Option<Namespace> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, tag) = token.split_at_checked(SIGNED)?;
        // Compares in constant time.
        self.mac(signed).verify_slice(tag).ok()?;
        let namespace = Namespace(u32::from_be_bytes(signed[1..5].try_into().ok()?));
        let issued = u64::from_be_bytes(signed[5..].try_into().ok()?);
        let age = (self.db.env().now_ns() / 1_000_000).saturating_sub(issued);
        (signed[0] == VERSION && age <= self.db.limits().upload_url_ms).then_some(namespace)
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(PURPOSE);
        mac.update(signed);
        mac
    }
}
