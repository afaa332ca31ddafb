//! Why a push is refused, with the codes the CLI knows.

use lakewire_storage::commit::CommitError;
use lakewire_storage::transaction::TxError;

use crate::crons::InvalidCron;
use crate::jobs::JobsError;
use crate::model::ModelError;
use crate::model::auth::AuthConfigError;
use crate::model::env_vars::EnvVarError;
use crate::model::module_path::ModulePathError;

/// A refused or failed push.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("the request body is not valid: {reason}")]
    BadJsonBody { reason: String },
    #[error("invalid push: {reason}")]
    InvalidConfig { reason: String },
    #[error(transparent)]
    ModulePath(#[from] ModulePathError),
    #[error("too many modules: {modules}, the limit is {}", lakewire_storage::limits::MAX_MODULES)]
    TooManyModules { modules: usize },
    #[error("the modules have {bytes} bytes of source in total, the limit is {limit}")]
    CodeTooLarge { bytes: usize, limit: usize },
    #[error("node version `{version}` is not supported, use `20`, `22` or `24`")]
    NodeVersionNotSupported { version: String },
    /// The components do not fit together.
    #[error("{message}")]
    Typecheck { message: String },
    #[error("the definitions {} import one another", paths.join(", "))]
    CyclicImport { paths: Vec<String> },
    #[error("component `{path}`: module `{module}` has \"use node\", which components cannot have")]
    NodeInComponent { path: String, module: String },
    #[error("there is no component with the id `{id}`")]
    NoSuchComponent { id: String },
    #[error(
        "component `{path}` is mounted: only one that the app does not use any more can be deleted. Remove it from convex.config.ts and deploy first"
    )]
    ComponentMounted { path: String },
    #[error("the app itself cannot be deleted: `componentId` must be that of a component")]
    AppIsNoComponent,
    #[error("there is no table `{name}`")]
    NoSuchTable { name: String },
    #[error("table `{name}` is in the schema. Remove it from schema.ts and deploy first")]
    TableInSchema { name: String },
    #[error("`{id}` is not the id of a scheduled function")]
    InvalidJobId { id: String },
    #[error("there is no scheduled function with the id `{id}`")]
    NoSuchJob { id: String },
    /// The server cannot run Node modules.
    #[error("{reason}")]
    NodeUnavailable { reason: String },
    #[error("{reason}")]
    ExternalPackages { reason: String },

    #[error("module `{path}` is said to be unchanged, but the deployment does not have it")]
    MissingExistingModule { path: String },
    #[error("module `{path}` is said to be unchanged, but the deployment has other contents for it")]
    ExistingModuleHashConflict { path: String },
    #[error("module `{path}` is said to be unchanged, but the deployment has it for another environment")]
    ExistingModuleEnvConflict { path: String },

    /// User code failed, or exports what it must not. The message is what the user reads.
    #[error("{message}")]
    Evaluation { code: String, message: String },
    #[error(transparent)]
    Cron(#[from] InvalidCron),
    #[error(transparent)]
    AuthConfig(#[from] AuthConfigError),
    #[error("Environment variable {name} is used in auth config file but its value was not set")]
    AuthConfigMissingEnvironmentVariable { name: String },
    #[error("the following environment variables are declared as required in convex.config.ts but are not set: {}. Set them with `npx convex env set`", names.join(", "))]
    MissingEnvironmentVariables { names: Vec<String> },
    #[error("environment variable `{name}` is declared as required in convex.config.ts and cannot be removed")]
    RequiredEnvironmentVariable { name: String },
    #[error("environment variable `{name}` does not match its declaration in convex.config.ts: {reason}")]
    EnvironmentVariableMismatch { name: String, reason: String },
    #[error(transparent)]
    EnvVar(#[from] EnvVarError),
    #[error("invalid URL `{url}`: {reason}")]
    InvalidUrl { url: String, reason: &'static str },

    #[error("{reason}; run the push again")]
    RaceDetected { reason: String },
    #[error("another push changed the deployment at the same time; run the push again")]
    ConcurrentPush,
    #[error("the schema of this push is not validated yet (its state is `{state}`)")]
    SchemaNotReady { state: String },
    #[error("the deployment is {state} already")]
    AlreadyInState { code: &'static str, state: &'static str },

    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Transaction(#[from] TxError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Jobs(#[from] JobsError),
    #[error("cannot keep the state of the push: {0}")]
    Staging(#[from] object_store::Error),
    #[error("{reason}")]
    Internal { reason: String },
}

impl PushError {
    /// The error code on the wire.
    pub fn code(&self) -> &str {
        match self {
            PushError::BadJsonBody { .. } => "BadJsonBody",
            PushError::InvalidConfig { .. } => "InvalidConfig",
            PushError::ModulePath(_) => "BadConvexModuleIdentifier",
            PushError::TooManyModules { .. } | PushError::CodeTooLarge { .. } => "InvalidModules",
            PushError::NodeVersionNotSupported { .. } => "NodeVersionNotSupported",
            PushError::Typecheck { .. } => "TypecheckError",
            PushError::CyclicImport { .. } => "CyclicImport",
            PushError::NoSuchComponent { .. } => "ComponentNotFound",
            PushError::ComponentMounted { .. } | PushError::AppIsNoComponent => "ComponentNotUnmounted",
            PushError::NoSuchTable { .. } => "TableNotFound",
            PushError::TableInSchema { .. } => "TableInSchema",
            PushError::InvalidJobId { .. } => "InvalidArgument",
            PushError::NoSuchJob { .. } => "ScheduledFunctionNotFound",
            PushError::NodeUnavailable { .. } | PushError::NodeInComponent { .. } => "NodeActionsNotSupported",
            PushError::ExternalPackages { .. } => "InvalidExternalModules",
            PushError::MissingExistingModule { .. } => "MissingExistingModule",
            PushError::ExistingModuleHashConflict { .. } => "ExistingModuleHashConflict",
            PushError::ExistingModuleEnvConflict { .. } => "ExistingModuleEnvConflict",
            PushError::Evaluation { code, .. } => code,
            PushError::Cron(_) => "InvalidCron",
            PushError::AuthConfig(error) => error.code(),
            PushError::AuthConfigMissingEnvironmentVariable { .. } => "AuthConfigMissingEnvironmentVariable",
            PushError::MissingEnvironmentVariables { .. } => "MissingEnvironmentVariables",
            PushError::RequiredEnvironmentVariable { .. } => "RequiredEnvironmentVariable",
            PushError::EnvironmentVariableMismatch { .. } => "InvalidEnvironmentVariable",
            PushError::EnvVar(error) => error.code(),
            PushError::InvalidUrl { .. } => "InvalidUrl",
            PushError::RaceDetected { .. } => "RaceDetected",
            PushError::ConcurrentPush => "ConcurrentPush",
            PushError::SchemaNotReady { .. } => "SchemaNotReady",
            PushError::AlreadyInState { code, .. } => code,
            PushError::Transaction(error) if error.is_developer_error() => error.code(),
            PushError::Commit(CommitError::Conflict(_)) => "ConcurrentPush",
            PushError::Commit(_)
            | PushError::Transaction(_)
            | PushError::Model(_)
            | PushError::Staging(_)
            | PushError::Jobs(_)
            | PushError::Internal { .. } => "InternalServerError",
        }
    }

    /// The HTTP status. The CLI exits on 400, retries the push on 409 and 5xx.
    pub fn status(&self) -> u16 {
        match self {
            PushError::MissingExistingModule { .. }
            | PushError::ExistingModuleHashConflict { .. }
            | PushError::ExistingModuleEnvConflict { .. } => 409,
            PushError::Transaction(error) if error.is_developer_error() => 400,
            PushError::Commit(CommitError::Conflict(_)) => 400,
            PushError::Commit(_)
            | PushError::Jobs(_)
            | PushError::Transaction(TxError::Read(_))
            | PushError::Model(ModelError::Transaction { source: TxError::Read(_), .. }) => 503,
            PushError::Transaction(_) | PushError::Model(_) | PushError::Staging(_) | PushError::Internal { .. } => 500,
            _ => 400,
        }
    }
}
