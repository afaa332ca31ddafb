//! A function for the tests of the Lambda service: speaks the Runtime API over one connection, and does what the event says.
//!
//! `{}` answers with what it knows of itself; `sleepMs`, `append` (a file), `fail`, `exit` (a code), `bytes` (of the answer) ask for more.
//! The environment variable `INIT` makes the initialization `fail`, `exit`, be `unrestorable`, or end in a `snapshot`.

#![allow(clippy::disallowed_methods, reason = "tests are in the real world")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// Counts while the process is not stopped.
static TICKS: AtomicU64 = AtomicU64::new(0);

fn main() {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("it is started by a Lambda service");
    let mut api = BufReader::new(TcpStream::connect(address).expect("the Runtime API is there"));
    api.get_ref().set_nodelay(true).expect("a socket can send at once");
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(5));
            TICKS.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut restored = Value::Null;
    match std::env::var("INIT").as_deref() {
        Ok("fail") => {
            call(&mut api, "POST", "init/error", &json!({"errorType": "Boom", "errorMessage": "no"}).to_string());
            std::process::exit(1);
        }
        Ok("exit") => std::process::exit(7),
        Ok("unrestorable") => {
            call(&mut api, "GET", "restore/next", "");
            call(&mut api, "POST", "restore/error", &json!({"errorType": "Old", "errorMessage": "stale"}).to_string());
            std::process::exit(1);
        }
        Ok("snapshot") => {
            call(&mut api, "GET", "restore/next", "");
            restored = json!(TICKS.load(Ordering::Relaxed));
        }
        _ => {}
    }
    let mut count = 0;
    loop {
        let (headers, event) = call(&mut api, "GET", "invocation/next", "");
        let header = |name: &str| {
            let found = headers.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).expect("the Runtime API says it")
        };
        count += 1;
        let id = header("lambda-runtime-aws-request-id");
        let event: Value = serde_json::from_str(&event).expect("events are JSON");
        if let Some(file) = event["append"].as_str() {
            let mut file = std::fs::File::options().append(true).create(true).open(file).expect("a file of the test");
            // One write: two environments may append at once.
            file.write_all(format!("{id}\n").as_bytes()).expect("write to a file of the test");
        }
        if let Some(ms) = event["sleepMs"].as_u64() {
            std::thread::sleep(Duration::from_millis(ms));
        }
        if let Some(code) = event["exit"].as_i64() {
            std::process::exit(code as i32);
        }
        if event["fail"].as_bool() == Some(true) {
            let error = json!({"errorType": "Asked", "errorMessage": "to fail"}).to_string();
            call(&mut api, "POST", &format!("invocation/{id}/error"), &error);
            continue;
        }
        let known = json!({
            "event": event,
            "count": count,
            "pid": std::process::id(),
            "ticks": TICKS.load(Ordering::Relaxed),
            "restored": restored,
            "deadline": header("lambda-runtime-deadline-ms"),
            "arn": header("lambda-runtime-invoked-function-arn"),
            "kind": std::env::var("AWS_LAMBDA_INITIALIZATION_TYPE").ok(),
            "handler": std::env::var("_HANDLER").ok(),
            "own": std::env::var("OWN").ok(),
            "home": std::env::var("HOME").ok(),
        });
        let answer = match event["bytes"].as_u64() {
            Some(bytes) => format!("\"{}\"", "x".repeat(bytes as usize)),
            None => known.to_string(),
        };
        call(&mut api, "POST", &format!("invocation/{id}/response"), &answer);
    }
}

/// One request of the Runtime API; gives the headers of the answer, with lower-case names, and its body.
fn call(api: &mut BufReader<TcpStream>, method: &str, place: &str, body: &str) -> (Vec<(String, String)>, String) {
    let length = body.len();
    let head =
        format!("{method} /2018-06-01/runtime/{place} HTTP/1.1\r\nHost: runtime\r\nContent-Length: {length}\r\n\r\n");
    api.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat()).expect("the Runtime API listens");
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        api.read_line(&mut line).expect("the Runtime API answers");
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None if line.starts_with("HTTP/") => {}
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    api.read_exact(&mut body).expect("the Runtime API answers all of it");
    (headers, String::from_utf8(body).expect("events are text"))
}
