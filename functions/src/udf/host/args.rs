//! Arguments of syscalls. Values inside stay text until they are needed: each is parsed once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lakewire_storage::value::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{developer, invalid_argument};
use crate::runtime::SyscallError;

/// Reads the arguments of one operation.
///
/// # Errors
/// `SyscallArgsInvalidJson` if the text is not JSON, `InvalidArgument` if it has another shape.
pub(super) fn parse<'a, T: Deserialize<'a>>(api: &str, text: &'a str) -> Result<T, SyscallError> {
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            developer("InvalidArgument", format_args!("Invalid arguments for `{api}`: {error}"))
        } else {
            developer("SyscallArgsInvalidJson", format_args!("the arguments of `{api}` are not JSON: {error}"))
        }
    })
}

#[derive(Deserialize)]
pub(super) struct Get<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(rename = "isSystem", default)]
    pub is_system: bool,
    #[serde(borrow, default)]
    pub table: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct OpenQuery<'a> {
    #[serde(borrow)]
    pub query: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct QueryId {
    #[serde(rename = "queryId")]
    pub query_id: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryPage<'a> {
    #[serde(borrow)]
    pub query: &'a RawValue,
    #[serde(borrow, default)]
    pub cursor: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub end_cursor: Option<Cow<'a, str>>,
    pub page_size: f64,
    #[serde(default)]
    pub maximum_rows_read: Option<f64>,
    #[serde(default)]
    pub maximum_bytes_read: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct NormalizeId<'a> {
    #[serde(borrow)]
    pub table: Cow<'a, str>,
    #[serde(borrow, rename = "idString")]
    pub id_string: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Count<'a> {
    #[serde(borrow)]
    pub table: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Insert<'a> {
    #[serde(borrow)]
    pub table: Cow<'a, str>,
    #[serde(borrow)]
    pub value: &'a RawValue,
}

/// Of `shallowMerge` and `replace`.
#[derive(Deserialize)]
pub(super) struct Update<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub value: &'a RawValue,
    #[serde(borrow, default)]
    pub table: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Remove<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub table: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunUdf<'a> {
    #[serde(borrow)]
    pub udf_type: Cow<'a, str>,
    #[serde(borrow)]
    pub args: &'a RawValue,
    #[serde(default)]
    pub transaction_limits: Option<TransactionLimits>,
}

/// Ceilings that a caller sets for one call.
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TransactionLimits {
    pub bytes_read: Option<f64>,
    pub bytes_written: Option<f64>,
    pub database_queries: Option<f64>,
    pub documents_read: Option<f64>,
    pub documents_written: Option<f64>,
    pub functions_scheduled: Option<f64>,
    pub scheduled_function_args_bytes: Option<f64>,
    pub files_written: Option<f64>,
    pub file_write_bytes: Option<f64>,
    pub files_read: Option<f64>,
    pub file_read_bytes: Option<f64>,
}

/// The fields of a document to insert or to put in place of another.
///
/// # Errors
/// `InvalidArgument` on `value`.
pub(super) fn document_fields(api: &str, text: &RawValue) -> Result<BTreeMap<String, Value>, SyscallError> {
    let value = Value::from_json_in_mutation(text.get()).map_err(|error| invalid_argument("value", api, error))?;
    let kind = value.type_name();
    value
        .into_object()
        .ok_or_else(|| invalid_argument("value", api, format_args!("a document must be an object, not {kind}")))
}

/// The fields of a patch: `None` removes the field.
///
/// # Errors
/// `InvalidArgument` on `value`.
pub(super) fn patch_fields(api: &str, text: &RawValue) -> Result<BTreeMap<String, Option<Value>>, SyscallError> {
    /// How the client package writes `undefined`.
    const UNDEFINED: &str = r#"{"$undefined":null}"#;
    // Short of an undefined field a patch is a value like any other, and parsed as one.
    if !text.get().contains("$undefined") {
        return Ok(document_fields(api, text)?.into_iter().map(|(name, value)| (name, Some(value))).collect());
    }
    let raw: BTreeMap<String, &RawValue> =
        serde_json::from_str(text.get()).map_err(|error| invalid_argument("value", api, error))?;
    let mut removed = Vec::new();
    let mut kept = String::from("{");
    for (name, value) in raw {
        if value.get() == UNDEFINED {
            removed.push(name);
            continue;
        }
        if kept.len() > 1 {
            kept.push(',');
        }
        lakewire_storage::value::write_json_string(&mut kept, &name);
        kept.push(':');
        kept.push_str(value.get());
    }
    kept.push('}');
    let kept = RawValue::from_string(kept).map_err(|error| invalid_argument("value", api, error))?;
    let mut fields: BTreeMap<_, _> =
        document_fields(api, &kept)?.into_iter().map(|(name, value)| (name, Some(value))).collect();
    fields.extend(removed.into_iter().map(|name| (name, None)));
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use lakewire_storage::value::Value;
    use serde_json::value::RawValue;

    use super::{Get, document_fields, parse, patch_fields};

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn patches_tell_removed_fields() {
        let fields = patch_fields("db.patch", &raw(r#"{"a":1,"b":{"$undefined":null},"c":"x"}"#)).unwrap();
        assert_eq!(fields["a"], Some(Value::Float64(1.0)));
        assert_eq!(fields["b"], None);
        assert_eq!(fields["c"], Some("x".into()));
        // A text that only mentions it is no removed field.
        let fields = patch_fields("db.patch", &raw(r#"{"a":"$undefined"}"#)).unwrap();
        assert_eq!(fields["a"], Some("$undefined".into()));
    }

    #[test]
    fn documents_are_objects() {
        let error = document_fields("db.insert", &raw("[1]")).unwrap_err();
        assert!(error.message.starts_with("InvalidArgument: Invalid argument `value` for `db.insert`"), "{error}");
        assert!(document_fields("db.insert", &raw(r#"{"t":{"$commitTs":null}}"#)).unwrap()["t"] == Value::CommitTs);
    }

    #[test]
    fn shape_and_syntax_errors_differ() {
        let code = |text: &str| parse::<Get<'_>>("db.get", text).err().unwrap().message;
        assert!(code("{").starts_with("SyscallArgsInvalidJson"));
        assert!(code(r#"{"id":7}"#).starts_with("InvalidArgument"));
        assert!(parse::<Get<'_>>("db.get", r#"{"id":"a\u0062","isSystem":false,"version":"1.48.0"}"#).is_ok());
    }
}
