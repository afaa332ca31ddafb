//! A deployed module and what analysis found in it.

use lakewire_storage::schema::Validator;
use serde::{Deserialize, Serialize};

use crate::runtime::{self, UdfKind};

/// Which runtime a module was bundled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModuleEnvironment {
    /// V8, in this process.
    Isolate,
    /// A Node process (`"use node"`).
    Node,
}

impl ModuleEnvironment {
    /// The name used on the wire and in `_modules`.
    pub fn as_str(self) -> &'static str {
        match self {
            ModuleEnvironment::Isolate => "isolate",
            ModuleEnvironment::Node => "node",
        }
    }
}

/// The kind of a registered function, serialised as `udfType` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FunctionKind {
    Query,
    Mutation,
    Action,
}

impl FunctionKind {
    /// `Query`, `Mutation` or `Action`.
    pub fn as_str(self) -> &'static str {
        match self {
            FunctionKind::Query => "Query",
            FunctionKind::Mutation => "Mutation",
            FunctionKind::Action => "Action",
        }
    }
}

impl From<UdfKind> for FunctionKind {
    fn from(kind: UdfKind) -> FunctionKind {
        match kind {
            UdfKind::Query => FunctionKind::Query,
            UdfKind::Mutation => FunctionKind::Mutation,
            UdfKind::Action => FunctionKind::Action,
        }
    }
}

/// Who may call a function from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Visibility {
    Public,
    Internal,
}

/// Where a function is defined in the user's own source. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub path: String,
    pub start_lineno: u32,
    pub start_col: u32,
}

/// One registered function of a module.
///
/// Serialises to the shape the CLI expects in `analysis[..].functions[..].functions[..]`, which is also the
/// stored form: validators are carried as JSON *text*.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnalyzedFunction {
    pub name: String,
    #[serde(default)]
    pub pos: Option<Position>,
    #[serde(rename = "udfType")]
    pub kind: FunctionKind,
    /// `None`: registered by a very old package without saying; treated as public.
    pub visibility: Option<Visibility>,
    #[serde(with = "validator_text")]
    pub args: Option<Validator>,
    #[serde(with = "validator_text")]
    pub returns: Option<Validator>,
}

impl AnalyzedFunction {
    /// True if callers without an admin key may call it.
    pub fn is_public(&self) -> bool {
        self.visibility != Some(Visibility::Internal)
    }
}

/// One route of `http.js`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyzedHttpRoute {
    pub route: HttpRoute,
    #[serde(default)]
    pub pos: Option<Position>,
}

/// Path (exact, or a prefix ending in `/*`) and method of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRoute {
    pub path: String,
    pub method: String,
}

/// What analysis found in one module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnalyzedModule {
    #[serde(default)]
    pub functions: Vec<AnalyzedFunction>,
    /// Only for `http.js`.
    #[serde(default)]
    pub http_routes: Option<Vec<AnalyzedHttpRoute>>,
    /// Only for `crons.js`: the export of the cron builder, by cron name.
    #[serde(default)]
    pub cron_specs: Option<serde_json::Map<String, serde_json::Value>>,
    /// Reserved by the wire format for dashboards that show original source; always `None` so far.
    #[serde(default)]
    pub source_mapped: Option<serde_json::Value>,
    /// The module exports `experimental_reuseContext === true`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reuse_context: bool,
    /// Names of exported functions that are not registered: nobody can call them, and administrators are told why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain: Vec<String>,
}

impl AnalyzedModule {
    /// What the runtime found, with its validators parsed.
    ///
    /// # Errors
    /// The name of the function whose validator is not one, and why.
    pub fn from_runtime(found: runtime::AnalyzedModule) -> Result<AnalyzedModule, String> {
        let functions = found.functions.into_iter().map(AnalyzedFunction::from_runtime).collect::<Result<_, _>>()?;
        let routes = found.http_routes.map(|routes| routes.into_iter().map(AnalyzedHttpRoute::from).collect());
        Ok(AnalyzedModule {
            functions,
            http_routes: routes,
            cron_specs: found.crons,
            source_mapped: None,
            reuse_context: found.reuse_context,
            plain: found.plain,
        })
    }
}

impl AnalyzedFunction {
    fn from_runtime(found: runtime::AnalyzedFunction) -> Result<AnalyzedFunction, String> {
        let validator = |text: Option<String>, what| match text {
            Some(text) => validator_text::parse(&text)
                .map_err(|error| format!("`{}` has an invalid {what} validator: {error}", found.name)),
            None => Ok(None),
        };
        Ok(AnalyzedFunction {
            args: validator(found.args, "args")?,
            returns: validator(found.returns, "returns")?,
            pos: found.position.map(Position::from),
            kind: found.kind.into(),
            visibility: found.visibility.map(|visibility| match visibility {
                runtime::FunctionVisibility::Public => Visibility::Public,
                runtime::FunctionVisibility::Internal => Visibility::Internal,
            }),
            name: found.name,
        })
    }
}

impl From<runtime::SourcePosition> for Position {
    fn from(at: runtime::SourcePosition) -> Position {
        Position { path: at.path, start_lineno: at.line, start_col: at.column }
    }
}

impl From<runtime::AnalyzedRoute> for AnalyzedHttpRoute {
    fn from(found: runtime::AnalyzedRoute) -> AnalyzedHttpRoute {
        let route = HttpRoute { path: found.path, method: found.method };
        AnalyzedHttpRoute { route, pos: found.position.map(Position::from) }
    }
}

/// A deployed module: a row of `_modules`. Its source is in the object store, see [`super::source`].
#[derive(Clone, Debug)]
pub struct ModuleModel {
    /// Canonical path with `.js`, e.g. `lib/notes.js` or `_deps/4KXQ2TPL.js`.
    pub path: String,
    /// Hex SHA-256 over source then source map, the hash of the push protocol.
    pub sha256: String,
    /// Bytes of source; the rest of the blob is the source map.
    pub source_bytes: u64,
    /// Whether a source map came with it (it may be empty text).
    pub has_source_map: bool,
    pub environment: ModuleEnvironment,
    pub analysis: AnalyzedModule,
}

impl ModuleModel {
    /// The function exported as `name`.
    pub fn function(&self, name: &str) -> Option<&AnalyzedFunction> {
        self.analysis.functions.iter().find(|function| function.name == name)
    }

    /// True for shared chunks, which are importable and never callable.
    pub fn is_dependency(&self) -> bool {
        self.path.starts_with("_deps/")
    }
}

/// Validators travel as JSON text inside JSON.
mod validator_text {
    use lakewire_storage::schema::Validator;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// The validator written as `text`; `null` stands for none.
    pub(super) fn parse(text: &str) -> Result<Option<Validator>, String> {
        let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if json.is_null() {
            return Ok(None);
        }
        Validator::from_json_value(&json).map(Some).map_err(|error| error.to_string())
    }

    pub(super) fn serialize<S: Serializer>(validator: &Option<Validator>, out: S) -> Result<S::Ok, S::Error> {
        validator.as_ref().map(|validator| validator.to_json_value().to_string()).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Validator>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map_or(Ok(None), |text| parse(&text).map_err(D::Error::custom))
    }
}
