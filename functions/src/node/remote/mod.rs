//! Actions of Node modules in a function of a cloud: one invocation runs one action, or one analysis.
//!
//! The function has no rights of its own. What it needs is in the invocation, or behind presigned URLs in it: the bundle
//! and the packages, by hash, which it fetches only when it does not have them. What actions ask for, it asks at the
//! [callback](RemoteNode::callback), with a ticket that opens what that one action may do; any worker answers, whichever
//! invoked it. Console lines come back with the result, so an action that is invoked twice says nothing twice.
//!
//! Bundles (`node/bundles/{key}`) are one object with all modules: a cold function fetches one thing, not hundreds, and a
//! worker that invokes a warm one touches neither store nor modules. They, and the packages (`node/packages/{key}`), are
//! made when the function says that they are missing: so they can be deleted at any time. Packages are installed by the
//! function itself, with the Node that will run them, at a push; only then it gets a URL to put them to.
//!
//! The JavaScript is in `lambda/`, and runs the same executor as processes of the machine, see [`LAMBDA_FILES`](super::LAMBDA_FILES).
//!
//! **Security:** all that runs in the function, its own JavaScript too, is under the power of the app: they share a
//! process' user. So whatever it sends is taken as if the app had sent it, and the role of the function must be worth
//! nothing.

mod ended;
mod invoke;
mod lambda;
mod payload;
mod run;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::signer::Signer;

pub use ended::FunctionEnded;
pub use lambda::LambdaNode;

use super::NodeError;
use crate::temporary;

/// The function that Node actions run in.
#[async_trait]
pub trait NodeFunction: Send + Sync {
    /// Invokes it with a JSON text of at most 5 MB, and waits for what it answers. It must not be invoked again once it
    /// may have begun: actions are not repeated.
    ///
    /// # Errors
    /// [`NodeError::Overloaded`] if there is no room; [`NodeError::Ended`] if it has ended without an answer;
    /// [`NodeError::Internal`] if it can't be invoked.
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, NodeError>;
}

/// Where Node actions run that do not run on this machine.
#[derive(Clone)]
pub struct RemoteNode {
    /// The function.
    pub function: Arc<dyn NodeFunction>,
    /// Makes URLs for objects of `store`.
    pub signer: Arc<dyn Signer>,
    /// The store of the deployment.
    pub store: Arc<dyn ObjectStore>,
    /// Origin of the API as the function reaches it, without a slash at its end.
    pub callback: String,
}

impl fmt::Debug for RemoteNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteNode").field("callback", &self.callback).finish_non_exhaustive()
    }
}

impl RemoteNode {
    /// A URL that allows one kind of request for one object.
    pub(crate) async fn sign(&self, method: Method, path: &Path, time: Duration) -> Result<String, NodeError> {
        let url = self.signer.signed_url(method, path, time).await;
        url.map(String::from).map_err(|error| NodeError::Internal(format!("cannot sign a URL for `{path}`: {error}")))
    }

    /// An object of one execution.
    pub(crate) fn temporary(execution: &str, name: &str) -> Path {
        temporary::named(["node", execution, name])
    }
}
