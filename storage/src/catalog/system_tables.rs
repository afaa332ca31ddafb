//! The tables Lakewire keeps for itself. They are ordinary tables with fixed numbers, so that transactions,
//! subscriptions and snapshots treat them like any other.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;

use super::{IndexConfig, IndexId, IndexInfo, IndexState, Namespace, TableInfo, TableState, TabletId};
use crate::id::{InternalId, TableNumber};

/// Table numbers of system tables are `FIRST_NUMBER + ordinal`; they stay below [`FIRST_USER_TABLE`].
const FIRST_NUMBER: u32 = 512;
/// The tablet and table number of the first table an app creates. Ids from here on have 32 characters.
pub const FIRST_USER_TABLE: u32 = 10_001;
/// The first index id given to an app's table; everything below belongs to system tables.
pub const FIRST_USER_INDEX: u32 = 1 << 16;
/// Index ids a system table owns: `ordinal * INDEXES_PER_TABLE ..`.
const INDEXES_PER_TABLE: u32 = 16;
/// Tablets and indexes from here on are those of the public system tables of components. They are there for every
/// namespace, without a row that says so: their numbers are made of the namespace's.
const FIRST_COMPONENT_TABLET: u32 = 1 << 31;
const FIRST_COMPONENT_INDEX: u32 = 1 << 31;
/// The system tables that every namespace has of its own. The places are part of the storage format.
const PUBLIC: [SystemTable; 2] = [SystemTable::Storage, SystemTable::ScheduledFunctions];

macro_rules! system_tables {
    ($($(#[$doc:meta])* $variant:ident = $ordinal:literal, $name:literal, [$(($index:literal, [$($field:literal),*])),*];)*) => {
        /// A system table. The ordinals are part of the storage format: never change or reuse one.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u32)]
        pub enum SystemTable { $($(#[$doc])* $variant = $ordinal,)* }

        impl SystemTable {
            /// Every system table, by ordinal.
            pub const ALL: &'static [SystemTable] = &[$(SystemTable::$variant,)*];

            /// The table's name, with its leading underscore.
            pub const fn name(self) -> &'static str {
                match self { $(SystemTable::$variant => $name,)* }
            }

            /// Secondary indexes, in the order of their ids: name and fields.
            const fn secondary(self) -> &'static [(&'static str, &'static [&'static str])] {
                match self { $(SystemTable::$variant => &[$(($index, &[$($field),*])),*],)* }
            }
        }
    };
}

system_tables! {
    /// One row a table ([`super::TableRow`]).
    Tables = 1, "_tables", [];
    /// One row an index of an app's table ([`super::IndexRow`]).
    Indexes = 2, "_indexes", [];
    /// One row a schema ever pushed ([`super::SchemaRow`]).
    Schemas = 3, "_schemas", [];
    /// Counters behind table and index ids ([`super::Sequences`]); a single row.
    Sequences = 4, "_sequences", [];
    /// Deployed modules with their analysis.
    Modules = 5, "_modules", [("by_path", ["path"])];
    /// Import-time seed and clock, versions; a single row.
    UdfConfig = 6, "_udf_config", [];
    /// Environment variables.
    EnvironmentVariables = 7, "_environment_variables", [("by_name", ["name"])];
    /// Identity providers of `auth.config`.
    Auth = 8, "_auth", [];
    /// Mounted components.
    Components = 9, "_components", [];
    /// Definitions of components.
    ComponentDefinitions = 10, "_component_definitions", [];
    /// Outcomes of mutations by session and request, which make them exactly-once.
    SessionRequests = 11, "_session_requests", [];
    /// A single row whose `version` every function execution reads and every push increments.
    Deployment = 12, "_deployment", [];
    /// What administrators did.
    AuditLog = 13, "_audit_log", [];
    /// Progress of index backfills.
    IndexBackfills = 14, "_index_backfills", [("by_index", ["indexId"])];
    /// Progress of schema validations.
    SchemaValidationProgress = 15, "_schema_validation_progress", [("by_schema", ["schemaId"])];
    /// Overridden origins.
    CanonicalUrls = 16, "_canonical_urls", [("by_destination", ["requestDestination"])];
    /// Running, paused, disabled; a single row.
    BackendState = 17, "_backend_state", [];
    /// Staged pushes between start and finish.
    Pushes = 18, "_pushes", [];
    /// Stored files; visible to apps.
    Storage = 19, "_storage", [];
    /// Scheduled functions; visible to apps.
    ScheduledFunctions = 20, "_scheduled_functions", [];
    /// Cron jobs.
    CronJobs = 21, "_cron_jobs", [("by_name", ["name"])];
    /// Next run of each cron job.
    CronNextRun = 22, "_cron_next_run", [("by_cron_job", ["cronJobId"]), ("by_next_ts", ["nextTs"]), ("by_owner", ["owner"])];
    /// Past runs of cron jobs.
    CronJobLogs = 23, "_cron_job_logs", [("by_name", ["name"])];
    /// Function handles.
    FunctionHandles = 24, "_function_handles", [];
    /// Snapshot exports.
    Exports = 25, "_exports", [];
    /// Snapshot imports.
    SnapshotImports = 26, "_snapshot_imports", [];
    /// Log streams.
    LogSinks = 27, "_log_sinks", [];
    /// What the server knows of scheduled functions besides what apps see: a row with the id of each of them.
    ScheduledJobs = 28, "_scheduled_jobs", [
        ("by_next_ts", ["nextTs"]), ("by_completed", ["completedTs"]), ("by_lane", ["lane", "nextTs"]), ("by_owner", ["owner"])
    ];
    /// Processes that run jobs, with a number that moves as long as they live.
    JobOwners = 29, "_job_owners", [];
    /// What the server knows of stored files besides what apps see: a row with the id of each of them.
    Files = 30, "_files", [("by_uuid", ["uuid"]), ("by_deleted", ["deletedTs"])];
}

impl SystemTable {
    /// The tablet: the ordinal.
    pub const fn tablet(self) -> TabletId {
        TabletId(self as u32)
    }

    /// The number in the ids of its documents.
    pub const fn number(self) -> TableNumber {
        TableNumber(FIRST_NUMBER + self as u32)
    }

    /// Its `by_id` index.
    pub const fn by_id(self) -> IndexId {
        IndexId(self as u32 * INDEXES_PER_TABLE)
    }

    /// Its `by_creation_time` index.
    pub const fn by_creation_time(self) -> IndexId {
        IndexId(self as u32 * INDEXES_PER_TABLE + 1)
    }

    /// Whether apps may read it through `ctx.db.system`.
    pub const fn is_public(self) -> bool {
        matches!(self, SystemTable::Storage | SystemTable::ScheduledFunctions)
    }

    /// The system table of a tablet, if it is one, whatever its namespace.
    pub fn from_tablet(tablet: TabletId) -> Option<SystemTable> {
        if let Some((table, _)) = of_component(tablet) {
            return Some(table);
        }
        let at = usize::try_from(tablet.0).ok()?.checked_sub(1)?;
        SystemTable::ALL.get(at).copied()
    }

    /// The system table of a name with its leading underscore.
    pub fn from_name(name: &str) -> Option<SystemTable> {
        SystemTable::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// The description of a system table's tablet.
    pub(super) fn info_of_tablet(tablet: TabletId) -> Option<&'static Arc<TableInfo>> {
        match of_component(tablet) {
            Some((table, namespace)) => Some(table.info_in(namespace)),
            None => SystemTable::from_tablet(tablet).map(SystemTable::info),
        }
    }

    /// The description of the table with a system table's index.
    pub(super) fn info_of_index(index: IndexId) -> Option<&'static Arc<TableInfo>> {
        let tablet = match index.0.checked_sub(FIRST_COMPONENT_INDEX) {
            Some(offset) => FIRST_COMPONENT_TABLET + offset / 2,
            None => index.0 / INDEXES_PER_TABLE,
        };
        SystemTable::info_of_tablet(TabletId(tablet))
    }

    /// The table of this name that code in `namespace` sees: every namespace has public tables of its own, and all
    /// share the others.
    pub fn info_in(self, namespace: Namespace) -> &'static Arc<TableInfo> {
        /// Never forgotten: there are as many as components were ever mounted.
        static INFOS: LazyLock<RwLock<HashMap<TabletId, &'static Arc<TableInfo>>>> = LazyLock::new(RwLock::default);
        let slot = PUBLIC.iter().position(|table| *table == self).filter(|_| namespace != Namespace::ROOT);
        let Some(slot) = slot else { return self.info() };
        let offset = namespace.0 * PUBLIC.len() as u32 + slot as u32;
        let tablet = TabletId(FIRST_COMPONENT_TABLET + offset);
        if let Some(info) = INFOS.read().get(&tablet) {
            return info;
        }
        INFOS.write().entry(tablet).or_insert_with(|| {
            let index = FIRST_COMPONENT_INDEX + offset * 2;
            let (by_id, by_creation_time) = (IndexId(index), IndexId(index + 1));
            Box::leak(Box::new(Arc::new(TableInfo { tablet, namespace, by_id, by_creation_time, ..self.describe() })))
        })
    }

    /// Its description, in the form the tables of apps have.
    pub fn info(self) -> &'static Arc<TableInfo> {
        static INFOS: LazyLock<Vec<Arc<TableInfo>>> =
            LazyLock::new(|| SystemTable::ALL.iter().map(|table| Arc::new(table.describe())).collect());
        &INFOS[self as usize - 1]
    }

    fn describe(self) -> TableInfo {
        let indexes = self.secondary().iter().zip(2u32..).map(|((name, fields), slot)| {
            Arc::new(IndexInfo {
                row: InternalId([0; 16]),
                id: IndexId(self as u32 * INDEXES_PER_TABLE + slot),
                tablet: self.tablet(),
                name: (*name).to_owned(),
                config: IndexConfig::Database {
                    fields: fields.iter().map(|field| field.parse().expect("a constant field name")).collect(),
                },
                state: IndexState::Enabled,
                staged: false,
            })
        });
        TableInfo {
            row: InternalId([0; 16]),
            tablet: self.tablet(),
            number: self.number(),
            namespace: Namespace::ROOT,
            name: self.name().to_owned(),
            state: TableState::Active,
            by_id: self.by_id(),
            by_creation_time: self.by_creation_time(),
            indexes: indexes.collect(),
        }
    }
}

/// The public system table of a component that a tablet is, and the component's namespace.
fn of_component(tablet: TabletId) -> Option<(SystemTable, Namespace)> {
    let offset = tablet.0.checked_sub(FIRST_COMPONENT_TABLET)?;
    let tables = PUBLIC.len() as u32;
    Some((PUBLIC[(offset % tables) as usize], Namespace(offset / tables)))
}

/// Whether an index belongs to a system table.
pub fn is_system_index(index: IndexId) -> bool {
    index.0 < FIRST_USER_INDEX || index.0 >= FIRST_COMPONENT_INDEX
}

/// Whether a tablet is a system table.
pub fn is_system_tablet(tablet: TabletId) -> bool {
    tablet.0 < FIRST_USER_TABLE || tablet.0 >= FIRST_COMPONENT_TABLET
}
