//! Actions and what they call.

use serde_json::json;

use super::harness::App;
use crate::auth::{Identity, UserIdentity};
use crate::logs::LogEntry;

#[tokio::test(flavor = "multi_thread")]
async fn actions_call_functions_and_stream_their_console() {
    let app = App::start().await;
    let call = app.call("actions:roundTrip", &json!({"text": "a"}));
    let result = app.engine.action(&call).await.unwrap();
    assert_eq!(&*result.outcome.unwrap(), r#"["a"]"#);
    assert_eq!(*result.log_lines, ["[LOG] 'adding' 'a'".to_owned()]);
    let entries = app.engine.logs().read(0.0, std::time::Duration::ZERO).await.entries;
    let names: Vec<_> = entries
        .iter()
        .map(|entry| match &**entry {
            LogEntry::Progress(progress) => ("progress", progress.identifier.as_str()),
            LogEntry::Completion(completion) => (completion.udf_type, completion.identifier.as_str()),
            LogEntry::AuditLog(line) => ("audit", line.identifier.as_str()),
        })
        .collect();
    let expected = [
        ("progress", "actions:roundTrip"),
        ("Mutation", "notes:add"),
        ("Query", "notes:list"),
        ("Action", "actions:roundTrip"),
    ];
    assert!(names.ends_with(&expected), "{names:?}");
    let ids: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &**entry {
            LogEntry::Completion(completion) => Some(completion),
            LogEntry::Progress(_) | LogEntry::AuditLog(_) => None,
        })
        .collect();
    let [.., mutation, query, action] = ids.as_slice() else { panic!("entries are missing") };
    assert_eq!(mutation.parent_execution_id.as_ref(), Some(&action.execution_id));
    assert_eq!((query.caller, action.parent_execution_id.as_ref()), ("Action", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_identities_pass_through() {
    let app = App::start().await;
    let value = app.action("actions:catches", json!({})).await.unwrap();
    assert_eq!(value, json!({"isConvexError": true, "data": {"kind": "quota", "n": {"$integer": "BwAAAAAAAAA="}}}));
    let message = app.action("actions:metrics", json!({})).await.unwrap();
    assert!(message.as_str().unwrap().contains("Unknown async operation"), "{message}");
    let mut call = app.call("actions:inner", &json!({}));
    let Identity::Admin(admin) = app.admin() else { panic!("not an admin") };
    let user = UserIdentity::from_attributes(&json!({"issuer": "https://i", "subject": "s"})).unwrap();
    call.identity = Identity::ActingUser { admin, user };
    assert_eq!(&*app.engine.action(&call).await.unwrap().outcome.unwrap(), "\"https://i|s\"");
}
