use super::{Catalog, FIRST_USER_INDEX, FIRST_USER_TABLE, Namespace, SystemTable, is_system_index, is_system_tablet};

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
