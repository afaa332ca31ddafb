//! External packages: installed by npm, once a list of packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lakewire_storage::env::Env;
use serde_json::{Map, Value as Json, json};

use super::cache::{Cache, put, touch};
use super::sandbox::{self, Reach, Scratch};
use super::{NodeBundle, NodeError, NodeOptions};

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
pub(super) async fn install(
    cache: &Cache,
    env: &Env,
    options: &NodeOptions,
    bundle: &NodeBundle,
) -> Result<(), NodeError> {
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
    let installed = npm(env, options, &unique, Scratch::make(cache.temporary())?).await;
    cache
        .blocking("write to the cache of Node packages", move || match &installed {
            Ok(()) => put(&unique, &folder).map(|()| installed),
            Err(_) => fs::remove_dir_all(&unique).map(|()| installed),
        })
        .await?
}

async fn npm(env: &Env, options: &NodeOptions, folder: &Path, scratch: Scratch) -> Result<(), NodeError> {
    let log = folder.join("install.log");
    let reach = reach(&options.exe)
        .and_write([folder.to_owned(), scratch.path().to_owned()])
        .and_write(options.allowed_paths.iter().cloned());
    let command = command(&options.exe, folder, &log, &scratch)?;
    let mut child = sandbox::start(env, options.sandbox, reach, command)
        .await
        .map_err(|error| NodeError::Packages(format!("cannot run npm: {error}")))?;
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

/// Packages run scripts while they are installed: npm reaches its settings and its cache, and nothing else of the user's.
fn reach(exe: &Path) -> Reach {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
    let set = |name: &str| {
        let value = |name: String| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        value(format!("npm_config_{name}")).or_else(|| value(format!("NPM_CONFIG_{}", name.to_uppercase())))
    };
    let caches = [set("cache").or_else(|| in_home(".npm")), in_home(".cache/node-gyp")];
    for cache in caches.iter().flatten() {
        // Only what is there can be allowed. If it can't be made, npm tells.
        let _ = fs::create_dir_all(cache);
    }
    let settings = [in_home(".npmrc"), set("userconfig"), set("globalconfig"), set("cafile")];
    let certificates = std::env::var_os("NODE_EXTRA_CA_CERTS").map(PathBuf::from);
    let globals = ["/etc/npmrc", "/etc/gitconfig"].map(PathBuf::from);
    Reach::of_programs(&[exe, &npm_of(exe), Path::new("node")])
        .and_read(settings.into_iter().flatten().chain(certificates).chain(globals))
        .and_write(caches.into_iter().flatten())
}

fn command(exe: &Path, folder: &Path, log: &Path, scratch: &Scratch) -> Result<Command, NodeError> {
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
    npm.env("TMPDIR", scratch.path());
    npm.stdin(Stdio::null()).stdout(log).stderr(errors);
    Ok(npm)
}

/// The npm that came with a Node given by its path, otherwise the one in `PATH`.
fn npm_of(exe: &Path) -> PathBuf {
    let beside = exe.parent().filter(|folder| !folder.as_os_str().is_empty()).map(|folder| folder.join("npm"));
    beside.filter(|npm| npm.exists()).unwrap_or_else(|| "npm".into())
}
