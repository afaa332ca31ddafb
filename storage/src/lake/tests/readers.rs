//! What DuckDB and pyiceberg read is what the documents say, now and in the past.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::process::Command;
use std::sync::Arc;

use lakewire_emulators::{ACCESS_KEY_ID, Ministack, REGION, SECRET_ACCESS_KEY, python};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::model::Model;
use crate::catalog::TabletId;
use crate::env::Env;
use crate::lake::{Lake, LakeOptions};
use crate::schema::Validator;
use crate::testing::object;
use crate::value::{Value, strategy};

/// Publishes a model again and again, and remembers what was in it.
struct Scenario {
    model: Model,
    lake: Lake,
    root: String,
    expected: BTreeMap<String, Vec<Json>>,
    environment: Vec<(&'static str, String)>,
}

impl Scenario {
    fn new(store: Arc<dyn ObjectStore>, root: &str) -> Self {
        // Small files, and nothing of the past is forgotten.
        let options = LakeOptions { file_bytes: 4096, ..LakeOptions::default() };
        let lake = Lake::new(store, root, "main", Env::deterministic(1), options);
        Self { model: Model::new(), lake, root: root.to_owned(), expected: BTreeMap::new(), environment: Vec::new() }
    }

    async fn publish(&mut self) {
        self.lake.publish(&self.model).await.expect("tables can be published");
        for table in &self.model.tables {
            let documents: Vec<Json> = (self.model.documents(table.tablet).iter())
                .map(|document| serde_json::from_str(&document.json).expect("documents are JSON"))
                .collect();
            let publications = self.expected.entry(table.folder.clone()).or_default();
            // A table that did not change has no new snapshot.
            if publications.last().is_none_or(|last| last["documents"] != json!(documents)) {
                publications.push(json!({ "ts": self.model.ts, "documents": documents }));
            }
        }
    }

    fn check(&self) {
        let expected = tempfile::NamedTempFile::new().expect("make a temporary file");
        let all = json!({ "root": format!("{}/tables/main", self.root), "tables": self.expected });
        serde_json::to_writer(&expected, &all).expect("write a temporary file");
        run(&[expected.path().to_str().expect("a path of text")], &self.environment);
    }
}

fn run(arguments: &[&str], environment: &[(&str, String)]) {
    let script = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../tests/lake/check.py");
    let output = Command::new(python())
        .arg(script)
        .args(arguments)
        .env_remove("AWS_ENDPOINT_URL")
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .output()
        .expect("python starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}

/// Adds documents with values of every type, and changes that columns have to follow.
async fn everything(scenario: &mut Scenario) {
    let kinds = scenario.model.table(10_001, "kinds", None);
    let put = |scenario: &mut Scenario, table: TabletId, n: u64, json: &str| {
        scenario.model.put(table, n, Some(object(json)));
    };
    let typed = scenario.model.table(10_002, "typed", Some(schema()));
    scenario.model.table(10_003, "empty", Some(schema()));
    scenario.model.table(10_004, "untyped", None);
    let mounted = scenario.model.table(10_005, "_components/waitlist/guests", None);

    put(
        scenario,
        kinds,
        1,
        r#"{"i": {"$integer": "AAAAAAAAAIA="}, "f": 0, "s": "", "b": {"$bytes": ""}, "t": true, "n": null}"#,
    );
    put(
        scenario,
        kinds,
        2,
        r#"{"i": {"$integer": "/////////38="}, "f": {"$float": "AAAAAAAA+H8="}, "s": "\u017c\u00f3\u0142\u0107 \ud83d\ude00\u0000\n"}"#,
    );
    put(scenario, kinds, 3, r#"{"f": {"$float": "AAAAAAAAAIA="}, "b": {"$bytes": "AP8="}, "t": false}"#);
    put(scenario, kinds, 4, r#"{"f": {"$float": "AAAAAAAA8P8="}, "list": [], "o": {"x": 1, "y": {"z": ["a"]}}}"#);
    put(
        scenario,
        kinds,
        5,
        r#"{"f": 9007199254740992, "list": ["a", null, "b"], "o": {"x": null}, "e": {}, "unknowns": []}"#,
    );
    put(scenario, kinds, 6, r#"{"mixed": 1, "Case": "upper", "case": "lower", "rec": {"user:1": 1, "user:2": 2.5}}"#);
    put(scenario, kinds, 7, r#"{"mixed": "1", "objects": [{"a": 1}, {"b": "x"}], "nested": [[1], [], [2, 3]]}"#);
    put(
        scenario,
        kinds,
        8,
        r#"{"mixed": {"deep": [{"$integer": "AQAAAAAAAAA="}, null]}, "i": {"$integer": "AAAAAAAAAAA="}}"#,
    );
    put(scenario, typed, 1, r#"{"body": "hello", "kind": "a", "who": {"name": "Ann"}}"#);
    put(scenario, mounted, 1, r#"{"name": "first"}"#);
    scenario.publish().await;

    // Updates and deletions, new fields, and types for what had none.
    scenario.model.tick();
    put(
        scenario,
        kinds,
        1,
        r#"{"i": {"$integer": "AgAAAAAAAAA="}, "n": 5, "s": "changed", "o": {"x": 2, "new": true}}"#,
    );
    scenario.model.put(kinds, 3, None);
    put(scenario, kinds, 9, r#"{"f": 1.5, "extra": {"$bytes": "AQ=="}, "objects": [{"c": [1]}]}"#);
    put(scenario, typed, 2, r#"{"body": "bye", "kind": "b", "tags": {"x": 1}, "who": {"name": "Bob", "age": 7}}"#);
    scenario.publish().await;

    // Types that do not fit the columns.
    scenario.model.tick();
    put(
        scenario,
        kinds,
        10,
        r#"{"f": "was a float", "list": [1], "e": {"now": 1}, "unknowns": [true], "o": {"x y": 1}}"#,
    );
    scenario.publish().await;

    // Back to one type: the columns stay.
    scenario.model.tick();
    scenario.model.put(kinds, 10, None);
    for n in 11..200 {
        put(scenario, kinds, n, r#"{"f": 2, "s": "one of many"}"#);
    }
    scenario.model.put(mounted, 1, None);
    scenario.publish().await;
}

fn schema() -> Validator {
    let text = || Validator::String;
    let literal = |text: &str| Validator::Literal(Value::from(text));
    Validator::object([
        ("body", text().required()),
        ("kind", Validator::Union(vec![literal("a"), literal("b")]).required()),
        (
            "who",
            Validator::Union(vec![
                Validator::object([("name", text().required())]),
                Validator::object([("name", text().required()), ("age", Validator::Float64.required())]),
            ])
            .required(),
        ),
        ("tags", Validator::Record { keys: Box::new(text()), values: Box::new(Validator::Float64) }.optional()),
        ("author", Validator::Id("users".to_owned()).optional()),
        ("size", Validator::Union(vec![Validator::Int64, Validator::Null]).optional()),
    ])
}

#[tokio::test]
async fn readers_see_every_type_in_a_folder() {
    let folder = tempfile::tempdir().expect("make a temporary directory");
    let store = LocalFileSystem::new_with_prefix(folder.path()).expect("a directory can be a store");
    let mut scenario = Scenario::new(Arc::new(store), folder.path().to_str().expect("a path of text"));
    everything(&mut scenario).await;
    scenario.check();
}

#[tokio::test]
async fn readers_see_every_type_in_a_bucket() {
    let s3 = Ministack::start();
    let environment = vec![
        ("AWS_ENDPOINT_URL", s3.endpoint().to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
    ];
    run(&["--make-bucket", "lake"], &environment);
    let store = AmazonS3Builder::new()
        .with_bucket_name("lake")
        .with_endpoint(s3.endpoint())
        .with_allow_http(true)
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY_ID)
        .with_secret_access_key(SECRET_ACCESS_KEY)
        .build()
        .expect("the options are right");
    let mut scenario = Scenario::new(Arc::new(store), "s3://lake");
    scenario.environment = environment;
    everything(&mut scenario).await;
    scenario.check();
}

/// Random documents, changed at random between publications.
#[tokio::test]
async fn readers_see_any_documents() {
    let folder = tempfile::tempdir().expect("make a temporary directory");
    let store = LocalFileSystem::new_with_prefix(folder.path()).expect("a directory can be a store");
    let mut scenario = Scenario::new(Arc::new(store), folder.path().to_str().expect("a path of text"));
    let mut runner = TestRunner::deterministic();
    let documents = proptest::collection::btree_map("[a-dA-D]", strategy::value(), 0..4);
    let changes = proptest::collection::vec((0..40u64, proptest::option::weighted(0.9, documents)), 0..25);
    for number in 0..8 {
        let tablet = scenario.model.table(10_001 + number, &format!("random{number}"), None);
        scenario.model.documents(tablet);
    }
    for _ in 0..4 {
        for tablet in scenario.model.tables.iter().map(|table| table.tablet).collect::<Vec<_>>() {
            for (n, fields) in changes.new_tree(&mut runner).expect("a strategy").current() {
                scenario.model.put(tablet, n, fields);
            }
        }
        scenario.publish().await;
        scenario.model.tick();
    }
    scenario.check();
}
