//! Deploying: from the body of a push to a live app.
//!
//! A push has three steps. `start_push` runs the new code in the restricted environments of deploy time, compares
//! schema and indexes with what there is, and begins to validate and to build. `wait_for_schema` waits for that.
//! `finish_push` makes everything live in one serializable transaction, which also raises the deployment version, so
//! that functions, subscriptions and caches see the old app or the new one and nothing between.
//!
//! **Architecture Invariant:** nothing that happens before `finish_push` is visible to deployed functions, apart from
//! the cost of maintaining indexes that are being built. An abandoned push is superseded by the next one.

mod components;
mod definition;
mod deletion;
mod error;
mod evaluate;
mod exports;
mod finish;
mod index_diff;
mod node;
mod prediction;
mod preparation;
mod read;
mod reconcile;
mod request;
mod settings;
mod staged;
mod start;
mod test_query;
mod tree;
mod wait;
mod work;

pub use deletion::{CancelJobs, cancel_job, cancel_jobs, delete_component, delete_jobs, delete_tables};
pub use error::PushError;
pub use finish::{FinishPushRequest, finish_push};
pub use preparation::{SchemaTexts, schema_texts, validation_progress};
pub use read::{config_hashes, env_vars, origins, table_names};
pub use request::StartPushRequest;
pub use settings::{RequestDestination, set_run_state, update_canonical_url, update_env_vars};
pub use start::{evaluate_push, evaluate_schema, start_push};
pub use test_query::{RunTestFunctionRequest, TestQueryError, run_test_function};
pub use wait::{WaitForSchemaRequest, wait_for_schema};
pub use work::{PushWork, kick as resume_work};
