//! Documents as Arrow arrays of their table's [`Columns`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray,
    StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field as ArrowField, Fields, Schema, SchemaRef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::columns::{CREATION_TIME, Columns, Field, ID, OTHER, Type};
use crate::value::Value;

/// The schema of the data files, with the ids of the columns.
pub(super) fn schema(columns: &Columns) -> SchemaRef {
    let mut fields = vec![
        with_id(ArrowField::new("_id", DataType::Utf8, false), ID),
        with_id(ArrowField::new("_creationTime", DataType::Float64, false), CREATION_TIME),
    ];
    fields.extend(columns.fields.iter().map(field));
    fields.extend(columns.other.map(|id| with_id(ArrowField::new(OTHER, DataType::Utf8, true), id)));
    Arc::new(Schema::new(fields))
}

/// The documents as rows. Each must fit the columns.
///
/// # Errors
/// When one does not.
pub(super) fn rows(
    columns: &Columns,
    schema: SchemaRef,
    documents: &[BTreeMap<String, Value>],
) -> Result<RecordBatch, ArrowError> {
    let of_field = |name: &str| documents.iter().map(|document| document.get(name)).collect::<Vec<_>>();
    let mut arrays = vec![array(&Type::String, &of_field("_id"))?, array(&Type::Double, &of_field("_creationTime"))?];
    for field in &columns.fields {
        arrays.push(array(&field.kind, &of_field(&field.name))?);
    }
    if columns.other.is_some() {
        arrays.push(Arc::new(documents.iter().map(|document| other(columns, document)).collect::<StringArray>()));
    }
    RecordBatch::try_new(schema, arrays)
}

/// The fields without a column, as a JSON object; `None` if there are none.
fn other(columns: &Columns, document: &BTreeMap<String, Value>) -> Option<String> {
    let rest: BTreeMap<_, _> = document
        .iter()
        .filter(|(name, _)| !name.starts_with('_') && !columns.fields.iter().any(|field| field.name == **name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!rest.is_empty()).then(|| Value::Object(rest).to_json())
}

fn with_id(field: ArrowField, id: i32) -> ArrowField {
    field.with_metadata(HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]))
}

fn field(field: &Field) -> ArrowField {
    with_id(ArrowField::new(&field.column, data_type(&field.kind), true), field.id)
}

fn data_type(kind: &Type) -> DataType {
    match kind {
        Type::Boolean => DataType::Boolean,
        Type::Long => DataType::Int64,
        Type::Double => DataType::Float64,
        Type::Binary => DataType::Binary,
        Type::List { id, element } => DataType::List(Arc::new(element_field(*id, element))),
        Type::Struct(fields) if !fields.is_empty() => DataType::Struct(struct_fields(fields)),
        Type::Map { key_id, value_id, value } => DataType::Map(entries_field(*key_id, *value_id, value), false),
        Type::Unknown | Type::String | Type::Json | Type::Struct(_) => DataType::Utf8,
    }
}

fn element_field(id: i32, element: &Type) -> ArrowField {
    with_id(ArrowField::new("element", data_type(element), true), id)
}

fn struct_fields(fields: &[Field]) -> Fields {
    fields.iter().map(field).collect()
}

fn entry_fields(key_id: i32, value_id: i32, value: &Type) -> Fields {
    let key = with_id(ArrowField::new("key", DataType::Utf8, false), key_id);
    let value = with_id(ArrowField::new("value", data_type(value), true), value_id);
    Fields::from(vec![key, value])
}

fn entries_field(key_id: i32, value_id: i32, value: &Type) -> Arc<ArrowField> {
    Arc::new(ArrowField::new("key_value", DataType::Struct(entry_fields(key_id, value_id, value)), false))
}

fn array(kind: &Type, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    let values: Vec<Option<&Value>> =
        values.iter().map(|value| value.filter(|value| !matches!(value, Value::Null))).collect();
    if let Some(misfit) = values.iter().flatten().find(|value| !kind.fits(value)) {
        let problem = format!("a value of type {} in a column of another type", misfit.type_name());
        return Err(ArrowError::InvalidArgumentError(problem));
    }
    Ok(match kind {
        Type::Boolean => Arc::new(
            each(&values, |value| match value {
                Value::Boolean(boolean) => Some(*boolean),
                _ => None,
            })
            .collect::<BooleanArray>(),
        ),
        Type::Long => Arc::new(
            each(&values, |value| match value {
                Value::Int64(integer) => Some(*integer),
                _ => None,
            })
            .collect::<Int64Array>(),
        ),
        Type::Double => Arc::new(
            each(&values, |value| match value {
                Value::Float64(float) => Some(*float),
                _ => None,
            })
            .collect::<Float64Array>(),
        ),
        Type::Binary => Arc::new(
            each(&values, |value| match value {
                Value::Bytes(bytes) => Some(bytes.as_slice()),
                _ => None,
            })
            .collect::<BinaryArray>(),
        ),
        Type::Unknown | Type::String => Arc::new(each(&values, Value::as_str).collect::<StringArray>()),
        Type::Json => Arc::new(each(&values, |value| Some(value.to_json())).collect::<StringArray>()),
        Type::Struct(fields) if fields.is_empty() => {
            Arc::new(each(&values, |value| Some(value.to_json())).collect::<StringArray>())
        }
        Type::Struct(fields) => {
            let arrays = fields
                .iter()
                .map(|field| {
                    let inner: Vec<_> =
                        values.iter().map(|value| value.and_then(|value| value.field(&field.name))).collect();
                    array(&field.kind, &inner)
                })
                .collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new(struct_fields(fields), arrays, Some(nulls(&values)))?)
        }
        Type::List { id, element } => {
            let lists = each(&values, |value| match value {
                Value::Array(elements) => Some(elements),
                _ => None,
            });
            let lists: Vec<_> = lists.collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, Vec::len)));
            let inner: Vec<_> = lists.iter().copied().flatten().flatten().map(Some).collect();
            let field = Arc::new(element_field(*id, element));
            Arc::new(ListArray::try_new(field, offsets, array(element, &inner)?, Some(nulls(&values)))?)
        }
        Type::Map { key_id, value_id, value: of } => {
            let maps: Vec<_> = each(&values, Value::as_object).collect();
            let offsets = OffsetBuffer::from_lengths(maps.iter().map(|map| map.map_or(0, BTreeMap::len)));
            let keys = maps.iter().copied().flatten().flat_map(BTreeMap::keys).map(Some).collect::<StringArray>();
            let inner: Vec<_> = maps.iter().copied().flatten().flat_map(BTreeMap::values).map(Some).collect();
            let fields = entry_fields(*key_id, *value_id, of);
            let entries = StructArray::try_new(fields, vec![Arc::new(keys), array(of, &inner)?], None)?;
            let field = entries_field(*key_id, *value_id, of);
            Arc::new(MapArray::try_new(field, offsets, entries, Some(nulls(&values)), false)?)
        }
    })
}

fn each<'a, T>(
    values: &'a [Option<&'a Value>],
    read: impl Fn(&'a Value) -> Option<T> + 'a,
) -> impl Iterator<Item = Option<T>> + 'a {
    values.iter().map(move |value| value.and_then(&read))
}

fn nulls(values: &[Option<&Value>]) -> NullBuffer {
    values.iter().map(Option::is_some).collect::<Vec<_>>().into()
}
