//! A client of the relays: subscribes, mutates, loses its connection, and goes on with another node.

mod connection;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::log::Timestamp;
use lakewire_storage::timeline::BranchName;
use serde_json::{Value as Json, json};

pub use connection::{Connection, Message};

use crate::app::{Change, Read, Table, random_change, random_read};
use crate::book::Observation;
use crate::cluster::Cluster;
use crate::world::World;

/// Subscriptions at a time.
const QUERIES: usize = 5;
/// Mutations under way at a time.
const PENDING: usize = 4;
/// Messages that may come at one moment.
const FLOOD: u32 = 10_000;

/// A client, over all its connections.
pub struct Client {
    cluster: Arc<Cluster>,
    name: String,
    timeline: String,
    queries: BTreeMap<u64, Read>,
    next_query: u64,
    /// The newest commit that was acknowledged to anybody when queries were last added.
    asked_after: Timestamp,
    /// Mutations that were not answered, by request.
    pending: BTreeMap<u32, Change>,
    next_request: u32,
    /// The newest snapshot it has seen.
    seen: Timestamp,
    ids: Vec<(Table, String)>,
    /// Answers: the timestamp of each request.
    answered: BTreeMap<u32, Timestamp>,
}

/// What a client is left with at the end.
pub struct Ended {
    /// Its session.
    pub session: String,
    /// Its timeline.
    pub timeline: String,
    /// The timestamps of its mutations that were answered, by request.
    pub answered: BTreeMap<u32, Timestamp>,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(cluster: &Arc<Cluster>, timeline: &str, number: u64) -> Self {
        Client {
            cluster: cluster.clone(),
            name: format!("client{number}"),
            timeline: timeline.to_owned(),
            queries: BTreeMap::new(),
            next_query: 0,
            asked_after: 0,
            pending: BTreeMap::new(),
            next_request: 0,
            seen: 0,
            ids: Vec::new(),
            answered: BTreeMap::new(),
        }
    }

    fn world(&self) -> &Arc<World> {
        &self.cluster.world
    }

    /// Lives until the cluster is at its end, and every mutation is answered.
    pub async fn live(mut self) -> Ended {
        while !self.cluster.is_over() || !self.pending.is_empty() {
            let Some(mut connection) = self.connect().await else {
                self.world().clone().sleep(Duration::from_millis(300)).await;
                continue;
            };
            self.use_connection(&mut connection).await;
            drop(connection);
            let pause = self.world().dice.skewed_ms(3000);
            self.world().clone().sleep(pause).await;
        }
        self.finish().await;
        Ended { session: self.name, timeline: self.timeline, answered: self.answered }
    }

    async fn connect(&mut self) -> Option<Connection> {
        let mut connection = self.cluster.connect(&BranchName::main()).await?;
        self.world().event(format_args!("{} connects to {}", self.name, connection.node));
        let mut hello = json!({"type": "Connect", "sessionId": self.name, "connectionCount": 0,
            "lastCloseReason": "InitialConnect", "clientTs": 1});
        if self.seen > 0 {
            hello["maxObservedTimestamp"] = json!(connection::timestamp_text(self.seen));
        }
        connection.send(hello).await;
        let queries: Vec<_> = self.queries.iter().map(|(id, read)| add(*id, read)).collect();
        self.asked_after = self.cluster.book.newest_acknowledged(&self.timeline);
        connection.modify(queries).await;
        // What was not answered is sent again, in its order.
        for (request, change) in &self.pending {
            connection.send(mutation(*request, change)).await;
        }
        Some(connection)
    }

    async fn use_connection(&mut self, connection: &mut Connection) {
        let mut flood = (self.world().elapsed(), 0);
        loop {
            let world = self.world().clone();
            if self.cluster.is_over() && self.pending.is_empty() {
                return;
            }
            if world.fault("connection cut", world.rates().cut_connection) {
                return;
            }
            let pause = Duration::from_millis(world.dice.below(10..1000));
            let until = world.elapsed() + pause;
            while let Some(left) = until.checked_sub(world.elapsed()).filter(|left| !left.is_zero()) {
                match connection.receive(left).await {
                    Message::Nothing => break,
                    Message::Closed => return,
                    Message::Json(message) => self.received(connection, &message),
                }
                let now = world.elapsed();
                flood = if flood.0 == now { (now, flood.1 + 1) } else { (now, 0) };
                if flood.1 > FLOOD {
                    world.violation("liveness", format_args!("{} gets message after message, in no time", self.name));
                    return;
                }
            }
            if !self.cluster.is_over() {
                self.act(connection).await;
            }
        }
    }

    async fn act(&mut self, connection: &mut Connection) {
        let world = self.world().clone();
        if world.dice.chance(0.15) || self.queries.is_empty() {
            let mut steps = Vec::new();
            if self.queries.len() >= QUERIES
                && let Some(gone) = self.queries.keys().nth(world.dice.index(QUERIES)).copied()
            {
                self.queries.remove(&gone);
                connection.results.remove(&gone);
                steps.push(json!({"type": "Remove", "queryId": gone}));
            }
            let read = random_read(&world.dice, &self.ids);
            steps.push(add(self.next_query, &read));
            self.queries.insert(self.next_query, read);
            self.next_query += 1;
            self.asked_after = self.cluster.book.newest_acknowledged(&self.timeline);
            connection.modify(steps).await;
        }
        if self.pending.len() < PENDING && world.dice.chance(0.4) {
            let request = self.next_request;
            self.next_request += 1;
            let change = random_change(&world.dice, || format!("{}/{request}", self.name));
            connection.send(mutation(request, &change)).await;
            self.pending.insert(request, change);
        }
    }

    fn received(&mut self, connection: &mut Connection, message: &Json) {
        match message["type"].as_str() {
            Some("Transition") => self.transition(connection, message),
            Some("MutationResponse") => {
                let request = message["requestId"].as_u64().unwrap_or(u64::MAX) as u32;
                if message["success"] != json!(true) {
                    let name = &self.name;
                    self.world().violation("errors", format_args!("{name}: mutation {request} fails: {message}"));
                }
                let ts = connection::timestamp_of(&message["ts"]);
                self.pending.remove(&request);
                self.answered.insert(request, ts);
                self.world().event(format_args!("{} hears that {request} is committed at {ts}", self.name));
            }
            Some("Ping") => {}
            _ => self.world().violation("errors", format_args!("{} is told {message}", self.name)),
        }
    }

    fn transition(&mut self, connection: &mut Connection, message: &Json) {
        let (world, name) = (self.cluster.world.clone(), self.name.clone());
        if message["startVersion"] != connection.version {
            let version = &connection.version;
            world.violation("subscriptions", format_args!("{name} is at {version} and gets {message}"));
        }
        connection.version = message["endVersion"].clone();
        let ts = connection::timestamp_of(&connection.version["ts"]);
        if ts < self.seen {
            let seen = self.seen;
            world.violation("subscriptions", format_args!("{name} has seen {seen} and is shown {ts}"));
        }
        self.seen = ts;
        for change in message["modifications"].as_array().into_iter().flatten() {
            let Some(id) = change["queryId"].as_u64() else { continue };
            match change["type"].as_str() {
                Some("QueryUpdated") => connection.results.insert(id, Some(Arc::new(change["value"].clone()))),
                Some("QueryFailed") => connection.results.insert(id, None),
                _ => connection.results.remove(&id),
            };
        }
        world.event(format_args!("{name} is shown {ts}"));
        let is_current = connection.version["querySet"] == json!(connection.query_set);
        for (id, read) in &self.queries {
            match connection.results.get(id) {
                Some(Some(result)) => {
                    self.ids.extend(ids_in(read, result));
                    self.cluster.book.saw(Observation {
                        timeline: self.timeline.clone(),
                        who: format!("{name} at {}", connection.node),
                        ts,
                        not_before: if is_current { self.asked_after } else { 0 },
                        read: read.clone(),
                        result: result.clone(),
                    });
                }
                Some(None) => {}
                None if is_current => {
                    world.violation("subscriptions", format_args!("{name} is not shown query {id} at {ts}"));
                }
                None => {}
            }
        }
        let surplus = self.ids.len().saturating_sub(30);
        self.ids.drain(..surplus);
    }

    /// Connects for the last time, to see that what it is shown becomes the newest state.
    async fn finish(&mut self) {
        let world = self.world().clone();
        let mut connection = loop {
            match self.connect().await {
                Some(connection) => break connection,
                None => world.sleep(Duration::from_secs(1)).await,
            }
        };
        // As long as it takes to try again what failed before the world became calm.
        let until = world.elapsed() + Duration::from_secs(40);
        while let Some(left) = until.checked_sub(world.elapsed()).filter(|left| !left.is_zero()) {
            match connection.receive(left).await {
                Message::Nothing => break,
                Message::Json(message) => self.received(&mut connection, &message),
                Message::Closed => {
                    world.sleep(Duration::from_secs(1)).await;
                    if let Some(again) = self.connect().await {
                        connection = again;
                    }
                }
            }
        }
        let missing = self.queries.keys().filter(|id| !connection.results.contains_key(id)).count();
        if missing > 0 {
            world.violation("convergence", format_args!("{} lacks {missing} queries at the end", self.name));
        }
        for (id, read) in &self.queries {
            if let Some(Some(result)) = connection.results.get(id) {
                self.cluster.book.saw(Observation {
                    timeline: self.timeline.clone(),
                    who: format!("{} at the end", self.name),
                    ts: Timestamp::MAX,
                    not_before: 0,
                    read: read.clone(),
                    result: result.clone(),
                });
            }
        }
    }
}

fn add(id: u64, read: &Read) -> Json {
    json!({"type": "Add", "queryId": id, "udfPath": "sim:read", "args": [read]})
}

fn mutation(request: u32, change: &Change) -> Json {
    json!({"type": "Mutation", "requestId": request, "udfPath": "sim:change", "args": [change]})
}

/// The ids of the documents in a result.
fn ids_in(read: &Read, result: &Json) -> Vec<(Table, String)> {
    let Read::Range { index, .. } = read else { return Vec::new() };
    let ids = result.as_array().into_iter().flatten().filter_map(|document| document["_id"].as_str());
    ids.take(2).map(|id| (index.table(), id.to_owned())).collect()
}
