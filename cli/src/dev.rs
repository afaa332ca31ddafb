//! `lakewire dev`: `serve` with friendly defaults.

use lakewire_storage::env::Env;

use crate::args::{LogKind, ServeOptions};
use crate::failure::Failure;
use crate::{keys, serve};

/// Where the data is when nobody says.
const DIRECTORY: &str = ".lakewire";

/// Serves, and prints what a `.env.local` of an app needs.
pub async fn run(mut options: ServeOptions, env: Env) -> Result<(), Failure> {
    let storage = &mut options.storage;
    let needs_directory = storage.store.is_none() || storage.log.is_none_or(|log| log == LogKind::Local);
    if storage.data.is_none() && needs_directory {
        storage.data = Some(DIRECTORY.into());
    }
    options.fetch_loopback = true;
    serve::run_with(options, env, |addresses, instance, env| {
        println!();
        println!("In the folder of an app, put this into .env.local and run `npx convex dev`:");
        println!();
        println!("CONVEX_SELF_HOSTED_URL={}", addresses.api);
        println!("CONVEX_SELF_HOSTED_ADMIN_KEY='{}'", keys::make(instance, env));
        println!();
    })
    .await
}
