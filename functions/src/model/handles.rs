//! Function handles: texts that stand for functions, to be passed between components and kept in documents.
//!
//! Every function has one, made by the push that first deploys it. A function that is gone keeps the row, so that the
//! same handle names it again if it comes back.

use std::collections::{BTreeSet, HashMap};

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::rows;
use crate::udf::{ComponentPath, FunctionPath};

const TABLE: SystemTable = SystemTable::FunctionHandles;

/// What the text of a handle begins with.
pub const SCHEME: &str = "function://";

/// A row of `_function_handles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HandleRow {
    component: String,
    module: String,
    export: String,
    /// Set while there is no such function.
    deleted: bool,
}

impl HandleRow {
    fn path(&self) -> Option<FunctionPath> {
        let component = ComponentPath::parse(&self.component).ok()?;
        FunctionPath::parse_in(component, &format!("{}:{}", self.module, self.export)).ok()
    }
}

/// The handles of the functions that are deployed.
#[derive(Clone, Debug, Default)]
pub struct Handles {
    by_id: HashMap<DocumentId, FunctionPath>,
    by_path: HashMap<FunctionPath, DocumentId>,
}

impl Handles {
    pub(super) async fn load(tx: &mut Transaction) -> Result<Handles, ModelError> {
        let mut handles = Handles::default();
        for row in rows::scan::<HandleRow>(tx, TABLE).await? {
            if let Some(path) = row.value.path().filter(|_| !row.value.deleted) {
                handles.by_id.insert(row.id, path.clone());
                handles.by_path.insert(path, row.id);
            }
        }
        Ok(handles)
    }

    /// The handle of a deployed function.
    pub fn of(&self, path: &FunctionPath) -> Option<String> {
        self.by_path.get(path).map(|id| format!("{SCHEME}{id}"))
    }

    /// The deployed function that a handle stands for.
    pub fn function(&self, handle: &str) -> Option<&FunctionPath> {
        let id: DocumentId = handle.strip_prefix(SCHEME)?.parse().ok()?;
        self.by_id.get(&id)
    }
}

/// Forgets the handles of the functions of a component for good.
///
/// # Errors
/// A failure of storage.
pub async fn forget(tx: &mut Transaction, component: &str) -> Result<(), ModelError> {
    for row in rows::scan::<HandleRow>(tx, TABLE).await? {
        if row.value.component == component {
            rows::delete(tx, TABLE, row.id).await?;
        }
    }
    Ok(())
}

/// Gives every one of `functions` its handle, and takes those of all others out of use.
///
/// # Errors
/// A failure of storage.
pub async fn reconcile(tx: &mut Transaction, functions: &BTreeSet<FunctionPath>) -> Result<(), ModelError> {
    let mut missing: BTreeSet<&FunctionPath> = functions.iter().collect();
    for row in rows::scan::<HandleRow>(tx, TABLE).await? {
        let deleted = !row.value.path().is_some_and(|path| missing.remove(&path));
        if deleted != row.value.deleted {
            rows::replace(tx, TABLE, row.id, &HandleRow { deleted, ..row.value }).await?;
        }
    }
    for path in missing {
        let row = HandleRow {
            component: path.component.to_string(),
            module: path.module.to_string(),
            export: path.export.to_string(),
            deleted: false,
        };
        rows::insert(tx, TABLE, &row).await?;
    }
    Ok(())
}
