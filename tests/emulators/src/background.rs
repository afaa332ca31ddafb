//! A server on a thread of its own.

use std::future::Future;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Something that serves a port of the loopback interface until this is dropped.
pub(crate) struct Background {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Runs `serve`, which gets the listener, on a new thread with a runtime of its own. Dropping this drops the future, and
    /// every task that it spawned.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start<S, F>(name: &'static str, serve: S) -> Self
    where
        S: FnOnce(TcpListener) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        let listener =
            std::net::TcpListener::bind(("127.0.0.1", 0)).expect("listen on a free port of the loopback interface");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let endpoint = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            // One thread: what it does is little, and a second one would only add wake-ups.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("make a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener that does not block");
                // Not a graceful shutdown, which would wait for clients.
                tokio::select! {
                    () = serve(listener) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("start a thread");
        Self { endpoint, stop: Some(stop), thread: Some(thread) }
    }

    /// Its URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("an emulator panicked: {panic:?}");
        }
    }
}
