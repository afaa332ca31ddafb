//! `ctx.scheduler` in mutations: part of the transaction.

use super::TransactionHost;
use super::args::parse;
use crate::jobs::{self, CancelArgs, ScheduleArgs};
use crate::runtime::SyscallError;
use crate::udf::address::Address;

impl TransactionHost {
    pub(super) async fn schedule(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.scheduler.runAfter";
        self.require_mutation(op, API)?;
        let request: ScheduleArgs<'_> = parse(API, args)?;
        let address: Address<'_> = parse(API, args)?;
        let path = self.resolve(&address)?;
        let namespace = self.namespace();
        let (model, parent) = (self.context.model.clone(), self.context.job);
        let mut usage = self.scheduled;
        let id = jobs::insert(self.tx(), &model, namespace, &path, &request, parent, &mut usage).await;
        self.scheduled = usage;
        Ok(format!("\"{}\"", id?))
    }

    pub(super) async fn cancel_job(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.scheduler.cancel";
        self.require_mutation(op, API)?;
        let args: CancelArgs<'_> = parse(API, args)?;
        let (own, namespace) = (self.context.own_job, self.namespace());
        jobs::cancel(self.tx(), namespace, &args.id, own).await?;
        Ok("null".to_owned())
    }
}
