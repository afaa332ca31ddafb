//! Which calls are allowed, and what clients hear of failures.

use serde_json::json;

use super::harness::App;
use crate::auth::{Identity, UserIdentity};
use crate::deploy;
use crate::udf::FunctionErrorKind;

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_internal_functions_look_the_same() {
    let app = App::start().await;
    for path in ["notes:nothing", "nowhere:f", "notes:secret", "_system/cli/tables", "_deps/x:f"] {
        let error = app.query(path, json!({})).await.unwrap_err();
        assert_eq!(error.kind, FunctionErrorKind::NotFound);
        let shown = path.trim_end_matches(":default");
        let expected = format!(
            "[Request ID: test] Server Error\nCould not find public function for '{shown}'. Did you forget to run `npx convex dev` or `npx convex deploy`?\n"
        );
        assert_eq!(&*error.message, expected);
    }
    let mut call = app.call("notes:secret", &json!({}));
    call.identity = app.admin();
    let result = app.engine.query(&call, app.engine.db().latest(), None).await.unwrap();
    assert_eq!(&*result.outcome.unwrap(), "\"secret\"");
    call.path = crate::udf::FunctionPath::parse("notes:nothing").unwrap();
    let result = app.engine.call_any(&call).await.unwrap();
    assert!(result.outcome.unwrap_err().message.contains("Could not find function for 'notes:nothing'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_arguments_and_results_are_checked() {
    let app = App::start().await;
    let message = app.query_error("notes:add", json!({"text": "x"})).await;
    assert!(message.contains("Trying to execute notes:add as Query, but it is defined as Mutation."), "{message}");
    let message = app.mutation_error("notes:add", json!({"rank": 1})).await;
    assert!(
        message.contains("\nArgumentValidationError: ") && message.contains("missing the required field"),
        "{message}"
    );
    let message = app.mutation_error("notes:add", json!({"text": "x", "more": 1})).await;
    assert!(message.contains("extra field"), "{message}");
    let message = app.mutation_error("notes:add", json!({"text": {"$commitTs": null}})).await;
    assert!(message.contains("Invalid arguments for notes:add"), "{message}");
    let message = app.mutation_error("counters:increment", json!({"id": "not an id"})).await;
    assert!(message.contains("ArgumentValidationError"), "{message}");
    let message = app.query_error("notes:wrongReturn", json!({})).await;
    assert!(message.contains("ReturnsValidationError: "), "{message}");
    let message = app.mutation_error("notes:wrongReturnAfterWrite", json!({})).await;
    assert!(message.contains("ReturnsValidationError: "), "{message}");
    assert_eq!(app.notes().await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_carry_data_only_if_thrown_with_it() {
    let app = App::start().await;
    let error = app.mutation("notes:fail", json!({})).await.unwrap_err();
    assert!(
        error.message.starts_with("[Request ID: test] Server Error\nUncaught Error: plain failure\n    at "),
        "{}",
        error.message
    );
    assert_eq!(error.data, None);
    let error = app.query("notes:failWithData", json!({})).await.unwrap_err();
    assert_eq!(error.data.as_deref(), Some(r#"{"kind":"quota","n":{"$integer":"BwAAAAAAAAA="}}"#));
    let error = app.query("notes:failWithNull", json!({})).await.unwrap_err();
    assert_eq!(error.data.as_deref(), Some("null"));
    assert_eq!(app.notes().await, json!([]), "a failed mutation left writes behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn redaction_keeps_data_only() {
    let app = App::start_with(|deployment, _| deployment.redact_errors = true).await;
    let call = app.call("notes:fail", &json!({}));
    let result = app.engine.mutation(&call, None).await.unwrap();
    assert_eq!(&*result.outcome.unwrap_err().message, "[Request ID: test] Server Error");
    assert!(result.log_lines.is_empty());
    assert!(app.query("notes:failWithData", json!({})).await.unwrap_err().data.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_bounded() {
    let app = App::start().await;
    let error = app.query("notes:forever", json!({})).await.unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::Timeout);
    assert!(error.message.contains("Function execution timed out"), "{}", error.message);
    let message = app.query_error("notes:large", json!({})).await;
    assert!(message.contains("too large") && message.contains("16777216"), "{message}");
    let call = app.call("notes:manyLines", &json!({}));
    let result = app.engine.query(&call, app.engine.db().latest(), None).await.unwrap();
    assert_eq!(result.log_lines.len(), 256);
    assert_eq!(result.log_lines[0], "[LOG] 0");
    assert!(result.log_lines[255].starts_with("[ERROR] ") && result.log_lines[255].contains("Log overflow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_take_the_limits_of_the_database() {
    let app = App::start_with(|_, limits| {
        limits.user_time_ms = 60;
        limits.log_lines = 3;
        limits.log_line_length = 7;
    })
    .await;
    let start = std::time::Instant::now();
    let error = app.query("notes:forever", json!({})).await.unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::Timeout);
    assert!(start.elapsed().as_millis() < 900, "{:?}", start.elapsed());
    let result =
        app.engine.query(&app.call("notes:manyLines", &json!({})), app.engine.db().latest(), None).await.unwrap();
    let lines = ["[LOG] 0", "[LOG] 1", "[ERROR] Log ove (truncated due to length)"];
    assert_eq!(result.log_lines[..3], lines.map(str::to_owned), "{:?}", result.log_lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_an_app_is_bounded() {
    let app = App::start().await;
    let source = "/".repeat(app.engine.db().limits().code_size + 1);
    let push = json!({
        "appDefinition": {
            "changedModules": [{"path": "a.js", "source": source, "environment": "isolate"}],
            "udfServerVersion": "1.48.0",
        },
    });
    let error = deploy::start_push(&app.engine, serde_json::from_value(push).unwrap()).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("InvalidModules", 400));
    assert!(error.to_string().contains("33554433 bytes of source"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_seen_and_noted() {
    let app = App::start().await;
    let at = || app.engine.db().latest();
    let mut call = app.call("meta:whoami", &json!({}));
    let result = app.engine.query(&call, at(), None).await.unwrap();
    assert_eq!(&*result.outcome.unwrap(), "null");
    assert!(result.observed.identity);
    let user = UserIdentity::from_attributes(&json!({"issuer": "https://i", "subject": "s"})).unwrap();
    let Identity::Admin(admin) = app.admin() else { panic!("not an admin") };
    call.identity = Identity::ActingUser { admin, user };
    let result = app.engine.query(&call, at(), None).await.unwrap();
    assert_eq!(&*result.outcome.unwrap(), r#"{"issuer":"https://i","subject":"s","tokenIdentifier":"https://i|s"}"#);
    let result = app.engine.query(&app.call("notes:list", &json!({})), at(), None).await.unwrap();
    assert!(!result.observed.identity && !result.observed.time && !result.observed.random);
    let result = app.engine.query(&app.call("meta:now", &json!({})), at(), None).await.unwrap();
    assert!(result.observed.time);
}
