//! Checking writes against schemas.

use super::{Transaction, TxError};
use crate::catalog::{Catalog, LoadedSchema, Namespace, SchemaRow, SchemaState, SystemTable, TableInfo, read_row};
use crate::id::{DocumentId, TableNumber};
use crate::schema::{SchemaEnforcementError, TableLookup};
use crate::value::Value;

/// The table names of one namespace, for validators of ids.
pub struct NamespaceTables<'a> {
    /// Where the tables are.
    pub catalog: &'a Catalog,
    /// Whose tables.
    pub namespace: Namespace,
}

impl TableLookup for NamespaceTables<'_> {
    fn table_name(&self, number: TableNumber) -> Option<&str> {
        self.catalog.table_by_number(self.namespace, number).map(|table| table.name.as_str())
    }
}

impl Transaction {
    /// Refuses a document that does not fit the schema in force. One that does not fit the schema being pushed lets the push
    /// fail instead.
    pub(super) async fn check_schemas(
        &mut self,
        table: &TableInfo,
        id: DocumentId,
        value: &Value,
    ) -> Result<(), TxError> {
        let Some(schemas) = self.staged.catalog.schemas(table.namespace).cloned() else { return Ok(()) };
        if let Some(active) = &schemas.active {
            self.fits(active, table, value).map_err(|error| TxError::developer(error.code(), error.to_string()))?;
        }
        if let Some(pending) = &schemas.pending
            && let Err(error) = self.fits(pending, table, value)
        {
            self.fail_schema(pending, Some(table), failure_text(id, &table.name, &error)).await?;
        }
        Ok(())
    }

    fn fits(&self, schema: &LoadedSchema, table: &TableInfo, value: &Value) -> Result<(), SchemaEnforcementError> {
        let tables = NamespaceTables { catalog: &self.staged.catalog, namespace: table.namespace };
        schema.definition.check_document(&table.name, value, &tables)
    }

    /// Marks a schema as failed.
    pub(crate) async fn fail_schema(
        &mut self,
        schema: &LoadedSchema,
        table: Option<&TableInfo>,
        error: String,
    ) -> Result<(), TxError> {
        let Some(document) = self.get_system(SystemTable::Schemas, schema.row).await? else { return Ok(()) };
        let mut row: SchemaRow = read_row(SystemTable::Schemas.name(), &document)?;
        row.state = SchemaState::Failed { error, table_name: table.map(|table| table.name.clone()) };
        self.put_system(SystemTable::Schemas, schema.row, row.fields()).await?;
        Ok(())
    }
}

/// What the developer is told of a document that keeps a push from succeeding.
pub(crate) fn failure_text(id: DocumentId, table: &str, error: &SchemaEnforcementError) -> String {
    format!("Document with ID \"{id}\" in table \"{table}\" does not match the schema: {}", error.source)
}
