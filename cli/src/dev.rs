//! `lakewire dev`: `serve` with friendly defaults.

use crate::args::{DevOptions, ServeOptions};
use crate::failure::Failure;
use crate::{keys, serve};

/// Serves `options.data` and prints what a `.env.local` of an app needs.
pub fn run(options: &DevOptions) -> Result<(), Failure> {
    let serve = ServeOptions {
        port: options.port,
        site_port: options.site_port,
        data: options.data.clone(),
        common: options.common.clone(),
    };
    serve::run_with(&serve, |addresses, instance, env| {
        println!();
        println!("In the folder of an app, put this into .env.local and run `npx convex dev`:");
        println!();
        println!("CONVEX_SELF_HOSTED_URL={}", addresses.api);
        println!("CONVEX_SELF_HOSTED_ADMIN_KEY='{}'", keys::make(instance, env));
        println!();
    })
}
