use super::{SESSION_REQUESTS_KEPT, expire_session_requests};
use crate::catalog::SystemTable;
use crate::testing::{World, begin, object};

#[tokio::test(start_paused = true)]
async fn records_of_mutations_expire() {
    let database = World::new(1).open().await;
    let record = || async {
        let mut tx = begin(&database);
        tx.insert_system(SystemTable::SessionRequests, object(r#"{"result":"null"}"#)).await.unwrap();
        database.commit(tx).await.unwrap();
    };
    for _ in 0..600 {
        record().await;
    }
    tokio::time::sleep(SESSION_REQUESTS_KEPT / 2).await;
    record().await;
    assert_eq!(expire_session_requests(&database).await.unwrap(), 0);
    tokio::time::sleep(SESSION_REQUESTS_KEPT * 2 / 3).await;
    // The database did it by itself meanwhile.
    assert_eq!(expire_session_requests(&database).await.unwrap(), 0);
    assert_eq!(database.latest().count(SystemTable::SessionRequests.by_id()).await.unwrap(), 1);
}
