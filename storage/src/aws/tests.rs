use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use object_store::{CredentialProvider, ObjectStoreExt, PutMode, PutPayload, path::Path};

use super::*;
use crate::env::{ManualClock, SIMULATED_EPOCH_NS};

/// Gives credentials for ten minutes, by the clock of the test.
#[derive(Debug)]
struct Role(Env);

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let now: SystemTime = UNIX_EPOCH + Duration::from_nanos(self.0.now_ns());
        let expiry = now + Duration::from_secs(600);
        let secret = self.0.now_ns().to_string();
        future::ProvideCredentials::ready(Ok(Credentials::new("id", secret, None, Some(expiry), "test")))
    }
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_they_expire() {
    let clock = Arc::new(ManualClock::new(SIMULATED_EPOCH_NS));
    let env = Env { clock: clock.clone(), ..Env::deterministic(1) };
    let credentials = StoreCredentials::new(SharedCredentialsProvider::new(Role(env.clone())), env);
    let first = credentials.get_credential().await.expect("credentials");
    clock.advance(Duration::from_secs(299));
    assert_eq!(credentials.get_credential().await.expect("credentials"), first);
    clock.advance(Duration::from_secs(2));
    assert_ne!(credentials.get_credential().await.expect("credentials"), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_a_bucket_puts_conditionally_below_its_prefix() {
    let emulator = lakewire_emulators::Ministack::start();
    let config =
        config_of(emulator.endpoint(), lakewire_emulators::ACCESS_KEY_ID, lakewire_emulators::SECRET_ACCESS_KEY).await;
    let env = Env::system();
    emulator.create_bucket("a-bucket");
    let store = s3_store(&config, &env, "a-bucket", "/some/where/").expect("configured");
    let path = Path::from("x/y");
    let put = async |text: &'static str, mode: PutMode| {
        store.put_opts(&path, PutPayload::from_static(text.as_bytes()), mode.into()).await
    };
    let created = put("1", PutMode::Create).await.expect("created");
    assert!(matches!(put("2", PutMode::Create).await, Err(object_store::Error::AlreadyExists { .. })));
    put("2", PutMode::Update(created.clone().into())).await.expect("updated");
    let stale = put("3", PutMode::Update(created.into())).await;
    assert!(matches!(stale, Err(object_store::Error::Precondition { .. })), "{stale:?}");
    let whole = s3_store(&config, &env, "a-bucket", "").expect("configured");
    let found = whole.get(&Path::from("some/where/x/y")).await.expect("there").bytes().await.expect("its bytes");
    assert_eq!(&found[..], b"2");

    let wrong = config_of(emulator.endpoint(), "AKIAUNKNOWN0000000000", "another secret").await;
    let refused = s3_store(&wrong, &env, "a-bucket", "some/where").expect("configured").get(&path).await;
    assert!(matches!(refused, Err(object_store::Error::PermissionDenied { .. })), "{refused:?}");
}
