use std::sync::Arc;

use super::writer::Writer;
use super::{Contents, SnapshotFileError, read};
use crate::catalog::TabletId;
use crate::document::Document;
use crate::id::{DocumentId, InternalId, TableNumber};

fn document(n: u8) -> Arc<Document> {
    let id = DocumentId { table: TableNumber(10_001), internal: InternalId([n; 16]) };
    Arc::new(Document { id, creation_time: f64::from(n), json: format!(r#"{{"n":{n}}}"#).into(), size: 20 })
}

fn file() -> Vec<u8> {
    let mut writer = Writer::new(7, 1234);
    for n in 0..50 {
        writer.push(TabletId(10_001), &document(n));
    }
    writer.finish()
}

#[test]
fn what_is_written_is_read() {
    let Contents { entry, ts, documents } = read(&file()).unwrap();
    assert_eq!((entry, ts, documents.len()), (7, 1234, 50));
    assert_eq!(documents[9], (TabletId(10_001), document(9)));
}

#[test]
fn any_changed_or_missing_byte_is_noticed() {
    let file = file();
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        assert!(read(&changed).is_err(), "byte {at}");
        assert!(read(&file[..at]).is_err(), "cut at {at}");
    }
    assert!(matches!(read(b"something else entirely"), Err(SnapshotFileError::NotASnapshot)));
}
