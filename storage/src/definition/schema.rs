//! The states of schemas.

use crate::catalog::{Namespace, SchemaRow, SchemaState, SystemTable, read_row};
use crate::id::{DocumentId, InternalId};
use crate::schema::SchemaDefinition;
use crate::transaction::{Transaction, TxError};

impl Transaction {
    /// Submits a schema, creating the tables it names. If it equals the one in force, or the one being validated, it is that
    /// one; otherwise it is *pending*, and takes the place of one being validated. Returns the id of its row and its state.
    ///
    /// # Errors
    /// `TooManyTables`.
    pub async fn submit_schema(
        &mut self,
        namespace: Namespace,
        schema: &SchemaDefinition,
    ) -> Result<(DocumentId, SchemaState), TxError> {
        for table in schema.tables.keys() {
            self.ensure_table(namespace, table).await?;
        }
        let current = self.catalog().schemas(namespace).cloned().unwrap_or_default();
        let same = |row: InternalId| DocumentId { table: SystemTable::Schemas.number(), internal: row };
        if let Some(pending) = &current.pending {
            if *pending.definition == *schema {
                self.get_system(SystemTable::Schemas, pending.row).await?;
                return Ok((same(pending.row), pending.state.clone()));
            }
            self.set_schema_state(pending.row, SchemaState::Overwritten).await?;
        }
        if let Some(active) = &current.active
            && *active.definition == *schema
        {
            self.get_system(SystemTable::Schemas, active.row).await?;
            return Ok((same(active.row), SchemaState::Active));
        }
        let row = SchemaRow { namespace, state: SchemaState::Pending, schema: schema.to_json_value().to_string() };
        let id = self.insert_system(SystemTable::Schemas, row.fields()).await?;
        Ok((id, SchemaState::Pending))
    }

    /// Puts a validated schema in force, or none, and overwrites the one that was, and any other that is being validated.
    ///
    /// # Errors
    /// `SchemaNotValidated` if it is in another state than validated or active; the message names the state.
    pub async fn activate_schema(&mut self, namespace: Namespace, schema: Option<DocumentId>) -> Result<(), TxError> {
        let row = schema.map(|schema| schema.internal);
        let current = self.catalog().schemas(namespace).cloned().unwrap_or_default();
        for other in current.active.iter().chain(&current.pending).filter(|other| Some(other.row) != row) {
            self.set_schema_state(other.row, SchemaState::Overwritten).await?;
        }
        let Some(row) = row else { return Ok(()) };
        match self.schema_row(row).await?.map(|row| row.state) {
            Some(SchemaState::Validated) => self.set_schema_state(row, SchemaState::Active).await,
            Some(SchemaState::Active) => Ok(()),
            state => {
                let state = state.as_ref().map_or("unknown", SchemaState::name);
                Err(TxError::developer(
                    "SchemaNotValidated",
                    format!("the schema cannot be put in force: it is {state}"),
                ))
            }
        }
    }

    /// Deletes every schema that a namespace ever had.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub async fn forget_schemas(&mut self, namespace: Namespace) -> Result<(), TxError> {
        for document in self.find_system(SystemTable::Schemas, "by_creation_time", &[]).await? {
            let row: SchemaRow = read_row(SystemTable::Schemas.name(), &document)?;
            if row.namespace == namespace {
                self.delete_system(SystemTable::SchemaValidationProgress, document.id.internal).await?;
                self.delete_system(SystemTable::Schemas, document.id.internal).await?;
            }
        }
        Ok(())
    }

    /// The row of a schema, recorded as read; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn schema_row(&mut self, row: InternalId) -> Result<Option<SchemaRow>, TxError> {
        let document = self.get_system(SystemTable::Schemas, row).await?;
        Ok(document.map(|document| read_row(SystemTable::Schemas.name(), &document)).transpose()?)
    }

    /// Sets the state of a schema that is there.
    pub(super) async fn set_schema_state(&mut self, row: InternalId, state: SchemaState) -> Result<(), TxError> {
        if let Some(mut schema) = self.schema_row(row).await? {
            schema.state = state;
            self.put_system(SystemTable::Schemas, row, schema.fields()).await?;
        }
        Ok(())
    }
}
