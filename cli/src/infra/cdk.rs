//! The stack by the AWS CDK.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::InfraError;
use super::files;
use super::outputs::Outputs;
use super::programs::{Program, Programs};
use super::stack::{Packages, Stack};

const ADVICE: &str = "install Node.js 20 or newer (https://nodejs.org), or use --tool terraform";
const NPM: Program = Program { name: "npm", advice: ADVICE };
const NPX: Program = Program { name: "npx", advice: ADVICE };
/// Beside the folder of the app.
const OUTPUTS: &str = "outputs.json";

/// The CDK in the folder of a stack.
pub struct Cdk<'a> {
    programs: &'a Programs,
    folder: PathBuf,
    outputs: PathBuf,
}

impl<'a> Cdk<'a> {
    /// For the stack whose folder is `folder`.
    pub fn new(programs: &'a Programs, folder: &Path) -> Self {
        Self { programs, folder: folder.join("cdk"), outputs: folder.join(OUTPUTS) }
    }

    /// Installs the CDK below the folder, and compiles the app.
    pub fn prepare(&self) -> Result<(), InfraError> {
        self.programs.run(NPM, &["ci", "--no-audit", "--no-fund"], &self.folder)?;
        self.programs.run(NPM, &["run", "--silent", "build"], &self.folder)
    }

    pub fn diff(&self, stack: &Stack, packages: &Packages) -> Result<(), InfraError> {
        self.run(&["diff"], stack, packages)
    }

    /// Makes or changes the stack; asks before it widens permissions, unless `yes`.
    pub fn deploy(&self, stack: &Stack, packages: &Packages, yes: bool) -> Result<(), InfraError> {
        let mut arguments = vec!["deploy", "--outputs-file", "../outputs.json"];
        if yes {
            arguments.extend(["--require-approval", "never"]);
        }
        self.run(&arguments, stack, packages)
    }

    /// What the newest `deploy` from this folder said.
    pub fn outputs(&self, stack: &Stack) -> Result<Outputs, InfraError> {
        let text = files::read(&self.outputs)?.unwrap_or_default();
        let unreadable = || InfraError::Unreadable {
            path: self.outputs.clone(),
            reason: "it is not what `cdk deploy` puts out".to_owned(),
        };
        Outputs::of_cdk(&text, &stack.name).unwrap_or_else(|| Err(unreadable()))
    }

    /// Removes the stack but for what its template says to retain.
    pub fn destroy(&self, stack: &Stack, packages: &Packages) -> Result<(), InfraError> {
        self.run(&["destroy", "--force"], stack, packages)
    }

    /// The app is told by its context.
    fn run(&self, command: &[&str], stack: &Stack, packages: &Packages) -> Result<(), InfraError> {
        let mut arguments: Vec<OsString> = ["--no-install", "cdk"].iter().chain(command).map(OsString::from).collect();
        let mut context = |key: &str, value: OsString| {
            let mut pair = OsString::from(format!("{key}="));
            pair.push(value);
            arguments.extend(["-c".into(), pair]);
        };
        context("name", stack.name.clone().into());
        context("architecture", stack.arch.to_string().into());
        context("package", packages.lambda.clone().into());
        context("nodePackage", packages.node.clone().into());
        if let Some(relay) = stack.relay {
            context("relay", relay.to_string().into());
        }
        if let Some(image) = &stack.relay_image {
            context("relayImage", image.into());
        }
        self.programs.run(NPX, &arguments, &self.folder)
    }
}
