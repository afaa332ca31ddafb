//! From a call to something V8 can run: the app at the snapshot, the function in it, the arguments checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::database::Snapshot;
use lakewire_storage::transaction::{Transaction, TxError};

use super::{Engine, ProgramError};
use crate::model::{AnalyzedFunction, AppModel, FunctionKind, ModelError, RunState};
use crate::runtime::FailureKind;
use crate::runtime::{Invocation, InvocationLimits, JsFailure, Program, UdfKind};
use crate::system::SystemFunction;
use crate::udf::check::{self, Access, Placeholders, tables_of};
use crate::udf::{Call, CallFailure, Failure, FunctionErrorKind};

/// Why a function was not run, or has no result.
pub(super) enum Refusal {
    /// The call failed as calls of this function do: a result for the client.
    Function(Failure),
    /// The server could not run it.
    Call(CallFailure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Function(failure)
    }
}

impl From<CallFailure> for Refusal {
    fn from(failure: CallFailure) -> Self {
        Self::Call(failure)
    }
}

impl From<ModelError> for Refusal {
    fn from(error: ModelError) -> Self {
        Self::Call(error.into())
    }
}

impl From<ProgramError> for Refusal {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Import(message) => Self::Function(Failure::new(FunctionErrorKind::Thrown, message)),
            ProgramError::Internal(message) => Self::Call(CallFailure::Internal(message)),
        }
    }
}

impl From<TxError> for Refusal {
    fn from(error: TxError) -> Self {
        if error.is_developer_error() {
            let message = format!("{}: {error}", error.code());
            let data = error.data().map(|data| data.to_string().into());
            Self::Function(Failure::new(FunctionErrorKind::Thrown, message).with_data(data))
        } else {
            Self::Call(error.into())
        }
    }
}

impl Refusal {
    /// The failure of a function that V8 ran, or a fault on the way.
    pub(super) fn of_js(failure: JsFailure) -> Self {
        let kind = match failure.kind {
            FailureKind::Timeout => FunctionErrorKind::Timeout,
            FailureKind::OutOfMemory => FunctionErrorKind::OutOfMemory,
            FailureKind::SystemTimeout => {
                let message = format!("SystemTimeoutError: {}", failure.message);
                return Self::Function(Failure::new(FunctionErrorKind::Timeout, message));
            }
            FailureKind::Overloaded => return Self::Call(CallFailure::Overloaded(failure.message)),
            FailureKind::Unavailable => return Self::Call(CallFailure::Unavailable(failure.message)),
            FailureKind::Host | FailureKind::Internal => return Self::Call(CallFailure::Internal(failure.message)),
            _ => FunctionErrorKind::Thrown,
        };
        Self::Function(Failure::new(kind, failure.message).with_data(failure.data.map(Into::into)))
    }
}

/// A call that can be run.
pub(super) struct Prepared {
    pub model: Arc<AppModel>,
    pub program: Arc<Program>,
}

impl Prepared {
    /// What the function sees as `process.env`.
    pub(super) fn process_env(&self, call: &Call) -> Arc<BTreeMap<String, String>> {
        let component = self.model.component(&call.path.component);
        component.map_or_else(Arc::default, |component| component.process_env.clone())
    }

    /// What analysis found out about the function.
    pub(super) fn function(&self, call: &Call) -> Option<&AnalyzedFunction> {
        check::lookup(&self.model, &call.path)
    }
}

impl Engine {
    /// Checks a call of a function of the app, in the order that decides which error its caller sees.
    pub(super) async fn prepare(
        &self,
        call: &Call,
        kind: FunctionKind,
        snapshot: &Snapshot,
        tx: &mut Transaction,
    ) -> Result<Prepared, Refusal> {
        let model = self.models.model(&self.db, snapshot, tx).await?;
        check_running(&model)?;
        let function = check::find(&model, &call.path, kind, access(call))?;
        let max_size = tx.limits().arguments_size;
        let tables = tables_of(tx, &model, &call.path.component);
        check::arguments(function, &call.path, &call.args, Placeholders::Refused, max_size, &tables)?;
        // The function was found in it.
        let component =
            model.component(&call.path.component).ok_or_else(|| check::not_found(&call.path, access(call)))?;
        let program = self.programs.program(&model, component).await?;
        Ok(Prepared { model, program })
    }

    /// Loads the programs of the app as it is now, so that the first call finds them. Best effort: that call loads what is
    /// missing.
    pub async fn warm_up(&self) {
        let latest = self.db.latest();
        AppModel::prefetch(&self.db, &latest).await;
        let model = match self.models.at(&self.db, &latest).await {
            Ok(model) => model,
            Err(error) => return tracing::warn!(%error, "the deployed app cannot be read"),
        };
        for component in model.mounted() {
            if let Err(error) = self.programs.program(&model, component).await {
                tracing::warn!(%error, component = %component.path, "a program cannot be loaded");
            }
        }
    }

    /// The kind of the function that `call` names.
    pub(super) async fn kind_of(&self, call: &Call) -> Result<FunctionKind, CallFailure> {
        if call.path.is_system() {
            let is_mutation = SystemFunction::find(&call.path).is_some_and(|found| found.kind() == UdfKind::Mutation);
            return Ok(if is_mutation { FunctionKind::Mutation } else { FunctionKind::Query });
        }
        let model = self.models.at(&self.db, &self.db.latest()).await?;
        // A function that is not there fails the same way whatever it is run as.
        Ok(check::lookup(&model, &call.path).map_or(FunctionKind::Query, |function| function.kind))
    }

    /// What V8 is asked to run.
    pub(super) fn invocation(&self, call: &Call, kind: UdfKind, prepared: &Prepared) -> Invocation {
        Invocation {
            program: prepared.program.clone(),
            module: call.path.module.to_string(),
            export: call.path.export.to_string(),
            kind,
            args: call.args.clone(),
            seed: self.env.random_bytes(),
            now_ms: (self.env.now_ns() / 1_000_000) as f64,
            env: prepared.process_env(call),
            component: check::namespace_of(&prepared.model, &call.path.component).0,
            limits: InvocationLimits::from(&**self.db.limits()),
            is_again: false,
        }
    }
}

/// Which functions the caller may reach.
pub(super) fn access(call: &Call) -> Access {
    if call.internal || call.identity.is_admin() { Access::Internal } else { Access::Public }
}

pub(super) fn check_running(model: &AppModel) -> Result<(), Failure> {
    match model.state {
        RunState::Running => Ok(()),
        RunState::Paused => {
            let message = "Cannot run functions while this deployment is paused. Resume the deployment to allow functions to run.";
            Err(Failure::new(FunctionErrorKind::NotRunning, message))
        }
    }
}
