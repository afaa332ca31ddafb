//! What queries and mutations run on: syscalls over one transaction.
//!
//! Documents go from the transaction to V8 as the JSON text they are stored in; nothing on the way of a read parses
//! or writes them again.

mod args;
mod auth;
mod context;
mod error;
mod files;
mod jobs;
pub(crate) mod meta;
mod nested;
mod reads;
mod writes;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakewire_storage::catalog::Namespace;
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::Transaction;

pub(crate) use auth::user_identity;
pub(crate) use context::CallContext;
use error::not_here;
pub(crate) use error::{
    address as address_error, developer, later_operation, model_error, not_available, transaction as transaction_error,
};
pub(crate) use nested::function_handle;
use nested::{Frame, PendingCall};

use crate::files::{FileUsage, Stored};
use crate::jobs::JobUsage;
use crate::logs::{AuditLine, AuditUsage};
use crate::runtime::{AsyncCall, JsFailure, LogLine, NestedCall, SyscallError, SyscallReply, UdfHost, UdfKind};
use crate::udf::{FunctionPath, check};

/// The host of one query or mutation and of the functions it calls.
pub(crate) struct TransactionHost {
    context: CallContext,
    /// The transaction of the call, and above it those of calls that see the snapshot only. The last one is in use.
    transactions: Vec<Transaction>,
    /// The running function and, below it, those that wait for it.
    frames: Vec<Frame>,
    /// A nested call that was resolved and not yet begun.
    pending: Option<PendingCall>,
    /// Where the page ended when this query ran before.
    journal: Option<String>,
    /// What the whole transaction has scheduled.
    scheduled: JobUsage,
    /// What the whole transaction has stored and loaded.
    filed: FileUsage,
    /// What the whole transaction has written to the audit log.
    audited: AuditUsage,
    outcome: HostOutcome,
}

/// What a host knows at the end, besides its transaction.
#[derive(Default)]
pub(crate) struct HostOutcome {
    /// Console lines, those of called functions included.
    pub lines: Vec<ConsoleLine>,
    /// Where the page of this run ended.
    pub journal: Option<String>,
    /// Whether a function asked who calls.
    pub observed_identity: bool,
    /// Whether a function asked for the timestamp of its snapshot.
    pub observed_time: bool,
    /// Files that were stored, those of functions that failed included.
    pub stored: Vec<(DocumentId, Stored)>,
    /// Audit log lines, to be emitted once the result is given out. Those of functions that failed are not among them.
    pub audit: Vec<AuditLine>,
}

/// A console line, and the function that wrote it if that is not the one the call is of.
#[derive(Clone)]
pub(crate) struct ConsoleLine {
    pub line: LogLine,
    pub by: Option<FunctionPath>,
}

impl From<LogLine> for ConsoleLine {
    fn from(line: LogLine) -> Self {
        Self { line, by: None }
    }
}

impl TransactionHost {
    /// For one call of `path`; `journal` is what an earlier run of the same query gave.
    pub(crate) fn new(
        context: CallContext,
        transaction: Transaction,
        path: FunctionPath,
        kind: UdfKind,
        journal: Option<String>,
    ) -> Self {
        let namespace = check::namespace_of(&context.model, &path.component);
        Self {
            context,
            transactions: vec![transaction],
            frames: vec![Frame::top(path, namespace, kind)],
            pending: None,
            journal,
            scheduled: JobUsage::default(),
            filed: FileUsage::default(),
            audited: AuditUsage::default(),
            outcome: HostOutcome::default(),
        }
    }

    /// The transaction with all its reads and writes, and what else is known at the end.
    pub(crate) fn finish(mut self) -> (Transaction, HostOutcome) {
        // An execution that was ended from outside may leave inner transactions behind.
        let transaction = self.transactions.swap_remove(0);
        (transaction, self.outcome)
    }

    fn tx(&mut self) -> &mut Transaction {
        self.transactions.last_mut().expect("the first transaction is only taken by `finish`")
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the first frame is never popped")
    }

    /// Whose tables the running function sees.
    fn namespace(&mut self) -> Namespace {
        self.frame().namespace
    }

    async fn async_syscall(&mut self, op: &str, args: &str) -> Result<SyscallReply, SyscallError> {
        let json = match op {
            "1.0/get" => self.get(args).await?,
            "1.0/queryStreamNext" => self.query_next(args).await?,
            "1.0/queryPage" => self.query_page(args).await?,
            "1.0/count" => self.count(args).await?,
            "1.0/insert" => self.insert(op, args).await?,
            "1.0/shallowMerge" => self.patch(op, args).await?,
            "1.0/replace" => self.replace(op, args).await?,
            "1.0/remove" => self.remove(op, args).await?,
            "1.0/schedule" => self.schedule(op, args).await?,
            "1.0/cancel_job" => self.cancel_job(op, args).await?,
            "1.0/storageGetUrl" => self.storage_url(args).await?,
            "1.0/storageGetMetadata" => self.storage_metadata(args).await?,
            "1.0/storageGenerateUploadUrl" => self.storage_upload_url(op)?,
            "1.0/storageDelete" => self.storage_delete(op, args).await?,
            "1.0/storageStore" => self.storage_store(op, args).await?,
            "1.0/storageGet" => self.storage_get(op, args).await?,
            "1.0/runUdf" => return self.run_udf(args).await.map(|call| SyscallReply::Call(Box::new(call))),
            "1.0/createFunctionHandle" => self.create_function_handle(args)?,
            // Who calls the app is none of a component's business.
            "1.0/getUserIdentity" if !self.frame().path.component.is_root() => "null".to_owned(),
            "1.0/getUserIdentity" => {
                self.outcome.observed_identity = true;
                user_identity(&self.context.identity)?
            }
            "1.0/signJwt" => self.sign_jwt(op, args)?,
            "1.0/auditLog" => self.audit(args)?,
            "1.0/getTransactionMetrics" => self.transaction_metrics(),
            "1.0/getFunctionMetadata" => meta::function_metadata(&self.frame().path),
            "1.0/getDeploymentMetadata" => meta::deployment_metadata(&self.context.deployment),
            "1.0/getRequestMetadata" => self.request_metadata()?,
            "1.0/actions/query" | "1.0/actions/mutation" | "1.0/actions/action" => {
                return Err(not_here(
                    op,
                    "ctx.runQuery, ctx.runMutation and ctx.runAction of actions",
                    self.kind_name(),
                ));
            }
            "1.0/actions/vectorSearch" => return Err(not_here(op, "ctx.vectorSearch", self.kind_name())),
            "1.0/actions/schedule" | "1.0/actions/cancel_job" => {
                return Err(not_here(op, "the scheduler of actions", self.kind_name()));
            }
            _ => {
                return Err(match later_operation(op) {
                    Some(api) => not_available(op, api),
                    None => developer("UnknownAsyncOperation", format_args!("Unknown async operation `{op}`")),
                });
            }
        };
        Ok(SyscallReply::Json(json))
    }

    /// `1.0/auditLog`.
    fn audit(&mut self, args: &str) -> Result<String, SyscallError> {
        let limits = self.tx().limits().clone();
        let Frame { path, kind, .. } = self.frame();
        let (path, udf_type) = (path.clone(), if *kind == UdfKind::Mutation { "Mutation" } else { "Query" });
        let line = self.audited.line(&path, udf_type, args, &limits)?;
        self.outcome.audit.push(line);
        Ok("null".to_owned())
    }

    fn kind_name(&mut self) -> &'static str {
        match self.frame().kind {
            UdfKind::Query => "queries",
            UdfKind::Mutation => "mutations",
            UdfKind::Action => "actions",
        }
    }
}

impl UdfHost for TransactionHost {
    fn syscall(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        match op {
            "1.0/queryStream" => self.query_open(args),
            "1.0/queryCleanup" => self.query_cleanup(args),
            "1.0/db/normalizeId" => self.normalize_id(args),
            "1.0/getSnapshotTs" => Ok(self.snapshot_ts()),
            _ => Err(developer("UnknownOperation", format_args!("Unknown operation `{op}`"))),
        }
    }

    fn batch<'a>(&'a mut self, calls: Vec<AsyncCall>) -> BoxFuture<'a, Vec<Result<SyscallReply, SyscallError>>> {
        async move {
            let mut replies = Vec::with_capacity(calls.len());
            for call in calls {
                replies.push(self.async_syscall(&call.op, &call.args).await);
            }
            replies
        }
        .boxed()
    }

    fn nested_begin(&mut self, _call: &NestedCall) -> Result<(), SyscallError> {
        self.begin_nested()
    }

    fn nested_end(&mut self, _call: &NestedCall, result: Result<String, JsFailure>) -> Result<String, SyscallError> {
        self.end_nested(result)
    }

    fn log(&mut self, line: LogLine) {
        let by = (self.frames.len() > 1).then(|| self.frame().path.clone());
        self.outcome.lines.push(ConsoleLine { line, by });
    }
}
