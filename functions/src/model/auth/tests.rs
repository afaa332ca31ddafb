use serde_json::json;

use super::parse;

#[test]
fn normalises() {
    let parsed = parse(&json!({"providers": [
        {"domain": "id.acme.test", "applicationID": "app1", "extra": 1},
        {"domain": "http://localhost:3000", "applicationID": "dev"},
        {"type": "customJwt", "issuer": "https://iss", "jwks": "data:application/json,{}", "algorithm": "ES256"},
    ]}))
    .expect("valid");
    assert_eq!(
        serde_json::to_value(&parsed).expect("json"),
        json!([
            {"applicationID": "app1", "domain": "https://id.acme.test"},
            {"applicationID": "dev", "domain": "http://localhost:3000"},
            {"type": "customJwt", "applicationID": null, "issuer": "https://iss",
             "jwks": "data:application/json,{}", "algorithm": "ES256"},
        ])
    );
    let again: Vec<super::AuthProvider> =
        serde_json::from_value(serde_json::to_value(&parsed).expect("json")).expect("round trip");
    assert_eq!(again, parsed);
}

#[test]
fn refused() {
    for (config, code) in [
        (json!(null), "AuthConfigNotMatchingSchemaError"),
        (json!({}), "AuthConfigNotMatchingSchemaError"),
        (json!({"providers": [{"domain": "a"}]}), "AuthConfigNotMatchingSchemaError"),
        (json!({"providers": [{"domain": "a", "applicationId": "x"}]}), "AuthConfigNotMatchingSchemaError"),
        (json!({"providers": [{"issuer": "a", "jwks": "x"}]}), "AuthConfigNotMatchingSchemaError"),
        (json!({"providers": [{"type": "jwt"}]}), "AuthConfigNotMatchingSchemaError"),
        (json!({"providers": [{"domain": "ftp://a", "applicationID": "x"}]}), "InvalidProviderDomainUrl"),
        (json!({"providers": [{"domain": "", "applicationID": "x"}]}), "InvalidProviderDomainUrl"),
        (json!({"providers": [{"domain": "http://a.test", "applicationID": "x"}]}), "InsecureConfiguration"),
    ] {
        assert_eq!(parse(&config).expect_err("refused").code(), code, "{config}");
    }
}
