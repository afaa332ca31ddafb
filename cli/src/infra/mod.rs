//! `lakewire infra`: a stack on AWS by one command, with Terraform or the CDK, from the files in this binary.

mod cdk;
mod command;
mod error;
mod files;
mod outputs;
mod programs;
mod stack;
mod terraform;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::io::BufRead;
use std::path::Path;

use crate::args::{InfraCommand, InfraOptions, InfraTool, PackageFormat, PackageOptions};
use crate::package::{Arch, PackageError};

pub use command::command;
pub use error::InfraError;

use cdk::Cdk;
use outputs::Outputs;
use programs::Programs;
use stack::{Packages, Stack};
use terraform::{Data, Terraform};

/// What a command needs besides its options.
pub struct World<'a> {
    pub programs: Programs,
    /// `lakewire package`.
    pub package: &'a dyn Fn(&PackageOptions) -> Result<(), PackageError>,
    /// Where the user types.
    pub input: &'a mut dyn BufRead,
}

/// Runs a command; after `up`, what the stack is.
pub fn run(command: &InfraCommand, world: &mut World<'_>) -> Result<Option<Outputs>, InfraError> {
    match command {
        InfraCommand::Plan(options) => plan(options, world).map(|()| None),
        InfraCommand::Up { options, yes } => up(options, *yes, world).map(Some),
        InfraCommand::Down { dir, yes } => down(dir, *yes, world).map(|()| None),
    }
}

fn plan(options: &InfraOptions, world: &World<'_>) -> Result<(), InfraError> {
    let stack = Stack::of(options)?;
    let packages = prepare(&options.dir, &stack, world)?;
    match stack.tool {
        InfraTool::Terraform => {
            let terraform = Terraform::new(&world.programs, &options.dir);
            terraform.prepare(&stack, &packages)?;
            terraform.plan()
        }
        InfraTool::Cdk => {
            let cdk = Cdk::new(&world.programs, &options.dir);
            cdk.prepare()?;
            cdk.diff(&stack, &packages)
        }
    }
}

fn up(options: &InfraOptions, yes: bool, world: &World<'_>) -> Result<Outputs, InfraError> {
    let stack = Stack::of(options)?;
    let packages = prepare(&options.dir, &stack, world)?;
    match stack.tool {
        InfraTool::Terraform => {
            let terraform = Terraform::new(&world.programs, &options.dir);
            terraform.prepare(&stack, &packages)?;
            // Before, so that what is half made can be removed.
            stack.remember(&options.dir)?;
            terraform.apply(yes)?;
            terraform.outputs()
        }
        InfraTool::Cdk => {
            let cdk = Cdk::new(&world.programs, &options.dir);
            cdk.prepare()?;
            stack.remember(&options.dir)?;
            cdk.deploy(&stack, &packages, yes)?;
            cdk.outputs(&stack)
        }
    }
}

fn down(dir: &Path, yes: bool, world: &mut World<'_>) -> Result<(), InfraError> {
    let stack = Stack::known(dir)?.ok_or_else(|| InfraError::NoStack { path: dir.to_owned() })?;
    let mut packages = stack.packages(dir)?;
    if packages.missing().is_some() {
        // What is in them does not matter any more, but the tools want to see them.
        packages = make_packages(dir, &stack, world)?;
    }
    match stack.tool {
        InfraTool::Terraform => {
            let terraform = Terraform::new(&world.programs, dir);
            terraform.prepare(&stack, &packages)?;
            let data = terraform.data()?;
            match &data {
                Data::Kept(resources) => {
                    println!("All of the stack `{}` is removed, but for its data.", stack.name);
                    println!("Kept, and from then on without Terraform:");
                    for kept in resources {
                        println!("  {}  {}", kept.address, kept.id);
                    }
                }
                Data::Goes => println!("All of the stack `{}` is removed, with its data.", stack.name),
                Data::Absent => {
                    println!("What is left of the stack `{}` is removed; no data is part of it.", stack.name)
                }
            }
            confirm(&stack.name, yes, world.input)?;
            terraform.destroy(&data)
        }
        InfraTool::Cdk => {
            let cdk = Cdk::new(&world.programs, dir);
            println!(
                "All of the stack `{}` is removed. Unless it was made with `retainData` off, its data is kept:",
                stack.name
            );
            // A stack that was never finished has no outputs.
            match cdk.outputs(&stack) {
                Ok(outputs) => {
                    println!("  table {}\n  bucket {}\n  secret {}", outputs.table, outputs.bucket, outputs.secret_arn);
                }
                Err(_) => println!("  table, bucket and secret"),
            }
            confirm(&stack.name, yes, world.input)?;
            cdk.prepare()?;
            cdk.destroy(&stack, &packages)
        }
    }
}

/// Goes on if the user types the stack's name.
fn confirm(name: &str, yes: bool, input: &mut dyn BufRead) -> Result<(), InfraError> {
    if yes {
        return Ok(());
    }
    println!("Type the stack's name to go on:");
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(_) if line.trim() == name => Ok(()),
        _ => Err(InfraError::NotConfirmed(name.to_owned())),
    }
}

/// Writes the files of the tools and the packages.
fn prepare(dir: &Path, stack: &Stack, world: &World<'_>) -> Result<Packages, InfraError> {
    for kept in files::write(dir, files::FILES)? {
        println!("{kept}");
    }
    make_packages(dir, stack, world)
}

/// The packages, of this binary where it fits: the same binary makes the same bytes, so nothing changes for nothing.
fn make_packages(dir: &Path, stack: &Stack, world: &World<'_>) -> Result<Packages, InfraError> {
    let packages = stack.packages(dir)?;
    if stack.arch == Arch::RUNNING {
        (world.package)(&PackageOptions {
            out: packages.folder.clone(),
            binary: None,
            arch: stack.arch,
            format: PackageFormat::Zip,
            sysroot: None,
        })?;
    } else if let Some(path) = packages.missing() {
        let folder = packages.folder.display().to_string();
        return Err(InfraError::NoPackage { path: path.to_owned(), arch: stack.arch, folder });
    }
    Ok(packages)
}
