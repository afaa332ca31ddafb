//! One Node process, and what runs in it.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::env::{Env, TaskHandle};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Ended, Event, FromNode, MAX_LINE, ToNode};
use super::sandbox::{self, Reach, Scratch};
use super::{NodeError, NodeOptions, OLDEST_NODE};

/// How long a process may take to start.
const START_TIME: Duration = Duration::from_secs(30);
/// How long the last words of a process are waited for.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);
/// Bytes that are kept of what a process prints.
const KEPT_OUTPUT: usize = 8192;

/// Variables of the server's environment that a process gets.
const PASSED: [&str; 3] = ["PATH", "LANG", "NODE_PATH"];

/// See the module.
pub(super) struct Process {
    out: mpsc::UnboundedSender<Vec<u8>>,
    child: Mutex<Child>,
    state: Mutex<State>,
    /// Its temporary folder.
    _scratch: Scratch,
}

/// Where a process finds what it needs.
pub(super) struct Place<'a> {
    pub script: &'a Path,
    pub modules: &'a Path,
    pub scratch: Scratch,
    pub reach: Reach,
}

#[derive(Default)]
struct State {
    /// Where the events of runs go.
    runs: HashMap<u64, mpsc::UnboundedSender<Event>>,
    /// Runs begun so far.
    begun: u64,
    /// It gets nothing new, and ends when it has nothing to do any more.
    retired: bool,
    ended: bool,
    ready: Option<oneshot::Sender<Result<String, String>>>,
    pong: Option<oneshot::Sender<()>>,
}

impl Process {
    /// Starts a process for the bundle in `modules` and waits until it can be used.
    pub(super) async fn start(
        env: &Env,
        options: &NodeOptions,
        place: Place<'_>,
        vars: &BTreeMap<String, String>,
    ) -> Result<Arc<Self>, NodeError> {
        let failed = NodeError::io("start a Node process");
        let pairs = || Ok((StdStream::pair()?, StdStream::pair()?));
        let ((ours, theirs), (output, outputs)) = pairs().map_err(failed)?;
        let command = command(options, &place, theirs, outputs)?;
        let child = sandbox::start(env, options.sandbox, place.reach, command).await.map_err(|error| {
            let exe = options.exe.display();
            NodeError::Unavailable(format!("cannot run `{exe}` (set --node or LAKEWIRE_NODE to its path): {error}"))
        })?;
        let (out, to_write) = mpsc::unbounded_channel();
        let (ready, is_ready) = oneshot::channel();
        let state = State { ready: Some(ready), ..State::default() };
        let process =
            Arc::new(Self { out, child: Mutex::new(child), state: Mutex::new(state), _scratch: place.scratch });
        let connect = || Ok((tokio_stream(ours)?, tokio_stream(output)?));
        let (stream, output) = connect().map_err(NodeError::io("talk to a Node process"))?;
        let (reader, writer) = stream.into_split();
        env.spawn("node-write", write(writer, to_write));
        let kept = Arc::new(Mutex::new(Vec::new()));
        let listening = env.spawn("node-output", listen(output, kept.clone()));
        env.spawn("node-read", process.clone().read(env.clone(), reader, kept, listening));
        process.send(&ToNode::Init { env: vars });
        let version = match env.timeout(START_TIME, is_ready).await {
            Ok(Ok(Ok(version))) => version,
            Ok(Ok(Err(why))) => return Err(NodeError::Unavailable(why)),
            Ok(Err(_)) | Err(_) => {
                process.kill();
                return Err(NodeError::Unavailable(format!("`{}` does not start", options.exe.display())));
            }
        };
        let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
        if major.is_none_or(|major| major < OLDEST_NODE) {
            process.kill();
            return Err(NodeError::Unavailable(format!("`{}` is version {version}", options.exe.display())));
        }
        Ok(process)
    }

    pub(super) fn send(&self, message: &ToNode<'_>) {
        match serde_json::to_vec(message) {
            Ok(mut line) => {
                line.push(b'\n');
                // The writer ends with the process, which all runs are told of.
                let _ = self.out.send(line);
            }
            Err(error) => tracing::error!(%error, "a message to a Node process cannot be written"),
        }
    }

    /// Begins a run if there is room for it among `max`; its number and its events.
    pub(super) fn begin(&self, max: usize) -> Option<(u64, mpsc::UnboundedReceiver<Event>)> {
        let mut state = self.state.lock();
        if state.retired || state.ended || state.runs.len() >= max {
            return None;
        }
        state.begun += 1;
        let (events, received) = mpsc::unbounded_channel();
        let run = state.begun;
        state.runs.insert(run, events);
        Some((run, received))
    }

    /// Ends a run. A process that is retired ends with its last one.
    pub(super) fn end(&self, run: u64) {
        let mut state = self.state.lock();
        state.runs.remove(&run);
        let over = state.retired && state.runs.is_empty();
        drop(state);
        if over {
            self.kill();
        }
    }

    /// How many runs have begun, if there are none now.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let state = self.state.lock();
        state.runs.is_empty().then_some(state.begun)
    }

    /// Ends the process if nothing has begun since [`Self::idle_since`] said `begun`.
    pub(super) fn end_if_idle(&self, begun: u64) -> bool {
        let mut state = self.state.lock();
        if !state.runs.is_empty() || state.begun != begun {
            return false;
        }
        state.retired = true;
        drop(state);
        self.kill();
        true
    }

    pub(super) fn retire(&self) {
        self.state.lock().retired = true;
    }

    pub(super) fn is_usable(&self) -> bool {
        let state = self.state.lock();
        !state.retired && !state.ended
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }

    /// Ends the process if its JavaScript does not react within `time`.
    pub(super) async fn kill_if_hung(&self, env: &Env, time: Duration) {
        let (pong, answered) = oneshot::channel();
        self.state.lock().pong = Some(pong);
        self.send(&ToNode::Ping);
        if !matches!(env.timeout(time, answered).await, Ok(Ok(()))) {
            self.kill();
        }
    }

    /// Ends the process at once.
    pub(super) fn kill(&self) {
        // Of one that has ended already there is nothing to end.
        let _ = self.child.lock().kill();
    }

    async fn read(
        self: Arc<Self>,
        env: Env,
        reader: OwnedReadHalf,
        output: Arc<Mutex<Vec<u8>>>,
        listening: TaskHandle,
    ) {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
                Ok(_) if line.ends_with(b"\n") => self.receive(&line),
                _ => break,
            }
        }
        self.kill();
        let status = self.child.lock().wait();
        // Processes that it started may live on and hold its output open.
        let _ = env.timeout(LAST_WORDS_TIME, listening.join()).await;
        let output = String::from_utf8_lossy(&output.lock()).trim().to_owned();
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        tracing::debug!(%status, %output, "a Node process has ended");
        let ended =
            if output.contains("heap out of memory") { Ended::OutOfMemory } else { Ended::Otherwise(status.clone()) };
        let mut state = self.state.lock();
        state.ended = true;
        if let Some(ready) = state.ready.take() {
            let _ = ready.send(Err(if output.is_empty() { status } else { output }));
        }
        for events in state.runs.values() {
            let _ = events.send(Event::Ended(ended.clone()));
        }
    }

    fn receive(&self, line: &[u8]) {
        let FromNode { run, event } = match serde_json::from_slice(line) {
            Ok(message) => message,
            Err(error) => return tracing::warn!(%error, "a Node process sent what is no message"),
        };
        let mut state = self.state.lock();
        match (run, event) {
            (_, Event::Ready { version }) => {
                if let Some(ready) = state.ready.take() {
                    let _ = ready.send(Ok(version));
                }
            }
            (_, Event::Pong) => {
                if let Some(pong) = state.pong.take() {
                    let _ = pong.send(());
                }
            }
            (_, Event::Recycle) => state.retired = true,
            (Some(run), event) => {
                state.retired |= matches!(event, Event::Failed { recycle: true, .. });
                if let Some(events) = state.runs.get(&run) {
                    // Whoever waited for it may be gone.
                    let _ = events.send(event);
                }
            }
            (None, event) => tracing::warn!(?event, "a Node process sent a message of no run"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command(
    options: &NodeOptions,
    place: &Place<'_>,
    stdin: StdStream,
    output: StdStream,
) -> Result<Command, NodeError> {
    let errors = output.try_clone().map_err(NodeError::io("start a Node process"))?;
    let passed = PASSED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut command = Command::new(&options.exe);
    command
        .arg(format!("--max-old-space-size={}", options.heap_mib))
        .arg(place.script)
        .arg(place.modules)
        .env_clear()
        .envs(passed)
        .env("TZ", "UTC")
        .env("TMPDIR", place.scratch.path())
        .current_dir(place.modules)
        .stdin(Stdio::from(OwnedFd::from(stdin)))
        .stdout(Stdio::from(OwnedFd::from(output)))
        .stderr(Stdio::from(OwnedFd::from(errors)));
    Ok(command)
}

fn tokio_stream(stream: StdStream) -> std::io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Keeps the end of what a process prints.
async fn listen(mut output: UnixStream, kept: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = output.read(&mut piece).await {
        let mut kept = kept.lock();
        kept.extend_from_slice(&piece[..read]);
        let excess = kept.len().saturating_sub(KEPT_OUTPUT);
        kept.drain(..excess);
    }
}
