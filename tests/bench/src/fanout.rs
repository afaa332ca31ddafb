//! Subscriptions: latency to one subscriber, fan-out of one commit to many, memory of an idle connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::Failure;
use crate::http::Connection;
use crate::load::quantile_ms;
use crate::process::Process;
use crate::socket::{Socket, decode_ts};

/// Opens `count` sockets, a few at a time.
async fn open_many(host: &str, count: u64) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::with_capacity(count as usize);
    for first in (0..count).step_by(64) {
        let batch = (first..count.min(first + 64)).map(|n| Socket::open(host, n));
        sockets.extend(futures::future::try_join_all(batch).await?);
    }
    Ok(sockets)
}

/// Mutation on a socket to the subscription of the same socket: time from sending to the new value.
pub async fn own_write(host: &str) -> Result<Value, Failure> {
    let mut socket = Socket::open(host, 900_000_001).await?;
    socket.subscribe(0, &[("bench:counter", json!({"name": "own"}))]).await?;
    socket.updated(0).await?;
    let mut to_value = Vec::new();
    let mut to_covered = Vec::new();
    for request in 0..1000u64 {
        let started = Instant::now();
        socket
            .send(json!({"type": "Mutation", "requestId": request, "udfPath": "bench:bump", "args": [{"name": "own"}]}))
            .await?;
        let mut committed = None;
        let mut value_seen = false;
        loop {
            let message = socket.receive().await?;
            if message["type"] == "MutationResponse" {
                if message["success"] != true {
                    return Err(format!("bump failed: {message}").into());
                }
                committed = Some(decode_ts(message["ts"].as_str().ok_or("no ts")?)?);
            } else if message["type"] == "Transition" {
                let ts = decode_ts(message["endVersion"]["ts"].as_str().ok_or("no ts")?)?;
                if message["modifications"].as_array().is_some_and(|all| !all.is_empty()) {
                    to_value.push(started.elapsed().as_nanos() as u64);
                    value_seen = true;
                }
                if committed.is_some_and(|commit| ts >= commit) && value_seen {
                    to_covered.push(started.elapsed().as_nanos() as u64);
                    break;
                }
            }
        }
    }
    to_value.sort_unstable();
    to_covered.sort_unstable();
    Ok(json!({
        "name": "mutation to own subscription",
        "calls": to_value.len(),
        "p50_ms": quantile_ms(&to_value, 0.5),
        "p99_ms": quantile_ms(&to_value, 0.99),
        "promise_resolves_p50_ms": quantile_ms(&to_covered, 0.5),
    }))
}

/// One commit to `count` subscribers of one query: when the first, the median and the last of them heard.
pub async fn fan_out(host: &str, server: Process, count: u64) -> Result<Value, Failure> {
    let name = format!("fan{count}");
    let mut writer = Connection::open(host).await?;
    writer.call("mutation", "bench:bump", &json!({"name": name}).to_string()).await?;
    let rounds = 5;
    let ready = Arc::new(Barrier::new(count as usize + 1));
    let mut listeners = Vec::new();
    for mut socket in open_many(host, count).await? {
        let (name, ready) = (name.clone(), ready.clone());
        listeners.push(tokio::spawn(async move {
            socket.subscribe(0, &[("bench:counter", json!({"name": name}))]).await?;
            socket.updated(0).await?;
            let mut heard = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                ready.wait().await;
                socket.updated(0).await?;
                heard.push(Instant::now());
            }
            ready.wait().await;
            Ok::<_, Failure>(heard)
        }));
    }
    let mut commits = Vec::new();
    let mut cpu = Vec::new();
    for _ in 0..rounds {
        ready.wait().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        cpu.push(server.cpu_ms()?);
        commits.push(Instant::now());
        writer.call("mutation", "bench:bump", &json!({"name": name}).to_string()).await?;
    }
    ready.wait().await;
    cpu.push(server.cpu_ms()?);
    let resident = server.resident_bytes()?;
    let mut delays: Vec<Vec<u64>> = vec![Vec::new(); rounds];
    for listener in listeners {
        for (round, heard) in listener.await??.into_iter().enumerate() {
            delays[round].push(heard.duration_since(commits[round]).as_nanos() as u64);
        }
    }
    let mut lasts = Vec::new();
    let mut firsts = Vec::new();
    let mut medians = Vec::new();
    for delay in &mut delays {
        delay.sort_unstable();
        firsts.push(quantile_ms(delay, 0.0));
        medians.push(quantile_ms(delay, 0.5));
        lasts.push(quantile_ms(delay, 1.0));
    }
    Ok(json!({
        "name": format!("one commit to {count} subscribers of one query"),
        "rounds": rounds,
        "first_ms": firsts,
        "median_ms": medians,
        "last_ms": lasts,
        "server_cpu_ms_per_notification": (cpu[rounds] - cpu[0]) as f64 / (rounds as f64 * count as f64),
        "server_resident_mb": resident as f64 / 1e6,
    }))
}

/// Resident bytes a connection with three subscriptions, over `count` of them.
pub async fn idle_memory(host: &str, server: Process, count: u64) -> Result<Value, Failure> {
    // A first wave lets allocator and caches reach their size for such a load.
    drop(subscribe_three(host, 64, 500_000).await?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = server.resident_bytes()?;
    let sockets = subscribe_three(host, count, 600_000).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = server.resident_bytes()?;
    let cpu = server.cpu_ms()?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle_cpu = server.cpu_ms()? - cpu;
    drop(sockets);
    Ok(json!({
        "name": "idle connection with 3 subscriptions",
        "connections": count,
        "bytes_per_connection": (after.saturating_sub(before)) as f64 / count as f64,
        "idle_cpu_percent": idle_cpu as f64 / 100.0,
    }))
}

async fn subscribe_three(host: &str, count: u64, first_session: u64) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::new();
    for first in (0..count).step_by(64) {
        let batch = (first..count.min(first + 64)).map(|n| async move {
            let mut socket = Socket::open(host, first_session + n).await?;
            let queries = [
                ("bench:counter", json!({"name": "idle a"})),
                ("bench:counter", json!({"name": "idle b"})),
                ("bench:trivial", json!({"nonce": 0})),
            ];
            socket.subscribe(0, &queries).await?;
            socket.updated(2).await?;
            Ok::<_, Failure>(socket)
        });
        sockets.extend(futures::future::try_join_all(batch).await?);
    }
    Ok(sockets)
}
