//! `lakewire keys`: admin keys, made from the deployment's secret alone.

use std::path::Path;

use lakewire_functions::auth::AdminKeys;
use lakewire_storage::env::Env;

use crate::failure::Failure;
use crate::instance::Instance;

/// Prints one admin key of the deployment in `data`; a new directory becomes a deployment.
pub fn create(data: &Path) -> Result<(), Failure> {
    let env = Env::system();
    let instance = Instance::open(data, None, &env)?;
    println!("{}", make(&instance, &env));
    Ok(())
}

/// One admin key of `instance`.
pub fn make(instance: &Instance, env: &Env) -> String {
    AdminKeys::new(instance.name.clone(), instance.secret).issue(env)
}
