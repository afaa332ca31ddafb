//! `process.env`.

use lakewire_storage::limits::MAX_ENVIRONMENT_VARIABLE_NAME_LENGTH as MAX_NAME;

use super::{string, throw_error};
use crate::runtime::state::{self, Mode};

/// The value of a variable, or `undefined`.
pub(super) fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let name = args.get(0).to_rust_string_lossy(scope);
    if !is_valid_name(&name) {
        execution.forbid("EnvironmentVariableNameInvalid");
        return throw_error(
            scope,
            &format!(
                "`{name}` is not a valid name of an environment variable: letters, digits and `_`, not beginning with a digit, at most {MAX_NAME}"
            ),
        );
    }
    match execution.mode {
        Mode::Schema => {
            execution.forbid("NoEnvironmentVariablesInSchema");
            return throw_error(scope, "Environment variables are not available in a schema");
        }
        Mode::Definition(false) => {
            execution.forbid("EnvironmentVariablesUnsupported");
            return throw_error(scope, "Environment variables are not available in the definition of a component");
        }
        _ => {}
    }
    if execution.mode == Mode::Import {
        execution.env_reads.borrow_mut().insert(name.clone());
    }
    match execution.env.get(&name) {
        Some(value) => result.set(string(scope, value).into()),
        None if execution.mode == Mode::AuthConfig => {
            execution.forbid("AuthConfigMissingEnvironmentVariable");
            throw_error(
                scope,
                &format!("Environment variable {name} is used in auth config file but its value was not set"),
            );
        }
        None => {}
    }
}

fn is_valid_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && name.len() <= MAX_NAME && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
