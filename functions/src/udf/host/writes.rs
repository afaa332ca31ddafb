//! `ctx.db` in mutations: `insert`, `patch`, `replace`, `delete`.

use super::TransactionHost;
use super::args::{Insert, Remove, Update, document_fields, parse, patch_fields};
use super::error::{not_here, transaction};
use crate::runtime::{SyscallError, UdfKind};

impl TransactionHost {
    pub(super) async fn insert(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "db.insert";
        self.require_mutation(op, API)?;
        let args: Insert<'_> = parse(API, args)?;
        let fields = document_fields(API, args.value)?;
        let namespace = self.namespace();
        let id = self.tx().insert(namespace, &args.table, fields).await.map_err(transaction)?;
        Ok(format!(r#"{{"_id":"{id}"}}"#))
    }

    pub(super) async fn patch(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "db.patch";
        self.require_mutation(op, API)?;
        let args: Update<'_> = parse(API, args)?;
        let id = self.document_id(API, &args.id, args.table.as_deref())?;
        let fields = patch_fields(API, args.value)?;
        let namespace = self.namespace();
        let document = self.tx().patch(namespace, id, fields).await.map_err(transaction)?;
        Ok(document.json.to_string())
    }

    pub(super) async fn replace(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "db.replace";
        self.require_mutation(op, API)?;
        let args: Update<'_> = parse(API, args)?;
        let id = self.document_id(API, &args.id, args.table.as_deref())?;
        let fields = document_fields(API, args.value)?;
        let namespace = self.namespace();
        let document = self.tx().replace(namespace, id, fields).await.map_err(transaction)?;
        Ok(document.json.to_string())
    }

    pub(super) async fn remove(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "db.delete";
        self.require_mutation(op, API)?;
        let args: Remove<'_> = parse(API, args)?;
        let id = self.document_id(API, &args.id, args.table.as_deref())?;
        let namespace = self.namespace();
        let document = self.tx().delete(namespace, id).await.map_err(transaction)?;
        Ok(document.json.to_string())
    }

    /// Queries are not given a writer, but code can reach the operations behind it.
    pub(super) fn require_mutation(&mut self, op: &str, api: &str) -> Result<(), SyscallError> {
        match self.frame().kind {
            UdfKind::Mutation => Ok(()),
            UdfKind::Query | UdfKind::Action => Err(not_here(op, api, self.kind_name())),
        }
    }
}
