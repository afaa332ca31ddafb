//! `lakewire keys`: admin keys, made from the deployment's name and secret alone.

use lakewire_functions::auth::AdminKeys;
use lakewire_storage::env::Env;

use crate::args::{IdentityArgs, StorageArgs};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::storage::identity;
use crate::storage::open::Storage;
use crate::storage::place::Place;

/// Prints one admin key of a deployment; a place without one becomes a deployment. Where the environment has name and secret,
/// nothing is opened.
pub async fn create(storage: StorageArgs, args: IdentityArgs, env: Env) -> Result<(), Failure> {
    let instance = match identity::given(&args)? {
        Some(instance) => instance,
        None => {
            let place = Place::resolve(&storage)?.outside_of_servers("keys create")?;
            let storage = Storage::open(place, &env).await?;
            let identity = storage.place.identity(&*storage.store, &args, &env).await?;
            storage.place.instance(&identity)?.clone()
        }
    };
    println!("{}", make(&instance, &env));
    Ok(())
}

/// One admin key of `instance`.
pub fn make(instance: &Instance, env: &Env) -> String {
    AdminKeys::new(instance.name.clone(), instance.secret).issue(env)
}
