//! Functions that run in another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;

use super::harness::{App, parse, session};
use crate::engine::Engine;
use crate::remote::{FunctionRunner, RunAnswer, RunRequest, RunnerError, Runs, Spill};

/// Has another engine run everything, as if it were in Lambda.
struct Other {
    runs: Runs,
    ran: AtomicUsize,
    is_lost: bool,
}

impl Other {
    fn new(engine: Arc<Engine>, is_lost: bool) -> Arc<Self> {
        let spill = Spill { store: engine.store().clone(), env: engine.env().clone() };
        Arc::new(Self { runs: Runs::new(engine, spill), ran: AtomicUsize::new(0), is_lost })
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FunctionRunner for Other {
    fn takes(&self, _waiting: usize) -> bool {
        true
    }

    async fn run(&self, request: RunRequest) -> Result<RunAnswer, RunnerError> {
        self.ran.fetch_add(1, Ordering::SeqCst);
        let event = serde_json::to_vec(&json!({"tail": [], "calls": [request]})).expect("JSON");
        let answer = self.runs.answer(Bytes::from(event)).await?;
        if self.is_lost {
            return Err(RunnerError::Lost("on purpose".to_owned()));
        }
        let mut answers: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
        let answer = answers["answers"][0].take();
        let answer: Result<RunAnswer, String> = serde_json::from_value(answer).expect("an answer");
        answer.map_err(RunnerError::Lost)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_elsewhere_is_committed_here() {
    let there = App::start().await;
    let other = Other::new(there.engine.clone(), false);
    let here = there.beside(other.clone());
    let id = here.mutation("counters:create", json!({"name": "far"})).await.unwrap();
    let call = here.call("counters:increment", &json!({"id": id}));
    let runs = (0..100).map(|_| here.engine.mutation(&call, None));
    let results = tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(runs)).await.unwrap();
    let mut values: Vec<f64> =
        results.into_iter().map(|result| parse(result.unwrap().outcome).unwrap().as_f64().unwrap()).collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, (1..=100).map(f64::from).collect::<Vec<_>>());
    assert_eq!(here.query("counters:read", json!({"id": id})).await.unwrap(), json!(100));
    // Conflicts run again, elsewhere too.
    assert!(other.ran() > 101, "{}", other.ran());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_session_is_committed_once() {
    let there = App::start().await;
    let here = there.beside(Other::new(there.engine.clone(), false));
    let id = here.mutation("counters:create", json!({"name": "once"})).await.unwrap();
    let call = here.call("counters:increment", &json!({"id": id}));
    for _ in 0..3 {
        let result = here.engine.mutation(&call, session(7)).await.unwrap();
        assert_eq!(parse(result.outcome).unwrap(), json!(1));
    }
    assert_eq!(here.query("counters:read", json!({"id": id})).await.unwrap(), json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_errors_are_those_of_a_run_here() {
    let there = App::start().await;
    let here = there.beside(Other::new(there.engine.clone(), false));
    let id = here.mutation("counters:create", json!({"name": "read"})).await.unwrap();
    let at = here.engine.db().latest();
    let call = here.call("counters:read", &json!({"id": id}));
    let far = here.engine.query(&call, at.clone(), None).await.unwrap();
    let near = there.engine.query(&call, at, None).await.unwrap();
    assert_eq!(*far.reads, *near.reads);
    assert_eq!((far.ts, far.observed), (near.ts, near.observed));
    let far = here.query_error("counters:read", json!({"id": 7})).await;
    assert_eq!(far, there.query_error("counters:read", json!({"id": 7})).await);
    let far = here.query_error("nowhere:at_all", json!({})).await;
    assert_eq!(far, there.query_error("nowhere:at_all", json!({})).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_elsewhere_runs_here_once() {
    let there = App::start().await;
    let other = Other::new(there.engine.clone(), true);
    let here = there.beside(other.clone());
    let id = here.mutation("counters:create", json!({"name": "lost"})).await.unwrap();
    for n in 1..=3 {
        assert_eq!(here.mutation("counters:increment", json!({"id": id})).await.unwrap(), json!(n));
    }
    assert_eq!(other.ran(), 4);
}
