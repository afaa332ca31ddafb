//! External packages: installed by npm, once a list of packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lakewire_storage::env::Env;
use serde_json::{Map, Value as Json, json};

use super::cache::{Cache, put, touch};
use super::{NodeBundle, NodeError};

/// How long npm may take.
const INSTALL_TIME: Duration = Duration::from_secs(5 * 60);
const POLL: Duration = Duration::from_millis(50);

/// Bytes of npm's output that are shown, from its end.
const SHOWN: usize = 4096;

/// Variables that say where the operator's registry and its settings are. npm sees nothing else.
const PASSED: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
];

/// Installs the packages of a bundle, unless they are there.
pub(super) async fn install(cache: &Cache, env: &Env, exe: &Path, bundle: &NodeBundle) -> Result<(), NodeError> {
    let Some(key) = &bundle.packages_key else { return Ok(()) };
    let folder = cache.packages(key);
    let used = folder.clone();
    if cache.blocking("look for Node packages", move || Ok(touch(&used).is_ok())).await? {
        return Ok(());
    }
    let unique = cache.unique(&folder);
    let dependencies: Map<String, Json> =
        bundle.packages.iter().map(|package| (package.name.clone(), package.version.clone().into())).collect();
    let manifest = json!({"private": true, "dependencies": dependencies}).to_string();
    let made = unique.clone();
    cache
        .blocking("write to the cache of Node packages", move || {
            fs::create_dir_all(made.join("node_modules"))?;
            fs::write(made.join("package.json"), manifest)
        })
        .await?;
    let installed = npm(env, exe, &unique).await;
    cache
        .blocking("write to the cache of Node packages", move || match &installed {
            Ok(()) => put(&unique, &folder).map(|()| installed),
            Err(_) => fs::remove_dir_all(&unique).map(|()| installed),
        })
        .await?
}

async fn npm(env: &Env, exe: &Path, folder: &Path) -> Result<(), NodeError> {
    let log = folder.join("install.log");
    let mut child = start(exe, folder, &log)?;
    let mut left = INSTALL_TIME;
    let status = loop {
        match child.try_wait().map_err(NodeError::io("wait for npm"))? {
            Some(status) => break Some(status),
            None if left.is_zero() => break None,
            None => env.sleep(POLL).await,
        }
        left = left.saturating_sub(POLL);
    };
    if status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let output = fs::read(&log).unwrap_or_default();
    let output = String::from_utf8_lossy(&output[output.len().saturating_sub(SHOWN)..]).trim().to_owned();
    match status {
        Some(_) => Err(NodeError::Packages(output)),
        None => {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            Err(NodeError::Packages(format!("npm took longer than {} s\n{output}", INSTALL_TIME.as_secs())))
        }
    }
}

fn start(exe: &Path, folder: &Path, log: &Path) -> Result<Child, NodeError> {
    let log = fs::File::create(log).map_err(NodeError::io("write the output of npm"))?;
    let errors = log.try_clone().map_err(NodeError::io("write the output of npm"))?;
    let passed = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        PASSED.contains(&&*name) || name.to_ascii_lowercase().starts_with("npm_config_")
    });
    let mut npm = Command::new(npm_of(exe));
    npm.args(["install", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--no-package-lock"]);
    npm.args(["--loglevel=error", "--install-links=false"]);
    npm.env_clear().envs(passed).current_dir(folder);
    npm.stdin(Stdio::null()).stdout(log).stderr(errors);
    npm.spawn().map_err(|error| NodeError::Packages(format!("cannot run npm: {error}")))
}

/// The npm that came with a Node given by its path, otherwise the one in `PATH`.
fn npm_of(exe: &Path) -> PathBuf {
    let beside = exe.parent().filter(|folder| !folder.as_os_str().is_empty()).map(|folder| folder.join("npm"));
    beside.filter(|npm| npm.exists()).unwrap_or_else(|| "npm".into())
}
