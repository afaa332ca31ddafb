//! The JSON of validators, as the `convex` package exports it.

use serde_json::{Value as Json, json};

use super::{FieldValidator, SchemaError, Validator};
use crate::names;
use crate::value::Value;

impl Validator {
    /// Reads the JSON text of a validator.
    pub fn from_json(text: &str) -> Result<Validator, SchemaError> {
        let json = serde_json::from_str(text).map_err(|error| SchemaError::malformed(error.to_string()))?;
        Validator::from_json_value(&json)
    }

    /// Like [`Validator::from_json`], from a JSON tree.
    pub fn from_json_value(json: &Json) -> Result<Validator, SchemaError> {
        let kind = json
            .get("type")
            .and_then(Json::as_str)
            .ok_or_else(|| SchemaError::malformed(format!("validator `{json}` does not have a `type`")))?;
        Ok(match kind {
            "null" => Validator::Null,
            "number" => Validator::Float64,
            "bigint" => Validator::Int64,
            "commitTs" => Validator::CommitTs,
            "boolean" => Validator::Boolean,
            "string" => Validator::String,
            "bytes" => Validator::Bytes,
            // Maps and sets are no types any more, but old exports still have them.
            "any" | "map" | "set" => Validator::Any,
            "literal" => Validator::Literal(literal(member(json, "value")?)?),
            "id" => {
                let table = member(json, "tableName")?;
                let table = table.as_str().ok_or_else(|| SchemaError::malformed("`tableName` is not a string"))?;
                names::check_identifier(table)
                    .map_err(|error| SchemaError::new("InvalidTableName", format!("table of `v.id`: {error}")))?;
                Validator::Id(table.to_owned())
            }
            "array" => Validator::Array(Box::new(Validator::from_json_value(member(json, "value")?)?)),
            "object" => {
                let fields = member(json, "value")?
                    .as_object()
                    .ok_or_else(|| SchemaError::malformed("`value` of an object validator is not an object"))?;
                let fields = fields.iter().map(|(name, field)| {
                    names::check_identifier(name)
                        .map_err(|error| SchemaError::new("InvalidFieldName", error.to_string()))?;
                    Ok((name.clone(), FieldValidator::from_json_value(field)?))
                });
                Validator::Object(fields.collect::<Result<_, SchemaError>>()?)
            }
            "record" => record(json)?,
            "union" => {
                let members = member(json, "value")?
                    .as_array()
                    .ok_or_else(|| SchemaError::malformed("`value` of a union validator is not an array"))?;
                Validator::Union(members.iter().map(Validator::from_json_value).collect::<Result<_, _>>()?)
            }
            other => return Err(SchemaError::malformed(format!("unknown validator type `{other}`"))),
        })
    }

    /// The JSON of the validator; [`Validator::from_json_value`] reads it back.
    pub fn to_json_value(&self) -> Json {
        match self {
            Validator::Null => json!({ "type": "null" }),
            Validator::Float64 => json!({ "type": "number" }),
            Validator::Int64 => json!({ "type": "bigint" }),
            Validator::CommitTs => json!({ "type": "commitTs" }),
            Validator::Boolean => json!({ "type": "boolean" }),
            Validator::String => json!({ "type": "string" }),
            Validator::Bytes => json!({ "type": "bytes" }),
            Validator::Any => json!({ "type": "any" }),
            Validator::Literal(value) => json!({ "type": "literal", "value": value }),
            Validator::Id(table) => json!({ "type": "id", "tableName": table }),
            Validator::Array(element) => json!({ "type": "array", "value": element.to_json_value() }),
            Validator::Object(fields) => {
                let fields: serde_json::Map<_, _> =
                    fields.iter().map(|(name, field)| (name.clone(), field.to_json_value())).collect();
                json!({ "type": "object", "value": fields })
            }
            Validator::Record { keys, values } => json!({
                "type": "record",
                "keys": keys.to_json_value(),
                "values": { "fieldType": values.to_json_value(), "optional": false },
            }),
            Validator::Union(members) => {
                let members: Vec<_> = members.iter().map(Validator::to_json_value).collect();
                json!({ "type": "union", "value": members })
            }
        }
    }
}

impl FieldValidator {
    fn from_json_value(json: &Json) -> Result<FieldValidator, SchemaError> {
        let optional = match json.get("optional") {
            None => false,
            Some(optional) => {
                optional.as_bool().ok_or_else(|| SchemaError::malformed("`optional` is not a boolean"))?
            }
        };
        Ok(FieldValidator { validator: Validator::from_json_value(member(json, "fieldType")?)?, optional })
    }

    fn to_json_value(&self) -> Json {
        json!({ "fieldType": self.validator.to_json_value(), "optional": self.optional })
    }
}

fn literal(json: &Json) -> Result<Value, SchemaError> {
    let value = Value::from_json_value(json).map_err(|error| SchemaError::malformed(format!("literal: {error}")))?;
    match &value {
        Value::Float64(float) if !float.is_finite() => {
            Err(SchemaError::malformed(format!("`{value}` cannot be a literal: it is not finite")))
        }
        Value::String(_) | Value::Boolean(_) | Value::Float64(_) | Value::Int64(_) => Ok(value),
        other => Err(SchemaError::malformed(format!(
            "a literal must be a string, boolean or number, not {}",
            other.type_name()
        ))),
    }
}

fn record(json: &Json) -> Result<Validator, SchemaError> {
    let keys = Validator::from_json_value(member(json, "keys")?)?;
    if !can_be_record_keys(&keys) {
        return Err(SchemaError::new(
            "InvalidRecordType",
            format!("the keys of a record must be strings or ids, and not literals: found `{keys}`"),
        ));
    }
    let values = FieldValidator::from_json_value(member(json, "values")?)?;
    if values.optional {
        return Err(SchemaError::new(
            "InvalidRecordType",
            format!("the values of a record cannot be optional: found `{values}`"),
        ));
    }
    Ok(Validator::Record { keys: Box::new(keys), values: Box::new(values.validator) })
}

fn can_be_record_keys(keys: &Validator) -> bool {
    match keys {
        Validator::String | Validator::Id(_) => true,
        Validator::Union(members) => members.iter().all(can_be_record_keys),
        _ => false,
    }
}

fn member<'j>(json: &'j Json, name: &str) -> Result<&'j Json, SchemaError> {
    json.get(name).ok_or_else(|| SchemaError::malformed(format!("`{name}` is missing in `{json}`")))
}
