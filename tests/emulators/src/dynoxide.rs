//! DynamoDB, inside this process.

use std::net::TcpListener;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// An empty DynamoDB in memory. Dropping it stops it and closes its connections.
///
/// It does not check signatures, throttles nobody, and answers at once: see `lakewire_storage::aws::faults` for a client that
/// makes it behave worse.
pub struct Dynoxide {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Dynoxide {
    /// Starts one, on a thread with a runtime of its own.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listen on a free port of the loopback interface");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let endpoint = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("dynoxide".to_owned()).spawn(move || serve(listener, stopped));
        Self { endpoint, stop: Some(stop), thread: Some(thread.expect("start a thread")) }
    }

    /// Its URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Dynoxide {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the DynamoDB emulator panicked: {panic:?}");
        }
    }
}

/// Serves until the other end of `stopped` is dropped.
fn serve(listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("make a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener that does not block");
        let database = dynoxide::Database::memory().expect("a database in memory");
        // Not its graceful shutdown, which would wait for clients.
        tokio::select! {
            () = dynoxide::server::serve_on(listener, database) => {}
            _ = stopped => {}
        }
    });
}
