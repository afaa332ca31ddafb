use std::time::Duration;

use serde_json::json;

use super::Setup;

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_pinged_and_kept() {
    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    let start = tokio::time::Instant::now();
    for n in 1..=40 {
        assert_eq!(client.next_or_close().await.expect("a message")["type"], "Ping");
        assert!(start.elapsed() <= Duration::from_secs(15 * n + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_dropped() {
    let setup = Setup::new(1);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let session = crate::session::Session::new(setup.shared.clone(), Default::default());
    let done = setup.shared.env.spawn("session", async move {
        session.serve(crate::socket::Socket::new(ours).await).await;
    });
    let start = tokio::time::Instant::now();
    done.join().await;
    let seconds = start.elapsed().as_secs();
    assert!((120..140).contains(&seconds), "{seconds} s");
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn a_client_ahead_of_us_is_never_shown_less() {
    let setup = Setup::new(1);
    // ts 1_000_020 is two commits away.
    let connect = json!({"type": "Connect", "sessionId": "s", "connectionCount": 3, "lastCloseReason": null, "clientTs": 0,
        "maxObservedTimestamp": "VEIPAAAAAAA="});
    let mut client = setup.connect().await;
    client.send(connect.clone()).await;
    client.add(&[(0, "t:get", json!({"key": "a"}))]).await;
    setup.fake.set(&[("a", 1)]);
    assert!(client.is_quiet().await);
    setup.fake.set(&[("a", 2)]);
    client.transition().await;
    assert_eq!(client.results[&0]["value"], 2);

    let setup = Setup::new(1);
    let mut client = setup.connect().await;
    client.send(connect).await;
    let close = client.next_or_close().await.unwrap_err().expect("a status");
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1011, "InternalServerError"));
}
