use hyper::Request;
use serde_json::{Value, json};

use super::capacity::{Units, ask, consumed, item_size};
use super::operation::Operation;

fn operation(method: &str, uri: &str, headers: &[(&str, &str)]) -> String {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Operation::of(&request.body(()).expect("a request").into_parts().0).to_string()
}

#[test]
fn operations_are_told_from_requests() {
    assert_eq!(operation("POST", "/", &[("x-amz-target", "DynamoDB_20120810.PutItem")]), "dynamodb.PutItem");
    assert_eq!(
        operation("POST", "/", &[("x-amz-target", "secretsmanager.GetSecretValue")]),
        "secretsmanager.GetSecretValue"
    );
    let signed = |service: &str| {
        format!("AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host")
    };
    let s3 = signed("s3");
    let s3 = |method: &str, uri: &str| operation(method, uri, &[("authorization", s3.as_str())]);
    assert_eq!(s3("PUT", "/bucket/a/b"), "s3.PutObject");
    assert_eq!(s3("PUT", "/bucket/a?partNumber=1&uploadId=x"), "s3.UploadPart");
    assert_eq!(s3("POST", "/bucket/a?uploads"), "s3.CreateMultipartUpload");
    assert_eq!(s3("POST", "/bucket/a?uploadId=x"), "s3.CompleteMultipartUpload");
    assert_eq!(s3("POST", "/bucket?delete"), "s3.DeleteObjects");
    assert_eq!(s3("GET", "/bucket?list-type=2&prefix=a"), "s3.ListObjectsV2");
    assert_eq!(s3("GET", "/bucket/?list-type=2"), "s3.ListObjectsV2");
    assert_eq!(s3("HEAD", "/bucket/a"), "s3.HeadObject");
    let presigned = "/bucket/a?X-Amz-Algorithm=x&X-Amz-Credential=k%2F20260101%2Fus-east-1%2Fs3%2Faws4_request";
    assert_eq!(operation("GET", presigned, &[]), "s3.GetObject");
    let lambda = signed("lambda");
    assert_eq!(
        operation("POST", "/2015-03-31/functions/f/invocations", &[("authorization", &lambda)]),
        "lambda.Invoke"
    );
    let api = signed("execute-api");
    assert_eq!(operation("POST", "/prod/@connections/x", &[("authorization", &api)]), "execute-api.PostToConnection");
}

#[test]
fn items_have_the_size_that_dynamodb_counts() {
    let sizes = [
        (json!({}), 0),
        (json!({"pk": {"S": "abc"}}), 5),
        (json!({"n": {"N": "12345"}}), 1 + 4),
        (json!({"b": {"B": "AAECAw=="}}), 1 + 4),
        (json!({"t": {"BOOL": true}, "u": {"NULL": true}}), 4),
        (json!({"l": {"L": [{"S": "ab"}, {"N": "1"}]}}), 1 + 3 + (1 + 2) + (1 + 2)),
        (json!({"m": {"M": {"k": {"S": "v"}}}}), 1 + 3 + 2 + 1),
        (json!({"s": {"SS": ["ab", "c"]}}), 1 + 3),
    ];
    for (item, size) in sizes {
        assert_eq!(item_size(&item), size, "{item}");
    }
}

fn item(bytes: usize) -> Value {
    json!({"k": {"S": "x".repeat(bytes - 1)}})
}

#[test]
fn capacity_is_computed_by_the_rules() {
    let write = |write| Units { write, read: 0.0 };
    let read = |read| Units { write: 0.0, read };
    let cases = [
        ("PutItem", json!({"Item": item(1024)}), 200, json!({}), write(1.0)),
        ("PutItem", json!({"Item": item(1025)}), 200, json!({}), write(2.0)),
        (
            "PutItem",
            json!({"Item": item(3000)}),
            400,
            json!({"__type": "x#ConditionalCheckFailedException"}),
            write(3.0),
        ),
        ("PutItem", json!({"Item": item(3000)}), 400, json!({"__type": "x#ThrottlingException"}), write(0.0)),
        ("PutItem", json!({"Item": item(10)}), 200, json!({"ConsumedCapacity": {"CapacityUnits": 7.0}}), write(7.0)),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": {"Item": item(1500)}}, {"ConditionCheck": {}}]}),
            200,
            json!({}),
            write(6.0),
        ),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"t": [{"PutRequest": {"Item": item(2000)}}, {"DeleteRequest": {}}]}}),
            200,
            json!({}),
            write(3.0),
        ),
        ("GetItem", json!({"ConsistentRead": true}), 200, json!({"Item": item(4097)}), read(2.0)),
        ("GetItem", json!({}), 200, json!({"Item": item(4097)}), read(1.0)),
        ("GetItem", json!({}), 200, json!({}), read(0.5)),
        ("Query", json!({"ConsistentRead": true}), 200, json!({"Items": [item(3000), item(3000)]}), read(2.0)),
        (
            "BatchGetItem",
            json!({"RequestItems": {"t": {"Keys": [1, 2, 3]}}}),
            200,
            json!({"Responses": {"t": [item(5000)]}}),
            read(2.0),
        ),
        ("DescribeTable", json!({}), 200, json!({}), read(0.0)),
    ];
    for (operation, request, status, answer, units) in cases {
        assert_eq!(consumed(operation, &request, status, &answer), units, "{operation} {status}");
    }
}

#[test]
fn capacity_is_asked_for_once() {
    assert_eq!(ask("PutItem", &json!({"a": 1})), Some(json!({"a": 1, "ReturnConsumedCapacity": "TOTAL"})));
    assert_eq!(ask("PutItem", &json!({"ReturnConsumedCapacity": "TOTAL"})), None);
    assert_eq!(ask("DescribeTable", &json!({})), None);
}
