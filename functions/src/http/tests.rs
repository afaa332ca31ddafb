//! The API from request to response.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::{router, site_router};
use crate::auth::{Identity, UserIdentity};
use crate::engine::tests::harness::{App, NAME};

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    fn code(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().expect("a code").to_owned();
        assert!(self.json()["message"].is_string());
        (self.status.as_u16(), code)
    }
}

struct Client {
    app: App,
    router: Router,
}

impl Client {
    async fn start() -> Self {
        let app = App::start().await;
        let router = router(app.engine.clone(), app.engine.clone(), axum::Router::new());
        Self { app, router }
    }

    fn key(&self) -> String {
        self.app.engine.authenticator().admin_keys().issue(self.app.engine.env())
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("routers answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.into()).expect("text") }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    async fn post(&self, path: &str, body: &Json, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_endpoints() {
    let client = Client::start().await;
    assert_eq!(client.get("/").await.status, 200);
    for path in ["/version", "/instance_version", "//version"] {
        let reply = client.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, env!("CARGO_PKG_VERSION")), "{path}");
    }
    assert_eq!(client.get("/instance_name").await.text, NAME);
    assert_eq!(client.post("/echo", &json!({"a": 1}), &[]).await.text, r#"{"a":1}"#);
    assert_eq!(client.post("/api/debug_event", &json!({"event": "x"}), &[]).await.status, 200);
    let unknown = client.get("/api/nothing").await;
    assert_eq!((unknown.status.as_u16(), unknown.text.as_str()), (404, ""));
    let site = client.get("/http/hook").await;
    assert_eq!(site.status, 404);
    assert!(site.text.contains("HTTP actions enabled"));
    let request = Request::get("/anything").body(Body::empty()).unwrap();
    assert_eq!(site_router(client.app.engine.clone()).oneshot(request).await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_formats() {
    let client = Client::start().await;
    let add = json!({"path": "notes:add", "args": [{"text": "a", "rank": 1}], "format": "convex_encoded_json"});
    let added = client.post("/api/mutation", &add, &[]).await;
    assert_eq!((added.status.as_u16(), added.json()["status"].clone()), (200, json!("success")), "{}", added.text);
    let list = json!({"path": "notes.js:list", "args": {}});
    let listed = client.post("/api/query", &list, &[("convex-client", "npm-1.48.0")]).await;
    assert_eq!(listed.text, r#"{"status":"success","value":["a"]}"#);
    assert_eq!(client.get("/api/query?path=notes:list&args=%7B%7D").await.text, listed.text);
    assert_eq!(client.post("/api/run/notes/list", &json!({"args": {}}), &[]).await.text, listed.text);
    assert_eq!(client.post("//api/query", &list, &[]).await.text, listed.text);
    let action = json!({"path": "actions:roundTrip", "args": {"text": "b"}});
    let acted = client.post("/api/action", &action, &[]).await.json();
    assert_eq!((&acted["value"], &acted["logLines"]), (&json!(["a", "b"]), &json!(["[LOG] 'adding' 'b'"])));
    let failing = json!({"path": "notes:failWithData", "args": {}, "format": "json"});
    let failed = client.post("/api/query", &failing, &[("convex-request-id", "my-id")]).await;
    assert_eq!(failed.status, 200);
    let failed = failed.json();
    assert!(failed["errorMessage"].as_str().unwrap().starts_with("[Request ID: my-id] Server Error\n"));
    assert_eq!((&failed["status"], &failed["errorData"]), (&json!("error"), &json!({"kind": "quota", "n": "7"})));
    let plain = client.post("/api/mutation", &json!({"path": "notes:fail", "args": {}}), &[]).await.json();
    assert_eq!(plain.get("errorData"), None);
    assert_eq!(plain["logLines"], json!(["[WARN] 'about to fail'"]));
    let lone = client.post("/api/query", &list, &[]).await;
    assert_eq!(lone.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn consistent_reads() {
    let client = Client::start().await;
    let ts = client.post("/api/query_ts", &json!({}), &[]).await.json()["ts"].clone();
    client.post("/api/mutation", &json!({"path": "notes:add", "args": {"text": "a"}}), &[]).await;
    let at = |ts: &Json| json!({"path": "notes:list", "args": {}, "ts": ts});
    assert_eq!(client.post("/api/query_at_ts", &at(&ts), &[]).await.json()["value"], json!([]));
    let batch = json!({"queries": [{"path": "notes:list", "args": {}}, {"path": "notes:failWithNull", "args": {}}]});
    let results = client.post("/api/query_batch", &batch, &[]).await.json();
    assert_eq!(results["results"][0]["value"], json!(["a"]));
    assert_eq!(
        (&results["results"][1]["status"], &results["results"][1]["errorData"]),
        (&json!("error"), &json!(null))
    );
    let future = client.post("/api/query_at_ts", &at(&json!("/////////38=")), &[]).await;
    assert_eq!(future.code(), (500, "InternalServerError".into()));
    let old = client.post("/api/query_at_ts", &at(&json!("AQAAAAAAAAA=")), &[]).await;
    assert_eq!(old.code(), (503, "InternalServerError".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_requests() {
    let client = Client::start().await;
    let list = json!({"path": "notes:list", "args": {}});
    let code = async |path: &str, body: &Json, headers: &[(&str, &str)]| client.post(path, body, headers).await.code();
    let bad_path = json!({"path": "a b", "args": {}});
    assert_eq!(code("/api/query", &bad_path, &[]).await, (400, "BadConvexFunctionIdentifier".into()));
    let bad_format = json!({"path": "notes:list", "args": {}, "format": "xml"});
    assert_eq!(code("/api/query", &bad_format, &[]).await, (400, "BadFormat".into()));
    assert_eq!(code("/api/query", &json!({"args": {}}), &[]).await, (400, "BadJsonBody".into()));
    assert_eq!(code("/api/query", &list, &[("convex-client", "garbage")]).await, (400, "InvalidClientVersion".into()));
    assert_eq!(
        code("/api/query", &list, &[("authorization", "Bearer a.b.c")]).await,
        (401, "InvalidAuthHeader".into())
    );
    assert_eq!(code("/api/query", &list, &[("authorization", "Basic abc")]).await, (400, "InvalidAdminKey".into()));
    assert_eq!(code("/api/query", &list, &[("authorization", "abc")]).await, (400, "InvalidHeaderFailure".into()));
    assert_eq!(code("/api/run/one", &list, &[]).await, (400, "MissingIdentifier".into()));
    assert_eq!(code("/api/function", &list, &[]).await, (403, "BadDeployKey".into()));
    let plain = Request::post("/api/query").header("content-type", "text/plain").body(Body::from(list.to_string()));
    assert_eq!(client.send(plain.unwrap()).await.code(), (400, "BadJsonBody".into()));
    let large = json!({"path": "notes:list", "args": {"x": "x".repeat(17 << 20)}});
    assert_eq!(code("/api/query", &large, &[]).await, (400, "BadJsonBody".into()));
    assert_eq!(client.get("/api/query?path=notes:list&args=%7B").await.code(), (400, "BadQueryArgs".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators() {
    let client = Client::start().await;
    let header = format!("Convex prod:{}", client.key());
    let admin = [("authorization", header.as_str())];
    let secret = json!({"path": "notes:secret", "args": {}});
    assert_eq!(client.post("/api/function", &secret, &admin).await.json()["value"], json!("secret"));
    let add = json!({"path": "notes:add", "args": {"text": "a"}});
    assert_eq!(client.post("/api/function", &add, &admin).await.json()["status"], json!("success"));
    let tables = json!({"path": "_system/cli/tables", "args": {"paginationOpts": {"cursor": null, "numItems": 100}}});
    let tables = client.post("/api/query", &tables, &admin).await.json();
    assert_eq!(tables["value"]["page"], json!([{"name": "notes"}]), "{tables}");
    let check = async |header: &str| {
        let request = Request::get("/api/check_admin_key").header("authorization", header).body(Body::empty());
        client.send(request.unwrap()).await
    };
    assert_eq!(check(&header).await.json(), json!({"success": true, "allowedOps": [], "isReadOnly": false}));
    assert_eq!(check("Convex nonsense").await.code(), (401, "BadAdminKey".into()));
    assert_eq!(check(&format!("Convex {NAME}|00")).await.code(), (403, "BadDeployKey".into()));
    assert_eq!(client.get("/api/check_admin_key").await.code(), (403, "BadDeployKey".into()));
    let with_parameter = format!("/api/check_admin_key?adminKey={}", client.key().replace('|', "%7C"));
    assert_eq!(client.get(&with_parameter).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_call() {
    let client = Client::start().await;
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/query")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-custom,authorization");
    let reply = client.send(preflight.body(Body::empty()).unwrap()).await;
    let header = |reply: &Reply, name: &str| reply.headers[name].to_str().unwrap().to_owned();
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, ""));
    assert_eq!(header(&reply, "access-control-allow-origin"), "https://app.example");
    assert_eq!(header(&reply, "access-control-allow-credentials"), "true");
    assert_eq!(header(&reply, "access-control-allow-headers"), "x-custom,authorization");
    assert_eq!(header(&reply, "access-control-max-age"), "86400");
    assert!(header(&reply, "access-control-allow-methods").contains("PATCH"));
    let refused = client.post("/api/query", &json!({}), &[("origin", "https://app.example")]).await;
    assert_eq!(refused.status, 400);
    assert_eq!(header(&refused, "access-control-allow-origin"), "https://app.example");
    assert!(header(&refused, "vary").contains("origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_functions() {
    let client = Client::start().await;
    let engine = &client.app.engine;
    let mut call = client.app.call("notes:list", &json!({}));
    let user = json!({"issuer": "https://i", "subject": "s"});
    call.identity = Identity::User(UserIdentity::from_attributes(&user).expect("attributes"));
    let token = engine.ticket(&call, "e1", std::time::Duration::from_secs(10));
    let ask = async |what: &str, head: Json, args: &str| {
        let body = Body::from(format!("{head}\n{args}"));
        client.send(Request::post(format!("/api/lakewire/node/{what}")).body(body).expect("a request")).await
    };
    let op = "1.0/getUserIdentity";
    let known = ask("call", json!({"token": token, "operation": 0, "op": op}), "{}").await.json();
    let known: Json = serde_json::from_str(known["ok"].as_str().expect("a text")).expect("JSON");
    assert_eq!(known["subject"], json!("s"));
    let unknown = ask("call", json!({"token": token, "operation": 1, "op": "1.0/none"}), "{}").await.json();
    assert!(unknown["error"]["message"].as_str().expect("a text").contains("Unknown async operation"), "{unknown}");
    let add = json!({"name": "notes:add", "args": {"text": "a", "rank": 1}}).to_string();
    let head = json!({"token": token, "operation": 2, "op": "1.0/actions/mutation"});
    let first = ask("call", head.clone(), &add).await.text;
    assert_eq!((ask("call", head, &add).await.text, client.app.notes().await), (first, json!(["a"])));
    let forged = token.replace(&token[..4], "AAAA");
    for bad in [&forged, "", "AAAA"] {
        let refused = ask("call", json!({"token": bad, "operation": 0, "op": op}), "{}").await;
        assert_eq!(refused.code(), (400, "InvalidNodeToken".into()), "{bad}");
    }
    assert_eq!(ask("other", json!({"token": token, "operation": 0}), "").await.code(), (400, "BadNodeRequest".into()));
    assert_eq!(ask("open", json!({"token": token, "operation": 0}), "").await.code(), (400, "BadNodeRequest".into()));
    let none = ask("store", json!({"token": token, "operation": 3}), "").await.json();
    assert!(none["fatal"]["message"].as_str().expect("a text").contains("no Node function"), "{none}");
}
