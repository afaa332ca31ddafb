//! API Gateway, and functions that it invokes: each message by itself, in any order, on any of several instances.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use lakewire_storage::env::Env;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::backend::Backend as _;
use crate::cache::CacheOptions;
use crate::gateway::memory::MemoryConnections;
use crate::gateway::{Connections, Gateway, GatewayEvent, Handshake, Message, PostError, Poster};
use crate::relay::Shared;
use crate::tests::{Client, Fake};

/// The largest message that goes out.
const MAX_POST_BYTES: usize = 128 << 10;

pub(super) struct Api {
    me: Weak<Api>,
    pub(super) fake: Arc<Fake>,
    pub(super) env: Env,
    pub(super) connections: Arc<MemoryConnections>,
    instances: Mutex<Vec<Arc<Gateway>>>,
    open: Mutex<HashMap<String, mpsc::UnboundedSender<Bytes>>>,
    next_id: AtomicU64,
    /// Messages posted so far.
    pub(super) posts: AtomicUsize,
    /// Messages that are posted from now on do not come through, nor does who posts them go on.
    pub(super) is_stuck: std::sync::atomic::AtomicBool,
    /// How long an invocation took at most.
    pub(super) longest: Mutex<Duration>,
    /// Messages are late by up to so many milliseconds.
    pub(super) late_ms: AtomicU64,
}

impl Api {
    pub(super) fn new(seed: u64, instances: usize) -> Arc<Self> {
        let env = Env::deterministic(seed);
        let fake = Fake::new(env.clone());
        let api = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            fake,
            env,
            connections: Arc::default(),
            instances: Mutex::default(),
            open: Mutex::default(),
            next_id: AtomicU64::new(0),
            posts: AtomicUsize::new(0),
            is_stuck: false.into(),
            longest: Mutex::default(),
            late_ms: AtomicU64::new(0),
        });
        for _ in 0..instances {
            api.start();
        }
        api
    }

    /// Starts an instance of the function: it knows nothing.
    pub(super) fn start(&self) -> Arc<Gateway> {
        let shared = Shared::start(self.fake.clone(), self.env.clone(), CacheOptions::default());
        let poster = Arc::new(Posts(self.me.clone()));
        let gateway = Arc::new(Gateway::over(shared, self.connections.clone(), poster));
        self.instances.lock().push(Arc::clone(&gateway));
        gateway
    }

    /// Ends all instances and starts one.
    pub(super) fn restart(&self) -> Arc<Gateway> {
        self.instances.lock().clear();
        self.start()
    }

    /// Any of the instances.
    pub(super) fn any(&self) -> Arc<Gateway> {
        let instances = self.instances.lock();
        Arc::clone(&instances[self.env.random_u64() as usize % instances.len()])
    }

    /// From now on an instance is told of every commit.
    pub(super) fn follow(&self) {
        let mut commits = self.fake.commits();
        let api = self.me.clone();
        self.env.spawner.spawn(
            "commits",
            Box::pin(async move {
                while let Some(batch) = commits.next().await {
                    let Some(api) = api.upgrade() else { return };
                    let through = api.fake.entry();
                    assert!(!batch.is_empty());
                    let gateway = api.any();
                    api.env.spawn("fan-out", async move {
                        gateway.fan_out(through).await.expect("connections in memory do not fail");
                    });
                }
            }),
        );
    }

    /// Connects a client of the newest npm package.
    pub(super) async fn connect(&self) -> Client {
        self.connect_as(Some("1.48.0")).await
    }

    pub(super) async fn connect_as(&self, version: Option<&str>) -> Client {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let id: Arc<str> = format!("connection{}", self.next_id.fetch_add(1, Ordering::Relaxed)).into();
        let version = version.map(str::to_owned);
        let handshake = Handshake { connection: Arc::clone(&id), version, ..Handshake::default() };
        let answer = self.any().handle(GatewayEvent::Connect(handshake)).await;
        assert_eq!(answer.status, 200);
        let (post, posts) = mpsc::unbounded_channel();
        self.open.lock().insert(id.to_string(), post);
        let api = self.me.upgrade().expect("it is alive");
        let ws = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
        self.env.spawner.spawn("connection", Box::pin(api.carry(id, ws, posts)));
        Client::new(theirs).await
    }

    /// Whether API Gateway and the table know of so many connections.
    pub(super) async fn has(&self, count: usize) -> bool {
        let listed = self.connections.list().await.expect("in memory").len();
        (self.open.lock().len(), listed) == (count, count)
    }

    async fn carry(
        self: Arc<Self>,
        id: Arc<str>,
        mut ws: WebSocketStream<tokio::io::DuplexStream>,
        mut posts: mpsc::UnboundedReceiver<Bytes>,
    ) {
        loop {
            tokio::select! {
                received = ws.next() => match received {
                    Some(Ok(Frame::Text(text))) => self.clone().deliver(&id, text.to_string()),
                    Some(Ok(_)) => {}
                    _ => break,
                },
                post = posts.recv() => match post {
                    Some(post) => {
                        let text = String::from_utf8(post.to_vec()).expect("text");
                        if ws.send(Frame::text(text)).await.is_err() {
                            break;
                        }
                    }
                    None => {
                        // Clients are not told why.
                        let _gone = ws.close(None).await;
                        break;
                    }
                },
            }
        }
        self.open.lock().remove(&*id);
        self.any().handle(GatewayEvent::Disconnect { connection: id }).await;
    }

    fn deliver(self: Arc<Self>, id: &Arc<str>, text: String) {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (connection, at_ms) = (Arc::clone(id), self.env.now_ns() / 1_000_000);
        let message = Message { connection, id: format!("m{number}").into(), at_ms, text };
        let late_ms = self.env.random_u64() % (self.late_ms.load(Ordering::Relaxed) + 1);
        let env = self.env.clone();
        env.spawner.spawn(
            "invocation",
            Box::pin(async move {
                self.env.sleep(Duration::from_millis(late_ms)).await;
                self.invoke(GatewayEvent::Message(message)).await;
            }),
        );
    }

    /// Invokes an instance.
    pub(super) async fn invoke(&self, event: GatewayEvent) {
        let began = self.env.monotonic_ns();
        assert_eq!(self.any().handle(event).await.status, 200);
        let took = Duration::from_nanos(self.env.monotonic_ns() - began);
        let mut longest = self.longest.lock();
        *longest = took.max(*longest);
    }
}

/// Posts to the connections of an API.
struct Posts(Weak<Api>);

#[async_trait]
impl Poster for Posts {
    async fn post(&self, connection: &str, message: Bytes) -> Result<(), PostError> {
        let Some(api) = self.0.upgrade() else { return Err(PostError::Gone) };
        if api.is_stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        assert!(message.len() <= MAX_POST_BYTES, "{} bytes", message.len());
        api.posts.fetch_add(1, Ordering::Relaxed);
        // It takes a while.
        api.env.sleep(Duration::from_millis(api.env.random_u64() % 3)).await;
        let open = api.open.lock();
        let post = open.get(connection).ok_or(PostError::Gone)?;
        post.send(message).map_err(|_| PostError::Gone)
    }

    async fn close(&self, connection: &str) -> Result<(), PostError> {
        if let Some(api) = self.0.upgrade() {
            api.open.lock().remove(connection);
        }
        Ok(())
    }

    async fn invoke(&self, payload: Bytes) -> Result<(), PostError> {
        let Some(api) = self.0.upgrade() else { return Ok(()) };
        let event = GatewayEvent::parse(&payload).expect("it makes its own payloads");
        let env = api.env.clone();
        env.spawn("invocation", async move { api.invoke(event).await });
        Ok(())
    }
}
