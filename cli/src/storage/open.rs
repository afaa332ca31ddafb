//! Opening what a [`Place`] names: its store, the logs of its timelines, its branches.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use lakewire_storage::aws;
use lakewire_storage::database::{Database, DatabaseOptions, Upkeep};
use lakewire_storage::env::Env;
use lakewire_storage::lake::{Lake, LakeOptions};
use lakewire_storage::log::CommitLog;
use lakewire_storage::segment::{DiskCache, SegmentCache};
use lakewire_storage::startup::StartupStore;
use lakewire_storage::timeline::branch::{self, BranchContext, LogAccess};
use lakewire_storage::timeline::{BranchName, Segments, SegmentsOptions, TimelineId};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use crate::args::{IdentityArgs, StorageArgs, TuningArgs};
use crate::failure::Failure;
use crate::storage::identity::Identity;
use crate::storage::location::StoreLocation;
use crate::storage::logs::{Logs, Medium};
use crate::storage::place::{LogPlace, Place};

/// An opened store.
pub struct Storage {
    /// Where it is.
    pub place: Place,
    /// Its objects.
    pub store: Arc<dyn ObjectStore>,
    /// Clock, randomness, tasks.
    pub env: Env,
    /// How AWS is reached, if it is.
    pub aws: Option<SdkConfig>,
    dynamodb: Option<DynamoDb>,
    /// The same objects, for logs: what is in one is asked for when it is needed, never before.
    log_store: Arc<dyn ObjectStore>,
}

/// A store that is a deployment, with its logs.
pub struct Deployment {
    /// Where it is.
    pub place: Place,
    /// Who it is.
    pub identity: Identity,
    /// Store and logs, as the operations on branches want them.
    pub context: BranchContext,
    /// How the table of the log is reached, if it is in one.
    pub dynamodb: Option<DynamoDb>,
}

/// What a database is made of.
pub struct Parts {
    /// The commits.
    pub log: Arc<dyn CommitLog>,
    /// Where they go after a while.
    pub segments: Arc<Segments>,
    /// What both are of.
    pub timeline: TimelineId,
}

/// How a branch is opened.
pub struct BranchOptions {
    /// Of the files.
    pub segments: SegmentsOptions,
    /// Bytes of memory for parts of segments that were read.
    pub cache_bytes: usize,
    /// A folder for more of them, and its bytes.
    pub disk_cache: Option<(PathBuf, u64)>,
    /// Commits are brought into segments after this time; `None` leaves it to the kind of log.
    pub flush_interval: Option<Duration>,
    /// Who looks after the files and the log.
    pub upkeep: Upkeep,
}

impl From<&TuningArgs> for BranchOptions {
    fn from(args: &TuningArgs) -> Self {
        let segments =
            SegmentsOptions { flush_bytes: args.flush_bytes, history: args.history, ..SegmentsOptions::default() };
        let disk_cache = args.disk_cache.clone().map(|folder| (folder, args.disk_cache_bytes as u64));
        Self {
            segments,
            disk_cache,
            cache_bytes: args.cache_bytes,
            flush_interval: args.flush_interval,
            upkeep: Upkeep::Here,
        }
    }
}

/// For commands that only pass by. What servers keep of the history is not known to them: they drop nothing of it.
impl Default for BranchOptions {
    fn default() -> Self {
        let segments = SegmentsOptions { history: Duration::from_nanos(u64::MAX), ..SegmentsOptions::default() };
        Self { segments, disk_cache: None, cache_bytes: 64 << 20, flush_interval: None, upkeep: Upkeep::Here }
    }
}

impl Storage {
    /// Opens the store. A folder is made when it is missing; a bucket is neither made nor looked at.
    ///
    /// # Errors
    /// If the folder can't be made, or what the environment says of AWS can't be used.
    pub async fn open(place: Place, env: &Env) -> Result<Self, Failure> {
        let is_aws = place.store.is_remote() || matches!(place.log, LogPlace::DynamoDb { .. });
        let config = if is_aws { Some(aws::config().await) } else { None };
        let store: Arc<dyn ObjectStore> = match (&place.store, &config) {
            (StoreLocation::File(folder), _) => folder_store(folder)?,
            (StoreLocation::S3 { bucket, prefix }, Some(config)) => aws::s3_store(config, env, bucket, prefix)
                .map_err(|error| Failure::Storage { place: place.store.to_string(), reason: error.to_string() })?,
            _ => Arc::new(InMemory::new()),
        };
        let dynamodb = match (&place.log, &config) {
            (LogPlace::DynamoDb { .. }, Some(config)) => Some(aws::dynamodb_client(config)),
            _ => None,
        };
        Ok(Self { place, log_store: store.clone(), store, env: env.clone(), aws: config, dynamodb })
    }

    /// From now on, and until [`StartupStore::finish`], what the last start of a process read is read at once.
    pub fn begin_start(&mut self, branch: &BranchName) -> StartupStore {
        let startup = StartupStore::begin(self.store.clone(), branch.as_str(), &self.env);
        self.store = Arc::new(startup.clone());
        startup
    }

    /// Creates the table of the log when it is missing; nothing with another kind of log.
    ///
    /// # Errors
    /// If the table can't be created.
    pub async fn create_table(&self) -> Result<(), Failure> {
        let (LogPlace::DynamoDb { table }, Some(client)) = (&self.place.log, &self.dynamodb) else { return Ok(()) };
        let failed = |reason: String| Failure::Storage { place: self.place.log.to_string(), reason };
        lakewire_storage::log::create_table(client, table, &self.env).await.map_err(|error| failed(error.to_string()))
    }

    /// The deployment here; a new one where there is none.
    ///
    /// # Errors
    /// If the store fails, or belongs to another log.
    pub async fn deployment(self, args: &IdentityArgs) -> Result<Deployment, Failure> {
        let identity = self.place.identity(&*self.store, args, &self.env).await?;
        Ok(self.with_identity(identity))
    }

    /// The deployment here.
    ///
    /// # Errors
    /// If there is none; as [`Self::deployment`].
    pub async fn existing_deployment(self) -> Result<Deployment, Failure> {
        let identity = self.place.existing_identity(&*self.store, &IdentityArgs::from_environment(), &self.env).await?;
        let Some(identity) = identity else { return Err(Failure::NoDeployment { place: self.place.to_string() }) };
        Ok(self.with_identity(identity))
    }

    /// Takes the store for a deployment's, whatever it says.
    pub fn with_identity(self, identity: Identity) -> Deployment {
        let medium = match (&self.place.log, self.dynamodb.clone()) {
            (LogPlace::Local(folder), _) => Medium::Local(folder.clone()),
            (LogPlace::DynamoDb { table }, Some(client)) => {
                Medium::DynamoDb { client, table: table.clone(), deployment: identity.id.clone() }
            }
            (LogPlace::ObjectStore, _) => Medium::ObjectStore,
            // With a table there is a client.
            (LogPlace::Memory | LogPlace::DynamoDb { .. }, _) => Medium::Memory(parking_lot::Mutex::default()),
        };
        let logs = Logs { medium, store: self.log_store, env: self.env.clone() };
        let context = BranchContext { store: self.store, logs: Arc::new(logs), env: self.env };
        Deployment { place: self.place, identity, context, dynamodb: self.dynamodb }
    }
}

impl Deployment {
    /// That which the options of a command name.
    ///
    /// # Errors
    /// If they do not go together, or there is no deployment.
    pub async fn named(args: &StorageArgs, command: &'static str, env: &Env) -> Result<Self, Failure> {
        let place = Place::resolve(args)?.outside_of_servers(command)?;
        place.check_exists()?;
        Storage::open(place, env).await?.existing_deployment().await
    }

    /// The timeline that a branch is on.
    ///
    /// # Errors
    /// If there is no such branch, or store or log fail.
    pub async fn timeline(&self, branch: &BranchName) -> Result<TimelineId, Failure> {
        Ok(branch::resolve(&self.context, branch).await?)
    }

    /// The files of a timeline.
    ///
    /// # Errors
    /// If there is no such timeline, or the store fails.
    pub async fn segments(&self, timeline: TimelineId, options: &BranchOptions) -> Result<Arc<Segments>, Failure> {
        let BranchContext { store, env, .. } = &self.context;
        let mut segments = options.segments.clone();
        if let LogPlace::Local(_) | LogPlace::Memory = self.place.log {
            // Nobody else reads it.
            segments.log_kept = Duration::ZERO;
        }
        let disk = options.disk_cache.clone().map(|(folder, bytes)| {
            let failed = |source| Failure::DataDirectory { path: folder.clone(), source };
            DiskCache::new(folder.clone(), bytes).map_err(failed)
        });
        let cache = SegmentCache::with_disk(store.clone(), env.clone(), options.cache_bytes, disk.transpose()?);
        let opened = Segments::open(store.clone(), cache, env.clone(), timeline, segments).await;
        opened.map_err(|error| self.failed(error.to_string()))
    }

    /// The database of a branch.
    ///
    /// # Errors
    /// If there is no such branch, another process has its log, or something in it can't be read.
    pub async fn database(&self, branch: &BranchName, options: &BranchOptions) -> Result<Arc<Database>, Failure> {
        let parts = self.parts(branch, options).await?;
        self.database_of(parts, options).await
    }

    /// What the database of a branch is made of.
    ///
    /// # Errors
    /// If there is no such branch, or another process has its log.
    pub async fn parts(&self, branch: &BranchName, options: &BranchOptions) -> Result<Parts, Failure> {
        let timeline = self.timeline(branch).await?;
        let log = async {
            let log = self.context.logs.open(&timeline, LogAccess::Write).await;
            log.map_err(|error| self.failed(error.to_string()))
        };
        // At the same time: a worker that starts waits for both.
        let (log, segments) = futures::try_join!(log, self.segments(timeline.clone(), options))?;
        Ok(Parts { log, segments, timeline })
    }

    /// The database of its parts.
    ///
    /// # Errors
    /// If something in it can't be read.
    pub async fn database_of(&self, parts: Parts, options: &BranchOptions) -> Result<Arc<Database>, Failure> {
        let mut database = DatabaseOptions::new(parts.log, parts.segments, self.context.env.clone());
        database.flush_interval = options.flush_interval.unwrap_or(database.flush_interval);
        database.upkeep = options.upkeep;
        Database::open(database).await.map_err(|error| self.failed(error.to_string()))
    }

    /// Publishes the tables of a branch's database for other programs, from now on and as long as it is used.
    ///
    /// # Errors
    /// If it can't be said where the store is.
    pub fn open_data(
        &self,
        database: &Arc<Database>,
        branch: &BranchName,
        interval: Duration,
        history: Duration,
    ) -> Result<(), Failure> {
        if let Some(lake) = self.lake(branch, history)? {
            Arc::new(lake).follow(database, interval);
        }
        Ok(())
    }

    /// Removes the published tables of a branch that was deleted.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn remove_open_data(&self, branch: &BranchName) -> Result<(), Failure> {
        let Some(lake) = self.lake(branch, LakeOptions::default().history)? else { return Ok(()) };
        let place = format!("{}/tables/{branch}", self.place.store);
        lake.remove().await.map_err(|error| Failure::Storage { place, reason: error.to_string() })
    }

    /// The tables of a branch as other programs read them, with snapshots as old as `history`; `None` where nobody else sees the store.
    ///
    /// # Errors
    /// If it can't be said where the store is.
    pub fn lake(&self, branch: &BranchName, history: Duration) -> Result<Option<Lake>, Failure> {
        let options = LakeOptions { history, ..LakeOptions::default() };
        let root = self.place.store.public().map_err(|error| self.failed(error.to_string()))?;
        let BranchContext { store, env, .. } = &self.context;
        Ok(root.map(|root| Lake::new(store.clone(), &root, branch.as_str(), env.clone(), options)))
    }

    fn failed(&self, mut reason: String) -> Failure {
        if let LogPlace::DynamoDb { table } = &self.place.log
            && reason.contains("ResourceNotFound")
        {
            reason = format!("there is no table `{table}`; `--create-table` makes it ({reason})");
        }
        Failure::Database { place: self.place.to_string(), reason }
    }
}

fn folder_store(folder: &Path) -> Result<Arc<dyn ObjectStore>, Failure> {
    std::fs::create_dir_all(folder).map_err(|source| Failure::DataDirectory { path: folder.to_owned(), source })?;
    let failed = |error: object_store::Error| Failure::Storage {
        place: folder.display().to_string(),
        reason: error.to_string(),
    };
    // What an acknowledged push or segment names has to survive a power failure.
    let store = LocalFileSystem::new_with_prefix(folder).map_err(failed)?.with_fsync(true);
    Ok(Arc::new(store))
}
