//! Values agree with the `convex` npm package in encoding, size and order: random values go through the package's own
//! functions in Node (`tests/values/values.mjs`; `make setup` installs the package).

#[path = "../src/value/strategy.rs"]
mod strategy;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lakewire_storage::value::Value;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[derive(serde::Deserialize)]
struct Reply {
    json: Vec<String>,
    sizes: Vec<usize>,
    order: Vec<Vec<i8>>,
}

const BATCHES: usize = 40;
const BATCH: usize = 40;

#[test]
fn encoding_size_and_order_agree() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    assert!(tests.join("node_modules/convex").is_dir(), "the npm package `convex` is not installed: run `make setup`");
    let mut node = Command::new("node")
        .arg(tests.join("values/values.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`node` must be in the path");
    let mut stdin = node.stdin.take().expect("stdin is piped");
    let mut replies = BufReader::new(node.stdout.take().expect("stdout is piped")).lines();

    let mut runner = TestRunner::deterministic();
    let batches = proptest::collection::vec(strategy::value(), BATCH);
    for _ in 0..BATCHES {
        let values = batches.new_tree(&mut runner).expect("the strategy rejects nothing").current();
        writeln!(stdin, "{}", Value::Array(values.clone()).to_json()).expect("node reads");
        let line = replies.next().expect("node answers").expect("node answers text");
        let reply: Reply = serde_json::from_str(&line).expect("node answers as expected");
        check(&values, &reply);
    }
    drop(stdin);
    assert!(node.wait().expect("node ends").success());
}

fn check(values: &[Value], reply: &Reply) {
    for (i, a) in values.iter().enumerate() {
        assert_eq!(a.to_json(), reply.json[i]);
        assert_eq!(&Value::from_json(&reply.json[i]).expect("the client's encoding"), a);
        assert_eq!(a.size(), reply.sizes[i], "size of {a}");
        for (j, b) in values.iter().enumerate() {
            assert_eq!(a.cmp(b) as i8, reply.order[i][j], "order of {a} and {b}");
        }
    }
}
