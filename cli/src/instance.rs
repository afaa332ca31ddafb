//! `instance.json`: name and secret of the deployment in a data directory.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lakewire_storage::env::Env;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

const FILE: &str = "instance.json";

/// Bytes of an instance secret.
const SECRET_BYTES: usize = 32;

/// What identifies a deployment; admin keys are derived from it alone.
#[derive(Clone)]
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
    /// Reads the instance of `directory`.
    fn read(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(FILE);
        let text = fs::read_to_string(&path).map_err(|source| Failure::DataDirectory { path: path.clone(), source })?;
        let invalid = |reason: String| Failure::Instance { path: path.clone(), reason };
        let stored: Stored = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        check_name(&stored.name)?;
        let mut secret = [0; SECRET_BYTES];
        hex::decode_to_slice(&stored.secret, &mut secret)
            .map_err(|error| invalid(format!("`secret` is not {SECRET_BYTES} hexadecimal bytes: {error}")))?;
        Ok(Self { name: stored.name, secret })
    }

    /// Reads the instance of `directory`, or makes one (and the directory) when there is none.
    pub fn open(directory: &Path, name: Option<&str>, env: &Env) -> Result<Self, Failure> {
        let failed = |source| Failure::DataDirectory { path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(failed)?;
        if !directory.join(FILE).try_exists().map_err(failed)? {
            let name = name.unwrap_or("lakewire");
            check_name(name)?;
            let secret = hex::encode(env.random_bytes::<SECRET_BYTES>());
            write(directory, &Stored { name: name.to_owned(), secret }).map_err(failed)?;
        }
        Self::read(directory)
    }
}

/// Written beside and linked into place, so that of two racing starts one wins and none reads half a file.
fn write(directory: &Path, stored: &Stored) -> std::io::Result<()> {
    let beside = directory.join(format!("{FILE}.{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(serde_json::to_string_pretty(stored)?.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let linked = fs::hard_link(&beside, directory.join(FILE));
    fs::remove_file(&beside)?;
    fs::File::open(directory)?.sync_all()?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if valid { Ok(()) } else { Err(Failure::InstanceName(name.to_owned())) }
}
