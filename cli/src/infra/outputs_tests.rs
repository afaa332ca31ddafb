use super::Outputs;

fn expected() -> Outputs {
    Outputs {
        name: "chat".to_owned(),
        url: "https://a.example".to_owned(),
        site_url: "https://b.example".to_owned(),
        secret_arn: "arn:aws:secretsmanager:eu-central-1:1:secret:chat".to_owned(),
        bucket: "chat-1".to_owned(),
        table: "chat".to_owned(),
    }
}

#[test]
fn both_tools_say_the_same() {
    let terraform = br#"{
        "deployment_name": {"sensitive": false, "type": "string", "value": "chat"},
        "api_url": {"value": "https://a.example"}, "site_url": {"value": "https://b.example"},
        "secret_arn": {"value": "arn:aws:secretsmanager:eu-central-1:1:secret:chat"},
        "bucket_name": {"value": "chat-1"}, "table_name": {"value": "chat"}, "more": {"value": [1]}
    }"#;
    assert_eq!(Outputs::of_terraform(terraform).expect("an object").expect("outputs"), expected());
    let cdk = br#"{"other": {}, "chat": {
        "DeploymentName": "chat", "ApiUrl": "https://a.example", "SiteUrl": "https://b.example",
        "SecretArn": "arn:aws:secretsmanager:eu-central-1:1:secret:chat", "BucketName": "chat-1", "TableName": "chat"
    }}"#;
    assert_eq!(Outputs::of_cdk(cdk, "chat").expect("an object").expect("outputs"), expected());
}

#[test]
fn what_is_missing_is_named() {
    let error = Outputs::of_terraform(br#"{"deployment_name": {"value": "chat"}}"#).expect("an object").unwrap_err();
    assert_eq!(error.to_string(), "the stack has no output `api_url`");
    assert!(Outputs::of_terraform(b"Error").is_none());
    assert!(Outputs::of_cdk(b"", "chat").is_none());
}
