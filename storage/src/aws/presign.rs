//! URLs that let who has no credentials read or write one object for a while.

use std::time::Duration;

use http::Method;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::Signer as _;

/// Signs URLs of objects of one store. See [`super::s3_presigner`].
#[derive(Clone, Debug)]
pub struct Presigner {
    pub(super) store: AmazonS3,
    pub(super) prefix: Path,
}

impl Presigner {
    /// The URL at which whoever has it may `GET` the object at `path` (of the store, without its prefix) until `expires` is over,
    /// or less if the credentials of this process expire earlier.
    ///
    /// # Errors
    /// If there are no credentials.
    pub async fn get(&self, path: &Path, expires: Duration) -> object_store::Result<String> {
        self.url(Method::GET, path, expires).await
    }

    /// As [`Self::get`], for a `PUT` that replaces the object.
    ///
    /// # Errors
    /// If there are no credentials.
    pub async fn put(&self, path: &Path, expires: Duration) -> object_store::Result<String> {
        self.url(Method::PUT, path, expires).await
    }

    async fn url(&self, method: Method, path: &Path, expires: Duration) -> object_store::Result<String> {
        let whole: Path = self.prefix.parts().chain(path.parts()).collect();
        self.store.signed_url(method, &whole, expires).await.map(Into::into)
    }
}
