use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Setup;

pub(super) async fn serve(setup: &Setup) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = crate::socket::router(Arc::clone(&setup.shared));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn refused(url: String, client: Option<&str>) -> (StatusCode, bool) {
    let mut request = url.into_client_request().expect("a request");
    if let Some(client) = client {
        request.headers_mut().insert("convex-client", client.parse().expect("a header"));
    }
    match tokio_tungstenite::connect_async(request).await {
        Err(Error::Http(response)) => {
            (response.status(), response.headers().contains_key("x-convex-deprecation-state"))
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn clients_connect_and_are_answered() {
    let setup = Setup::new(1);
    let address = serve(&setup).await;
    for path in ["api/1.48.0/sync", "api/sync"] {
        let (mut ws, _) =
            tokio_tungstenite::connect_async(format!("ws://{address}/{path}")).await.expect("a connection");
        let text = r#"{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[]}"#;
        ws.send(Message::text(text)).await.expect("sent");
        let answer = ws.next().await.expect("an answer").expect("no error");
        assert!(answer.to_text().expect("text").starts_with(r#"{"type":"Transition""#));
    }
}

#[tokio::test]
async fn bad_versions_are_refused() {
    let setup = Setup::new(1);
    let address = serve(&setup).await;
    assert_eq!(refused(format!("ws://{address}/api/garbage/sync"), None).await, (StatusCode::BAD_REQUEST, false));
    assert_eq!(
        refused(format!("ws://{address}/api/1.48.0/sync"), Some("npm-0.19.1")).await,
        (StatusCode::BAD_REQUEST, true)
    );
    // The header wins.
    assert_eq!(
        refused(format!("ws://{address}/api/1.48.0/sync"), Some("npm-x")).await,
        (StatusCode::BAD_REQUEST, false)
    );
}
