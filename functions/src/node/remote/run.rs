//! Running and analyzing in the Node function: the answer as processes of this machine give it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::env::Env;

use super::invoke::Order;
use super::payload::{Answer, Callback, End, Line, Task};
use super::{FunctionEnded, RemoteNode};
use crate::node::executor::analyzed;
use crate::node::run::{failure, process_ended, ran_out_of_memory, timed_out, unavailable};
use crate::node::{NodeBundle, NodeCall, NodeError};
use crate::runtime::{ActionHost, AnalyzedModule, FailureKind, JsFailure, LineLimits, ModuleSource, unawaited_warning};

impl RemoteNode {
    /// Runs an action; console lines go to `host`, what it asks for does not.
    pub(crate) async fn run(
        &self,
        env: &Env,
        bundle: &NodeBundle,
        call: &NodeCall<'_>,
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
        host: &Arc<dyn ActionHost>,
    ) -> Result<String, JsFailure> {
        let order = Order { bundle, vars: &call.vars, time: call.time };
        let task = || Task::Run {
            module: call.module,
            export: call.export,
            args: call.args,
            request_id: call.request_id,
            lines: call.limits.log_lines,
            line_length: call.limits.log_line_length,
            callback: Callback { url: format!("{}/api/lakewire/node", self.callback), token: call.ticket },
        };
        let Answer { end, lines } = match self.execute(env, &order, task, sources).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err(timed_out(call.time)),
            Err(NodeError::Ended(ended)) => return Err(function_ended(&ended, call.time)),
            Err(error) => return Err(unavailable(error)),
        };
        let mut limits = LineLimits::new(&call.limits);
        for Line { level, messages, timestamp } in lines {
            if let Some(line) = limits.line(level, messages, timestamp) {
                host.log(line);
            }
        }
        match end {
            End::Done { result, unawaited } => {
                let now_ms = (env.now_ns() / 1_000_000) as f64;
                if let Some(line) = unawaited_warning(&unawaited, now_ms) {
                    host.log(line);
                }
                Ok(result)
            }
            End::Failed { message, data } => Err(JsFailure { message, data, kind: FailureKind::Thrown }),
            End::Fatal { message, transient } => {
                let kind = if transient { FailureKind::Unavailable } else { FailureKind::Host };
                Err(failure(kind, message))
            }
            End::Timeout => Err(timed_out(call.time)),
            End::Ended { out_of_memory: true, .. } => Err(ran_out_of_memory()),
            End::Ended { how, .. } => Err(process_ended(&how)),
            other => Err(failure(FailureKind::Internal, unexpected(&other).to_string())),
        }
    }

    /// As [`NodeExecutor::analyze`](crate::node::NodeExecutor::analyze).
    pub(crate) async fn analyze(
        &self,
        env: &Env,
        (bundle, vars): (&NodeBundle, &BTreeMap<String, String>),
        entries: &[String],
        sources: impl Future<Output = Result<Vec<ModuleSource>, String>>,
        time: Duration,
    ) -> Result<Vec<AnalyzedModule>, NodeError> {
        let order = Order { bundle, vars, time };
        let too_long = || NodeError::Import(format!("loading the modules took longer than {} s", time.as_secs()));
        let out_of_memory = || NodeError::Import("Node.js ran out of memory".to_owned());
        let answer = self.execute(env, &order, || Task::Analyze { modules: entries }, sources).await;
        let answer = answer.map_err(|error| match error {
            NodeError::Ended(FunctionEnded::Timeout) => too_long(),
            NodeError::Ended(FunctionEnded::OutOfMemory) => out_of_memory(),
            error => error,
        });
        match answer?.ok_or_else(too_long)?.end {
            End::Analyzed { modules } => Ok(modules.into_iter().map(analyzed).collect()),
            End::Failed { message, .. } => Err(NodeError::Import(message)),
            End::Timeout => Err(too_long()),
            End::Ended { out_of_memory: true, .. } => Err(out_of_memory()),
            End::Ended { how, .. } => Err(NodeError::Import(format!("Node.js ended: {how}"))),
            other => Err(unexpected(&other)),
        }
    }
}

/// What the end of the function means for the action in it.
fn function_ended(ended: &FunctionEnded, time: Duration) -> JsFailure {
    match ended {
        FunctionEnded::Timeout => timed_out(time),
        FunctionEnded::OutOfMemory => ran_out_of_memory(),
        FunctionEnded::Otherwise(how) => process_ended(how),
    }
}

fn unexpected(end: &End) -> NodeError {
    NodeError::Internal(format!("the Node function answered something else than was asked: {end:?}"))
}
