//! Which component a system function is about.

use lakewire_storage::catalog::Namespace;
use lakewire_storage::transaction::Transaction;

use super::args::{Args, ArgsError};
use super::{SystemContext, SystemError};
use crate::model::component::{self, ComponentRow, ComponentState};
use crate::model::rows::Row;

/// The id the app has in `components:list`. It has no row there.
pub const ROOT_COMPONENT_ID: &str = "root";

/// The app or one of its components, mounted or not: the data of those that are not can still be looked at.
pub struct Target {
    /// Whose tables it has.
    pub namespace: Namespace,
    /// Path of its definition; empty for the app.
    pub definition: String,
    /// Its row; `None` for the app.
    pub row: Option<ComponentRow>,
}

impl Target {
    fn root() -> Target {
        Target { namespace: Namespace::ROOT, definition: String::new(), row: None }
    }

    fn of(row: Row<ComponentRow>) -> Target {
        let row = row.value;
        Target { namespace: row.namespace(), definition: row.definition.clone(), row: Some(row) }
    }

    /// The component with an id of `components:list`.
    ///
    /// # Errors
    /// [`ArgsError::NoComponent`].
    pub async fn by_id(tx: &mut Transaction, id: &str) -> Result<Target, SystemError> {
        if id == ROOT_COMPONENT_ID {
            return Ok(Target::root());
        }
        let rows = component::read(tx).await?;
        let found = rows.into_iter().find(|row| row.id.to_string() == id).map(Target::of);
        found.ok_or_else(|| ArgsError::NoComponent { id: id.to_owned() }.into())
    }

    /// Refuses what would change a component that is not mounted; `what` is what can't be done, `written to`.
    ///
    /// # Errors
    /// [`SystemError::Refused`].
    pub fn require_mounted(&self, what: &str) -> Result<(), SystemError> {
        if self.row.as_ref().is_some_and(|row| row.state != ComponentState::Active) {
            return Err(SystemError::Refused(format!("the component is not mounted: nothing can be {what} it")));
        }
        Ok(())
    }
}

/// Takes `componentId`. Without it, the component is the one that the function is called in.
pub(super) async fn target(
    context: &SystemContext<'_>,
    args: &mut Args,
    tx: &mut Transaction,
) -> Result<Target, SystemError> {
    match args.optional_string("componentId")? {
        Some(id) => Target::by_id(tx, &id).await,
        None => here(context, tx).await,
    }
}

/// The component that the function is called in.
pub(super) async fn here(context: &SystemContext<'_>, tx: &mut Transaction) -> Result<Target, SystemError> {
    if context.component.is_root() {
        return Ok(Target::root());
    }
    let rows = component::read(tx).await?;
    let found = rows.into_iter().find(|row| row.value.path == context.component.as_str()).map(Target::of);
    found.ok_or_else(|| ArgsError::NoComponent { id: context.component.to_string() }.into())
}
