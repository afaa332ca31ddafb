//! Manifests and manifest lists: the Avro files between the metadata and the data files of an Iceberg snapshot.

use apache_avro::types::Value as Avro;
use apache_avro::{Schema, Writer};
use serde_json::{Value as Json, json};

use super::columns::CREATION_TIME;
use super::state::DataFile;
use super::{Ids, LakeError};

/// Of a data file in a manifest: it was there before.
const EXISTING: i32 = 0;
/// Of a data file in a manifest: the manifest's snapshot added it.
const ADDED: i32 = 1;

/// A manifest that is written, for the manifest list.
pub(super) struct ManifestRef {
    pub(super) path: String,
    pub(super) bytes: usize,
}

/// The manifest of all data files of a snapshot. `location` is the table's URL.
pub(super) fn manifest(
    snapshot: i64,
    schema: &Json,
    files: &[DataFile],
    location: &str,
    ids: &Ids,
) -> Result<Vec<u8>, LakeError> {
    let records = files.iter().map(|file| {
        let status = if file.snapshot == snapshot { ADDED } else { EXISTING };
        let bound = |time: f64| {
            let entry = vec![
                ("key".to_owned(), Avro::Int(CREATION_TIME)),
                ("value".to_owned(), Avro::Bytes(time.to_le_bytes().to_vec())),
            ];
            Avro::Array(vec![Avro::Record(entry)])
        };
        let data_file = vec![
            ("content".to_owned(), Avro::Int(0)),
            ("file_path".to_owned(), Avro::String(format!("{location}/{}", file.path))),
            ("file_format".to_owned(), Avro::String("PARQUET".to_owned())),
            ("partition".to_owned(), Avro::Record(Vec::new())),
            ("record_count".to_owned(), Avro::Long(long(file.rows))),
            ("file_size_in_bytes".to_owned(), Avro::Long(long(file.bytes))),
            ("lower_bounds".to_owned(), optional(file.times.map(|(low, _)| bound(low)))),
            ("upper_bounds".to_owned(), optional(file.times.map(|(_, high)| bound(high)))),
        ];
        vec![
            ("status".to_owned(), Avro::Int(status)),
            ("snapshot_id".to_owned(), optional(Some(Avro::Long(file.snapshot)))),
            ("sequence_number".to_owned(), optional(Some(Avro::Long(file.sequence)))),
            ("file_sequence_number".to_owned(), optional(Some(Avro::Long(file.sequence)))),
            ("data_file".to_owned(), Avro::Record(data_file)),
        ]
    });
    let metadata = [
        ("schema", schema.to_string()),
        ("schema-id", schema["schema-id"].to_string()),
        ("partition-spec", "[]".to_owned()),
        ("partition-spec-id", "0".to_owned()),
        ("format-version", "2".to_owned()),
        ("content", "data".to_owned()),
    ];
    write(&manifest_entry_schema(), &metadata, records, ids)
}

/// The manifest list of a snapshot with one manifest, or none if it has no data files.
pub(super) fn manifest_list(
    snapshot: i64,
    sequence: i64,
    manifest: Option<&ManifestRef>,
    files: &[DataFile],
    ids: &Ids,
) -> Result<Vec<u8>, LakeError> {
    let (added, existing): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.snapshot == snapshot);
    let rows = |files: &[&DataFile]| Avro::Long(long(files.iter().map(|file| file.rows).sum()));
    let count = |files: &[&DataFile]| Avro::Int(i32::try_from(files.len()).unwrap_or(i32::MAX));
    let records = manifest.into_iter().map(|manifest| {
        vec![
            ("manifest_path".to_owned(), Avro::String(manifest.path.clone())),
            ("manifest_length".to_owned(), Avro::Long(long(manifest.bytes as u64))),
            ("partition_spec_id".to_owned(), Avro::Int(0)),
            ("content".to_owned(), Avro::Int(0)),
            ("sequence_number".to_owned(), Avro::Long(sequence)),
            (
                "min_sequence_number".to_owned(),
                Avro::Long(files.iter().map(|file| file.sequence).min().unwrap_or(sequence)),
            ),
            ("added_snapshot_id".to_owned(), Avro::Long(snapshot)),
            ("added_files_count".to_owned(), count(&added)),
            ("existing_files_count".to_owned(), count(&existing)),
            ("deleted_files_count".to_owned(), Avro::Int(0)),
            ("added_rows_count".to_owned(), rows(&added)),
            ("existing_rows_count".to_owned(), rows(&existing)),
            ("deleted_rows_count".to_owned(), Avro::Long(0)),
        ]
    });
    let metadata = [
        ("snapshot-id", snapshot.to_string()),
        ("sequence-number", sequence.to_string()),
        ("format-version", "2".to_owned()),
    ];
    write(&manifest_list_schema(), &metadata, records, ids)
}

fn write(
    schema: &Json,
    metadata: &[(&str, String)],
    records: impl Iterator<Item = Vec<(String, Avro)>>,
    ids: &Ids,
) -> Result<Vec<u8>, LakeError> {
    let schema = Schema::parse(schema)?;
    let mut writer = Writer::builder().schema(&schema).writer(Vec::new()).marker(ids.bytes()).build();
    for (key, value) in metadata {
        writer.add_user_metadata((*key).to_owned(), value)?;
    }
    for record in records {
        writer.append(Avro::Record(record))?;
    }
    Ok(writer.into_inner()?)
}

fn optional(value: Option<Avro>) -> Avro {
    match value {
        None => Avro::Union(0, Box::new(Avro::Null)),
        Some(value) => Avro::Union(1, Box::new(value)),
    }
}

fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn required_field(id: i32, name: &str, kind: impl Into<Json>) -> Json {
    json!({ "name": name, "type": kind.into(), "field-id": id })
}

fn optional_field(id: i32, name: &str, kind: impl Into<Json>) -> Json {
    json!({ "name": name, "type": ["null", kind.into()], "default": null, "field-id": id })
}

/// A map from field ids to bytes, which Iceberg writes as an array of pairs.
fn bounds(key_id: i32, value_id: i32) -> Json {
    json!({ "type": "array", "logicalType": "map", "items": {
        "type": "record", "name": format!("k{key_id}_v{value_id}"),
        "fields": [required_field(key_id, "key", "int"), required_field(value_id, "value", "bytes")],
    } })
}

fn manifest_entry_schema() -> Json {
    let data_file = json!({ "type": "record", "name": "r2", "fields": [
        required_field(134, "content", "int"),
        required_field(100, "file_path", "string"),
        required_field(101, "file_format", "string"),
        required_field(102, "partition", json!({ "type": "record", "name": "r102", "fields": [] })),
        required_field(103, "record_count", "long"),
        required_field(104, "file_size_in_bytes", "long"),
        optional_field(125, "lower_bounds", bounds(126, 127)),
        optional_field(128, "upper_bounds", bounds(129, 130)),
    ] });
    json!({ "type": "record", "name": "manifest_entry", "fields": [
        required_field(0, "status", "int"),
        optional_field(1, "snapshot_id", "long"),
        optional_field(3, "sequence_number", "long"),
        optional_field(4, "file_sequence_number", "long"),
        required_field(2, "data_file", data_file),
    ] })
}

fn manifest_list_schema() -> Json {
    json!({ "type": "record", "name": "manifest_file", "fields": [
        required_field(500, "manifest_path", "string"),
        required_field(501, "manifest_length", "long"),
        required_field(502, "partition_spec_id", "int"),
        required_field(517, "content", "int"),
        required_field(515, "sequence_number", "long"),
        required_field(516, "min_sequence_number", "long"),
        required_field(503, "added_snapshot_id", "long"),
        required_field(504, "added_files_count", "int"),
        required_field(505, "existing_files_count", "int"),
        required_field(506, "deleted_files_count", "int"),
        required_field(512, "added_rows_count", "long"),
        required_field(513, "existing_rows_count", "long"),
        required_field(514, "deleted_rows_count", "long"),
    ] })
}
