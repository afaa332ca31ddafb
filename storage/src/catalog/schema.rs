//! The schemas of each namespace.

use std::sync::Arc;

use imbl::OrdMap;

use super::rows::{self, SchemaRow, SchemaState};
use super::{Namespace, RowError, SystemTable};
use crate::document::Document;
use crate::id::InternalId;
use crate::schema::SchemaDefinition;

/// A schema as stored.
#[derive(Clone, Debug)]
pub struct LoadedSchema {
    /// Its row in `_schemas`.
    pub row: InternalId,
    /// Its state.
    pub state: SchemaState,
    /// What it says.
    pub definition: Arc<SchemaDefinition>,
}

/// The schemas of one namespace that writes are checked against.
#[derive(Clone, Debug, Default)]
pub struct NamespaceSchemas {
    /// The one in force: a document that does not fit is refused.
    pub active: Option<Arc<LoadedSchema>>,
    /// The one being pushed, pending or validated: a document that does not fit makes it fail.
    pub pending: Option<Arc<LoadedSchema>>,
}

pub(super) fn apply(
    schemas: &mut OrdMap<Namespace, Arc<NamespaceSchemas>>,
    row: InternalId,
    document: Option<&Document>,
) -> Result<(), RowError> {
    forget(schemas, row);
    let Some(document) = document else { return Ok(()) };
    let SchemaRow { namespace, state, schema } = rows::read(SystemTable::Schemas.name(), document)?;
    let active = state == SchemaState::Active;
    let checked = active || matches!(state, SchemaState::Pending | SchemaState::Validated);
    if checked {
        let mut of_namespace = schemas.get(&namespace).map(|old| NamespaceSchemas::clone(old)).unwrap_or_default();
        let definition = SchemaDefinition::from_json(&schema).map_err(|error| RowError {
            table: SystemTable::Schemas.name().to_owned(),
            id: document.id.to_string(),
            problem: error.to_string(),
        })?;
        let loaded = Arc::new(LoadedSchema { row, state, definition: Arc::new(definition) });
        let place = if active { &mut of_namespace.active } else { &mut of_namespace.pending };
        *place = Some(loaded);
        schemas.insert(namespace, Arc::new(of_namespace));
    }
    Ok(())
}

fn forget(schemas: &mut OrdMap<Namespace, Arc<NamespaceSchemas>>, row: InternalId) {
    let is = |schema: &Option<Arc<LoadedSchema>>| schema.as_ref().is_some_and(|schema| schema.row == row);
    let found = schemas.iter().find(|(_, schemas)| is(&schemas.active) || is(&schemas.pending));
    let Some((namespace, found)) = found.map(|(namespace, found)| (*namespace, found.clone())) else { return };
    let mut left = NamespaceSchemas::clone(&found);
    if is(&left.active) {
        left.active = None;
    }
    if is(&left.pending) {
        left.pending = None;
    }
    schemas.insert(namespace, Arc::new(left));
}
