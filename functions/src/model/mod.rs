//! The deployed app as typed rows of the system tables.
//!
//! [`AppModel`] is everything a function call needs to know about the app at one snapshot: its modules with
//! their analysis, its environment variables, its import-phase seed. It is immutable and cached by the
//! *deployment version*, a counter in the single row of `_deployment` that every push, environment variable
//! change and canonical URL change increments. Whoever uses an [`AppModel`] for a call records a read of that
//! row ([`deployment::read`]), so that a push re-runs subscriptions and conflicts with mutations in flight.
//!
//! What is refused here: no V8, no HTTP, no evaluation of user code. That is `deploy/`.

pub mod app;
pub mod audit;
pub mod auth;
pub mod component;
pub mod definition;
pub mod deployment;
pub mod env_vars;
pub mod error;
pub mod handles;
pub mod http_routes;
pub mod module;
pub mod module_path;
pub mod rows;
pub mod source;
pub mod udf_config;

pub use app::{AppModel, ModelCache, Origins};
pub use auth::AuthProvider;
pub use component::{Component, Definition};
pub use deployment::{DeploymentRow, RunState};
pub use error::ModelError;
pub use http_routes::{HttpDestination, http_destination};
pub use module::{
    AnalyzedFunction, AnalyzedHttpRoute, AnalyzedModule, FunctionKind, HttpRoute, ModuleEnvironment, ModuleModel,
    Position, Visibility,
};
pub use source::{ModuleStore, SourceText, module_hash};
pub use udf_config::{NodeDependency, UdfConfig};
