//! What is known of the stack in a folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::InfraError;
use super::files;
use crate::args::{InfraOptions, InfraTool, RelayMode};
use crate::package::{Arch, NODE_ZIP, zip_name};

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;

const FILE: &str = "lakewire-stack.json";
const PACKAGES: &str = "packages";
/// The name of a stack whose name nobody chose.
const DEFAULT_NAME: &str = "lakewire";

/// A stack: what was asked for when it was made, and since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Stack {
    pub name: String,
    pub tool: InfraTool,
    pub arch: Arch,
    /// Where live subscriptions are served; the tool's default where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayMode>,
    /// The relay's image in a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_image: Option<String>,
}

/// The zips of a stack, by absolute paths.
#[derive(Clone, Debug)]
pub struct Packages {
    pub folder: PathBuf,
    pub lambda: PathBuf,
    pub node: PathBuf,
}

impl Packages {
    /// One that is not there.
    pub fn missing(&self) -> Option<&Path> {
        [&self.lambda, &self.node].into_iter().find(|path| !path.exists()).map(PathBuf::as_path)
    }
}

impl Stack {
    /// The stack in the folder of `options`, with what they change.
    pub fn of(options: &InfraOptions) -> Result<Self, InfraError> {
        let known = Self::known(&options.dir)?;
        let path = || options.dir.join(FILE);
        if let (Some(known), Some(given)) = (&known, &options.stack_name)
            && known.name != *given
        {
            return Err(InfraError::OtherStack { path: path(), known: known.name.clone(), given: given.clone() });
        }
        if let (Some(known), Some(given)) = (&known, options.tool)
            && known.tool != given
        {
            return Err(InfraError::OtherTool { path: path(), known: known.tool.name(), given: given.name() });
        }
        let mut stack = known.unwrap_or(Self {
            name: options.stack_name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            tool: options.tool.unwrap_or(InfraTool::Terraform),
            arch: Arch::RUNNING,
            relay: None,
            relay_image: None,
        });
        check_name(&stack.name)?;
        stack.arch = options.arch.unwrap_or(stack.arch);
        stack.relay = options.relay.or(stack.relay);
        stack.relay_image = options.relay_image.clone().or(stack.relay_image);
        if stack.relay != Some(RelayMode::Fargate) {
            stack.relay_image = None;
        } else if stack.relay_image.is_none() {
            return Err(InfraError::NoRelayImage { arch: stack.arch });
        }
        Ok(stack)
    }

    /// The stack in `folder`, if one was made.
    pub fn known(folder: &Path) -> Result<Option<Self>, InfraError> {
        let path = folder.join(FILE);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| InfraError::Unreadable { path, reason: error.to_string() })
    }

    /// Remembers this as the stack in `folder`.
    pub fn remember(&self, folder: &Path) -> Result<(), InfraError> {
        files::put(&folder.join(FILE), &format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default()))
    }

    /// Where the zips for the stack in `folder` are, or will be.
    pub fn packages(&self, folder: &Path) -> Result<Packages, InfraError> {
        let absolute = std::path::absolute(folder.join(PACKAGES));
        let folder = absolute.map_err(|source| InfraError::File { path: folder.to_owned(), source })?;
        Ok(Packages { lambda: folder.join(zip_name(self.arch)), node: folder.join(NODE_ZIP), folder })
    }
}

/// The construct and the module take the same names; asked here, before anything is written.
fn check_name(name: &str) -> Result<(), InfraError> {
    let bytes = name.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let valid = (2..=24).contains(&bytes.len())
        && bytes.iter().all(allowed)
        && bytes[0].is_ascii_lowercase()
        && bytes.last() != Some(&b'-');
    if valid { Ok(()) } else { Err(InfraError::Name(name.to_owned())) }
}
