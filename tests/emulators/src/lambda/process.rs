//! The process of an execution environment.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::definition::Definition;
use crate::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// Loads the handler of a function for Node.js and speaks the Runtime API for it.
const NODE_RUNTIME: &str = include_str!("node_runtime.mjs");

/// A group of processes, killed when this is dropped.
pub(super) struct Process {
    child: Child,
    group: Pid,
    /// What it has instead of `/tmp`, which is another one in every environment.
    _scratch: TempDir,
}

/// What the process is told about where it runs.
pub(super) struct Place<'a> {
    pub function: &'a str,
    /// Host and port of its Runtime API.
    pub runtime_api: &'a str,
    /// Gets what it prints.
    pub log: File,
    /// Where its scratch folder is made.
    pub folder: &'a Path,
    /// Distinguishes it from the others of the function.
    pub environment: u64,
}

impl Process {
    /// Starts it. To be called on a thread that lives as long as the process may: it is killed with the thread.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(definition: &Definition, place: Place<'_>) -> io::Result<Self> {
        let scratch = TempDir::new_in(place.folder)?;
        let mut command = match (&definition.bootstrap, &definition.node) {
            (Some(bootstrap), _) => {
                let mut command = Command::new(bootstrap);
                command.env("LAMBDA_TASK_ROOT", bootstrap.parent().unwrap_or(Path::new("/")));
                command
            }
            (None, node) => {
                let mut command = Command::new("node");
                command.args(["--input-type=module", "--eval", NODE_RUNTIME]);
                command.env("LAMBDA_TASK_ROOT", node.as_deref().unwrap_or(Path::new("/")));
                command.env("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs22.x");
                command
            }
        };
        let task_root: Vec<_> =
            command.as_std().get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        command.env_clear();
        command.envs(task_root.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", scratch.path())
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_LAMBDA_RUNTIME_API", place.runtime_api)
            .env("_HANDLER", &definition.handler)
            .env("AWS_LAMBDA_FUNCTION_NAME", place.function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", definition.memory.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", definition.initialization_type())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", place.function))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{:032x}", place.environment))
            .envs(&definition.env)
            .stdin(Stdio::null())
            .stdout(place.log.try_clone()?)
            .stderr(place.log)
            .process_group(0)
            .kill_on_drop(true);
        // SAFETY: it makes one system call, and touches nothing of this process.
        unsafe {
            // A frozen process would not notice that its service is gone.
            command.pre_exec(|| set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from));
        }
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid as i32));
        let group = pid.ok_or_else(|| io::Error::other("the process ended at once"))?;
        Ok(Self { child, group, _scratch: scratch })
    }

    /// The leader of the group.
    pub fn group(&self) -> Pid {
        self.group
    }

    /// Stops all of it where it is.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _gone = kill_process_group(self.group, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
