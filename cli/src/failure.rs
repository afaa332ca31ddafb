//! Why a command of the binary ended.

use std::path::PathBuf;

use lakewire_storage::timeline::BranchName;
use lakewire_storage::timeline::branch::BranchError;
use thiserror::Error;

use crate::infra::InfraError;
use crate::package::PackageError;
use crate::storage::identity::IdentityError;
use crate::storage::place::PlaceError;

/// A failure of a whole command; its text is what the user reads.
#[derive(Debug, Error)]
pub enum Failure {
    /// The data directory can't be made, read or written.
    #[error("data directory `{path}`: {source}")]
    DataDirectory { path: PathBuf, source: std::io::Error },
    /// A name and a secret are not what `lakewire` wrote.
    #[error("`{origin}` does not describe a deployment: {reason}")]
    Instance { origin: String, reason: String },
    /// A name that can't be part of an admin key.
    #[error("`{0}` is no instance name: use letters, digits and `-`")]
    InstanceName(String),
    /// A secret of the environment without the name that belongs to it.
    #[error("INSTANCE_SECRET is set without INSTANCE_NAME: admin keys are made of both")]
    SecretWithoutName,
    /// A store's identity can't be read or made.
    #[error("`{place}`: {source}")]
    Identity { place: String, source: IdentityError },
    /// A copy would have to replace what is there.
    #[error("`{place}` is another deployment already")]
    OtherDeployment { place: String },
    /// A command wants one that is there.
    #[error("there is no deployment in `{place}`")]
    NoDeployment { place: String },
    /// A branch can't be made, deleted, restored or found.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// A local log has one writer at a time.
    #[error("branch `{branch}` is being served, and its log has one writer at a time: stop the server first")]
    Served { branch: BranchName },
    /// A copy failed.
    #[error("can't copy the deployment: {0}")]
    Copy(String),
    /// What is written during a copy would be left behind.
    #[error("`{place}` is being written to: stop its servers, and run the command again")]
    WrittenMeanwhile { place: String },
    /// The target is half a copy of another deployment.
    #[error("`{place}` holds a part of a copy of another deployment")]
    OtherCopy { place: String },
    /// The target holds something else.
    #[error("`{place}` is not empty, and no deployment: choose another place")]
    NotEmpty { place: String },
    /// Storage options that do not go together.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Nothing was packaged.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A stack was not made, changed or removed.
    #[error(transparent)]
    Infra(#[from] InfraError),
    /// A store or a log can't be opened or used.
    #[error("`{place}`: {reason}")]
    Storage { place: String, reason: String },
    /// A relay of what only one process at a time can have.
    #[error(
        "`{place}` has a log for one process: a relay needs `--log dynamodb` or `--log object-store`; or use `lakewire serve`"
    )]
    RelayAlone { place: String },
    /// A port is taken or may not be used.
    #[error("can't listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    /// The database can't be opened.
    #[error("can't open the database in `{place}`: {reason}")]
    Database { place: String, reason: String },
    /// The runtime of functions can't be started, or a server stopped by itself.
    #[error("{0}")]
    Server(String),
}
