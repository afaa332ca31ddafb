//! Runs the programs of others, which talk to the user by themselves.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::InfraError;

/// Where programs are found.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// Instead of `PATH`.
    pub path: Option<OsString>,
}

/// A program that has to be installed.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    /// How to get it.
    pub advice: &'static str,
}

impl Programs {
    /// Runs `program` in `folder` on the terminal of this one.
    pub fn run<A: AsRef<OsStr>>(&self, program: Program, arguments: &[A], folder: &Path) -> Result<(), InfraError> {
        let mut command = self.command(program, arguments, folder);
        let status = command.status().map_err(|error| started(program, error))?;
        if status.success() { Ok(()) } else { Err(InfraError::Failed { command: text(program, arguments), status }) }
    }

    /// Runs `program` in `folder`, and takes what it prints.
    pub fn read<A: AsRef<OsStr>>(
        &self,
        program: Program,
        arguments: &[A],
        folder: &Path,
    ) -> Result<Vec<u8>, InfraError> {
        let mut command = self.command(program, arguments, folder);
        let output = command.stderr(Stdio::inherit()).output().map_err(|error| started(program, error))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(InfraError::Failed { command: text(program, arguments), status: output.status })
        }
    }

    fn command<A: AsRef<OsStr>>(&self, program: Program, arguments: &[A], folder: &Path) -> Command {
        let mut command = Command::new(program.name);
        command.args(arguments).current_dir(folder);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }
}

fn started(program: Program, error: std::io::Error) -> InfraError {
    match error.kind() {
        ErrorKind::NotFound => InfraError::NoProgram { program: program.name, advice: program.advice },
        _ => InfraError::Start { program: program.name, source: error },
    }
}

/// What would have to be typed.
fn text<A: AsRef<OsStr>>(program: Program, arguments: &[A]) -> String {
    let words = arguments.iter().map(|argument| argument.as_ref().to_string_lossy().into_owned());
    std::iter::once(program.name.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
