use lakewire_storage::env::Env;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::FILE;
use crate::args::{IdentityArgs, InstanceSecret};
use crate::storage::location::StoreLocation;
use crate::storage::place::{IdentityPlace, LogPlace, Place};

fn place(log: LogPlace) -> Place {
    Place { store: StoreLocation::Memory, log, identity: IdentityPlace::Store }
}

fn args(name: Option<&str>, secret: Option<&str>) -> IdentityArgs {
    IdentityArgs { instance_name: name.map(str::to_owned), instance_secret: InstanceSecret(secret.map(str::to_owned)) }
}

#[tokio::test]
async fn of_racing_servers_one_names_the_deployment() {
    let (store, env, place) = (InMemory::new(), Env::deterministic(1), place(LogPlace::ObjectStore));
    let names = ["a", "b", "c", "d"].map(|name| args(Some(name), None));
    let starts = names.iter().map(|name| place.identity(&store, name, &env));
    let identities: Vec<_> = futures::future::join_all(starts).await.into_iter().collect::<Result<_, _>>().unwrap();
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    // A later name changes nothing, and a second look makes nothing.
    assert_eq!(place.identity(&store, &args(Some("late"), None), &env).await.unwrap(), identities[0]);
    assert_eq!(place.existing_identity(&store, &args(None, None), &env).await.unwrap().unwrap(), identities[0]);
}

#[tokio::test]
async fn a_secret_of_the_environment_is_not_stored() {
    let (store, env, place) = (InMemory::new(), Env::deterministic(2), place(LogPlace::ObjectStore));
    let secret = "0123456789abcdef".repeat(4);
    let given = args(Some("named"), Some(&secret));
    let identity = place.identity(&store, &given, &env).await.unwrap();
    let instance = identity.instance.expect("given");
    assert_eq!((instance.name.as_str(), hex::encode(instance.secret)), ("named", secret.clone()));
    let stored = store.get(&Path::from(FILE)).await.unwrap().bytes().await.unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains(&secret));
    let unknown = place.identity(&store, &args(None, None), &env).await.unwrap();
    let error = place.instance(&unknown).expect_err("no secret is known").to_string();
    assert!(error.contains("INSTANCE_SECRET"), "{error}");
    assert_eq!(place.identity(&store, &given, &env).await.unwrap().id, identity.id);

    for wrong in [args(None, Some(&secret)), args(Some("named"), Some("short")), args(Some("a|b"), Some(&secret))] {
        assert!(place.identity(&store, &wrong, &env).await.is_err());
    }
}

#[tokio::test]
async fn a_store_keeps_to_its_log() {
    let (store, env) = (InMemory::new(), Env::deterministic(3));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let local = |i: usize| place(LogPlace::Local(folders[i].path().join("log")));
    let table = |name: &str| place(LogPlace::DynamoDb { table: name.to_owned() });
    local(0).identity(&store, &args(None, None), &env).await.unwrap();
    local(0).identity(&store, &args(None, None), &env).await.unwrap();
    for other in [local(1), table("one"), place(LogPlace::ObjectStore)] {
        let error = other.identity(&store, &args(None, None), &env).await.unwrap_err().to_string();
        assert!(error.contains("one machine"), "{error}");
    }
    let store = InMemory::new();
    table("one").identity(&store, &args(None, None), &env).await.unwrap();
    let error = table("two").identity(&store, &args(None, None), &env).await.unwrap_err().to_string();
    assert!(error.contains("`one`"), "{error}");
}

#[tokio::test]
async fn what_is_no_identity_is_named() {
    let (env, place) = (Env::deterministic(4), place(LogPlace::ObjectStore));
    for (text, named) in
        [("{", "deployment.json"), (r#"{"format":2}"#, "format 2"), (r#"{"format":1}"#, "deployment.json")]
    {
        let store = InMemory::new();
        store.put(&Path::from(FILE), PutPayload::from(text)).await.unwrap();
        let error = place.identity(&store, &args(None, None), &env).await.unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    assert!(place.existing_identity(&InMemory::new(), &args(None, None), &env).await.unwrap().is_none());
}
