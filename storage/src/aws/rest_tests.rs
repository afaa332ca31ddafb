use super::*;
use crate::aws::config_of;
use lakewire_emulators::{ACCESS_KEY_ID, Ministack, SECRET_ACCESS_KEY};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_understood_and_what_is_refused_is_told() {
    let emulator = Ministack::start();
    let config = config_of(emulator.endpoint(), ACCESS_KEY_ID, SECRET_ACCESS_KEY).await;
    let rest = AwsRest::new(&config, Env::system()).expect("a client");

    let unknown = rest.invoke("nobody", Bytes::from_static(b"{}"), Invocation::Wait).await;
    let Err(InvokeError::Rest(RestError::Refused { service: "Lambda", status: 404, message })) = unknown else {
        panic!("{unknown:?}");
    };
    assert!(message.contains("nobody"), "{message}");
    let secret = rest.secret("nothing").await;
    assert!(matches!(secret, Err(RestError::Refused { service: "Secrets Manager", status: 400, .. })), "{secret:?}");

    let wrong = config_of(emulator.endpoint(), "AKIAUNKNOWN0000000000", "another secret").await;
    let rest = AwsRest::new(&wrong, Env::system()).expect("a client");
    let refused = rest.secret("nothing").await;
    assert!(matches!(refused, Err(RestError::Refused { status: 400 | 403, .. })), "{refused:?}");
    let text = refused.map_err(|error| error.to_string());
    assert!(text.is_err_and(|text| text.contains("InvalidClientTokenId") || text.contains("UnrecognizedClient")));
}
