//! `lakewire infra`, with the terminal and AWS.

use aws_config::Region;
use lakewire_storage::aws::{self, rest::AwsRest};
use lakewire_storage::env::Env;
use tokio::signal::unix::{SignalKind, signal};

use super::{InfraError, Outputs, Programs, World, run};
use crate::args::InfraCommand;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::{keys, package};

/// Runs a command. `node` are the files of the Node function: name, text.
pub async fn command(command: InfraCommand, node: &[(&str, &str)], env: Env) -> Result<(), Failure> {
    // Ctrl-C goes to Terraform too, which then ends in its own time, and tells what it did.
    let _heard = signal(SignalKind::interrupt())
        .map_err(|error| Failure::Server(format!("can't listen for signals: {error}")))?;
    let mut input = std::io::stdin().lock();
    let package = |options: &_| package::run(options, node);
    let mut world = World { programs: Programs::default(), package: &package, input: &mut input };
    let Some(outputs) = run(&command, &mut world)? else { return Ok(()) };
    println!();
    println!("URL of the deployment   {}", outputs.url);
    println!("URL of its HTTP actions {}", outputs.site_url);
    let key = admin_key(&outputs, &env).await?;
    println!();
    println!("In the folder of an app, put this into .env.local and run `npx convex deploy`:");
    println!();
    println!("CONVEX_SELF_HOSTED_URL={}", outputs.url);
    println!("CONVEX_SELF_HOSTED_ADMIN_KEY='{key}'");
    Ok(())
}

/// A key like those of `lakewire keys create`, made from the stack's secret.
async fn admin_key(outputs: &Outputs, env: &Env) -> Result<String, Failure> {
    let failed = |reason: String| InfraError::Secret(reason);
    let mut config = aws::config().await;
    // The stack's region need not be that of the environment.
    if let Some(region) = outputs.secret_arn.split(':').nth(3).filter(|region| !region.is_empty()) {
        config = config.into_builder().region(Region::new(region.to_owned())).build();
    }
    let rest = AwsRest::new(&config, env.clone()).map_err(|error| failed(error.to_string()))?;
    let secret = rest.secret(&outputs.secret_arn).await.map_err(|error| failed(error.to_string()))?;
    let instance = Instance::new(&outputs.name, secret.trim(), &outputs.secret_arn)?;
    Ok(keys::make(&instance, env))
}
