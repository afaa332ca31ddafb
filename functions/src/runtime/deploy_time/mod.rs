//! Evaluation of modules while they are pushed.

mod analyze;
mod config;
mod evaluate;
mod types;

pub(super) use analyze::analyze;
pub(super) use config::{eval_auth_config, eval_definition, eval_schema};
pub use types::{
    AnalyzedFunction, AnalyzedModule, AnalyzedRoute, DefinitionDependency, EvaluationError, FunctionVisibility,
    SourcePosition,
};
