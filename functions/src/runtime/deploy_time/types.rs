//! Results of the evaluations that a push asks for.

use serde::{Deserialize, Serialize};

use crate::runtime::UdfKind;

/// What a module offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnalyzedModule {
    /// `a/b.js`.
    pub path: String,
    /// Sorted by position, unmapped ones first.
    pub functions: Vec<AnalyzedFunction>,
    /// Of `http.js`, otherwise `None`.
    pub http_routes: Option<Vec<AnalyzedRoute>>,
    /// Of `crons.js`, otherwise `None`: the object that its `export()` returns, by name of the job.
    pub crons: Option<serde_json::Map<String, serde_json::Value>>,
    /// The module exports `experimental_reuseContext === true`.
    pub reuse_context: bool,
    /// Names of exported functions that are not registered.
    #[serde(default)]
    pub plain: Vec<String>,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FunctionVisibility {
    Public,
    Internal,
}

/// A registered query, mutation or action.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnalyzedFunction {
    /// Name of the export.
    pub name: String,
    pub kind: UdfKind,
    /// `None` for functions that say neither.
    pub visibility: Option<FunctionVisibility>,
    /// Validator JSON text as `exportArgs()` gave it.
    pub args: Option<String>,
    /// Validator JSON text as `exportReturns()` gave it; JSON `null` is `None`.
    pub returns: Option<String>,
    pub position: Option<SourcePosition>,
}

/// A place in the developer's own source code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePosition {
    /// As the source map has it: `../convex/notes.ts`.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// A route of `http.js`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnalyzedRoute {
    /// Exact path or `/prefix/*`.
    pub path: String,
    /// `GET POST PUT DELETE PATCH OPTIONS`.
    pub method: String,
    pub position: Option<SourcePosition>,
}

/// A definition that another one imports.
#[derive(Clone, Debug)]
pub struct DefinitionDependency {
    /// Definition path, as decoded from the import specifier.
    pub path: String,
    /// Name that the dependency gave itself.
    pub default_name: String,
}

/// Why an evaluation at deploy time failed: the push is refused with this.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EvaluationError {
    /// Short code, as `InvalidModules`, `MissingSchemaExportError`.
    pub code: &'static str,
    /// For the developer, several lines: what failed, where, and what the console said.
    pub message: String,
}
