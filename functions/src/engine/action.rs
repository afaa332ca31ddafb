//! Actions: user code outside of any transaction.

use std::sync::Arc;

use lakewire_storage::transaction::Usage;

use super::Engine;
use super::action_host::FunctionActionHost;
use super::execution::{ActionRun, Outcome, Report};
use super::prepare::{Refusal, access};
use crate::model::FunctionKind;
use crate::runtime::UdfKind;
use crate::udf::check::{self, Placeholders, tables_of};
use crate::udf::{Call, CallFailure};

impl Engine {
    pub(crate) async fn run_action(&self, call: &Call) -> Result<ActionRun, CallFailure> {
        let started = self.start();
        let execution_id = self.execution_id();
        let host = Arc::new(FunctionActionHost::new(self.me.clone(), call.clone(), execution_id.clone()));
        let mut user_time = std::time::Duration::ZERO;
        let outcome: Outcome = match self.act(call, host.clone(), &mut user_time).await {
            Ok(json) => Ok(json),
            Err(Refusal::Function(failure)) => Err(failure),
            Err(Refusal::Call(failure)) => return Err(failure),
        };
        let report = Report { user_time, usage: Usage::default(), ..Report::default() };
        self.log_completion(call, FunctionKind::Action, &execution_id, started, &outcome, report);
        Ok(ActionRun { outcome, request_id: call.request_id.clone(), lines: host.take_lines() })
    }

    async fn act(
        &self,
        call: &Call,
        host: Arc<FunctionActionHost>,
        user_time: &mut std::time::Duration,
    ) -> Result<Arc<str>, Refusal> {
        if call.path.is_system() {
            return Err(check::not_found(&call.path, access(call)).into());
        }
        let snapshot = self.db.latest();
        let mut tx = self.db.begin(snapshot.clone(), &call.path.udf_path());
        let prepared = self.prepare(call, FunctionKind::Action, &snapshot, &mut tx).await?;
        let invocation = self.invocation(call, UdfKind::Action, &prepared);
        let outcome = self.pool.run_action(invocation, host).await;
        *user_time = outcome.user_time;
        let json = outcome.result.map_err(Refusal::of_js)?;
        let function = prepared.function(call);
        let tables = tables_of(&tx, &prepared.model, &call.path.component);
        check::result(function, &call.path, &json, Placeholders::Refused, tx.limits().result_size, &tables)?;
        Ok(json.into())
    }
}
