use super::Limits;

#[test]
fn the_table_has_every_limit_once() {
    let limits = Limits { documents_read: 7, ..Limits::default() };
    let table = limits.table();
    let mut names: Vec<_> = table.iter().map(|limit| limit.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table.len());
    let row = table.iter().find(|limit| limit.name == "documents_read").expect("a row");
    assert_eq!((row.value, row.unit, row.doc), (7, "documents", "Documents that one transaction reads."));
}
