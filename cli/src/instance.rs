//! `instance.json`: name and secret of the deployment in a data directory.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lakewire_storage::env::Env;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

const FILE: &str = "instance.json";
/// In the folder of a log whose store is elsewhere: the id of the deployment.
const LOG_ID_FILE: &str = "deployment-id";

/// Bytes of an instance secret.
pub const SECRET_BYTES: usize = 32;
/// What a deployment is called whose name nobody chose.
pub const DEFAULT_NAME: &str = "lakewire";

/// What identifies a deployment; admin keys are derived from it alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Instance {
    /// Letters, digits and `-`.
    pub name: String,
    /// Signs admin keys and cursors.
    pub secret: [u8; SECRET_BYTES],
}

/// The file's content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    /// Hexadecimal.
    secret: String,
}

impl Instance {
    /// Checks a name and a secret in hexadecimal; `origin` says where they are from.
    pub fn new(name: &str, secret: &str, origin: &str) -> Result<Self, Failure> {
        check_name(name)?;
        let mut bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(secret, &mut bytes).map_err(|error| Failure::Instance {
            origin: origin.to_owned(),
            reason: format!("the secret is not {SECRET_BYTES} hexadecimal bytes: {error}"),
        })?;
        Ok(Self { name: name.to_owned(), secret: bytes })
    }

    /// Reads the instance of `directory`.
    fn read(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(FILE);
        let text = fs::read_to_string(&path).map_err(|source| Failure::DataDirectory { path: path.clone(), source })?;
        let origin = path.display().to_string();
        let stored: Stored = serde_json::from_str(&text)
            .map_err(|error| Failure::Instance { origin: origin.clone(), reason: error.to_string() })?;
        Self::new(&stored.name, &stored.secret, &origin)
    }

    /// Whether there is an instance in `directory`.
    pub fn is_in(directory: &Path) -> Result<bool, Failure> {
        let failed = |source| Failure::DataDirectory { path: directory.to_owned(), source };
        directory.join(FILE).try_exists().map_err(failed)
    }

    /// Reads the instance of `directory`, or makes one (and the directory) when there is none.
    pub fn open(directory: &Path, name: Option<&str>, env: &Env) -> Result<Self, Failure> {
        if !Self::is_in(directory)? {
            let name = name.unwrap_or(DEFAULT_NAME);
            check_name(name)?;
            let new = Self { name: name.to_owned(), secret: env.random_bytes::<SECRET_BYTES>() };
            put_once(directory, FILE, &new.text())?;
        }
        Self::read(directory)
    }

    /// Makes this the instance of `directory`.
    ///
    /// # Errors
    /// If it has another one.
    pub fn write(&self, directory: &Path) -> Result<(), Failure> {
        put_once(directory, FILE, &self.text())?;
        if Self::read(directory)? == *self {
            Ok(())
        } else {
            Err(Failure::OtherDeployment { place: directory.display().to_string() })
        }
    }

    fn text(&self) -> String {
        let stored = Stored { name: self.name.clone(), secret: hex::encode(self.secret) };
        format!("{}\n", serde_json::to_string_pretty(&stored).expect("two texts are JSON"))
    }
}

/// The secret is in no message and no log.
impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The id in the folder of a log whose store is elsewhere.
pub fn id_of_log(folder: &Path) -> Result<Option<String>, Failure> {
    let path = folder.join(LOG_ID_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Failure::DataDirectory { path, source }),
    }
}

/// [`id_of_log`]; made when there is none.
pub fn make_id_of_log(folder: &Path, env: &Env) -> Result<String, Failure> {
    if let Some(id) = id_of_log(folder)? {
        return Ok(id);
    }
    put_once(folder, LOG_ID_FILE, &format!("{}\n", hex::encode(env.random_bytes::<8>())))?;
    let gone = || Failure::DataDirectory { path: folder.join(LOG_ID_FILE), source: ErrorKind::NotFound.into() };
    id_of_log(folder)?.ok_or_else(gone)
}

/// Puts a file where none is. Written beside and linked into place, so that of two racing starts one wins and none reads
/// half a file.
fn put_once(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let put = || {
        fs::create_dir_all(directory)?;
        let beside = directory.join(format!("{name}.{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&beside, directory.join(name));
        fs::remove_file(&beside)?;
        fs::File::open(directory)?.sync_all()?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    put().map_err(|source| Failure::DataDirectory { path: directory.to_owned(), source })
}

/// Whether `name` can be the name of a deployment.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if valid { Ok(()) } else { Err(Failure::InstanceName(name.to_owned())) }
}
