//! The endpoints of administration besides pushes: settings, logs, usage, and what this version does not have.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::deploy::{ErrorResponse, admin_body, parse};
use crate::auth::Identity;
use crate::deploy::{self, CancelJobs, RequestDestination, RunTestFunctionRequest};
use crate::engine::Engine;
use crate::logs::LogEntry;
use crate::model::RunState;
use crate::model::env_vars::EnvVarChange;

/// How long a request for logs waits for something to tell.
const LOG_HOLD: Duration = Duration::from_secs(60);

/// The routes.
pub fn routes(engine: Arc<Engine>) -> Router {
    let both = |router: Router<Arc<Engine>>, path: &str, method: axum::routing::MethodRouter<Arc<Engine>>| {
        router.route(&format!("/api/{path}"), method.clone()).route(&format!("/api/v1/{path}"), method)
    };
    let mut router = Router::new();
    router = both(router, "get_canonical_urls", get(get_canonical_urls));
    router = both(router, "update_canonical_url", post(update_canonical_url));
    router = both(router, "update_environment_variables", post(update_environment_variables));
    router = both(router, "list_environment_variables", get(list_environment_variables));
    for path in ["/api/stream_function_logs", "/api/app_metrics/stream_function_logs"] {
        router = router.route(path, get(stream_function_logs));
    }
    for path in ["/api/stream_udf_execution", "/api/app_metrics/stream_udf_execution"] {
        router = router.route(path, get(stream_udf_execution));
    }
    for (path, what) in UNAVAILABLE {
        let refuse = move |State(engine): State<Arc<Engine>>, headers: HeaderMap, Query(query): Query<KeyInQuery>| async move {
            unavailable(&engine, &headers, &query, what)
        };
        router = router.route(path, axum::routing::any(refuse));
    }
    router
        .route("/api/v1/deployment_info", get(deployment_info))
        .route("/api/v1/pause_deployment", post(pause))
        .route("/api/v1/unpause_deployment", post(unpause))
        .route("/api/v1/list_usage_limits", get(list_usage_limits))
        .route("/api/v1/get_current_usage", get(get_current_usage))
        .route("/api/run_test_function", post(run_test_function))
        .route("/api/shapes2", get(shapes))
        .route("/api/cancel_job", post(cancel_job))
        .route("/api/cancel_all_jobs", post(cancel_all_jobs))
        .route("/api/delete_scheduled_functions_table", post(delete_scheduled_functions_table))
        .route("/api/delete_tables", post(delete_tables))
        .route("/api/delete_component", post(delete_component))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(engine)
}

/// Recognised and refused: after a 404 the CLI tries for half a minute.
const UNAVAILABLE: &[(&str, &str)] = &[
    ("/api/export/{*rest}", "snapshot exports"),
    ("/api/import", "snapshot imports"),
    ("/api/import/{*rest}", "snapshot imports"),
    ("/api/perform_import", "snapshot imports"),
    ("/api/cancel_import", "snapshot imports"),
    ("/api/v1/create_usage_limit", "usage limits"),
    ("/api/v1/update_usage_limit/{id}", "usage limits"),
    ("/api/v1/delete_usage_limit/{id}", "usage limits"),
    ("/api/push_config", "pushes of CLIs older than 1.12"),
    ("/api/prepare_schema", "pushes of CLIs older than 1.12"),
    ("/api/list_snapshot", "streaming exports"),
    ("/api/document_deltas", "streaming exports"),
    ("/api/json_schemas", "streaming exports"),
    ("/api/streaming_import/{*rest}", "streaming imports"),
];

type Answer = Result<axum::Json<Json>, ErrorResponse>;
type Done = Result<StatusCode, ErrorResponse>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyInQuery {
    #[serde(default)]
    admin_key: Option<String>,
}

/// Refuses callers without an admin key in the header or, for downloads, in the query string.
pub(super) fn require_admin(
    engine: &Engine,
    headers: &HeaderMap,
    in_query: Option<&str>,
) -> Result<Identity, ErrorResponse> {
    let header = headers.get(http::header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    Ok(engine.authenticator().admin(header, in_query)?)
}

fn unavailable(engine: &Engine, headers: &HeaderMap, query: &KeyInQuery, what: &str) -> ErrorResponse {
    match require_admin(engine, headers, query.admin_key.as_deref()) {
        Err(refused) => refused,
        Ok(_) => ErrorResponse::new(
            StatusCode::BAD_REQUEST,
            "FeatureUnavailable",
            format!("{what} are not available in this version of Lakewire"),
        ),
    }
}

async fn get_canonical_urls(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Answer {
    require_admin(&engine, &headers, None)?;
    let origins = deploy::origins(&engine).await?;
    Ok(axum::Json(json!({"convexCloudUrl": origins.cloud, "convexSiteUrl": origins.site})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateCanonicalUrl {
    request_destination: RequestDestination,
    #[serde(default)]
    url: Option<String>,
}

async fn update_canonical_url(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let request: UpdateCanonicalUrl = parse(&body)?;
    deploy::update_canonical_url(&engine, request.request_destination, request.url).await?;
    Ok(StatusCode::OK)
}

#[derive(Deserialize)]
struct UpdateEnvVars {
    changes: Vec<EnvVarChange>,
}

async fn update_environment_variables(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let request: UpdateEnvVars = parse(&body)?;
    deploy::update_env_vars(&engine, &request.changes).await?;
    Ok(StatusCode::OK)
}

async fn list_environment_variables(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Answer {
    require_admin(&engine, &headers, None)?;
    Ok(axum::Json(json!({"environmentVariables": deploy::env_vars(&engine).await?})))
}

async fn deployment_info(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Answer {
    require_admin(&engine, &headers, None)?;
    Ok(axum::Json(json!({"kind": "selfHosted"})))
}

async fn pause(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Done {
    require_admin(&engine, &headers, None)?;
    deploy::set_run_state(&engine, RunState::Paused).await?;
    Ok(StatusCode::OK)
}

async fn unpause(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Done {
    require_admin(&engine, &headers, None)?;
    deploy::set_run_state(&engine, RunState::Running).await?;
    Ok(StatusCode::OK)
}

/// There is nothing to limit usage for on one's own machines.
async fn list_usage_limits(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Answer {
    require_admin(&engine, &headers, None)?;
    Ok(axum::Json(json!({"usageLimits": []})))
}

async fn get_current_usage(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Answer {
    require_admin(&engine, &headers, None)?;
    Ok(axum::Json(json!({"metrics": {}, "seedStatus": "complete"})))
}

#[derive(Deserialize)]
struct ComponentInQuery {
    #[serde(default)]
    component: Option<String>,
}

/// Shapes are not inferred; `Unknown` is a truthful answer for any table.
async fn shapes(
    State(engine): State<Arc<Engine>>,
    headers: HeaderMap,
    Query(query): Query<ComponentInQuery>,
) -> Answer {
    require_admin(&engine, &headers, None)?;
    let tables = deploy::table_names(&engine, query.component.as_deref()).await?;
    let shapes: Map<String, Json> = tables.into_iter().map(|table| (table, json!({"type": "Unknown"}))).collect();
    Ok(axum::Json(Json::Object(shapes)))
}

#[derive(Deserialize)]
struct LogQuery {
    #[serde(default)]
    cursor: f64,
}

async fn stream_function_logs(
    State(engine): State<Arc<Engine>>,
    headers: HeaderMap,
    Query(query): Query<LogQuery>,
) -> Answer {
    require_admin(&engine, &headers, None)?;
    let page = engine.logs().read(query.cursor, LOG_HOLD).await;
    Ok(axum::Json(json!({"entries": page.entries, "newCursor": page.new_cursor})))
}

/// The older form of the log: completions only, lines as text.
async fn stream_udf_execution(
    State(engine): State<Arc<Engine>>,
    headers: HeaderMap,
    Query(query): Query<LogQuery>,
) -> Answer {
    require_admin(&engine, &headers, None)?;
    let completed = |entry: &LogEntry| matches!(entry, LogEntry::Completion(_));
    let page = engine.logs().read_matching(query.cursor, LOG_HOLD, completed).await;
    let entries: Vec<Json> = page.entries.iter().map(|entry| with_text_lines(entry)).collect();
    Ok(axum::Json(json!({"entries": entries, "newCursor": page.new_cursor})))
}

fn with_text_lines(entry: &LogEntry) -> Json {
    let mut json = json!(entry);
    if let LogEntry::Completion(completion) = entry {
        let lines = completion.log_lines.iter();
        let text = lines.map(|line| format!("[{}] {}", line.level.name(), line.messages.join(" ")));
        json["logLines"] = text.collect::<Vec<_>>().into();
    }
    json
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelJob {
    id: String,
    #[serde(default)]
    component_id: Option<String>,
}

async fn cancel_job(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let CancelJob { id, component_id } = parse(&body)?;
    engine.refresh().await?;
    deploy::cancel_job(&engine, component_id.as_deref(), &id).await?;
    Ok(StatusCode::OK)
}

async fn cancel_all_jobs(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let request: CancelJobs = parse(&body)?;
    engine.refresh().await?;
    deploy::cancel_jobs(&engine, &request).await?;
    Ok(StatusCode::OK)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfComponent {
    #[serde(default)]
    component_id: Option<String>,
}

async fn delete_scheduled_functions_table(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let OfComponent { component_id } = parse(&body)?;
    engine.refresh().await?;
    deploy::delete_jobs(&engine, component_id.as_deref()).await?;
    Ok(StatusCode::OK)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteTables {
    table_names: Vec<String>,
    #[serde(default)]
    component_id: Option<String>,
}

async fn delete_tables(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let DeleteTables { table_names, component_id } = parse(&body)?;
    deploy::delete_tables(&engine, component_id.as_deref(), &table_names).await?;
    Ok(StatusCode::OK)
}

async fn delete_component(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Done {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let OfComponent { component_id } = parse(&body)?;
    deploy::delete_component(&engine, component_id.as_deref()).await?;
    Ok(StatusCode::OK)
}

async fn run_test_function(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, identity) = admin_body(&engine, &headers, body).await?;
    let request: RunTestFunctionRequest = parse(&body)?;
    Ok(axum::Json(deploy::run_test_function(&engine, identity, request).await?))
}
