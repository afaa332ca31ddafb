//! What the processes of Node actions may reach of the machine they run on.
//!
//! On Linux, Landlock confines them: each sees the system's programs and libraries, Node.js, its own bundle and packages,
//! and may write to a temporary folder of its own; it can neither signal nor look into any process that it did not
//! start, and has none of root's powers. That holds for its children and for native code as well, also for root, and nothing in the process can take it
//! back. Node's own permission model is not used: it ends where a child process or a native module begins, and packages
//! need these.
//!
//! Not confined are the network (an address can't be told apart from another there) and sockets in the file system.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};

use lakewire_storage::env::Env;
use tokio::sync::oneshot;

use super::NodeError;

/// Whether processes are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// Where the operating system can; a warning is logged where it can't.
    #[default]
    Auto,
    /// Always: without it, nothing runs.
    Require,
    /// Never.
    Off,
}

impl std::str::FromStr for Sandbox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "require" => Ok(Self::Require),
            "off" => Ok(Self::Off),
            other => Err(format!("`{other}` is none of `auto`, `require` and `off`")),
        }
    }
}

/// What everything needs that runs on a Unix system. What is missing is left out. Of `/etc`, only what tells nothing
/// about accounts.
const SYSTEM: [&str; 33] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/run/systemd/resolve",
    "/dev/urandom",
];

/// What may be written to besides.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/tty"];

/// The paths that one process reaches.
#[derive(Debug, Default)]
pub(super) struct Reach {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

impl Reach {
    /// The system, and these programs with what is installed beside them.
    pub(super) fn of_programs(programs: &[&Path]) -> Self {
        let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        for file in programs.iter().filter_map(|program| find(program)) {
            let real = file.canonicalize().unwrap_or_else(|_| file.clone());
            for file in [file, real] {
                // `PREFIX/bin/node`: its libraries and npm are in `PREFIX/lib`.
                let prefix = file.parent().filter(|folder| folder.ends_with("bin")).and_then(Path::parent);
                read.extend(
                    prefix.into_iter().flat_map(|prefix| ["bin", "lib", "libexec"].map(|name| prefix.join(name))),
                );
                read.push(file);
            }
        }
        let paths = std::env::var_os("NODE_PATH").into_iter().flat_map(|paths| {
            let paths: Vec<_> = std::env::split_paths(&paths).collect();
            paths
        });
        read.extend(paths);
        Self { read, write: DEVICES.iter().map(PathBuf::from).collect() }
    }

    pub(super) fn and_read(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.read.extend(paths);
        self
    }

    pub(super) fn and_write(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.write.extend(paths);
        self
    }
}

/// The file that a name means to a shell.
fn find(exe: &Path) -> Option<PathBuf> {
    if exe.components().count() > 1 {
        return Some(exe.to_owned());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(exe)).find(|file| file.is_file())
}

/// Starts `command` within `reach`.
///
/// # Errors
/// When it does not start, or can't be confined although it must be.
pub(super) async fn start(env: &Env, sandbox: Sandbox, reach: Reach, mut command: Command) -> std::io::Result<Child> {
    if sandbox == Sandbox::Off {
        return command.spawn();
    }
    // Confining a thread is for good: it is one that starts the process, which inherits it, and ends.
    let (send, started) = oneshot::channel();
    let thread = move || {
        let spawned = match confine(&reach) {
            Ok(()) => command.spawn(),
            Err(why) if sandbox == Sandbox::Require => Err(std::io::Error::other(why)),
            Err(why) => {
                static WARNED: AtomicBool = AtomicBool::new(false);
                if !WARNED.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%why, "Node actions run with all rights of the server's user");
                }
                command.spawn()
            }
        };
        // Whoever asked may be gone.
        if let Err(Ok(mut child)) = send.send(spawned) {
            let _ = child.kill();
            let _ = child.wait();
        }
    };
    env.spawn_thread("node-start", thread)?;
    started.await.map_err(|_| std::io::Error::other("the thread ended early"))?
}

#[cfg(target_os = "linux")]
fn confine(reach: &Reach) -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
    };
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    /// What older kernels do not know of it is left out.
    const VERSION: ABI = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))
        .and_then(|rules| rules.scope(Scope::from_all(VERSION)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.read, AccessFs::from_read(VERSION))))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.write, AccessFs::from_all(VERSION))))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| format!("Node processes can't be confined: {error}"))?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err("the kernel can't confine processes: it has no Landlock".to_owned());
    }
    // Root keeps its name and loses its powers: one of them is to look into processes. Without new privileges, which
    // Landlock has seen to, starting a program does not bring them back.
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, none).map_err(|error| format!("Node processes can't be kept from root's powers: {error}"))
}

#[cfg(not(target_os = "linux"))]
fn confine(_reach: &Reach) -> Result<(), String> {
    Err("processes can be confined on Linux only".to_owned())
}

/// A folder that is there as long as this.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn make(folder: PathBuf) -> Result<Self, NodeError> {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(NodeError::io("make a temporary folder for a Node process"))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, folder = %self.0.display(), "a temporary folder stays");
        }
    }
}
