use lakewire_storage::env::Env;
use lakewire_storage::limits::Limits;
use serde_json::{Value as Json, json};

use super::{AuditLine, AuditUsage};
use crate::auth::{AdminIdentity, Identity, UserIdentity};
use crate::udf::{Call, Caller, ClientInfo, FunctionPath, RequestId};

fn line(usage: &mut AuditUsage, body: &Json) -> Result<AuditLine, String> {
    let path = FunctionPath::parse("a:b").unwrap();
    let args = json!({"body": body, "version": "1.48.0"}).to_string();
    usage.line(&path, "Mutation", &args, &Limits::default()).map_err(|error| error.message)
}

fn call(identity: Identity) -> Call {
    let path = FunctionPath::parse("a:b").unwrap();
    let call = Call::new(path, "[]".into(), identity, Caller::HttpApi, RequestId::random(&Env::system()));
    let client = ClientInfo { ip: Some("10.1.2.3".into()), ..ClientInfo::default() };
    Call { client, ..call }
}

#[test]
fn variables_get_their_values_wherever_they_are() {
    let body = json!({"ip": {"$var": "ip"}, "list": [1, {"agent": {"$var": "userAgent"}}], "at": {"$var": "now"},
        "request": {"$var": "requestId"}, "actor": {"$var": "convexActor"}, "plain": {"var": "ip"}});
    let line = line(&mut AuditUsage::default(), &body).unwrap();
    let admin = AdminIdentity { instance: "demo".into() };
    let call = call(Identity::Admin(admin.clone()));
    assert_eq!(
        line.resolved(&call, 1_790_000_000_123_999_999),
        json!({"ip": "10.1.2.3", "list": [1, {"agent": null}], "at": 1_790_000_000_123_u64, "request": call.request_id.as_str(),
            "actor": {"identityType": "instance_admin", "instance": "demo"}, "plain": {"var": "ip"}})
    );
    let user = UserIdentity::from_attributes(&json!({"issuer": "i", "subject": "s"})).unwrap();
    let acting = self::call(Identity::ActingUser { admin, user: user.clone() });
    assert_eq!(line.resolved(&acting, 0)["actor"]["identityType"], "member_acting_user");
    for identity in [Identity::Anonymous, Identity::User(user), Identity::System] {
        assert_eq!(line.resolved(&self::call(identity), 0)["actor"], Json::Null);
    }
}

#[test]
fn bodies_that_are_refused() {
    for body in [
        json!([1]),
        json!("text"),
        json!({"$var": "ip"}),
        json!({"a": {"$var": "password"}}),
        json!({"a": {"$var": "ip", "b": 1}}),
        json!({"a": [{"$b": 1}]}),
        json!({"a": {"$var": 1}}),
    ] {
        let error = line(&mut AuditUsage::default(), &body).unwrap_err();
        assert!(error.starts_with("InvalidArgument: Invalid argument `body` for `log.audit`: "), "{body}: {error}");
    }
}

#[test]
fn limits_of_a_line_and_of_an_execution() {
    let text = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
    assert!(line(&mut AuditUsage::default(), &text(100_000)).is_ok());
    let error = line(&mut AuditUsage::default(), &text(100_001)).unwrap_err();
    assert!(error.starts_with("AuditLogsExceedLimits: ") && error.contains("100000 bytes"), "{error}");

    let mut usage = AuditUsage::default();
    assert!((0..500).all(|_| line(&mut usage, &json!({})).is_ok()));
    assert!(line(&mut usage, &json!({})).unwrap_err().contains("at most 500"));

    let mut usage = AuditUsage::default();
    assert!((0..40).all(|_| line(&mut usage, &text(100_000)).is_ok()));
    assert!(line(&mut usage, &text(10)).unwrap_err().contains("4000000"));
}
