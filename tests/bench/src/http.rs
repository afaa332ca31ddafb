//! One keep-alive HTTP/1.1 connection that calls functions the way `ConvexHttpClient` does.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Failure;

/// A connection to `host:port`; requests on it are sequential.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects and starts the connection's driver task.
    pub async fn open(host: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self { sender, host: host.to_owned() })
    }

    /// Posts `body` to `path` and returns the response text of a 200.
    pub async fn post(&mut self, path: &str, body: String) -> Result<Bytes, Failure> {
        let request = Request::post(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header("convex-client", "npm-1.48.0")
            .body(Full::new(Bytes::from(body)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&bytes)).into());
        }
        Ok(bytes)
    }

    /// Calls a function; an error result of the function is a failure.
    pub async fn call(&mut self, kind: &str, function: &str, args: &str) -> Result<Bytes, Failure> {
        let body = format!(r#"{{"path":"{function}","format":"convex_encoded_json","args":[{args}]}}"#);
        let bytes = self.post(&format!("/api/{kind}"), body).await?;
        if !bytes.starts_with(b"{\"status\":\"success\"") {
            let parsed: Value = serde_json::from_slice(&bytes)?;
            if parsed["status"] != "success" {
                return Err(format!("{function} failed: {}", parsed["errorMessage"]).into());
            }
        }
        Ok(bytes)
    }

    /// Calls a function and returns its value.
    pub async fn value(&mut self, kind: &str, function: &str, args: &str) -> Result<Value, Failure> {
        let mut parsed: Value = serde_json::from_slice(&self.call(kind, function, args).await?)?;
        Ok(parsed["value"].take())
    }
}
