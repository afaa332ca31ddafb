use lakewire_storage::aws;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn relays_find_each_other() {
    let emulator = lakewire_emulators::Dynoxide::start();
    let config =
        aws::config_of(emulator.endpoint(), lakewire_emulators::ACCESS_KEY_ID, lakewire_emulators::SECRET_ACCESS_KEY)
            .await;
    let (client, env) = (aws::dynamodb_client(&config), Env::system());
    lakewire_storage::log::create_table(&client, "relays", &env).await.expect("a table");
    let registry = |deployment| DynamoDbRegistry::new(client.clone(), "relays".to_owned(), deployment, env.clone());
    let (one, other) = (registry("one"), registry("other"));
    assert_eq!(one.enter("http://a").await.expect("entered"), ["http://a"]);
    let mut both = one.enter("http://b").await.expect("entered");
    both.sort();
    assert_eq!(both, ["http://a", "http://b"]);
    assert_eq!(other.enter("http://c").await.expect("entered"), ["http://c"], "another deployment");
    one.leave("http://a").await.expect("left");
    assert_eq!(one.enter("http://b").await.expect("entered"), ["http://b"]);
}

/// Entries that a peer heard of.
async fn listener(key: NudgeKey) -> (String, Arc<Mutex<Vec<EntryNumber>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (sink, check) = (heard.clone(), key);
    let take = move |Json(nudge): Json<NudgeBody>| async move {
        assert!(check.is_valid(&nudge));
        sink.lock().push(nudge.entry);
        tokio::time::sleep(Duration::from_millis(50)).await;
        StatusCode::NO_CONTENT
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let router = Router::new().route(nudge::PATH, post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn nudges_do_not_pile_up_and_the_newest_arrives() {
    let key = NudgeKey::new(&[1; 32]);
    let (address, heard) = listener(key.clone()).await;
    let client = reqwest::Client::new();
    let nudge = Nudge::new(client, &address, key, false);
    let peer = Arc::new(Peer { nudge, newest: AtomicU64::new(0), is_busy: AtomicBool::new(false) });
    let mut tasks = Vec::new();
    for entry in 1..=100 {
        peer.newest.fetch_max(entry, Ordering::SeqCst);
        if !peer.is_busy.swap(true, Ordering::SeqCst) {
            tasks.push(tokio::spawn(peer.clone().nudge()));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let heard = heard.lock();
    assert!(heard.len() < 20, "{heard:?}");
    assert_eq!(heard.last(), Some(&100));
}
