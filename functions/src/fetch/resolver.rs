//! Names to addresses, without those that may not be reached.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::EgressPolicy;

/// Looks a host up. The addresses that it gives are the ones that are connected to.
pub(super) trait Lookup: Send + Sync + 'static {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;
}

/// The resolver of the operating system.
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }.boxed()
    }
}

/// All addresses of a host are forbidden.
#[derive(Debug, thiserror::Error)]
#[error("{host} is at an address that functions may not reach: {addresses}. {HINT}")]
pub(super) struct Forbidden {
    pub(super) host: String,
    pub(super) addresses: String,
}

/// What the operator can do.
const HINT: &str = "The server's egress policy allows public addresses and what --allow-fetch names";

/// Answers with the addresses of a host that the policy permits: as connections are made to these and
/// no others, a name that leads elsewhere the next time it is looked up gains nothing.
pub(super) struct PolicyResolver {
    pub(super) policy: Arc<EgressPolicy>,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let found = self.lookup.lookup(host.clone());
        let policy = self.policy.clone();
        async move {
            let found = found.await?;
            let (permitted, forbidden): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| policy.permits(&host, address.ip()));
            if permitted.is_empty() && !forbidden.is_empty() {
                let addresses: Vec<String> = forbidden.iter().map(|address| address.ip().to_string()).collect();
                return Err(Forbidden { host, addresses: addresses.join(", ") }.into());
            }
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        }
        .boxed()
    }
}
