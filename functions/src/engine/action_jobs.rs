//! `ctx.scheduler` in actions: each operation is a transaction of its own.

use lakewire_storage::catalog::Namespace;
use lakewire_storage::commit::CommitError;
use lakewire_storage::transaction::Transaction;

use super::Engine;
use super::action_host::parse;
use super::once::{self, Once};
use crate::jobs::{self, CancelArgs, JobUsage, ScheduleArgs};
use crate::model::AppModel;
use crate::runtime::SyscallError;
use crate::udf::Call;
use crate::udf::address::{self, Address};
use crate::udf::host::{address_error, developer, model_error};

const SOURCE: &str = "_system/scheduler";
const API: &str = "ctx.scheduler";

impl Engine {
    /// `1.0/actions/schedule`.
    pub(super) async fn schedule_from_action(
        &self,
        call: &Call,
        args: &str,
        once: Once<'_>,
    ) -> Result<String, SyscallError> {
        let request: ScheduleArgs<'_> = parse(API, args)?;
        let address: Address<'_> = parse(API, args)?;
        loop {
            let snapshot = self.db.head();
            let mut tx = self.db.begin(snapshot.clone(), SOURCE);
            if let Some(answer) = once::earlier(&mut tx, once).await? {
                return self.is_committed(tx).await.map(|_| answer);
            }
            let model = self.models.model(&self.db, &snapshot, &mut tx).await.map_err(model_error)?;
            let path = address::resolve(&model, &call.path.component, &address).map_err(address_error)?;
            let namespace = namespace_of(&model, call)?;
            let mut usage = JobUsage::default();
            let id = jobs::insert(&mut tx, &model, namespace, &path, &request, call.job, &mut usage).await?;
            let answer = format!("\"{id}\"");
            once::note(&mut tx, once, &answer).await?;
            if self.is_committed(tx).await? {
                return Ok(answer);
            }
        }
    }

    /// `1.0/actions/cancel_job`.
    pub(super) async fn cancel_from_action(&self, call: &Call, args: &str) -> Result<String, SyscallError> {
        let request: CancelArgs<'_> = parse(API, args)?;
        loop {
            let snapshot = self.db.head();
            let mut tx = self.db.begin(snapshot.clone(), SOURCE);
            let model = self.models.model(&self.db, &snapshot, &mut tx).await.map_err(model_error)?;
            jobs::cancel(&mut tx, namespace_of(&model, call)?, &request.id, None).await?;
            if self.is_committed(tx).await? {
                return Ok("null".to_owned());
            }
        }
    }

    /// Commits for an action; false if that has to be tried again.
    pub(super) async fn is_committed(&self, tx: Transaction) -> Result<bool, SyscallError> {
        jobs::try_commit(&self.db, tx).await.map_err(|error: CommitError| SyscallError::transient(error.to_string()))
    }
}

/// Whose jobs and files an action's are.
pub(super) fn namespace_of(model: &AppModel, call: &Call) -> Result<Namespace, SyscallError> {
    let component = model.component(&call.path.component).filter(|component| component.mounted);
    let unmounted =
        || developer("UnmountedComponent", format_args!("component `{}` is not mounted", call.path.component));
    component.map(|component| component.namespace).ok_or_else(unmounted)
}
