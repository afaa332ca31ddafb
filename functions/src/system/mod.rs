//! The functions under `_system/`, written in Rust.
//!
//! The CLI and dashboards call them like user functions, over HTTP or as subscriptions. They run over an ordinary
//! [`Transaction`], so that what they read makes them reactive like any query. They are for administrators: the
//! caller of [`call`] must have checked that, and must answer everyone else as if the function did not exist.
//! Mutations are run, repeated and made exactly-once like those of apps.
//!
//! System functions do not fail for ordinary reasons. A table that does not exist is an empty result.

mod args;
mod cli;
mod component;
mod documents;
mod events;
mod files;
mod frontend;
mod jobs;
mod tables;

use lakewire_storage::query::CursorKey;
use lakewire_storage::transaction::{Transaction, TxError};
use lakewire_storage::value::Value;

use crate::files::Files;
use crate::model::{ModelError, Origins};
use crate::runtime::UdfKind;
use crate::udf::{ComponentPath, FunctionPath};

pub use args::ArgsError;
pub use component::{ROOT_COMPONENT_ID, Target};

/// What system functions may know besides the transaction.
#[derive(Clone)]
pub struct SystemContext<'a> {
    /// The component that the function is called in.
    pub component: &'a ComponentPath,
    /// The configured origins, before canonical URLs.
    pub configured: &'a Origins,
    /// The key of the deployment's cursors.
    pub cursor_key: &'a CursorKey,
    /// Stored files.
    pub files: &'a Files,
    /// Different at every execution.
    pub nonce: u64,
}

/// A failed system function.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// No such function: answer as for a user function that does not exist.
    #[error("there is no system function `{path}`")]
    NotFound { path: String },
    /// The arguments are not those of the function. A developer error.
    #[error("ArgumentValidationError: {0}")]
    Args(#[from] ArgsError),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Transaction(#[from] TxError),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A system function by module (without `_system/` and `.js`) and export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemFunction {
    CliCloudUrl,
    CliExportsGetLatest,
    CliApiSpec,
    CliQueryEnvironmentVariables,
    CliGetEnvironmentVariable,
    CliQueryImport,
    CliQueryImportList,
    CliQueryTable,
    CliTableData,
    CliTableSize,
    CliTables,
    BackendState,
    ComponentsList,
    CloudUrl,
    SiteUrl,
    DeploymentState,
    LastPushEvent,
    GetById,
    GetSchemas,
    SchemaValidationProgress,
    GetTableMapping,
    GetVersion,
    Indexes,
    ListAuthProviders,
    ListById,
    ListEnvironmentVariables,
    ListTableScan,
    ArgsValidator,
    ModulesList,
    ModulesListForAllComponents,
    NodeVersion,
    PaginatedTableDocuments,
    TableSize,
    SizeOfAllTables,
    NumFiles,
    FileMetadata,
    GetFile,
    ListCronJobs,
    ListCronJobRuns,
    PaginatedScheduledJobs,
    ScheduledArgs,
    DeleteFile,
    DeleteFiles,
    GenerateUploadUrl,
    ListDeploymentEvents,
    PaginatedDeploymentEvents,
    ListConfiguredSinks,
    AddDocument,
    ClearTablePage,
    CreateTable,
    DeleteDocuments,
    ReplaceDocument,
}

use SystemFunction as F;

const FUNCTIONS: &[(&str, &str, SystemFunction)] = &[
    ("cli/convexUrl", "cloudUrl", F::CliCloudUrl),
    ("cli/exports", "getLatest", F::CliExportsGetLatest),
    ("cli/modules", "apiSpec", F::CliApiSpec),
    ("cli/queryEnvironmentVariables", "default", F::CliQueryEnvironmentVariables),
    ("cli/queryEnvironmentVariables", "get", F::CliGetEnvironmentVariable),
    ("cli/queryImport", "default", F::CliQueryImport),
    ("cli/queryImport", "list", F::CliQueryImportList),
    ("cli/queryTable", "default", F::CliQueryTable),
    ("cli/tableData", "default", F::CliTableData),
    ("cli/tableSize", "default", F::CliTableSize),
    ("cli/tables", "default", F::CliTables),
    ("frontend/addDocument", "default", F::AddDocument),
    ("frontend/backendState", "backendState", F::BackendState),
    ("frontend/clearTablePage", "default", F::ClearTablePage),
    ("frontend/components", "list", F::ComponentsList),
    ("frontend/convexCloudUrl", "default", F::CloudUrl),
    ("frontend/convexSiteUrl", "default", F::SiteUrl),
    ("frontend/createTable", "default", F::CreateTable),
    ("frontend/deleteDocuments", "default", F::DeleteDocuments),
    ("frontend/deploymentState", "deploymentState", F::DeploymentState),
    ("frontend/deploymentEvents", "lastPushEvent", F::LastPushEvent),
    ("frontend/fileStorageV2", "deleteFile", F::DeleteFile),
    ("frontend/fileStorageV2", "deleteFiles", F::DeleteFiles),
    ("frontend/fileStorageV2", "fileMetadata", F::FileMetadata),
    ("frontend/fileStorageV2", "generateUploadUrl", F::GenerateUploadUrl),
    ("frontend/fileStorageV2", "getFile", F::GetFile),
    ("frontend/fileStorageV2", "numFiles", F::NumFiles),
    ("frontend/getById", "default", F::GetById),
    ("frontend/getSchemas", "default", F::GetSchemas),
    ("frontend/getSchemas", "schemaValidationProgress", F::SchemaValidationProgress),
    ("frontend/getTableMapping", "default", F::GetTableMapping),
    ("frontend/getVersion", "default", F::GetVersion),
    ("frontend/indexes", "default", F::Indexes),
    ("frontend/listAuthProviders", "default", F::ListAuthProviders),
    ("frontend/listById", "default", F::ListById),
    ("frontend/listConfiguredSinks", "default", F::ListConfiguredSinks),
    ("frontend/listCronJobRuns", "default", F::ListCronJobRuns),
    ("frontend/listCronJobs", "default", F::ListCronJobs),
    ("frontend/listDeploymentEventsFromTime", "default", F::ListDeploymentEvents),
    ("frontend/listEnvironmentVariables", "default", F::ListEnvironmentVariables),
    ("frontend/listTableScan", "default", F::ListTableScan),
    ("frontend/modules", "argsValidator", F::ArgsValidator),
    ("frontend/modules", "list", F::ModulesList),
    ("frontend/modules", "listForAllComponents", F::ModulesListForAllComponents),
    ("frontend/node", "version", F::NodeVersion),
    ("frontend/paginatedDeploymentEvents", "default", F::PaginatedDeploymentEvents),
    ("frontend/paginatedScheduledJobs", "default", F::PaginatedScheduledJobs),
    ("frontend/paginatedTableDocuments", "default", F::PaginatedTableDocuments),
    ("frontend/replaceDocument", "default", F::ReplaceDocument),
    ("frontend/scheduler", "getArgs", F::ScheduledArgs),
    ("frontend/tableSize", "default", F::TableSize),
    ("frontend/tableSize", "sizeOfAllTables", F::SizeOfAllTables),
];

impl SystemFunction {
    /// The function at `path`, if there is one.
    pub fn find(path: &FunctionPath) -> Option<SystemFunction> {
        let module = path.module_stem().strip_prefix("_system/")?;
        let found = |(m, export, _): &&(&str, &str, SystemFunction)| *m == module && *export == &*path.export;
        FUNCTIONS.iter().find(found).map(|(_, _, function)| *function)
    }

    /// Its kind: a query or a mutation.
    pub fn kind(self) -> UdfKind {
        match self {
            F::DeleteFile
            | F::DeleteFiles
            | F::GenerateUploadUrl
            | F::AddDocument
            | F::ClearTablePage
            | F::CreateTable
            | F::DeleteDocuments
            | F::ReplaceDocument => UdfKind::Mutation,
            _ => UdfKind::Query,
        }
    }
}

/// Runs the system function at `path` over `tx`.
///
/// `args` is the JSON text of the array of encoded arguments: one object, or nothing. The caller must have checked
/// that the caller is an administrator.
///
/// # Errors
/// [`SystemError::NotFound`], wrong arguments, or a failure of storage.
pub async fn call(
    context: &SystemContext<'_>,
    path: &FunctionPath,
    args: &str,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let function = SystemFunction::find(path).ok_or_else(|| SystemError::NotFound { path: path.udf_path() })?;
    let args = args::Args::parse(args)?;
    match function {
        F::CliCloudUrl | F::CloudUrl => frontend::cloud_url(context, args, tx).await,
        F::SiteUrl => frontend::site_url(context, args, tx).await,
        // Exports and imports do not exist in this version, so there never was one.
        F::CliExportsGetLatest => args.none().map(|()| Value::Null).map_err(SystemError::from),
        F::CliQueryImport => args.ignore(&["importId"]).map(|()| Value::Null).map_err(SystemError::from),
        F::CliQueryImportList => args.none().map(|()| Value::Array(Vec::new())).map_err(SystemError::from),
        F::CliApiSpec => cli::api_spec(context, args, tx).await,
        F::CliQueryEnvironmentVariables | F::ListEnvironmentVariables => cli::list_env_vars(args, tx).await,
        F::CliGetEnvironmentVariable => cli::get_env_var(context, args, tx).await,
        F::CliQueryTable => tables::query_table(context, args, tx).await,
        F::CliTableData => tables::table_data(context, args, tx).await,
        F::CliTableSize | F::TableSize => tables::table_size(context, args, tx).await,
        F::CliTables => tables::list_tables(context, args, tx).await,
        F::BackendState => frontend::backend_state(args, tx).await,
        F::ComponentsList => frontend::components(args, tx).await,
        F::DeploymentState => frontend::deployment_state(args, tx).await,
        F::LastPushEvent => events::last_push(context, args, tx).await,
        F::GetById => tables::get_by_id(context, args, tx).await,
        F::GetSchemas => frontend::schemas(context, args, tx).await,
        F::SchemaValidationProgress => frontend::schema_validation_progress(context, args, tx).await,
        F::GetTableMapping => tables::table_mapping(context, args, tx).await,
        F::GetVersion => frontend::version(args, tx).await,
        F::Indexes => frontend::indexes(context, args, tx).await,
        F::ListAuthProviders => frontend::auth_providers(args, tx).await,
        F::ListById => tables::list_by_id(context, args, tx).await,
        F::ListTableScan => tables::table_scan(context, args, tx).await,
        F::ArgsValidator => frontend::args_validator(context, args, tx).await,
        F::ModulesList => frontend::modules(context, args, tx).await,
        F::ModulesListForAllComponents => frontend::modules_for_all_components(args, tx).await,
        F::NodeVersion => frontend::node_version(args, tx).await,
        F::PaginatedTableDocuments => tables::paginated_documents(context, args, tx).await,
        F::NumFiles => files::count(context, args, tx).await,
        F::FileMetadata => files::list(context, args, tx).await,
        F::GetFile => files::get(context, args, tx).await,
        F::ListCronJobs => jobs::cron_jobs(context, args, tx).await,
        F::ListCronJobRuns => jobs::cron_runs(context, args, tx).await,
        F::PaginatedScheduledJobs => jobs::scheduled_jobs(context, args, tx).await,
        F::ScheduledArgs => jobs::scheduled_args(context, args, tx).await,
        F::SizeOfAllTables => tables::size_of_all_tables(context, args, tx).await,
        F::DeleteFile => files::delete_one(context, args, tx).await,
        F::DeleteFiles => files::delete_many(context, args, tx).await,
        F::GenerateUploadUrl => files::upload_url(context, args, tx).await,
        F::ListDeploymentEvents => events::from_time(args, tx).await,
        F::PaginatedDeploymentEvents => events::page_of(args, tx).await,
        // There are no log streams in this version.
        F::ListConfiguredSinks => args.none().map(|()| Value::Array(Vec::new())).map_err(SystemError::from),
        F::AddDocument => documents::add(context, args, tx).await,
        F::ClearTablePage => documents::clear_page(context, args, tx).await,
        F::CreateTable => documents::create_table(context, args, tx).await,
        F::DeleteDocuments => documents::delete(context, args, tx).await,
        F::ReplaceDocument => documents::replace(context, args, tx).await,
    }
}
