use serde_json::{Value as Json, json};

use super::tables;
use crate::schema::{SchemaDefinition, SchemaError};
use crate::value::Value;

fn document_type() -> Json {
    json!({ "type": "object", "value": {
        "owner": { "fieldType": { "type": "id", "tableName": "users" }, "optional": false },
        "body": { "fieldType": { "type": "string" }, "optional": true },
        "nested": { "fieldType": { "type": "object", "value": {
            "x": { "fieldType": { "type": "null" }, "optional": true } } }, "optional": true },
        "embedding": { "fieldType": { "type": "array", "value": { "type": "number" } }, "optional": true } } })
}

/// A schema with one table, which has `members`.
fn schema(members: Json) -> Json {
    let mut table = json!({ "tableName": "tasks", "indexes": [], "documentType": document_type() });
    table.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    json!({ "tables": [table], "schemaValidation": true })
}

fn parse(json: &Json) -> Result<SchemaDefinition, SchemaError> {
    SchemaDefinition::from_json(&json.to_string())
}

fn index(name: &str, fields: &[&str]) -> Json {
    json!({ "indexDescriptor": name, "fields": fields })
}

#[test]
fn exports_are_read_and_written() {
    let export = json!({ "schemaValidation": true, "tables": [{
        "tableName": "tasks",
        "indexes": [index("by_owner", &["owner"])],
        "stagedDbIndexes": [index("by_body", &["body", "nested.x"])],
        "searchIndexes": [{ "indexDescriptor": "s", "searchField": "body", "filterFields": ["owner"] }],
        "stagedSearchIndexes": [{ "indexDescriptor": "s2", "searchField": "body", "filterFields": [] }],
        "vectorIndexes": [{ "indexDescriptor": "v", "vectorField": "embedding", "dimensions": 3, "filterFields": [] }],
        "stagedVectorIndexes": [
            { "indexDescriptor": "v2", "vectorField": "embedding", "dimensions": 4, "filterFields": ["owner"] }],
        "documentType": document_type(),
        "stagedDocumentType": { "type": "any" },
    }] });
    let parsed = parse(&export).expect("a schema");
    assert_eq!(parsed.to_json_value(), export);
    assert_eq!(parse(&parsed.to_json_value()), Ok(parsed.clone()));
    assert_eq!(parsed.check_for_push(), Ok(()));
    let table = &parsed.tables["tasks"];
    assert!(table.indexes["by_body"].staged && !table.indexes["by_owner"].staged);

    let old = parse(&json!({ "tables": [{ "tableName": "tasks" }] })).expect("a schema");
    assert!(!old.schema_validation);
    assert_eq!(old.tables["tasks"].document_type, None);
}

#[test]
fn text_indexes_have_options() {
    let index = |name: &str, options: Json| json!({ "indexDescriptor": name, "searchField": "body", "filterFields": [], "lakewire": options });
    let german = json!({ "tokenizer": "german", "typos": 1, "fields": ["nested.x"] });
    let export = schema(
        json!({ "searchIndexes": [index("a", german.clone())], "stagedSearchIndexes": [index("b", json!({}))] }),
    );
    let parsed = parse(&export).expect("a schema");
    let indexes = &parsed.tables["tasks"].search_indexes;
    assert_eq!((indexes["a"].options.to_json(), indexes["b"].options.is_default()), (german.clone(), true));
    let written = parsed.to_json_value();
    assert_eq!(written["tables"][0]["searchIndexes"][0]["lakewire"], german);
    assert_eq!(written["tables"][0]["stagedSearchIndexes"][0].get("lakewire"), None);
    assert_eq!(parse(&written), Ok(parsed));

    let wrong = |options| parse(&schema(json!({ "searchIndexes": [index("by_body", options)] }))).expect_err("wrong");
    let error = wrong(json!({ "tokenizer": "klingon" }));
    assert_eq!(error.code(), "InvalidTextSearchOptions");
    let expected = "table `tasks`: index `by_body`: there is no tokenizer `klingon`; there are `default`, `words`";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert_eq!(wrong(json!("german")).code(), "InvalidTextSearchOptions");
    assert_eq!(wrong(json!(null)).code(), "InvalidTextSearchOptions");
    assert_eq!(wrong(json!({ "fields": ["body"] })).code(), "FieldsNotUniqueWithinIndex");
    assert_eq!(wrong(json!({ "fields": ["missing"] })).code(), "SchemaDefinitionError");
    assert_eq!(wrong(json!({ "fields": ["own er"] })).code(), "InvalidIndexField");
}

#[test]
fn wrong_schemas_have_their_codes() {
    let many: Vec<String> = (0..17).map(|i| format!("f{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let indexes = |indexes: Vec<Json>| schema(json!({ "indexes": indexes }));
    let search = |filters: &[&str]| json!({ "indexDescriptor": format!("s{}", filters.len()), "searchField": "body", "filterFields": filters });
    let vector = |name: &str, field: &str, dimensions: f64| json!({ "indexDescriptor": name, "vectorField": field, "dimensions": dimensions, "filterFields": [] });
    let named = |name: &str| indexes(vec![index(name, &["owner"])]);
    for (json, code) in [
        (named("1x"), "InvalidIndexName"),
        (named(""), "InvalidIndexName"),
        (named(&"x".repeat(65)), "InvalidIndexName"),
        (named("_x"), "IndexNameReserved"),
        (named("by_id"), "IndexNameReserved"),
        (named("by_creation_time"), "IndexNameReserved"),
        (indexes(vec![index("a", &["owner"]), index("a", &["body"])]), "IndexNamesNotUnique"),
        (
            schema(json!({ "indexes": [index("a", &["owner"])], "stagedSearchIndexes": [
                { "indexDescriptor": "a", "searchField": "body", "filterFields": [] }] })),
            "IndexNamesNotUnique",
        ),
        (indexes(vec![index("a", &[])]), "EmptyIndex"),
        (indexes(vec![index("a", &many)]), "IndexTooManyFields"),
        (indexes(vec![index("a", &["_id"])]), "IndexFieldsContainId"),
        (indexes(vec![index("a", &["owner", "owner"])]), "FieldsNotUniqueWithinIndex"),
        (indexes(vec![index("a", &["owner"]), index("b", &["owner"])]), "IndexNotUnique"),
        (indexes(vec![index("a", &["owner..x"])]), "InvalidIndexField"),
        (indexes(vec![index("a", &["own er"])]), "InvalidIndexField"),
        (indexes(vec![index("a", &["missing"])]), "SchemaDefinitionError"),
        (indexes(vec![index("a", &["body.x"])]), "SchemaDefinitionError"),
        (
            schema(json!({ "searchIndexes": [search(&["owner"])], "stagedSearchIndexes": [
                { "indexDescriptor": "other", "searchField": "body", "filterFields": ["owner"] }] })),
            "SearchIndexFieldNotUnique",
        ),
        (schema(json!({ "searchIndexes": [search(&many)] })), "IndexTooManyFilterFields"),
        (schema(json!({ "searchIndexes": [search(&["missing"])] })), "SchemaDefinitionError"),
        (
            schema(json!({ "vectorIndexes": [vector("a", "embedding", 3.0), vector("b", "embedding", 3.0)] })),
            "VectorIndexFieldNotUnique",
        ),
        (schema(json!({ "vectorIndexes": [vector("a", "body", 3.0)] })), "SchemaDefinitionError"),
        (schema(json!({ "vectorIndexes": [vector("a", "embedding", 1.0)] })), "InvalidVectorDimensions"),
        (schema(json!({ "vectorIndexes": [vector("a", "embedding", 2.5)] })), "InvalidVectorDimensions"),
        (schema(json!({ "tableName": "1x" })), "InvalidTableName"),
        (schema(json!({ "tableName": "_x" })), "TableNameReserved"),
        (schema(json!({ "documentType": { "type": "string" } })), "InvalidTopLevelTypeInSchemaError"),
        (
            schema(json!({ "documentType": { "type": "union", "value": [document_type(), { "type": "null" }] } })),
            "InvalidTopLevelTypeInSchemaError",
        ),
        (json!({}), "InvalidSchema"),
        (json!({ "tables": [{ "tableName": "a" }, { "tableName": "a" }] }), "InvalidSchema"),
    ] {
        let error = parse(&json).expect_err(code);
        assert_eq!(error.code(), code, "{error}");
    }

    let fields: Vec<Json> = (0..65).map(|i| index(&format!("i{i}"), &[&format!("f{i}")])).collect();
    let any = |indexes: &[Json]| schema(json!({ "indexes": indexes, "documentType": null }));
    assert!(parse(&any(&fields[..64])).is_ok());
    assert_eq!(parse(&any(&fields)).expect_err("65 indexes").code(), "TooManyIndexes");
}

#[test]
fn some_rules_hold_only_for_new_schemas() {
    for (field, code) in [("_creationTime", "IndexFieldsContainCreationTime"), ("owner._x", "IndexFieldNameReserved")] {
        let json = schema(json!({ "indexes": [index("a", &[field])], "documentType": null }));
        let parsed = parse(&json).expect("a stored schema");
        assert_eq!(parsed.check_for_push().expect_err(code).code(), code);
    }
}

#[test]
fn documents_are_checked() {
    let document = |json: Json| Value::from_json_value(&json).expect("a value");
    let owner = "j570a0g50m2ga18580m2ga18580wtaea";
    let parsed = parse(&schema(json!({}))).expect("a schema");
    let check = |table: &str, json: Json| parsed.check_document(table, &document(json), &tables());
    let bad = json!({ "_id": owner, "_creationTime": 1, "body": "x" });
    let error = check("tasks", bad.clone()).expect_err("no owner");
    assert_eq!(error.code(), "SchemaEnforcementError");
    let text = error.to_string();
    assert!(text.contains("table \"tasks\"") && text.contains("missing the required field `owner`"), "{text}");
    assert_eq!(check("other", bad.clone()), Ok(()));

    let mut lax = parsed.clone();
    lax.schema_validation = false;
    assert_eq!(lax.check_document("tasks", &document(bad), &tables()), Ok(()));

    // System fields are accepted whether or not the document type has them, but only at the top.
    let with_system_fields = schema(json!({ "documentType": { "type": "union", "value": [
        { "type": "object", "value": {
            "_id": { "fieldType": { "type": "id", "tableName": "tasks" }, "optional": false },
            "a": { "fieldType": { "type": "object", "value": {} }, "optional": false } } }] } }));
    let parsed = parse(&with_system_fields).expect("a schema");
    let check = |json: Json| parsed.check_document("tasks", &document(json), &tables());
    assert_eq!(check(json!({ "a": {} })), Ok(()));
    assert_eq!(check(json!({ "_id": "x", "_creationTime": 1, "a": {} })), Ok(()));
    assert!(check(json!({ "_other": 1, "a": {} })).is_err());
    assert!(check(json!({ "a": { "_id": "x" } })).is_err());
}

#[test]
fn mentioned_tables_are_known() {
    let parsed = parse(&schema(json!({}))).expect("a schema");
    assert!(parsed.mentions("tasks") && parsed.mentions("users") && !parsed.mentions("other"));
}
