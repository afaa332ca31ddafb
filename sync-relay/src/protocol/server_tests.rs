use std::sync::Arc;

use lakewire_functions::udf::{FunctionError, FunctionErrorKind, MutationResult, Observed, QueryResult};
use lakewire_storage::interval::ReadSet;
use serde_json::{Value as Json, json};

use super::*;

fn result(outcome: Result<&str, FunctionError>) -> QueryResult {
    QueryResult {
        outcome: outcome.map(Arc::from),
        log_lines: Arc::new(["[LOG] 'bed' 2n".to_owned()]),
        journal: None,
        reads: Arc::new(ReadSet::default()),
        ts: 5,
        observed: Observed::default(),
        audit: Arc::new([]),
    }
}

fn error(data: Option<&str>) -> FunctionError {
    FunctionError { message: "no \"bed\"\n".into(), data: data.map(Arc::from), kind: FunctionErrorKind::Thrown }
}

#[test]
fn a_transition_is_the_json_of_the_protocol() {
    let mut modifications = Modifications::default();
    let updated = result(Ok(r#"[{"n":1}]"#));
    modifications.result(0, &updated, &result_suffix(&updated, Some("j\"1")));
    let failed = result(Err(error(None)));
    modifications.result(1, &failed, &result_suffix(&failed, None));
    modifications.removed(7);
    let start = StateVersion::default();
    let end = StateVersion { query_set: 2, identity: 1, ts: 1000 };
    let text = transition(start, end, &modifications, Some(-4.0), 1_785_000_000_130_000_000);
    assert_eq!(
        serde_json::from_str::<Json>(&text).unwrap(),
        json!({
            "type": "Transition",
            "startVersion": {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="},
            "endVersion": {"querySet": 2, "identity": 1, "ts": "6AMAAAAAAAA="},
            "modifications": [
                {"type": "QueryUpdated", "queryId": 0, "value": [{"n": 1}], "logLines": ["[LOG] 'bed' 2n"], "journal": "j\"1"},
                {"type": "QueryFailed", "queryId": 1, "errorMessage": "no \"bed\"\n", "logLines": ["[LOG] 'bed' 2n"], "journal": null},
                {"type": "QueryRemoved", "queryId": 7},
            ],
            "clientClockSkew": -4,
            "serverTs": 1_785_000_000_130_000_000_u64,
        })
    );
}

#[test]
fn error_data_is_there_only_if_thrown() {
    let response = |data| {
        let result = MutationResult { outcome: Err(error(data)), ts: 1, log_lines: Arc::new([]) };
        serde_json::from_str::<Json>(&mutation_response(5, &result)).unwrap()
    };
    assert_eq!(
        response(None),
        json!({"type": "MutationResponse", "requestId": 5, "success": false, "result": "no \"bed\"\n", "logLines": []})
    );
    assert_eq!(response(Some("null")).get("errorData"), Some(&Json::Null));
}

#[test]
fn a_mutation_response_has_its_timestamp() {
    let result = MutationResult { outcome: Ok("\"x\"".into()), ts: 1, log_lines: Arc::new([]) };
    assert_eq!(
        mutation_response(0, &result),
        r#"{"type":"MutationResponse","requestId":0,"success":true,"result":"x","ts":"AQAAAAAAAAA=","logLines":[]}"#
    );
}
