//! Every limit, in one table. Sizes of values are in the bytes of [`Value::size`](crate::value::Value::size).

/// The largest value, in bytes.
pub const MAX_VALUE_SIZE: usize = 32 << 20;
/// The largest document, system fields included, in bytes.
pub const MAX_DOCUMENT_SIZE: usize = 1 << 20;
/// The most elements of an array.
pub const MAX_ARRAY_LENGTH: usize = 8192;
/// The most fields of an object.
pub const MAX_OBJECT_FIELDS: usize = 1024;
/// The longest name of a field, in bytes.
pub const MAX_FIELD_NAME_LENGTH: usize = 1024;
/// The deepest nesting of any value.
pub const MAX_VALUE_NESTING: usize = 64;
/// The deepest nesting of a document, the document itself counted.
pub const MAX_DOCUMENT_NESTING: usize = 16;
/// The most operators (filters and limits) of a query.
pub const MAX_QUERY_OPERATORS: usize = 256;
/// The most fields of an index, and the most filter fields of a search or vector index.
pub const MAX_INDEX_FIELDS: usize = 16;
/// The most indexes of a table: of all kinds, staged ones included.
pub const MAX_INDEXES_PER_TABLE: usize = 64;
/// The most results of a full-text search.
pub const MAX_SEARCH_RESULTS: usize = 1024;
/// The most equalities of a full-text search.
pub const MAX_SEARCH_FILTERS: usize = 8;
/// The most equalities of a vector search.
pub const MAX_VECTOR_FILTERS: usize = 64;
/// The most results of a vector search, and how many it has that does not say.
pub const MAX_VECTOR_RESULTS: usize = 256;
/// See [`MAX_VECTOR_RESULTS`].
pub const DEFAULT_VECTOR_RESULTS: usize = 10;
/// The longest error message of a function, in bytes; what is longer is cut.
pub const MAX_ERROR_MESSAGE_LENGTH: usize = 64 << 10;
/// The longest name of an environment variable, in bytes.
pub const MAX_ENVIRONMENT_VARIABLE_NAME_LENGTH: usize = 256;
/// The most mutations of one connection that wait for their turn.
pub const MAX_QUEUED_MUTATIONS: usize = 1000;
/// The most actions of one connection that are under way.
pub const MAX_RUNNING_ACTIONS: usize = 1000;
/// The most modules of a push, shared chunks not counted.
pub const MAX_MODULES: usize = 4096;
/// The largest body of a push, decompressed, in bytes.
pub const MAX_PUSH_SIZE: usize = 200 << 20;

/// One row of [`Limits::table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name of the field of [`Limits`], or of the constant in lower case.
    pub name: &'static str,
    /// The limit.
    pub value: u64,
    /// What `value` counts: `bytes`, `ms`, `documents`, ...
    pub unit: &'static str,
    /// One sentence on what is limited.
    pub doc: &'static str,
}

macro_rules! limits {
    (
        fixed { $($constant:ident as $fixed_name:literal, $fixed_unit:literal, $fixed_doc:literal;)* }
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $value:expr, $unit:literal;)*
    ) => {
        /// The limits that a deployment can be given others of. The defaults are at least those of the documentation of
        /// the `convex` package's hosted service.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ #[doc = concat!("\n\nUnit: ", $unit, ".")] pub $field: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($field: $value,)* }
            }
        }

        impl Limits {
            /// All limits, those that are the same everywhere first, for printing.
            pub fn table(&self) -> Vec<Limit> {
                vec![
                    $(Limit { name: $fixed_name, value: $constant as u64, unit: $fixed_unit, doc: $fixed_doc },)*
                    $(Limit {
                        name: stringify!($field),
                        value: self.$field as u64,
                        unit: $unit,
                        doc: concat!($($doc),+).trim_ascii(),
                    },)*
                ]
            }
        }
    };
}

limits! {
    fixed {
        MAX_VALUE_SIZE as "value_size", "bytes", "The largest value.";
        MAX_DOCUMENT_SIZE as "document_size", "bytes", "The largest document, system fields included.";
        MAX_ARRAY_LENGTH as "array_length", "elements", "The most elements of an array.";
        MAX_OBJECT_FIELDS as "object_fields", "fields", "The most fields of an object.";
        MAX_FIELD_NAME_LENGTH as "field_name_length", "bytes", "The longest name of a field.";
        MAX_VALUE_NESTING as "value_nesting", "levels", "The deepest nesting of any value.";
        MAX_DOCUMENT_NESTING as "document_nesting", "levels", "The deepest nesting of a document.";
        MAX_QUERY_OPERATORS as "query_operators", "operators", "The most filters and limits of a query.";
        MAX_INDEX_FIELDS as "index_fields", "fields", "The most fields of an index.";
        MAX_INDEXES_PER_TABLE as "indexes_per_table", "indexes", "The most indexes of a table, of all kinds.";
        MAX_SEARCH_RESULTS as "search_results", "documents", "The most results of a full-text search.";
        MAX_SEARCH_FILTERS as "search_filters", "filters", "The most equalities of a full-text search.";
        MAX_VECTOR_FILTERS as "vector_filters", "filters", "The most equalities of a vector search.";
        MAX_VECTOR_RESULTS as "vector_results", "documents", "The most results of a vector search.";
        MAX_ERROR_MESSAGE_LENGTH as "error_message_length", "bytes", "The longest error message of a function.";
        MAX_ENVIRONMENT_VARIABLE_NAME_LENGTH as "environment_variable_name_length", "bytes", "The longest name of an environment variable.";
        MAX_QUEUED_MUTATIONS as "queued_mutations", "mutations", "The most mutations of one connection that wait for their turn.";
        MAX_RUNNING_ACTIONS as "running_actions", "actions", "The most actions of one connection that are under way.";
        MAX_MODULES as "modules", "modules", "The most modules of a push, shared chunks not counted.";
        MAX_PUSH_SIZE as "push_size", "bytes", "The largest body of a push, decompressed.";
    }

    /// Tables of a deployment.
    tables: usize = 10_000, "tables";
    /// Documents that one transaction reads.
    documents_read: usize = 32_000, "documents";
    /// Size of the documents that one transaction reads.
    bytes_read: usize = 16 << 20, "bytes";
    /// Index key intervals that one transaction reads, after merging.
    intervals_read: usize = 4096, "intervals";
    /// Documents that one transaction writes.
    documents_written: usize = 16_000, "documents";
    /// Size of the documents that one transaction writes; a document counts each time it is written.
    bytes_written: usize = 16 << 20, "bytes";
    /// Largest page of a paginated query.
    page_size: usize = 32_000, "documents";
    /// Length of a page from which splitting it is recommended.
    page_size_before_split: usize = 6144, "documents";
    /// Size of a function's arguments.
    arguments_size: usize = 16 << 20, "bytes";
    /// Size of the arguments of an action that runs in Node.
    node_arguments_size: usize = 5 << 20, "bytes";
    /// Size of a function's result.
    result_size: usize = 16 << 20, "bytes";
    /// Functions that one mutation schedules.
    functions_scheduled: usize = 1000, "functions";
    /// Size of the arguments of one scheduled function.
    scheduled_argument_size: usize = 4 << 20, "bytes";
    /// Size of the arguments of all functions that one mutation schedules.
    scheduled_arguments_size: usize = 16 << 20, "bytes";
    /// How far in the past or the future a function can be scheduled.
    schedule_distance_ms: u64 = 5 * 365 * 86_400_000, "ms";
    /// Scheduled mutations that one process runs at a time.
    concurrent_scheduled_mutations: usize = 8, "mutations";
    /// Scheduled actions that one process runs at a time.
    concurrent_scheduled_actions: usize = 32, "actions";
    /// Time that the row of a completed scheduled function is kept.
    completed_jobs_kept_ms: u64 = 7 * 86_400_000, "ms";
    /// Runs of a cron job that are remembered.
    cron_history: usize = 5, "runs";
    /// Files that one mutation stores.
    files_written: usize = 100, "files";
    /// Size of the files that one mutation stores.
    file_bytes_written: usize = 16 << 20, "bytes";
    /// Files that one mutation loads.
    files_read: usize = 100, "files";
    /// Size of the files that one mutation loads.
    file_bytes_read: usize = 16 << 20, "bytes";
    /// Time that an upload URL can be used.
    upload_url_ms: u64 = 3_600_000, "ms";
    /// Log lines kept of one function execution.
    log_lines: usize = 256, "lines";
    /// Length of one log line.
    log_line_length: usize = 32_768, "bytes";
    /// Size of one line that a function writes with `log.audit`, as JSON.
    audit_line_size: usize = 100_000, "bytes";
    /// Lines that one execution writes with `log.audit`.
    audit_lines: usize = 500, "lines";
    /// Size of all lines that one execution writes with `log.audit`.
    audit_size: usize = 4_000_000, "bytes";
    /// Depth of functions that call functions in one transaction.
    call_depth: usize = 8, "calls";
    /// Time that the code of a query or mutation itself runs.
    user_time_ms: u64 = 1000, "ms";
    /// Time that the database operations of a query or mutation take.
    system_time_ms: u64 = 15_000, "ms";
    /// Time that an action takes in the default runtime.
    action_time_ms: u64 = 30 * 60 * 1000, "ms";
    /// Time that an action takes in Node.
    node_action_time_ms: u64 = 10 * 60 * 1000, "ms";
    /// Operations that one action has in flight at a time; more wait.
    concurrent_operations: usize = 8, "operations";
    /// Heap of the V8 isolate that a function runs in.
    heap_bytes: usize = 64 << 20, "bytes";
    /// Array buffers of the V8 isolate that a function runs in.
    array_buffer_bytes: usize = 64 << 20, "bytes";
    /// Time that evaluating the modules of a push takes.
    analyze_time_ms: u64 = 4000, "ms";
    /// Time that evaluating a schema, an auth config or a definition takes.
    evaluate_time_ms: u64 = 1000, "ms";
    /// Size of the source of all modules of a deployment, source maps not counted.
    code_size: usize = 32 << 20, "bytes";
    /// Not in force yet: body of an HTTP action's request.
    http_action_request_size: usize = 20 << 20, "bytes";
    /// Body of an HTTP action's response.
    http_action_response_size: usize = 20 << 20, "bytes";
    /// Environment variables of a deployment.
    environment_variables: usize = 1000, "variables";
    /// Size of an environment variable's value.
    environment_variable_value_size: usize = 8192, "bytes";
    /// Size of the names and values of all environment variables.
    environment_variables_size: usize = 1 << 20, "bytes";
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
