//! Which function a function means: by name, by reference, or by handle.

use std::borrow::Cow;

use serde::Deserialize;

use super::{ComponentPath, FunctionPath, PathError};
use crate::model::AppModel;

/// How a function names another one: exactly one of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address<'a> {
    /// `module:export`, in the caller's own component.
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    /// `_reference/...`, relative to the caller's component.
    #[serde(borrow, default)]
    pub reference: Option<Cow<'a, str>>,
    /// `function://...`, the same everywhere.
    #[serde(borrow, default)]
    pub function_handle: Option<Cow<'a, str>>,
}

/// An address that names no function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("name the function in exactly one way: by `name`, `reference` or `functionHandle`")]
    NotOne,
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("`{reference}` does not name a function")]
    Reference { reference: String },
    #[error("`{reference}` names a value, which cannot be called")]
    Value { reference: String },
    #[error("there is no component `{name}` here: is it in `app.use(...)` of convex.config.ts?")]
    NoComponent { name: String },
    #[error("component `{component}` has no public function `{function}`")]
    NoFunction { component: String, function: String },
    #[error("`{handle}` is not the handle of a function that is deployed")]
    Handle { handle: String },
}

impl AddressError {
    /// The short code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOne => "InvalidArgument",
            Self::Path(_) | Self::Reference { .. } | Self::NoFunction { .. } => "InvalidReference",
            Self::Value { .. } => "InvalidResource",
            Self::NoComponent { .. } => "ComponentNotFound",
            Self::Handle { .. } => "FunctionHandleNotFound",
        }
    }
}

/// The function that `address` means when a function of the component `caller` says it. A function that is named or
/// referred to within the caller's own component need not exist.
///
/// # Errors
/// [`AddressError`]. A component reaches public functions of its own children, and whatever it was given a handle of.
pub fn resolve(model: &AppModel, caller: &ComponentPath, address: &Address<'_>) -> Result<FunctionPath, AddressError> {
    match (&address.name, &address.reference, &address.function_handle) {
        (Some(name), None, None) => Ok(FunctionPath::parse_in(caller.clone(), name)?),
        (None, Some(reference), None) => resolve_reference(model, caller, reference),
        (None, None, Some(handle)) => {
            let function = model.handles.function(handle).cloned();
            function.ok_or_else(|| AddressError::Handle { handle: handle.clone().into_owned() })
        }
        _ => Err(AddressError::NotOne),
    }
}

fn resolve_reference(model: &AppModel, caller: &ComponentPath, reference: &str) -> Result<FunctionPath, AddressError> {
    let unknown = || AddressError::Reference { reference: reference.to_owned() };
    let (kind, rest) =
        reference.strip_prefix("_reference/").and_then(|rest| rest.split_once('/')).ok_or_else(unknown)?;
    match kind {
        "function" => Ok(FunctionPath::parse_in(caller.clone(), rest)?),
        "componentArgument" => Err(AddressError::Value { reference: reference.to_owned() }),
        "childComponent" => {
            let (name, function) = rest.split_once('/').ok_or_else(unknown)?;
            let (module, export) = function.rsplit_once('/').ok_or_else(unknown)?;
            let no_component = || AddressError::NoComponent { name: name.to_owned() };
            let child = caller.child(name).map_err(|_| no_component())?;
            let component = model.component(&child).filter(|child| child.mounted).ok_or_else(no_component)?;
            let path = FunctionPath::parse_in(child, &format!("{module}:{export}"))?;
            let module = component.definition.modules.get(&*path.module).filter(|module| !module.is_dependency());
            if module.and_then(|module| module.function(&path.export)).is_some_and(|function| function.is_public()) {
                return Ok(path);
            }
            Err(AddressError::NoFunction { component: name.to_owned(), function: path.udf_path() })
        }
        _ => Err(unknown()),
    }
}
