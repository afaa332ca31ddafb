//! Checks before and after user code runs: does the function exist for this caller, do arguments and result have
//! the declared shape and an acceptable size.

use lakewire_storage::catalog::Namespace;
use lakewire_storage::limits::MAX_VALUE_NESTING;
use lakewire_storage::schema::{TableLookup, Validator};
use lakewire_storage::transaction::{NamespaceTables, Transaction};
use lakewire_storage::value::Value;
use serde_json::value::RawValue;

use super::{ComponentPath, Failure, FunctionErrorKind, FunctionPath};
use crate::model::{AnalyzedFunction, AppModel, FunctionKind};
use crate::runtime::UdfKind;

/// Which functions a caller may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only public ones; all others look as if they did not exist.
    Public,
    /// Internal ones as well: admins, and functions that call functions.
    Internal,
}

/// Whether the commit timestamp that is not known yet may stand in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholders {
    Allowed,
    Refused,
}

impl Placeholders {
    /// In what mutations pass on and return; nowhere else.
    pub(crate) fn of(kind: UdfKind) -> Self {
        match kind {
            UdfKind::Mutation => Self::Allowed,
            UdfKind::Query | UdfKind::Action => Self::Refused,
        }
    }

    fn parse(self, text: &str) -> Result<Value, lakewire_storage::value::ValueError> {
        match self {
            Self::Allowed => Value::from_json_in_mutation(text),
            Self::Refused => Value::from_json(text),
        }
    }
}

/// The tables of a component as `tx` sees them, for validators of ids.
pub(crate) fn tables_of<'tx>(
    tx: &'tx Transaction,
    model: &AppModel,
    component: &ComponentPath,
) -> NamespaceTables<'tx> {
    NamespaceTables { catalog: tx.catalog(), namespace: namespace_of(model, component) }
}

/// Whose tables the functions of a component see. What is not a component has no tables.
pub(crate) fn namespace_of(model: &AppModel, component: &ComponentPath) -> Namespace {
    model.component(component).map_or(Namespace::NONE, |component| component.namespace)
}

/// The function at `path`, whoever may call it.
pub(crate) fn lookup<'m>(model: &'m AppModel, path: &FunctionPath) -> Option<&'m AnalyzedFunction> {
    let component = model.component(&path.component).filter(|component| component.mounted)?;
    let module = component.definition.modules.get(&*path.module).filter(|module| !module.is_dependency())?;
    module.function(&path.export)
}

/// The function at `path` for a caller with `access`.
///
/// # Errors
/// One and the same text for functions that do not exist and functions the caller may not call. Nobody from outside may
/// call functions of components.
pub(crate) fn find_any<'m>(
    model: &'m AppModel,
    path: &FunctionPath,
    access: Access,
) -> Result<&'m AnalyzedFunction, Failure> {
    let may_call =
        |function: &&AnalyzedFunction| access == Access::Internal || function.is_public() && path.component.is_root();
    if access == Access::Internal && model.component(&path.component).is_some_and(|component| !component.mounted) {
        return Err(unmounted(&path.component));
    }
    lookup(model, path).filter(may_call).ok_or_else(|| match access {
        Access::Internal if is_plain(model, path) => plain(path),
        _ => not_found(path, access),
    })
}

/// Whether the module exports a function of that name that is not registered.
fn is_plain(model: &AppModel, path: &FunctionPath) -> bool {
    let component = model.component(&path.component).filter(|component| component.mounted);
    let module = component.and_then(|component| component.definition.modules.get(&*path.module));
    module
        .is_some_and(|module| !module.is_dependency() && module.analysis.plain.iter().any(|name| *name == *path.export))
}

fn plain(path: &FunctionPath) -> Failure {
    let message = format!(
        "'{path}' is exported, but it is not a Convex function, so it cannot be called. Did you forget to wrap it in \
         `query`, `mutation` or `action`?"
    );
    Failure::new(FunctionErrorKind::NotFound, message)
}

/// As [`find_any`], and it must be of `kind`.
///
/// # Errors
/// Also if it is of another kind.
pub(crate) fn find<'m>(
    model: &'m AppModel,
    path: &FunctionPath,
    kind: FunctionKind,
    access: Access,
) -> Result<&'m AnalyzedFunction, Failure> {
    let function = find_any(model, path, access)?;
    if function.kind == kind {
        return Ok(function);
    }
    Err(wrong_kind(path, kind, function.kind))
}

/// The function is of another kind than it was called as.
pub(crate) fn wrong_kind(path: &FunctionPath, wanted: FunctionKind, defined: FunctionKind) -> Failure {
    let (wanted, defined) = (wanted.as_str(), defined.as_str());
    let message = format!("Trying to execute {path} as {wanted}, but it is defined as {defined}.");
    Failure::new(FunctionErrorKind::WrongKind, message)
}

/// The component of the function is there, but not in use.
fn unmounted(component: &ComponentPath) -> Failure {
    let message = format!(
        "UnmountedComponent: component '{component}' is not mounted, so its functions cannot run and nothing can be \
         written to it. Its data are kept: mount it again with `app.use(...)` in convex.config.ts to use them."
    );
    Failure::new(FunctionErrorKind::NotFound, message)
}

/// No such function that the caller may call.
pub(crate) fn not_found(path: &FunctionPath, access: Access) -> Failure {
    let public = if access == Access::Public { "public " } else { "" };
    let mut message = format!("Could not find {public}function for '{path}'");
    if !path.component.is_root() {
        message.push_str(&format!(" in component '{}'", path.component));
    }
    message.push_str(". Did you forget to run `npx convex dev` or `npx convex deploy`?");
    Failure::new(FunctionErrorKind::NotFound, message)
}

/// The array of arguments in `args`, which may be one bare argument.
pub(crate) fn positional(args: &str) -> String {
    let args = args.trim_ascii();
    if args.starts_with('[') { args.to_owned() } else { format!("[{args}]") }
}

/// Checks `args`, the JSON text of an array of encoded arguments, against what the function declares.
///
/// # Errors
/// [`FunctionErrorKind::InvalidArguments`].
pub(crate) fn arguments(
    function: &AnalyzedFunction,
    path: &FunctionPath,
    args: &str,
    placeholders: Placeholders,
    max_size: usize,
    tables: &dyn TableLookup,
) -> Result<(), Failure> {
    let invalid = |message: String| Failure::new(FunctionErrorKind::InvalidArguments, message);
    let values = parse_arguments(args, placeholders)
        .map_err(|error| invalid(format!("Invalid arguments for {path}: {error}")))?;
    let size: usize = values.iter().map(Value::size).sum();
    if size > max_size {
        let text = format!("Arguments for {path} are too large (actual: {size} bytes, limit: {max_size} bytes)");
        return Err(invalid(text));
    }
    let Some(validator) = function.args.as_ref().filter(|validator| !matches!(validator, Validator::Any)) else {
        return Ok(());
    };
    let [value @ Value::Object(_)] = values.as_slice() else {
        let text = "ArgumentValidationError: Expected to receive a single object as the function's argument, since it has \
                    an argument validator. The arguments of this call are of another form";
        return Err(invalid(text.to_owned()));
    };
    validator.check(value, tables).map_err(|error| invalid(format!("ArgumentValidationError: {error}")))
}

/// Each argument is a value of its own: the array around them is no level of nesting.
fn parse_arguments(args: &str, placeholders: Placeholders) -> Result<Vec<Value>, String> {
    let raw: Vec<&RawValue> = serde_json::from_str(args).map_err(|error| error.to_string())?;
    raw.into_iter().map(|text| placeholders.parse(text.get()).map_err(|error| error.to_string())).collect()
}

/// Checks `json`, which a function returned. `function` is `None` for functions that were not analyzed.
///
/// # Errors
/// [`FunctionErrorKind::InvalidResult`].
pub(crate) fn result(
    function: Option<&AnalyzedFunction>,
    path: &FunctionPath,
    json: &str,
    placeholders: Placeholders,
    max_size: usize,
    tables: &dyn TableLookup,
) -> Result<(), Failure> {
    let invalid = |message: String| Failure::new(FunctionErrorKind::InvalidResult, message);
    let validator =
        function.and_then(|function| function.returns.as_ref()).filter(|returns| !matches!(returns, Validator::Any));
    // The client package wrote the text in the function itself. A result that nothing is declared about is only parsed
    // where something in it needs a second look; its text is never smaller than its size.
    if validator.is_none() && json.len() <= max_size && !needs_a_look(json) {
        return serde_json::from_str::<serde::de::IgnoredAny>(json)
            .map(drop)
            .map_err(|error| invalid(format!("{path} did not return an encoded value: {error}")));
    }
    if placeholders == Placeholders::Refused && json.contains(COMMIT_TS) {
        let text = format!("{path} returned an unresolved commit timestamp: only mutations can return one");
        return Err(invalid(text));
    }
    let value =
        placeholders.parse(json).map_err(|error| invalid(format!("The return value of {path} is invalid: {error}")))?;
    let size = value.size();
    if size > max_size {
        let text = format!("The return value of {path} is too large (actual: {size} bytes, limit: {max_size} bytes)");
        return Err(invalid(text));
    }
    match validator {
        Some(validator) => {
            validator.check(&value, tables).map_err(|error| invalid(format!("ReturnsValidationError: {error}")))
        }
        None => Ok(()),
    }
}

/// The commit timestamp that is not known yet, as the client package writes it. Inside a JSON string its quotes would
/// be escaped, so this text in an encoded value is always the placeholder.
pub(crate) const COMMIT_TS: &str = r#"{"$commitTs":null}"#;

/// Whether the text of a value may hold what only parsing tells to be valid: special values, escaped surrogates, values
/// nested too deeply.
fn needs_a_look(json: &str) -> bool {
    json.contains("\"$") || json.contains("\\u") || is_deep(json)
}

/// Whether more brackets are open at a time than a value has levels.
fn is_deep(json: &str) -> bool {
    let (mut open, mut in_string) = (0_usize, false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => drop(bytes.next()),
            b'[' | b'{' if !in_string => {
                open += 1;
                if open > MAX_VALUE_NESTING {
                    return true;
                }
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
