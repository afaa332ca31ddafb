use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lakewire_emulators::{Dynoxide, Faults};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::items::AGAIN;
use super::*;
use crate::aws::faults::{FaultyHttp, HttpFault};
use crate::aws::{self, dynamodb_client};
use crate::env::ManualClock;
use crate::log::remote::{Marker, Medium};
use crate::log::{Append, CommitLog, LogEntry, conformance};

const TABLE: &str = "logs";

/// An emulated DynamoDB with the table, and a store.
struct World {
    emulator: Dynoxide,
    store: Arc<InMemory>,
    env: Env,
}

impl World {
    async fn new(seed: u64) -> Self {
        let world =
            Self { emulator: Dynoxide::start(), store: Arc::new(InMemory::new()), env: Env::deterministic(seed) };
        let client = world.client(None).await;
        for _ in 0..2 {
            create_table(&client, TABLE, &world.env).await.expect("made, or there");
        }
        world
    }

    async fn client(&self, http: Option<FaultyHttp>) -> Client {
        let config = aws::config_of(self.emulator.endpoint(), "id", "secret").await;
        match http {
            Some(http) => dynamodb_client(&config.into_builder().http_client(http).build()),
            None => dynamodb_client(&config),
        }
    }

    fn config(&self, client: &Client, stream: &str) -> DynamoDbLogConfig {
        DynamoDbLogConfig { client: client.clone(), table: TABLE.to_owned(), stream: stream.to_owned() }
    }

    async fn open(&self, client: &Client, stream: &str) -> DynamoDbLog {
        DynamoDbLog::open(self.config(client, stream), self.store.clone(), &self.env).await.expect("open")
    }

    /// A log whose appends suffer what is planned.
    async fn faulty(&self, stream: &str) -> (FaultyHttp, DynamoDbLog) {
        let http = FaultyHttp::new(self.env.clone(), Vec::new(), Some("PutItem"));
        let log = self.open(&self.client(Some(http.clone())).await, stream).await;
        (http, log)
    }

    fn items(&self, client: &Client, stream: &str) -> Items {
        Items::new(self.config(client, stream), Bodies::new(self.store.clone(), stream))
    }

    fn entry(&self) -> LogEntry {
        conformance::sample_entry(&self.env, 100)
    }
}

async fn conforms(world: &World, client: &Client) {
    let made = AtomicU32::new(0);
    let make = async || world.open(client, &format!("log{}", made.fetch_add(1, Ordering::Relaxed))).await;
    conformance::run_all(&world.env, make).await;
    let open = async |env: &Env, name: &str| {
        DynamoDbLog::open(world.config(client, name), world.store.clone(), env).await.expect("open")
    };
    conformance::run_shared(&world.env, open).await;
    conformance::reopening(&world.env, async || world.open(client, "reopened").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_conforms() {
    let world = World::new(1).await;
    let client = world.client(None).await;
    conforms(&world, &client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_conforms_when_the_network_and_the_service_misbehave() {
    let world = World::new(2).await;
    let rates = [
        HttpFault::Throttled,
        HttpFault::Failed(500),
        HttpFault::FailedAfter(503),
        HttpFault::LostRequest,
        HttpFault::LostAnswer,
        HttpFault::Late(Duration::from_millis(3)),
        HttpFault::Slow(Duration::from_millis(3)),
        HttpFault::Twice,
    ];
    let http = FaultyHttp::new(Env::deterministic(3), rates.map(|fault| (fault, 0.02)).to_vec(), None);
    let client = world.client(Some(http)).await;
    conforms(&world, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_is_lost_is_found_by_its_nonce() {
    let world = World::new(4).await;
    let (http, log) = world.faulty("main").await;
    let faults = [HttpFault::LostAnswer, HttpFault::FailedAfter(500), HttpFault::FailedAfter(503)];
    for (n, fault) in (1..).zip(faults) {
        let entry = world.entry();
        http.plan([Some(fault)]);
        assert_eq!(log.append_if_absent(n, &entry).await.expect("no error"), Append::Unknown, "{fault:?}");
        assert_eq!(log.append_if_absent(n, &entry).await.expect("no error"), Append::Appended, "{fault:?}");
    }
    // The same entry twice is once.
    let entry = world.entry();
    http.plan([Some(HttpFault::Twice)]);
    assert_eq!(log.append_if_absent(4, &entry).await.expect("no error"), Append::Appended);
    // Lost, and somebody else was quicker with the second attempt.
    http.plan([Some(HttpFault::LostRequest), None]);
    assert_eq!(log.append_if_absent(5, &entry).await.expect("no error"), Append::Unknown);
    let other = world.entry();
    let rival = world.open(&world.client(None).await, "main").await;
    assert_eq!(rival.append_if_absent(5, &other).await.expect("no error"), Append::Appended);
    assert_eq!(log.append_if_absent(5, &entry).await.expect("no error"), Append::Occupied(other));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_out_then_reported_and_never_unclear() {
    let world = World::new(5).await;
    let (http, log) = world.faulty("main").await;
    http.plan([Some(HttpFault::Throttled); 3]);
    assert_eq!(log.append_if_absent(1, &world.entry()).await.expect("appended"), Append::Appended);
    assert_eq!(http.still_planned(), 0);
    http.plan([Some(HttpFault::Throttled); 100]);
    let began = world.env.monotonic_ns();
    let error = log.append_if_absent(2, &world.entry()).await.expect_err("given up");
    assert!(error.is_transient() && error.to_string().contains("ProvisionedThroughputExceeded"), "{error}");
    let took = Duration::from_nanos(world.env.monotonic_ns() - began);
    assert!(http.still_planned() >= 90 && took > Duration::from_secs(1), "tried too often: {took:?}");
    assert_eq!(log.head().await.expect("head"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_is_named() {
    let world = World::new(6).await;
    let config = DynamoDbLogConfig { table: "elsewhere".to_owned(), ..world.config(&world.client(None).await, "main") };
    let error =
        DynamoDbLog::open(config, world.store.clone(), &world.env).await.err().expect("there is none").to_string();
    assert!(error.contains("elsewhere/main") && error.contains("ResourceNotFoundException"), "{error}");
}

/// An append that arrives after its number was trimmed and forgotten is acknowledged to nobody, and read by nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_arrives_when_its_number_is_forgotten_is_never_seen() {
    let world = World::new(7).await;
    let client = world.client(None).await;
    let writer = world.open(&client, "main").await;
    let http = FaultyHttp::new(world.env.clone(), Vec::new(), Some("PutItem"));
    let clock = Arc::new(ManualClock::new(world.env.now_ns()));
    let slow = Env { clock: clock.clone(), ..world.env.clone() };
    let config = world.config(&world.client(Some(http.clone())).await, "main");
    let stalled = DynamoDbLog::open(config, world.store.clone(), &slow).await.expect("open");
    let entry = world.entry();
    http.plan([Some(HttpFault::Late(Duration::from_millis(400)))]);
    assert_eq!(stalled.append_if_absent(1, &entry).await.expect("no error"), Append::Unknown);
    for n in 1..=5 {
        assert_eq!(writer.append_if_absent(n, &world.entry()).await.expect("no error"), Append::Appended);
    }
    writer.trim(3).await.expect("trim");
    clock.advance(Duration::from_secs(60));
    let items = world.items(&client, "main");
    while items.present(&[1]).await != Ok(vec![true]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let late = world.open(&client, "main").await;
    let trimmed = |result: Result<(), LogError>| {
        assert!(matches!(result, Err(LogError::Trimmed { first: 4, .. })), "{result:?}");
    };
    trimmed(late.read(1, 10).await.map(drop));
    trimmed(late.append_if_absent(1, &world.entry()).await.map(drop));
    // Who put it there knows of nothing that happened since.
    trimmed(stalled.append_if_absent(1, &entry).await.map(drop));
    assert_eq!((late.first().await.expect("first"), late.head().await.expect("head")), (4, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_entries_are_in_the_store_until_they_are_trimmed() {
    let world = World::new(8).await;
    let client = world.client(None).await;
    let (log, rival) = (world.open(&client, "main").await, world.open(&client, "main").await);
    let bodies = async || {
        let objects = world.store.list_with_delimiter(Some(&Path::from("bodies/main"))).await.expect("list").objects;
        objects.into_iter().map(|object| object.location.to_string()).collect::<Vec<_>>()
    };
    let large: Vec<LogEntry> = (0..3).map(|_| conformance::sample_entry(&world.env, 2 << 20)).collect();
    for (n, entry) in (1..).zip(&large) {
        assert_eq!(log.append_if_absent(n, entry).await.expect("no error"), Append::Appended);
    }
    let path = |n: usize| format!("bodies/main/{n:020}-{}.lwe", hex::encode(large[n - 1].nonce));
    assert_eq!(bodies().await, [path(1), path(2), path(3)]);
    assert_eq!(rival.read(1, 10).await.expect("read"), (1..).zip(large.clone()).collect::<Vec<_>>());

    // A loser's body goes at once; that of a writer who died before it got so far goes with its number.
    let lost = conformance::sample_entry(&world.env, 2 << 20);
    assert_eq!(rival.append_if_absent(2, &lost).await.expect("no error"), Append::Occupied(large[1].clone()));
    assert_eq!(rival.append_if_absent(2, &large[1]).await.expect("no error"), Append::Appended);
    assert_eq!(bodies().await.len(), 3);
    let abandoned = Path::from(format!("bodies/main/{:020}-00.lwe", 1));
    world.store.put(&abandoned, PutPayload::from_static(b"never pointed to")).await.expect("put");
    log.trim(2).await.expect("trim");
    assert_eq!(bodies().await, [path(3)]);

    // A body that is missing or another one is an error that says so.
    world.store.put(&Path::from(path(3)), PutPayload::from_static(b"something else")).await.expect("put");
    let error = rival.read(3, 1).await.expect_err("another body");
    assert!(error.to_string().contains(&path(3)), "{error}");
}

/// One answer of DynamoDB has 16 MB at most, and says which keys it did not get to.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_for_one_answer_is_read_on() {
    let world = World::new(9).await;
    let client = world.client(None).await;
    let log = world.open(&client, "main").await;
    let entries: Vec<LogEntry> = (0..80).map(|_| conformance::sample_entry(&world.env, 360_000)).collect();
    assert!((200_000..300_000).contains(&entries[0].encode().expect("small").len()));
    for (n, entry) in (1..).zip(&entries) {
        assert_eq!(log.append_if_absent(n, entry).await.expect("no error"), Append::Appended);
    }
    let items = world.items(&client, "main");
    let at_once = items.get(1, 80).await.expect("read").len();
    assert!((1..80).contains(&at_once), "{at_once} entries in one answer");
    let mut read = Vec::new();
    while read.len() < entries.len() {
        read.extend(log.read(read.len() as u64 + 1, 1_000).await.expect("read").into_iter().map(|(_, entry)| entry));
    }
    assert!(read == entries);
}

/// Reads at half the price show what was there a moment ago.
#[tokio::test(flavor = "multi_thread")]
async fn many_entries_are_read_for_less_and_none_is_overlooked() {
    let world = World::new(11).await;
    let faults = Faults::start(world.emulator.endpoint());
    let control = reqwest::Client::new();
    let place = |what: &str| format!("{}/_faults{what}", faults.endpoint());
    let asked = control.put(place("")).body(r#"{"staleMs":300}"#).send().await.expect("told");
    assert!(asked.status().is_success(), "{asked:?}");
    let client = dynamodb_client(&aws::config_of(faults.endpoint(), "id", "secret").await);
    let log = world.open(&client, "main").await;
    let entries: Vec<LogEntry> = (0..150).map(|_| world.entry()).collect();
    let items = world.items(&client, "main");
    // The first such read makes the copy that is late from then on.
    assert_eq!(items.get(1, 40).await.expect("read"), vec![None; AGAIN]);
    for (n, entry) in (1..).zip(&entries) {
        assert_eq!(log.append_if_absent(n, entry).await.expect("no error"), Append::Appended);
        if n % 50 == 0 {
            let rival = world.open(&client, "main").await;
            let read = rival.read(1, 1_000).await.expect("read");
            assert_eq!(read.len() as u64, n, "all that is there, at once");
            assert!(read.into_iter().map(|(_, entry)| entry).eq(entries[..n as usize].iter().cloned()));
        }
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    control.delete(place("/stats")).send().await.expect("told");
    assert_eq!(items.get(1, 100).await.expect("read").len(), 100);
    assert_eq!(items.get(141, 40).await.expect("read").len(), 10 + AGAIN);
    let stats = control.get(place("/stats")).send().await.expect("told").text().await.expect("text");
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    let units = stats["dynamodb"]["rru"].as_f64().expect("a number");
    assert!((units - (50.0 + 20.0 + AGAIN as f64)).abs() < 0.1, "{stats}");
}

/// The names and attributes of items are part of the format.
#[tokio::test(flavor = "multi_thread")]
async fn items_are_as_documented() {
    let world = World::new(10).await;
    let client = world.client(None).await;
    let log = world.open(&client, "0123456789abcdef").await;
    let entries: Vec<LogEntry> = (0..64).map(|_| world.entry()).collect();
    for (n, entry) in (1..).zip(&entries) {
        assert_eq!(log.append_if_absent(n, entry).await.expect("no error"), Append::Appended);
    }
    log.trim(2).await.expect("trim");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let scanned = client.scan().table_name(TABLE).send().await.expect("scan").items.expect("items");
    let mut found: Vec<String> = scanned.iter().filter_map(|item| item["pk"].as_s().ok().cloned()).collect();
    found.sort();
    let mut expected: Vec<String> = (3..=64).map(|n| format!("0123456789abcdef#{n:020}")).collect();
    expected.extend(["0123456789abcdef#first".to_owned(), "0123456789abcdef#head".to_owned()]);
    assert_eq!(found, expected);
    let item = |what: &str| scanned.iter().find(|item| item["pk"].as_s().is_ok_and(|key| key.ends_with(what)));
    let third = item("#00000000000000000003").expect("entry 3");
    assert_eq!(third["entry"].as_b().expect("bytes").as_ref(), entries[2].encode().expect("small"));
    assert_eq!(third.len(), 2);
    let marker = item("#first").expect("marker");
    assert_eq!((marker["first"].as_n(), marker["swept"].as_n()), (Ok(&"3".to_owned()), Ok(&"3".to_owned())));
    assert_eq!(item("#head").expect("hint")["head"].as_n(), Ok(&"64".to_owned()));
    let items = world.items(&client, "0123456789abcdef");
    items.advance_marker(Marker { first: 2, swept: 1 }).await.expect("a late one");
    assert_eq!(items.marker().await, Ok(Marker { first: 3, swept: 3 }));
}
