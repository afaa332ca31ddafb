//! `ctx.scheduler` in mutations: part of the transaction.

use super::TransactionHost;
use super::args::{Address, parse};
use super::nested::resolve_address;
use super::reads::APP;
use crate::jobs::{self, CancelArgs, ScheduleArgs};
use crate::runtime::SyscallError;

impl TransactionHost {
    pub(super) async fn schedule(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.scheduler.runAfter";
        self.require_mutation(op, API)?;
        let request: ScheduleArgs<'_> = parse(API, args)?;
        let address: Address<'_> = parse(API, args)?;
        let path = resolve_address(&address)?;
        let (model, parent) = (self.context.model.clone(), self.context.job);
        let mut usage = self.scheduled;
        let id = jobs::insert(self.tx(), &model, APP, &path, &request, parent, &mut usage).await;
        self.scheduled = usage;
        Ok(format!("\"{}\"", id?))
    }

    pub(super) async fn cancel_job(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.scheduler.cancel";
        self.require_mutation(op, API)?;
        let args: CancelArgs<'_> = parse(API, args)?;
        let own = self.context.own_job;
        jobs::cancel(self.tx(), APP, &args.id, own).await?;
        Ok("null".to_owned())
    }
}
