//! `evaluate_schema`: the work a schema causes, told before anything is changed.

use lakewire_storage::catalog::{IndexState, Namespace};
use lakewire_storage::schema::{SchemaDefinition, Validator};
use lakewire_storage::transaction::{Transaction, TxError};
use serde_json::{Value as Json, json};

use super::error::PushError;
use super::index_diff::{IndexDiff, IndexSpec};

/// Documents looked at to tell the size of a table.
const SAMPLE: u64 = 256;

/// What a schema means for one table's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Any document is fine.
    NotValidated,
    /// The type in force is a subset of the new one, so no document has to be looked at.
    SupersetOfEnforced,
    /// Every document has to be looked at.
    MustWalk,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::NotValidated => "notValidated",
            Outcome::SupersetOfEnforced => "supersetOfEnforced",
            Outcome::MustWalk => "mustWalk",
        }
    }
}

/// What `new` means for the documents of `table` while `active` is in force.
pub fn outcome(active: Option<&SchemaDefinition>, new: &SchemaDefinition, table: &str) -> Outcome {
    let Some(wanted) = new.enforced_type(table).filter(|wanted| **wanted != Validator::Any) else {
        return Outcome::NotValidated;
    };
    match active.and_then(|active| active.enforced_type(table)) {
        Some(enforced) if enforced.is_subset_of(wanted) => Outcome::SupersetOfEnforced,
        _ => Outcome::MustWalk,
    }
}

/// An entry of `componentSchemaEvaluations`.
pub async fn predict(
    tx: &mut Transaction,
    namespace: Namespace,
    definition_path: &str,
    schema: Option<&SchemaDefinition>,
    diff: &IndexDiff,
) -> Result<Json, PushError> {
    let active = super::preparation::active_schema(tx, namespace)?;
    let mut tables = Vec::new();
    for (name, definition) in schema.iter().flat_map(|schema| &schema.tables) {
        let documents = tx.count(namespace, name).await?;
        let outcome = schema.map_or(Outcome::NotValidated, |schema| outcome(active.as_deref(), schema, name));
        let bytes = if outcome == Outcome::MustWalk { size_of_table(tx, namespace, name, documents).await? } else { 0 };
        let mut table = json!({"name": name, "outcome": outcome.as_str(), "numDocs": documents, "sizeBytes": bytes});
        if definition.staged_document_type.is_some() {
            // Staged types are stored and not yet checked, which is what pending without progress says.
            table["staged"] = json!({"state": "pending", "numDocsValidated": 0, "totalDocs": documents});
        }
        tables.push(table);
    }
    let mut indexes = Vec::new();
    let changes = [
        ("identical", &diff.identical),
        ("added", &diff.added),
        ("enabled", &diff.enabled),
        ("disabled", &diff.disabled),
        ("dropped", &diff.removed),
    ];
    for (change, specs) in changes {
        for spec in specs {
            let mut index = spec.to_json();
            index["change"] = change.into();
            index["needsBackfill"] = needs_backfill(tx, namespace, change, spec).into();
            index["numDocs"] = tx.count(namespace, &spec.table).await?.into();
            indexes.push(index);
        }
    }
    Ok(json!({
        "definitionPath": definition_path,
        "schemaValidation": schema.is_some_and(|schema| schema.schema_validation),
        "tables": tables,
        "indexes": indexes,
        "discardedStagedValidators": [],
    }))
}

/// Whether older documents have yet to be added to an index that the push wants.
fn needs_backfill(tx: &Transaction, namespace: Namespace, change: &str, spec: &IndexSpec) -> bool {
    if !matches!(change, "added" | "enabled") {
        return false;
    }
    let table = tx.catalog().table(namespace, &spec.table);
    let rows = table.into_iter().flat_map(|table| &table.indexes);
    !rows
        .into_iter()
        .any(|index| index.name == spec.name && index.config == spec.config && index.state != IndexState::Backfilling)
}

/// About the bytes of a table's documents, of which there are `count`: exact if it has no more than `SAMPLE`. The first ones by
/// id are a fair sample, because ids are random.
async fn size_of_table(tx: &Transaction, namespace: Namespace, table: &str, count: u64) -> Result<u64, TxError> {
    let Some(table) = tx.catalog().table(namespace, table) else { return Ok(0) };
    let mut documents = tx.snapshot().documents(table.by_id);
    let (mut sampled, mut bytes) = (0u64, 0u64);
    while sampled < SAMPLE
        && let Some((_, document)) = documents.next().await?
    {
        sampled += 1;
        bytes += u64::from(document.size);
    }
    Ok(if sampled < SAMPLE { bytes } else { (bytes as f64 / sampled as f64 * count.max(sampled) as f64) as u64 })
}

#[cfg(test)]
mod tests {
    use lakewire_storage::schema::SchemaDefinition;
    use serde_json::json;

    use super::{Outcome, outcome};

    fn schema(document_type: serde_json::Value, validation: bool) -> SchemaDefinition {
        let table = json!({"tableName": "notes", "documentType": document_type});
        let json = json!({"tables": [table], "schemaValidation": validation});
        SchemaDefinition::from_json_value(&json).expect("a schema")
    }

    fn note(optional: bool) -> serde_json::Value {
        json!({"type": "object", "value": {"text": {"fieldType": {"type": "string"}, "optional": optional}}})
    }

    #[test]
    fn outcomes() {
        let (strict, loose) = (schema(note(false), true), schema(note(true), true));
        assert_eq!(outcome(None, &strict, "notes"), Outcome::MustWalk);
        assert_eq!(outcome(Some(&strict), &strict, "notes"), Outcome::SupersetOfEnforced);
        assert_eq!(outcome(Some(&strict), &loose, "notes"), Outcome::SupersetOfEnforced);
        assert_eq!(outcome(Some(&loose), &strict, "notes"), Outcome::MustWalk);
        assert_eq!(outcome(Some(&loose), &schema(json!({"type": "any"}), true), "notes"), Outcome::NotValidated);
        assert_eq!(outcome(None, &schema(note(false), false), "notes"), Outcome::NotValidated);
        assert_eq!(outcome(Some(&schema(note(false), false)), &strict, "notes"), Outcome::MustWalk);
    }
}
