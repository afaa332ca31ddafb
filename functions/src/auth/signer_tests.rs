use jsonwebtoken::{Algorithm, Validation};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::{JwtSigner, SignError};
use crate::auth::key_set::KeySet;

const NOW_NS: u64 = 1_800_000_000_999_999_999;

fn claims(json: Json) -> Map<String, Json> {
    serde_json::from_value(json).unwrap()
}

/// Header and claims of a token that the published keys verify.
fn verified(signer: &JwtSigner, token: &str) -> Option<(jsonwebtoken::Header, Json)> {
    let keys = KeySet::parse(signer.jwks().to_string().as_bytes()).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = keys.find(header.kid.as_deref(), Algorithm::ES256)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let data = jsonwebtoken::decode::<Json>(token, key, &validation).ok()?;
    Some((header, data.claims))
}

proptest! {
    #[test]
    fn every_secret_has_a_key_of_its_own_that_verifies_its_tokens(secret: [u8; 32], other: [u8; 32]) {
        let signer = JwtSigner::new(&secret);
        let token = signer.sign("https://d", NOW_NS, 60.0, claims(json!({"sub": "s", "n": {"a": [1, null]}}))).unwrap();
        let (header, signed) = verified(&signer, &token).unwrap();
        prop_assert_eq!(header.typ.as_deref(), Some("JWT"));
        let expected = json!({
            "iss": "https://d", "iat": 1_800_000_000u64, "exp": 1_800_000_060u64, "sub": "s", "n": {"a": [1, null]}
        });
        prop_assert_eq!(signed, expected);
        let again = JwtSigner::new(&secret);
        prop_assert_eq!(signer.jwks(), again.jwks());
        if secret != other {
            prop_assert!(verified(&JwtSigner::new(&other), &token).is_none());
        }
    }
}

#[test]
fn reserved_claims_and_lifetimes() {
    let signer = JwtSigner::new(&[1; 32]);
    let sign = |lifetime, json| signer.sign("https://d", NOW_NS, lifetime, claims(json));
    for name in ["iss", "iat", "exp", "nbf", "convex", "ConvexFoo", "CVX_x", "cvx"] {
        assert_eq!(sign(60.0, json!({name: 1})), Err(SignError::Reserved(name.to_owned())));
    }
    for name in ["sub", "aud", "jti", "ISS", "my_convex", "conve"] {
        assert!(sign(60.0, json!({name: "x"})).is_ok(), "{name}");
    }
    for lifetime in [0.0, 0.99, 3600.5, 3601.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(sign(lifetime, json!({})), Err(SignError::Lifetime(_))), "{lifetime}");
    }
    assert!(sign(1.0, json!({})).is_ok() && sign(3600.0, json!({})).is_ok());
}
