use super::{
    Catalog, FIRST_USER_INDEX, FIRST_USER_TABLE, Fields, IndexConfig, IndexConfigRow, Namespace, SystemTable,
    is_system_index, is_system_tablet,
};
use crate::search::analysis::TextOptions;

#[test]
fn system_tables_have_fixed_ids_of_their_own() {
    for (table, ordinal) in SystemTable::ALL.iter().zip(1..) {
        assert_eq!(*table as u32, ordinal, "the table of ordinal n is the nth");
        assert_eq!(SystemTable::from_tablet(table.tablet()), Some(*table));
        assert_eq!(SystemTable::from_name(table.name()), Some(*table));
        let info = table.info();
        assert!(info.number.0 < FIRST_USER_TABLE && info.indexes.iter().all(|index| index.id.0 < FIRST_USER_INDEX));
    }
}

#[test]
fn rows_of_text_indexes_keep_options_and_do_without() {
    let old = r#"{"type": "search", "searchField": "body", "filterFields": ["a.b"]}"#;
    let row: IndexConfigRow = serde_json::from_str(old).expect("a row");
    let config = row.parse().expect("a configuration");
    let IndexConfig::Search { search_field, filter_fields, options } = &config else { panic!("not {config:?}") };
    assert!(options.is_default());
    assert!(!fields_of(&config).contains_key("options"));
    for tokenizer in ["words", "german"] {
        let json = serde_json::json!({ "tokenizer": tokenizer, "typos": 2, "fields": ["title"] });
        let options = TextOptions::from_json(&json).expect("options");
        let (search_field, filter_fields) = (search_field.clone(), filter_fields.clone());
        let config = IndexConfig::Search { search_field, filter_fields, options };
        let json = crate::value::Value::Object(fields_of(&config)).to_json_value();
        let row: IndexConfigRow = serde_json::from_value(json).expect("a row");
        assert_eq!(row.parse(), Ok(config));
    }
}

fn fields_of(config: &IndexConfig) -> Fields {
    IndexConfigRow::from(config).fields()
}

#[test]
fn every_namespace_has_public_system_tables_of_its_own() {
    let catalog = Catalog::default();
    let mut tablets = std::collections::BTreeSet::new();
    for namespace in [0, 1, 2, 77_777].map(Namespace) {
        for system in SystemTable::ALL {
            let table = catalog.table(namespace, system.name()).expect("there for everybody");
            assert_eq!((table.number, table.name.as_str()), (system.number(), system.name()));
            assert_eq!(catalog.table_by_number(namespace, system.number()), Some(table));
            let is_own = system.is_public() || namespace == Namespace::ROOT;
            assert_eq!(tablets.insert(table.tablet), is_own, "{} of {namespace}", table.name);
            assert_eq!(table.namespace, if is_own { namespace } else { Namespace::ROOT });
            assert!(is_system_tablet(table.tablet) && table.is_system());
            for index in [table.by_id, table.by_creation_time] {
                assert!(is_system_index(index));
                assert_eq!(catalog.table_of_index(index).map(|found| found.tablet), Some(table.tablet));
            }
            assert_eq!(catalog.tablet(table.tablet).map(|found| found.namespace), Some(table.namespace));
            assert_eq!(SystemTable::from_tablet(table.tablet), Some(*system));
        }
    }
}
