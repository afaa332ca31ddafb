use super::{FIRST_USER_INDEX, FIRST_USER_TABLE, SystemTable};

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
