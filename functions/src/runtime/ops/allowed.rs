//! What only actions may do.

use std::rc::Rc;
use std::sync::Arc;

use super::throw_error;
use crate::runtime::host::ActionHost;
use crate::runtime::state::{self, Execution, Mode, Services};

/// What is tried, with the codes for where it is forbidden.
pub(super) struct Privilege {
    pub(super) in_udf: &'static str,
    pub(super) at_import: &'static str,
}

pub(super) const SLEEP: Privilege =
    Privilege { in_udf: "NoSleepInQueriesOrMutations", at_import: "NoSleepDuringImport" };
pub(super) const FETCH: Privilege =
    Privilege { in_udf: "NoFetchInQueriesOrMutations", at_import: "NoFetchDuringImport" };
pub(super) const STORAGE: Privilege =
    Privilege { in_udf: "NoStorageInQueriesOrMutations", at_import: "NoStorageDuringImport" };
pub(super) const FORM_PARSE: Privilege =
    Privilege { in_udf: "NoFormParseInQueriesOrMutations", at_import: "NoFormParseDuringImport" };
pub(super) const CRYPTO_RNG: Privilege =
    Privilege { in_udf: "NoCryptoRngInQueriesOrMutations", at_import: "NoCryptoRngDuringImport" };

/// The execution, if it is an action's. Throws an error that names `api` otherwise.
pub(super) fn action_only(scope: &mut v8::PinScope<'_, '_>, privilege: &Privilege, api: &str) -> Option<Rc<Execution>> {
    let execution = state::current(scope)?;
    if execution.mode.is_action() {
        return Some(execution);
    }
    let message = if let Mode::Function(_) = execution.mode {
        execution.forbid(privilege.in_udf);
        format!(
            "Can't use {api} in queries and mutations. Please consider using an action. See https://docs.convex.dev/functions/actions for more details."
        )
    } else {
        execution.forbid(privilege.at_import);
        format!("Can't use {api} at import time")
    };
    throw_error(scope, &message);
    None
}

/// [`action_only`] with the host of the action.
pub(super) fn action_host(
    scope: &mut v8::PinScope<'_, '_>,
    privilege: &Privilege,
    api: &str,
) -> Option<(Rc<Execution>, Arc<dyn ActionHost>)> {
    let execution = action_only(scope, privilege, api)?;
    match &execution.services {
        Services::Action(host) => {
            let host = host.clone();
            Some((execution, host))
        }
        Services::None | Services::Udf(_) => None,
    }
}

/// `(api)`: throws unless forms may be parsed here.
pub(super) fn check_form_parse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let api = args.get(0).to_rust_string_lossy(scope);
    action_only(scope, &FORM_PARSE, &api);
}

/// `(api)`: throws unless the operating system's randomness may be used here.
pub(super) fn check_crypto_rng<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let api = args.get(0).to_rust_string_lossy(scope);
    action_only(scope, &CRYPTO_RNG, &api);
}

/// `(api)`: ends the execution, whatever JavaScript catches.
pub(super) fn not_implemented<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let api = args.get(0).to_rust_string_lossy(scope);
    if let Some(execution) = state::current(scope) {
        execution.fail_uncatchably(scope, format!("Uncaught Error: Not implemented: {api}"));
    }
}
