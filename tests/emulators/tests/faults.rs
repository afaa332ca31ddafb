//! The proxy that injects faults, in front of DynamoDB and of S3.

#![allow(clippy::disallowed_methods, reason = "tests are in the real world")]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use lakewire_emulators::{ACCESS_KEY_ID, Dynoxide, Faults, Lambda, Ministack, REGION, SECRET_ACCESS_KEY, python};
use serde_json::{Value, json};

use self::support::{Answer, Http};

/// A table `t` behind a proxy.
struct Table {
    http: Http,
    proxy: Faults,
    direct: Dynoxide,
}

impl Table {
    async fn start() -> Self {
        let direct = Dynoxide::start();
        let table = Self { http: Http::new(), proxy: Faults::start(direct.endpoint()), direct };
        let definition = json!({
            "TableName": "tab",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        let made = table.call("CreateTable", definition).await.expect("an answer");
        assert_eq!(made.status, StatusCode::OK, "{:?}", made.body);
        table
    }

    async fn call(&self, operation: &str, body: Value) -> Option<Answer> {
        self.call_at(self.proxy.endpoint(), operation, body).await
    }

    async fn call_at(&self, endpoint: &str, operation: &str, body: Value) -> Option<Answer> {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
            ("x-amz-date", "20260101T000000Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=b",
            ),
        ];
        self.http.try_send(Method::POST, &format!("{endpoint}/"), &headers, body.to_string()).await
    }

    /// Puts an item that is not there yet.
    async fn create(&self, key: &str, value: &str) -> Option<Answer> {
        let item = json!({"pk": {"S": key}, "v": {"S": value}});
        let put = json!({"TableName": "tab", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"});
        self.call("PutItem", put).await
    }

    /// What the table has, behind the proxy's back.
    async fn value(&self, key: &str) -> Value {
        let get = json!({"TableName": "tab", "Key": {"pk": {"S": key}}, "ConsistentRead": true});
        let answer = self.call_at(self.direct.endpoint(), "GetItem", get).await;
        answer.expect("an answer").json()["Item"]["v"]["S"].clone()
    }

    async fn set(&self, changes: Value) -> Value {
        self.http.control(Method::PUT, &format!("{}/_faults", self.proxy.endpoint()), &changes).await
    }

    async fn stats(&self) -> Value {
        self.http.get(&format!("{}/_faults/stats", self.proxy.endpoint())).await.json()
    }
}

fn kind(answer: Option<Answer>) -> String {
    let answer = answer.expect("an answer").json();
    let kind = answer["__type"].as_str().unwrap_or_default();
    kind.rsplit('#').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_conditional_put_whose_answer_is_lost_was_done() {
    let table = Table::start().await;
    table.set(json!({"plan": [{"fault": "LostAnswer", "operation": "PutItem"}]})).await;
    assert!(table.create("1", "mine").await.is_none());
    assert_eq!(table.value("1").await, "mine");
    assert_eq!(kind(table.create("1", "again").await), "ConditionalCheckFailedException");
    assert_eq!(table.value("1").await, "mine");
    let stats = table.stats().await["operations"]["dynamodb.PutItem"].clone();
    assert_eq!((&stats["requests"], &stats["arrived"]), (&json!(2), &json!(2)));
    assert_eq!((&stats["faults"], &stats["statuses"]), (&json!({"LostAnswer": 1}), &json!({"200": 1, "400": 1})));
    assert_eq!(stats["wru"], 2.0, "a failed condition is paid for");
}

#[tokio::test]
async fn what_is_refused_or_lost_was_not_done() {
    let table = Table::start().await;
    table
        .set(json!({"plan": [
            {"fault": "Throttled", "service": "dynamodb"},
            {"fault": "Throttled", "code": "ThrottlingException"},
            {"fault": "Failed", "status": 503},
            {"fault": "LostRequest", "ms": 50},
        ]}))
        .await;
    assert_eq!(kind(table.create("1", "a").await), "ProvisionedThroughputExceededException");
    assert_eq!(kind(table.create("1", "b").await), "ThrottlingException");
    let failed = table.create("1", "c").await;
    assert_eq!(failed.as_ref().map(|failed| failed.status.as_u16()), Some(503));
    let started = Instant::now();
    assert!(table.create("1", "d").await.is_none());
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(table.value("1").await, Value::Null);
    assert_eq!(table.stats().await["operations"]["dynamodb.PutItem"]["arrived"], 0);
    assert_eq!(table.set(json!({})).await["plan"], json!([]), "all of it happened");
}

#[tokio::test]
async fn what_fails_afterwards_comes_twice_or_comes_late_was_done() {
    let table = Table::start().await;
    table
        .set(json!({"plan": [
            {"fault": "FailedAfter", "status": 500, "contains": "\"1\""},
            {"fault": "Twice", "contains": "\"2\""},
            {"fault": "Late", "ms": 100, "contains": "\"3\""},
            {"fault": "Slow", "ms": 60, "contains": "\"4\"", "skip": 1, "times": 2},
        ]}))
        .await;
    assert_eq!(kind(table.create("1", "a").await), "InternalServerError");
    assert_eq!(table.value("1").await, "a");
    assert_eq!(kind(table.create("2", "b").await), "ConditionalCheckFailedException", "the second answer");
    assert_eq!(table.value("2").await, "b");
    assert!(table.create("3", "c").await.is_none());
    assert_eq!(table.value("3").await, Value::Null);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(table.value("3").await, "c");
    let mut slow = 0;
    for _ in 0..4 {
        let started = Instant::now();
        table.create("4", "d").await;
        slow += usize::from(started.elapsed() >= Duration::from_millis(60));
    }
    assert_eq!(slow, 2);
}

#[tokio::test]
async fn random_faults_follow_their_seed() {
    let table = Table::start().await;
    let settings = json!({"seed": 7, "rates": [
        {"fault": "Throttled", "operation": "PutItem", "share": 0.3},
        {"fault": "LostAnswer", "operation": "PutItem", "share": 0.2},
    ]});
    let mut runs = Vec::new();
    for run in 0..2 {
        table.set(settings.clone()).await;
        let mut outcomes = Vec::new();
        for n in 0..200 {
            outcomes.push(table.create(&format!("{run}-{n}"), "x").await.map(|answer| answer.status.as_u16()));
        }
        runs.push(outcomes);
    }
    assert_eq!(runs[0], runs[1]);
    let count = |outcome| runs[0].iter().filter(|found| **found == outcome).count();
    assert!((40..80).contains(&count(Some(400))), "throttled: {}", count(Some(400)));
    assert!((20..60).contains(&count(None)), "lost: {}", count(None));
    let refused = table
        .http
        .send(Method::PUT, &format!("{}/_faults", table.proxy.endpoint()), &[], r#"{"rates":[{"fault":"Twice"}]}"#)
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "a random fault without a share");
}

#[tokio::test]
async fn latency_is_added() {
    let table = Table::start().await;
    table.set(json!({"latency": {"dynamodb": 1, "dynamodb.PutItem": 20}})).await;
    let mut times = Vec::new();
    for n in 0..11 {
        let started = Instant::now();
        table.create(&n.to_string(), "x").await;
        times.push(started.elapsed());
    }
    times.sort();
    assert!(times[0] >= Duration::from_millis(20) && times[5] < Duration::from_millis(100), "{times:?}");
}

#[tokio::test]
async fn eventually_consistent_reads_may_be_old() {
    let table = Table::start().await;
    table.create("1", "before").await;
    table.set(json!({"staleMs": 2000, "seed": 1})).await;
    let key = json!({"pk": {"S": "1"}});
    let get = |now: bool| json!({"TableName": "tab", "Key": key, "ConsistentRead": now});
    let read =
        async |now: bool| table.call("GetItem", get(now)).await.expect("an answer").json()["Item"]["v"]["S"].clone();
    assert_eq!(read(false).await, "before");
    let put = json!({"TableName": "tab", "Item": {"pk": {"S": "1"}, "v": {"S": "after"}}});
    table.call("PutItem", put).await;
    let scan = table.call("Scan", json!({"TableName": "tab"})).await.expect("an answer").json();
    assert_eq!((read(false).await, read(true).await), (json!("before"), json!("after")));
    assert_eq!(scan["Items"][0]["v"]["S"], "before");
    let batch = json!({"RequestItems": {"tab": {"Keys": [key], "ConsistentRead": true}}});
    let batch = table.call("BatchGetItem", batch).await.expect("an answer").json();
    assert_eq!(batch["Responses"]["tab"][0]["v"]["S"], "after");
    let started = Instant::now();
    while read(false).await == "before" {
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(table.stats().await["operations"]["dynamodb.GetItem"]["stale"].as_u64() >= Some(2));
    // New tables and items are read late too, and nothing is once it is switched off.
    table.create("2", "x").await;
    table.set(json!({"staleMs": 0})).await;
    let get = json!({"TableName": "tab", "Key": {"pk": {"S": "2"}}});
    assert_eq!(table.call("GetItem", get).await.expect("an answer").json()["Item"]["v"]["S"], "x");
}

#[tokio::test]
async fn the_service_is_asked_for_capacity() {
    let table = Table::start().await;
    table.set(json!({"capacity": "ask"})).await;
    table.create("1", &"x".repeat(3000)).await;
    let update = json!({"TableName": "tab", "Key": {"pk": {"S": "1"}}, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}});
    let answer = table.call("UpdateItem", update).await.expect("an answer").json();
    assert_eq!(answer, json!({}), "the client did not ask");
    let stats = table.stats().await;
    assert_eq!(stats["operations"]["dynamodb.UpdateItem"]["wru"], 3.0, "of the whole item");
    assert_eq!(stats["dynamodb"], json!({"wru": 6.0, "rru": 0.0}));
}

#[tokio::test]
async fn a_fault_kills_a_function_between_its_requests() {
    let table = Table::start().await;
    let lambda = Lambda::start();
    let folder = tempfile::tempdir().expect("make a folder");
    let source = "
        export const handler = async () => {
          const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'DynamoDB_20120810.PutItem', 'x-amz-date': '20260101T000000Z',
            authorization: 'AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=b' };
          for (const pk of ['1', '2']) {
            const body = JSON.stringify({ TableName: 'tab', Item: { pk: { S: pk }, v: { S: 'x' } } });
            await (await fetch(process.env.TABLE, { method: 'POST', headers, body })).text();
          }
        };";
    std::fs::write(folder.path().join("index.mjs"), source).expect("write the source");
    let definition = json!({"node": folder.path(), "env": {"TABLE": table.proxy.endpoint()}, "timeoutMs": 20_000});
    table.http.control(Method::PUT, &format!("{}/functions/f", lambda.endpoint()), &definition).await;
    let kill = json!({"fault": "CallAfter", "operation": "PutItem", "url": format!("{}/kill", lambda.endpoint()), "body": {"function": "f"}});
    table.set(json!({"plan": [kill]})).await;
    let killed = table.http.invoke(lambda.endpoint(), "f", &json!({})).await.json();
    assert_eq!(killed["errorType"], "Runtime.ExitError", "{killed}");
    assert_eq!((table.value("1").await, table.value("2").await), (json!("x"), Value::Null));
    assert_eq!(table.http.invoke(lambda.endpoint(), "f", &json!({})).await.body, "null");
    assert_eq!(table.value("2").await, "x");
}

/// Conditional puts of an object with a client that signs, and what each came to.
const PUTS: &str = "
import sys, json, botocore.session, botocore.config, botocore.exceptions
url, region, key, secret = sys.argv[1:]
client = botocore.session.Session().create_client('s3', region_name=region, endpoint_url=url, aws_access_key_id=key,
    aws_secret_access_key=secret, config=botocore.config.Config(retries={'total_max_attempts': 1}, s3={'addressing_style': 'path'}))
def put(body, name='a b/c'):
    try:
        client.put_object(Bucket='faulty', Key=name, Body=body, IfNoneMatch='*')
        return 'ok'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
    except botocore.exceptions.HTTPClientError as error:
        return type(error).__name__
outcomes = [put(b'first'), put(b'second'), put(b'third'), put(b'fourth', 'other')]
outcomes.append(client.get_object(Bucket='faulty', Key='a b/c')['Body'].read().decode())
outcomes.append(client.head_object(Bucket='faulty', Key='a b/c')['ContentLength'])
outcomes.append(len(client.list_objects_v2(Bucket='faulty')['Contents']))
print(json.dumps(outcomes))
";

#[tokio::test]
async fn signatures_hold_and_s3_fails_in_its_own_form() {
    let (service, http) = (Ministack::start(), Http::new());
    service.create_bucket("faulty");
    let proxy = Faults::start(service.endpoint());
    let plan = json!({"plan": [
        {"fault": "LostAnswer", "service": "s3", "operation": "PutObject"},
        {"fault": "Throttled", "service": "s3", "operation": "PutObject", "skip": 1},
    ], "staleMs": 1000});
    http.control(Method::PUT, &format!("{}/_faults", proxy.endpoint()), &plan).await;
    let endpoint = proxy.endpoint().to_owned();
    let run = move || {
        let arguments = ["-c", PUTS, &endpoint, REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY];
        Command::new(python()).args(arguments).stdin(Stdio::null()).output().expect("run python")
    };
    let done = tokio::task::spawn_blocking(run).await.expect("python ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let outcomes: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let expected = json!(["ConnectionClosedError", "PreconditionFailed", "SlowDown", "ok", "first", 5, 2]);
    assert_eq!(outcomes, expected);
    let stats = http.get(&format!("{}/_faults/stats", proxy.endpoint())).await.json();
    assert_eq!(stats["s3"], json!({"put": 4, "get": 2, "free": 0}), "three puts and a list arrived");
}
