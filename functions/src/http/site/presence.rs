//! Whether a client still waits for its response.

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::BoxFuture;

/// Held while the client has not got all of its response. Dropping it means that it is gone.
pub(super) struct Presence(oneshot::Sender<()>);

impl Presence {
    /// The client has all of the response: from now on it does not matter whether it is there.
    pub(super) fn served(self) {
        // The action may have ended.
        let _ = self.0.send(());
    }
}

/// Completes when the presence is dropped, and never after [`Presence::served`].
pub(super) fn pair() -> (Presence, BoxFuture<'static, ()>) {
    let (sender, receiver) = oneshot::channel();
    let gone = async move {
        if receiver.await.is_ok() {
            futures::future::pending().await
        }
    };
    (Presence(sender), gone.boxed())
}
