//! The nodes of a run, and what they share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lakewire_storage::log::{CommitLog, ObjectStoreLog, OpenLogError};
use lakewire_storage::timeline::BranchName;
use parking_lot::Mutex;

use crate::book::Book;
use crate::client::Connection;
use crate::host::Host;
use crate::lineage::Lineage;
use crate::log::{HostLog, Table};
use crate::node::{self, Ready};
use crate::plan::Plan;
use crate::store::{Bucket, HostStore};
use crate::timeline::Medium;
use crate::world::World;

/// A cluster: nodes over one store and one kind of log.
pub struct Cluster {
    /// The world.
    pub world: Arc<World>,
    /// What the seed decided at the beginning.
    pub plan: Plan,
    /// What everybody did and saw.
    pub book: Arc<Book>,
    /// The store.
    pub bucket: Arc<Bucket>,
    /// Which timeline comes from which.
    pub lineage: Lineage,
    /// The items of logs in a table.
    pub table: Arc<Table>,
    nodes: Mutex<Vec<Node>>,
    over: AtomicBool,
}

/// One place where a process runs, or is going to.
struct Node {
    name: String,
    branch: BranchName,
    lives: u64,
    host: Arc<Host>,
    ready: Option<Arc<Ready>>,
    /// Its branch was deleted: it is not started again.
    retired: bool,
}

impl Cluster {
    /// A cluster without nodes.
    pub fn new(world: &Arc<World>, plan: Plan) -> Arc<Cluster> {
        Arc::new(Cluster {
            world: world.clone(),
            plan,
            book: Arc::default(),
            bucket: Bucket::new(),
            lineage: Lineage::default(),
            table: Table::new(),
            nodes: Mutex::default(),
            over: AtomicBool::new(false),
        })
    }

    /// Where the logs are.
    pub fn medium(&self) -> Medium {
        match self.plan.log_in_store {
            true => Medium::Objects(self.bucket.clone()),
            false => Medium::Table(self.table.clone()),
        }
    }

    /// The way of a host to the store.
    pub fn store(&self, host: &Arc<Host>) -> Arc<HostStore> {
        HostStore::new(host.clone(), self.bucket.clone())
    }

    /// The way of a host to the log of a timeline.
    ///
    /// # Errors
    /// When it cannot be opened at present.
    pub async fn log(&self, host: &Arc<Host>, timeline: &str) -> Result<Arc<dyn CommitLog>, OpenLogError> {
        if self.plan.log_in_store {
            let log = ObjectStoreLog::open(self.store(host), &format!("log/{timeline}"), &host.env()).await?;
            return Ok(Arc::new(log));
        }
        Ok(HostLog::new(host.clone(), self.table.clone(), timeline))
    }

    /// Nobody is to start anything any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// See [`Self::end`].
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Adds a node and starts it. Returns its number.
    pub fn add(self: &Arc<Self>, name: &str, branch: &BranchName) -> usize {
        let host = self.new_host(&format!("{name}.0"));
        let (name, branch) = (name.to_owned(), branch.clone());
        let node = Node { name, branch, lives: 0, host, ready: None, retired: false };
        let number = {
            let mut nodes = self.nodes.lock();
            nodes.push(node);
            nodes.len() - 1
        };
        self.restart(number);
        number
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The present life of a node.
    pub fn host(&self, number: usize) -> Arc<Host> {
        self.nodes.lock()[number].host.clone()
    }

    /// Whether a node is not to be started again.
    pub fn is_retired(&self, number: usize) -> bool {
        self.nodes.lock()[number].retired
    }

    /// Ends the nodes of a branch for good.
    pub fn retire(&self, branch: &BranchName) {
        for node in self.nodes.lock().iter_mut().filter(|node| node.branch == *branch) {
            node.retired = true;
            node.host.kill();
        }
    }

    /// Starts a node anew.
    pub fn restart(self: &Arc<Self>, number: usize) {
        let (host, branch) = {
            let mut nodes = self.nodes.lock();
            let node = &mut nodes[number];
            if node.retired {
                return;
            }
            node.lives += 1;
            let name = format!("{}.{}", node.name, node.lives);
            node.host = self.new_host(&name);
            node.ready = None;
            (node.host.clone(), node.branch.clone())
        };
        self.world.event(format_args!("{} starts", host.name));
        let (cluster, life) = (self.clone(), host.clone());
        host.spawn(async move {
            let Some(ready) = node::open(&cluster, &life, &branch).await else {
                cluster.retire(&branch);
                return;
            };
            cluster.world.event(format_args!("{} is open", life.name));
            cluster.nodes.lock()[number].ready = Some(ready.clone());
            node::work(&cluster, &life, &ready);
        });
    }

    /// What a node that is up offers.
    pub fn ready(&self, number: usize) -> Option<Arc<Ready>> {
        let nodes = self.nodes.lock();
        let node = &nodes[number];
        node.ready.clone().filter(|_| node.host.is_alive())
    }

    /// A random node of a branch that is up.
    pub fn any_ready(&self, branch: &BranchName) -> Option<Arc<Ready>> {
        let found: Vec<_> = {
            let nodes = self.nodes.lock();
            let up = nodes.iter().filter(|node| node.branch == *branch && node.host.is_alive());
            up.filter_map(|node| node.ready.clone()).collect()
        };
        (!found.is_empty()).then(|| self.world.dice.pick(&found).clone())
    }

    /// Connects to the relay of a random node of a branch.
    pub async fn connect(&self, branch: &BranchName) -> Option<Connection> {
        let ready = self.any_ready(branch)?;
        let (theirs, ours) = tokio::io::duplex(1 << 16);
        let (sessions, host) = (ready.sessions.clone(), ready.backend.host.clone());
        host.spawn(async move { sessions.serve(theirs).await });
        self.world.sleep(self.world.dice.skewed_ms(40)).await;
        Some(Connection::new(ours, host.name.clone()).await)
    }

    /// Ends all nodes for good.
    pub fn retire_all(&self) {
        for node in self.nodes.lock().iter_mut() {
            node.retired = true;
            node.host.kill();
        }
    }

    /// Waits until every node is up.
    ///
    /// # Errors
    /// The name of one that is not in time.
    pub async fn all_ready(&self, patience: Duration) -> Result<(), String> {
        let until = self.world.elapsed() + patience;
        for number in 0..self.len() {
            while !self.is_retired(number) && self.ready(number).is_none() {
                if self.world.elapsed() >= until {
                    return Err(self.host(number).name.clone());
                }
                self.world.sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    fn new_host(&self, name: &str) -> Arc<Host> {
        let most = self.plan.clock_skew_ms;
        let skew_ms = self.world.dice.below(0..2 * most + 1).cast_signed() - most.cast_signed();
        Host::start(&self.world, name.to_owned(), skew_ms * 1_000_000)
    }
}
