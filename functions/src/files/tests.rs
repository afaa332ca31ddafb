//! Files from end to end, with the app of `tests/fixtures/engine`. Numbers are the conformance points of the runtime.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use lakewire_storage::catalog::Namespace;
use object_store::ObjectStore;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{FileError, Sweep, parse_sha256};
use crate::engine::tests::harness::App;

async fn objects(app: &App) -> usize {
    app.engine.store().list(Some(&"files".into())).try_collect::<Vec<_>>().await.unwrap().len()
}

fn chunks(count: usize, bytes: usize) -> impl futures::Stream<Item = Result<Bytes, String>> + Send {
    stream::iter((0..count).map(move |n| Ok(Bytes::from(vec![n as u8; bytes]))))
}

async fn url(app: &App, id: &Json) -> Json {
    app.query("files:url", json!({"id": id})).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_mutation_belongs_to_it_155_156() {
    let app = App::start().await;
    let blob = STANDARD.encode("hello");
    let sha256 = STANDARD.encode(Sha256::digest("hello"));
    let args = json!({"blob": blob, "contentType": "text/plain", "sha256": sha256});
    let stored = app.mutation("files:store", args).await.unwrap();
    assert_eq!(stored["back"], json!({"blob": blob, "contentType": "text/plain"}));
    assert_eq!((&stored["size"], &stored["used"]), (&json!(5), &json!([1, 5, 1, 5])));
    let row = app.query("files:row", json!({"id": stored["id"]})).await.unwrap();
    assert_eq!((&row["sha256"], &row["size"], &row["contentType"]), (&json!(sha256), &json!(5), &json!("text/plain")));
    assert_eq!(row.as_object().unwrap().len(), 5, "and _id and _creationTime: {row}");
    assert_eq!(objects(&app).await, 1);
    // Rolled back, as a whole or in part: nothing stays.
    app.mutation_error("files:store", json!({"blob": blob, "fail": true})).await;
    assert_eq!(app.mutation("files:outer", json!({"blob": blob})).await.unwrap(), json!(1));
    assert_eq!(objects(&app).await, 1);
    for (args, code) in [
        (json!({"blob": "?"}), "InvalidArgument: Invalid argument `blob`"),
        (json!({"blob": blob, "contentType": "nothing"}), "InvalidArgument: Invalid argument `contentType`"),
        (json!({"blob": blob, "sha256": STANDARD.encode([7; 32])}), "InvalidArgument: Invalid argument `sha256`"),
        (json!({"blob": blob, "sha256": "abc"}), "InvalidArgument: Invalid argument `sha256`"),
    ] {
        let message = app.mutation_error("files:store", args).await;
        assert!(message.contains(code), "{message}");
    }
    let message = app.mutation_error("files:many", json!({"blob": blob, "count": 101})).await;
    assert!(message.contains("TooManyFilesWritten"), "{message}");
    assert_eq!(objects(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_files_are_gone_at_once_135() {
    let app = App::start().await;
    let files = app.engine.files();
    let id = files.store(Namespace::ROOT, chunks(3, 10), None, None).await.unwrap();
    let id = json!(id.to_string());
    let metadata = app.query("files:metadata", json!({"id": id})).await.unwrap();
    assert_eq!((&metadata["size"], &metadata["contentType"]), (&json!(30), &json!(null)));
    assert!(parse_sha256(metadata["sha256"].as_str().unwrap()).is_some());
    let address = url(&app, &id).await;
    assert!(address.as_str().unwrap().ends_with(metadata["storageId"].as_str().unwrap()));
    assert_eq!(url(&app, &metadata["storageId"]).await, address, "both forms of an id");
    app.mutation("files:remove", json!({"id": id})).await.unwrap();
    assert_eq!(url(&app, &id).await, json!(null));
    let message = app.mutation_error("files:remove", json!({"id": id})).await;
    assert!(message.contains("StorageIdNotFound"), "{message}");
    let message = app.query_error("files:url", json!({"id": "nonsense"})).await;
    assert!(message.contains("InvalidArgument: Invalid argument `storageId`"), "{message}");
    let id = files.store(Namespace::ROOT, chunks(1, 1), Some("a/b"), None).await.unwrap();
    let result = app.action("files:inAction", json!({"id": id.to_string()})).await.unwrap();
    assert!(result[0].is_string() && result[1]["size"] == 1 && result[3].is_null(), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_back_in_ranges_and_wrong_ones_are_refused_135() {
    let app = App::start().await;
    let files = app.engine.files();
    // Above the size from which it goes in parts.
    let id = files.store(Namespace::ROOT, chunks(20, 1 << 20), None, None).await.unwrap().to_string();
    let file = files.find(Namespace::ROOT, &id).await.unwrap().unwrap();
    assert_eq!(file.size, 20 << 20);
    let part: Vec<Bytes> =
        files.get(&file, Some((5 << 20) - 1..(5 << 20) + 1)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), [4, 5]);
    assert_eq!(Sha256::digest(files.read(&file).await.unwrap()).as_slice(), parse_sha256(&file.sha256).unwrap());
    assert!(files.find(Namespace(7), &id).await.unwrap().is_none(), "another component has no such file");
    let before = objects(&app).await;
    let wrong = files.store(Namespace::ROOT, chunks(20, 1 << 20), None, Some([1; 32])).await;
    assert!(matches!(wrong, Err(FileError::Sha256Mismatch { .. })));
    let torn = stream::iter([Ok(Bytes::from(vec![1; 9 << 20])), Err("gone")]);
    assert!(matches!(files.store(Namespace::ROOT, torn, None, None).await, Err(FileError::Interrupted(_))));
    assert_eq!(objects(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_for_one_component_one_deployment_and_one_hour() {
    let app = App::start().await;
    let files = app.engine.files();
    let token = |namespace| files.upload_url("", Namespace(namespace)).split_once("token=").unwrap().1.to_owned();
    assert_eq!(files.check_upload_token(&token(0)), Some(Namespace::ROOT));
    assert_eq!(files.check_upload_token(&token(9)), Some(Namespace(9)));
    let mut forged = token(0).into_bytes();
    for at in 0..forged.len() {
        let byte = forged[at];
        forged[at] = if byte == b'A' { b'B' } else { b'A' };
        assert_eq!(files.check_upload_token(std::str::from_utf8(&forged).unwrap()), None, "at {at}");
        forged[at] = byte;
    }
    assert_eq!(files.check_upload_token(""), None);
    let short = App::start_with(|_, limits| limits.upload_url_ms = 0).await;
    let token = short.engine.files().upload_url("", Namespace::ROOT).split_once("token=").unwrap().1.to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(short.engine.files().check_upload_token(&token), None);
    let other = App::start_with(|deployment, _| deployment.secret = [8; 32]).await;
    assert_eq!(other.engine.files().check_upload_token(&files_token(files)), None);
}

fn files_token(files: &super::Files) -> String {
    files.upload_url("", Namespace::ROOT).split_once("token=").unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_deleted_files_are_deleted() {
    let app = App::start().await;
    let files = app.engine.files();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(files.store(Namespace::ROOT, chunks(1, 10), None, None).await.unwrap().to_string());
    }
    app.mutation("files:remove", json!({"id": ids[0]})).await.unwrap();
    let sweep = Sweep::new(app.engine.db().clone(), app.engine.store().clone());
    assert_eq!((sweep.sweep().await.unwrap(), objects(&app).await), (0, 3), "the history has it");
    let later = App::with_history(std::time::Duration::ZERO).await;
    let files = later.engine.files();
    let id = files.store(Namespace::ROOT, chunks(1, 10), None, None).await.unwrap().to_string();
    let kept = files.store(Namespace::ROOT, chunks(1, 10), None, None).await.unwrap().to_string();
    // Put and never named.
    files.put(chunks(1, 10), None).await.unwrap();
    later.mutation("files:remove", json!({"id": id})).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    later.engine.db().checkpoint().await.unwrap();
    let sweep = Sweep::new(later.engine.db().clone(), later.engine.store().clone());
    assert_eq!((sweep.sweep().await.unwrap(), objects(&later).await), (1, 2));
    assert_eq!((sweep.sweep_left_behind().await.unwrap(), objects(&later).await), (1, 1));
    assert_eq!(sweep.sweep().await.unwrap(), 0);
    assert!(files.read(&files.find(Namespace::ROOT, &kept).await.unwrap().unwrap()).await.is_ok());
}
