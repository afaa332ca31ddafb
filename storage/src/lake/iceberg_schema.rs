//! [`Columns`] as the schema of an Iceberg table.

use serde_json::{Value as Json, json};

use super::columns::{CREATION_TIME, Columns, Field, ID, OTHER, Type};

/// The schema, without its `schema-id`.
pub(super) fn schema(columns: &Columns) -> Json {
    let mut fields = vec![
        json!({ "id": ID, "name": "_id", "required": true, "type": "string" }),
        json!({ "id": CREATION_TIME, "name": "_creationTime", "required": true, "type": "double",
                "doc": "milliseconds since 1970-01-01 UTC" }),
    ];
    fields.extend(columns.fields.iter().map(field));
    if let Some(id) = columns.other {
        fields.push(json!({ "id": id, "name": OTHER, "required": false, "type": "string",
                            "doc": "JSON object of all further fields" }));
    }
    json!({ "type": "struct", "identifier-field-ids": [ID], "fields": fields })
}

fn field(field: &Field) -> Json {
    let mut described = json!({ "id": field.id, "name": field.column, "required": false, "type": kind(&field.kind) });
    let doc = match &field.kind {
        Type::Unknown => "only nulls so far",
        Type::Json => "JSON text: values of several types",
        Type::Struct(fields) if fields.is_empty() => "JSON text: objects without fields",
        _ => return described,
    };
    described["doc"] = doc.into();
    described
}

fn kind(kind: &Type) -> Json {
    match kind {
        Type::Boolean => "boolean".into(),
        Type::Long => "long".into(),
        Type::Double => "double".into(),
        Type::Binary => "binary".into(),
        Type::List { id, element } => {
            json!({ "type": "list", "element-id": id, "element-required": false, "element": self::kind(element) })
        }
        Type::Struct(fields) if !fields.is_empty() => {
            json!({ "type": "struct", "fields": fields.iter().map(field).collect::<Vec<_>>() })
        }
        Type::Map { key_id, value_id, value } => json!({
            "type": "map", "key-id": key_id, "key": "string",
            "value-id": value_id, "value-required": false, "value": self::kind(value),
        }),
        Type::Unknown | Type::String | Type::Json | Type::Struct(_) => "string".into(),
    }
}
