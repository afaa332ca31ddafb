//! The folder of the machine with bundles and packages, by hash. Everything in it can be made again.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lakewire_storage::env::Env;
use tokio::sync::oneshot;

use super::bundle::hash;
use super::{NodeBundle, NodeError};
use crate::runtime::ModuleSource;

/// What has not been used for this long is deleted.
const KEPT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The JavaScript of the server's own, by file name.
const SCRIPTS: [(&str, &str); 7] = [
    ("executor.mjs", include_str!("js/executor.mjs")),
    ("analyze.mjs", include_str!("js/analyze.mjs")),
    ("console.mjs", include_str!("js/console.mjs")),
    ("convex.mjs", include_str!("js/convex.mjs")),
    ("errors.mjs", include_str!("js/errors.mjs")),
    ("run.mjs", include_str!("js/run.mjs")),
    ("inspect.js", include_str!("../runtime/prelude/inspect.js")),
];

/// See the module.
#[derive(Clone)]
pub(super) struct Cache {
    root: PathBuf,
    env: Env,
}

impl Cache {
    /// The cache in `root`, or in a folder of the user's own below the temporary one.
    pub(super) fn new(root: Option<PathBuf>, env: Env) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let root = root.unwrap_or_else(|| std::env::temp_dir().join(format!("lakewire-node-{uid}")));
        Self { root, env }
    }

    /// Makes the folder and deletes what is old. Everybody may write to the temporary folder: one of somebody else's
    /// making is refused.
    pub(super) async fn open(&self) -> Result<(), NodeError> {
        let (root, now_ns) = (self.root.clone(), self.env.now_ns());
        self.blocking("open the cache of Node bundles", move || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
            let found = fs::symlink_metadata(&root)?;
            if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
                let why = format!("`{}` is not a folder of this user's own", root.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            for kind in ["bundles", "packages", "scripts", "tmp"] {
                fs::create_dir_all(root.join(kind))?;
                delete_old(&root.join(kind), now_ns)?;
            }
            Ok(())
        })
        .await
    }

    /// The path of `executor.mjs`.
    pub(super) async fn scripts(&self) -> Result<PathBuf, NodeError> {
        let folder = self.root.join("scripts").join(hash(SCRIPTS.into_iter()));
        let script = folder.join("executor.mjs");
        self.fill(folder, |folder| SCRIPTS.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text)))
            .await?;
        Ok(script)
    }

    /// The folder with the modules of a bundle.
    pub(super) fn modules(&self, bundle: &NodeBundle) -> PathBuf {
        self.root.join("bundles").join(&bundle.key).join("modules")
    }

    /// The folder whose `node_modules` has the packages of this key.
    pub(super) fn packages(&self, key: &str) -> PathBuf {
        self.root.join("packages").join(key)
    }

    /// A name for a temporary folder that nobody else uses.
    pub(super) fn temporary(&self) -> PathBuf {
        self.root.join("tmp").join(hex::encode(self.env.random_bytes::<8>()))
    }

    /// What the process of a bundle reads, besides [`Self::scripts`].
    pub(super) fn folders(&self, bundle: &NodeBundle) -> Vec<PathBuf> {
        let packages = bundle.packages_key.as_ref().map(|key| self.packages(key));
        [self.root.join("bundles").join(&bundle.key)].into_iter().chain(packages).collect()
    }

    /// Whether the modules of a bundle are there; notes that they are used.
    pub(super) async fn has(&self, bundle: &NodeBundle) -> bool {
        let folder = self.root.join("bundles").join(&bundle.key);
        self.blocking("look for a Node bundle", move || Ok(touch(&folder).is_ok())).await.unwrap_or(false)
    }

    /// Writes the modules of a bundle.
    pub(super) async fn write(&self, bundle: &NodeBundle, modules: Vec<ModuleSource>) -> Result<(), NodeError> {
        let packages = bundle.packages_key.as_ref().map(|key| self.packages(key).join("node_modules"));
        let folder = self.root.join("bundles").join(&bundle.key);
        self.fill(folder, move |folder| {
            fs::write(folder.join("package.json"), r#"{"type":"module"}"#)?;
            if let Some(packages) = &packages {
                symlink(packages, folder.join("node_modules"))?;
            }
            for module in &modules {
                // Paths of modules are canonical: they lead nowhere else.
                let path = folder.join("modules").join(&module.path);
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                fs::write(&path, module.source.as_bytes())?;
                if let Some(map) = &module.source_map {
                    fs::write(folder.join("modules").join(format!("{}.map", module.path)), map.as_bytes())?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Has `fill` make what belongs in `folder`, unless it is there: whole or not at all.
    pub(super) async fn fill(
        &self,
        folder: PathBuf,
        fill: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
    ) -> Result<(), NodeError> {
        let unique = self.unique(&folder);
        self.blocking("write to the cache of Node bundles", move || {
            if touch(&folder).is_ok() {
                return Ok(());
            }
            fs::create_dir(&unique)?;
            fill(&unique)?;
            put(&unique, &folder)
        })
        .await
    }

    /// A name beside `folder` that nobody else uses.
    pub(super) fn unique(&self, folder: &Path) -> PathBuf {
        folder.with_extension(hex::encode(self.env.random_bytes::<8>()))
    }

    /// Runs work that blocks on a thread of its own.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, NodeError> {
        let (send, done) = oneshot::channel();
        let thread = move || {
            // Whoever asked may be gone.
            let _ = send.send(work());
        };
        self.env.spawn_thread("node-cache", thread).map_err(NodeError::io(what))?;
        let gone = |_| io::Error::other("the thread ended early");
        done.await.map_err(gone).and_then(|result| result).map_err(NodeError::io(what))
    }
}

/// Moves a finished folder to its place, unless another process was faster.
pub(super) fn put(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(_) if to.exists() => fs::remove_dir_all(from),
        done => done,
    }
}

/// Notes that a folder is used; fails if it is not there.
pub(super) fn touch(folder: &Path) -> io::Result<()> {
    // A new file has the time of now; truncating an empty one would leave its time.
    fs::write(folder.join(".used"), b"1")
}

fn delete_old(folder: &Path, now_ns: u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let used = fs::metadata(path.join(".used")).or_else(|_| fs::metadata(&path));
        let Ok(Ok(used)) = used.map(|used| used.modified()) else { continue };
        let used_ns = used.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        if u128::from(now_ns).saturating_sub(used_ns) > KEPT.as_nanos() {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}
