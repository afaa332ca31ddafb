//! Reads segments through a cache.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use object_store::ObjectStore;
use parking_lot::Mutex;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::oneshot;

use super::ReadError;
use super::block::Block;
use super::disk::DiskCache;
use super::fetch::Segment;
use super::loading::{Claim, Coming, Outcome, Ticket};
use super::tail::Tail;
use crate::env::Env;

/// The most that one request asks for, if one block does not have more.
const MAX_REQUEST_BYTES: u64 = 2 << 20;
/// How large a shard of the cache should be: a few of the largest blocks must have room in it.
const SHARD_BYTES: usize = 32 << 20;
const MAX_SHARDS: usize = 16;
/// About what the cache itself needs for an item.
const OVERHEAD: usize = 128;

/// Reads segments of one store, and keeps what it has read up to a bound. All versions of a process share one.
///
/// Who misses starts a task that reads; others who miss the same meanwhile wait for that task. It ends whether or not
/// anyone still waits, so a reader that is dropped or not polled holds up nobody.
pub struct SegmentCache {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) env: Env,
    /// Its hashes are the same in every process, so that what it evicts is a function of what it is asked for.
    pub(super) items: Cache<ItemKey, Item, Weight, BuildHasherDefault<DefaultHasher>>,
    /// What is being read. An item is in `items` before it leaves this.
    pub(super) loading: Mutex<BTreeMap<ItemKey, Coming>>,
    pub(super) counters: Counters,
    /// Behind the memory, before the store.
    pub(super) disk: Option<DiskCache>,
}

/// Counters of a [`SegmentCache`], from its start on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blocks and tails that were in the cache.
    pub hits: u64,
    /// Blocks and tails that were not.
    pub misses: u64,
    /// Requests to the store, repeated ones included.
    pub gets: u64,
    /// Bytes that the store gave.
    pub bytes_fetched: u64,
    /// Bytes of memory that the cache holds now.
    pub bytes_held: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub gets: AtomicU64,
    pub bytes_fetched: AtomicU64,
}

/// A segment's id, and which of its blocks; [`TAIL`] for its tail.
pub(super) type ItemKey = (u128, u32);
const TAIL: u32 = u32::MAX;
/// Stands for what was made of segments.
const DERIVED: u32 = u32::MAX - 1;

/// What the cache holds.
#[derive(Clone)]
pub(crate) enum Item {
    Tail(Arc<Tail>),
    Block(Arc<Block>),
    /// With the memory that it takes in bytes.
    Derived(Arc<dyn Any + Send + Sync>, usize),
}

impl Item {
    fn into_tail(self) -> Arc<Tail> {
        match self {
            Item::Tail(tail) => tail,
            _ => unreachable!("keys of tails have tails"),
        }
    }

    fn into_block(self) -> Arc<Block> {
        match self {
            Item::Block(block) => block,
            _ => unreachable!("keys of blocks have blocks"),
        }
    }
}

#[derive(Clone)]
pub(super) struct Weight;

impl Weighter<ItemKey, Item> for Weight {
    fn weight(&self, _: &ItemKey, item: &Item) -> u64 {
        let memory = match item {
            Item::Tail(tail) => tail.memory(),
            Item::Block(block) => block.memory(),
            Item::Derived(_, memory) => *memory,
        };
        (memory + OVERHEAD) as u64
    }
}

/// A block that was asked for.
pub(crate) enum Requested {
    Here(Arc<Block>),
    Coming(Coming),
}

impl Requested {
    /// The block, when it is there. May be asked again.
    pub async fn block(&self, segment: &Segment) -> Result<Arc<Block>, ReadError> {
        match self {
            Requested::Here(block) => Ok(block.clone()),
            Requested::Coming(coming) => wait(coming.clone(), segment).await.map(Item::into_block),
        }
    }
}

async fn wait(coming: Coming, segment: &Segment) -> Outcome {
    coming.await.unwrap_or_else(|_| Err(segment.interrupted()))
}

impl SegmentCache {
    /// A cache of at most `max_bytes` of blocks (decoded) and tails. Reads run as tasks of `env`, repeated ones with
    /// its pauses.
    pub fn new(store: Arc<dyn ObjectStore>, env: Env, max_bytes: usize) -> Arc<Self> {
        Self::with_disk(store, env, max_bytes, None)
    }

    /// As [`Self::new`], with what was fetched also in `disk`.
    pub fn with_disk(store: Arc<dyn ObjectStore>, env: Env, max_bytes: usize, disk: Option<DiskCache>) -> Arc<Self> {
        let shards = (max_bytes / SHARD_BYTES).clamp(1, MAX_SHARDS);
        // Rounded down to a power of two, as the cache would round up.
        let shards = 1 << shards.ilog2();
        let options = OptionsBuilder::new()
            .estimated_items_capacity((max_bytes / super::format::BLOCK_BYTES).max(16))
            .weight_capacity(max_bytes as u64)
            .shards(shards)
            .build()
            .expect("both capacities are given");
        let items = Cache::with_options(options, Weight, BuildHasherDefault::default(), DefaultLifecycle::default());
        let (loading, counters) = (Mutex::default(), Counters::default());
        Arc::new(SegmentCache { store, env, items, loading, counters, disk })
    }

    /// The store that it reads.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The environment that it runs in.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// What was read so far.
    pub fn usage(&self) -> Usage {
        let Counters { hits, misses, gets, bytes_fetched } = &self.counters;
        let [hits, misses, gets, bytes_fetched] =
            [hits, misses, gets, bytes_fetched].map(|counter| counter.load(Relaxed));
        Usage { hits, misses, gets, bytes_fetched, bytes_held: self.items.weight() }
    }

    /// Forgets everything that is held.
    pub fn clear(&self) {
        self.items.clear();
    }

    /// The tail of a segment.
    pub(crate) async fn tail(self: &Arc<Self>, segment: &Arc<Segment>) -> Result<Arc<Tail>, ReadError> {
        let coming = match self.claim((segment.id, TAIL)) {
            Claim::Here(item) => return Ok(item.into_tail()),
            Claim::Coming(coming) => coming,
            Claim::Mine(ticket, coming) => {
                let (this, segment) = (self.clone(), segment.clone());
                self.env.spawn("segment tail", async move {
                    let tail = this.fetch_tail(&segment).await;
                    ticket.complete(tail.map(|tail| Item::Tail(Arc::new(tail))));
                });
                coming
            }
        };
        wait(coming, segment).await.map(Item::into_tail)
    }

    /// The tail of a segment, if it is in the cache.
    pub(crate) fn tail_at_hand(&self, segment: &Segment) -> Option<Arc<Tail>> {
        self.items.peek(&(segment.id, TAIL)).map(Item::into_tail)
    }

    /// What was made of segments and kept under a name, if it is still there.
    pub(crate) fn derived<T: Send + Sync + 'static>(&self, name: u128) -> Option<Arc<T>> {
        match self.items.get(&(name, DERIVED))? {
            Item::Derived(value, _) => value.downcast().ok(),
            _ => None,
        }
    }

    /// Keeps what was made of segments, under the same bound as they, with the memory that it takes in bytes.
    pub(crate) fn keep_derived<T: Send + Sync + 'static>(&self, name: u128, value: Arc<T>, memory: usize) {
        self.items.insert((name, DERIVED), Item::Derived(value, memory));
    }

    /// A block of a segment.
    pub(crate) async fn block(
        self: &Arc<Self>,
        segment: &Arc<Segment>,
        tail: &Arc<Tail>,
        block: usize,
    ) -> Result<Arc<Block>, ReadError> {
        let coming = match self.claim((segment.id, block as u32)) {
            Claim::Here(item) => return Ok(item.into_block()),
            Claim::Coming(coming) => coming,
            Claim::Mine(ticket, coming) => {
                self.load(segment, tail, block, vec![ticket]);
                coming
            }
        };
        wait(coming, segment).await.map(Item::into_block)
    }

    /// Asks for adjacent blocks of a segment, those that are not in the cache with as few requests as possible.
    pub(crate) fn request(
        self: &Arc<Self>,
        segment: &Arc<Segment>,
        tail: &Arc<Tail>,
        blocks: Range<usize>,
    ) -> VecDeque<Requested> {
        let mut requested = VecDeque::with_capacity(blocks.len());
        let mut tickets = Vec::new();
        let mut bytes = 0;
        for block in blocks.clone() {
            let claim = self.claim((segment.id, block as u32));
            let range = tail.block(block).range();
            let length = range.end - range.start;
            if !matches!(claim, Claim::Mine(..)) || bytes + length > MAX_REQUEST_BYTES {
                self.load(segment, tail, block - tickets.len(), std::mem::take(&mut tickets));
                bytes = 0;
            }
            requested.push_back(match claim {
                Claim::Here(item) => Requested::Here(item.into_block()),
                Claim::Coming(coming) => Requested::Coming(coming),
                Claim::Mine(ticket, coming) => {
                    bytes += length;
                    tickets.push(ticket);
                    Requested::Coming(coming)
                }
            });
        }
        self.load(segment, tail, blocks.end - tickets.len(), tickets);
        requested
    }

    /// Starts reading blocks from `first` on, one for each ticket.
    fn load(self: &Arc<Self>, segment: &Arc<Segment>, tail: &Arc<Tail>, first: usize, tickets: Vec<Ticket>) {
        if tickets.is_empty() {
            return;
        }
        let (this, segment, tail) = (self.clone(), segment.clone(), tail.clone());
        self.env.spawn("segment blocks", async move {
            let blocks = first..first + tickets.len();
            let mut tickets = tickets.into_iter();
            let mut complete = |block: Result<Arc<Block>, ReadError>| {
                if let Some(ticket) = tickets.next() {
                    ticket.complete(block.map(Item::Block));
                }
            };
            if let Err(error) = this.fetch_blocks(&segment, &tail, blocks, &mut complete).await {
                tickets.for_each(|ticket| ticket.complete(Err(error.clone())));
            }
        });
    }

    /// Reads adjacent blocks of a segment, past the cache: no more than one request should ask for.
    pub(crate) fn read_past(
        self: &Arc<Self>,
        segment: &Arc<Segment>,
        tail: &Arc<Tail>,
        blocks: Range<usize>,
    ) -> oneshot::Receiver<Result<Vec<Arc<Block>>, ReadError>> {
        let (sender, receiver) = oneshot::channel();
        let (this, segment, tail) = (self.clone(), segment.clone(), tail.clone());
        self.env.spawn("segment rows", async move {
            let mut read = Vec::with_capacity(blocks.len());
            let fetched = this.fetch_blocks(&segment, &tail, blocks, |block| read.push(block)).await;
            let all = fetched.and_then(|()| read.into_iter().collect());
            // Whoever asked may have gone.
            let _gone = sender.send(all);
        });
        receiver
    }

    /// The end of a request that starts with block `first`: at most `end` and so many blocks.
    pub(crate) fn end_of_request(tail: &Tail, first: usize, end: usize, max_blocks: usize) -> usize {
        let start = tail.block(first).range().start;
        let fits = |block: &usize| tail.block(*block).range().end - start <= MAX_REQUEST_BYTES;
        (first + 1..end.min(first + max_blocks)).take_while(fits).last().map_or(first + 1, |last| last + 1)
    }
}
