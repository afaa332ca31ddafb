//! What many connections cost. Not run by default: `cargo test --release -p lakewire-relay -- --ignored --nocapture load`.
//!
//! Clients are bare TCP streams in the same process, so that next to nothing of the memory is theirs.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Setup;
use super::handshake::serve;

/// A client that sends what it must and looks at as little as it can.
struct Bare(TcpStream);

impl Bare {
    async fn connect(address: std::net::SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let hello = "GET /api/1.48.0/sync HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(hello.as_bytes()).await.expect("sent");
        let mut client = Self(stream);
        client.until(b"\r\n\r\n").await;
        client
    }

    async fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("short");
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        // A mask of zeros leaves the text as it is.
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.expect("sent");
    }

    /// Reads until `end` comes by.
    async fn until(&mut self, end: &[u8]) {
        let mut seen = Vec::new();
        let mut buffer = [0; 2048];
        while !seen.windows(end.len()).any(|window| window == end) {
            let read = self.0.read(&mut buffer).await.expect("the connection is open");
            assert!(read > 0, "closed");
            seen.extend_from_slice(&buffer[..read]);
        }
    }

    async fn subscribe(&mut self, own: usize) {
        self.send(&json!({"type": "Connect", "sessionId": format!("s{own}"), "connectionCount": 0, "lastCloseReason": null, "clientTs": 0}).to_string()).await;
        let add = |id, args| json!({"type": "Add", "queryId": id, "udfPath": "t:get", "args": [args]});
        let modifications = [
            add(0, json!({"key": "shared"})),
            add(1, json!({"key": "a"})),
            add(2, json!({"key": format!("own {own}")})),
        ];
        self.send(
            &json!({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": modifications})
                .to_string(),
        )
        .await;
        self.until(b"serverTs").await;
    }
}

fn resident_bytes() -> usize {
    let pages: usize = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse().ok())
        .expect("Linux tells");
    pages * 4096
}

async fn measure(count: usize) {
    let setup = Setup::new(1);
    let address = serve(&setup).await;
    let mut clients = Vec::with_capacity(count);
    let start = Instant::now();
    // The first ones warm up what is made once.
    let warm = count / 10;
    let mut before = 0;
    for n in 0..count {
        if n == warm {
            before = resident_bytes();
        }
        let mut client = Bare::connect(address).await;
        client.subscribe(n).await;
        clients.push(client);
    }
    println!("{count} connections made in {:?}", start.elapsed());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = resident_bytes().saturating_sub(before) / (count - warm);
    println!("{count} connections with 3 subscriptions: {each} bytes each");
    for round in 0..5 {
        let start = Instant::now();
        setup.fake.set(&[("shared", 1000 + round)]);
        let wanted = format!("\"value\":{}", 1000 + round);
        for client in &mut clients {
            client.until(wanted.as_bytes()).await;
        }
        println!("  a commit reached all of them in {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn load() {
    for count in [1_000, 2_000, 8_000] {
        measure(count).await;
    }
}
