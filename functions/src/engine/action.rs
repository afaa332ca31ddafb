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
use crate::udf::{Call, CallFailure, Failure, FunctionErrorKind};

/// How an action ran, for the log.
#[derive(Default)]
struct Ran {
    user_time: std::time::Duration,
    in_node: bool,
}

impl Engine {
    pub(crate) async fn run_action(&self, call: &Call) -> Result<ActionRun, CallFailure> {
        let started = self.start();
        let execution_id = self.execution_id();
        let host = Arc::new(FunctionActionHost::new(self.me.clone(), call.clone(), execution_id.clone()));
        let mut ran = Ran::default();
        let outcome: Outcome = match self.act(call, host.clone(), &mut ran).await {
            Ok(json) => Ok(json),
            Err(Refusal::Function(failure)) => Err(failure),
            Err(Refusal::Call(failure)) => return Err(failure),
        };
        let report =
            Report { user_time: ran.user_time, in_node: ran.in_node, usage: Usage::default(), ..Report::default() };
        self.log_completion(call, FunctionKind::Action, &execution_id, started, &outcome, report);
        Ok(ActionRun { outcome, request_id: call.request_id.clone(), lines: host.take_lines() })
    }

    async fn act(&self, call: &Call, host: Arc<FunctionActionHost>, ran: &mut Ran) -> Result<Arc<str>, Refusal> {
        if call.path.is_system() {
            return Err(check::not_found(&call.path, access(call)).into());
        }
        let snapshot = self.db.latest();
        let mut tx = self.db.begin(snapshot.clone(), &call.path.udf_path());
        let prepared = self.prepare(call, FunctionKind::Action, &snapshot, &mut tx).await?;
        ran.in_node = prepared.is_node(call);
        let outcome = if ran.in_node {
            check_size(call, tx.limits().node_arguments_size)?;
            self.run_in_node(call, &prepared, host).await
        } else {
            let invocation = self.invocation(call, UdfKind::Action, &prepared);
            self.pool.run_action(invocation, host).await
        };
        ran.user_time = outcome.user_time;
        let json = outcome.result.map_err(Refusal::of_js)?;
        let function = prepared.function(call);
        let tables = tables_of(&tx, &prepared.model, &call.path.component);
        check::result(function, &call.path, &json, Placeholders::Refused, tx.limits().result_size, &tables)?;
        Ok(json.into())
    }
}

/// Arguments of Node actions have a lower limit than others.
fn check_size(call: &Call, limit: usize) -> Result<(), Failure> {
    let size = call.args.len();
    if size <= limit {
        return Ok(());
    }
    let text = format!("Arguments for {} are too large (actual: {size} bytes, limit: {limit} bytes)", call.path);
    Err(Failure::new(FunctionErrorKind::InvalidArguments, text))
}
