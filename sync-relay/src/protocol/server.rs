//! What the server sends. Texts are put together by hand: values are encoded JSON already, and large ones are copied once only.

use std::fmt::Write as _;

use lakewire_functions::udf::{ActionResult, FunctionError, MutationResult, QueryResult};

use super::{StateVersion, timestamp};

/// The list of changes in a Transition, under construction.
#[derive(Debug, Default)]
pub(crate) struct Modifications(String);

impl Modifications {
    /// With room for `bytes` bytes of text.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// The result of query `query_id`. `suffix` is what [`result_suffix`] made of `result`.
    pub(crate) fn result(&mut self, query_id: u32, result: &QueryResult, suffix: &str) {
        self.separate();
        match &result.outcome {
            Ok(value) => {
                write!(self.0, r#"{{"type":"QueryUpdated","queryId":{query_id},"value":"#)
                    .expect("writing to a string");
                self.0.push_str(value);
            }
            Err(_) => write!(self.0, r#"{{"type":"QueryFailed","queryId":{query_id}"#).expect("writing to a string"),
        }
        self.0.push_str(suffix);
    }

    /// Query `query_id` is no longer subscribed.
    pub(crate) fn removed(&mut self, query_id: u32) {
        self.separate();
        write!(self.0, r#"{{"type":"QueryRemoved","queryId":{query_id}}}"#).expect("writing to a string");
    }

    fn separate(&mut self) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
    }
}

/// What follows the value in the modification that reports `result`: the same for every subscriber, so made once.
/// `journal` is what the client shall send back when it subscribes again.
pub(crate) fn result_suffix(result: &QueryResult, journal: Option<&str>) -> String {
    let mut out = String::new();
    if let Err(error) = &result.outcome {
        out.push_str(r#","errorMessage":"#);
        write_json_string(&error.message, &mut out);
        write_error_data(error, &mut out);
    }
    write_log_lines(&result.log_lines, &mut out);
    out.push_str(r#","journal":"#);
    match journal {
        Some(journal) => write_json_string(journal, &mut out),
        None => out.push_str("null"),
    }
    out.push('}');
    out
}

/// A Transition. `clock_skew_ms` is the client's clock minus the server's; `server_ns` is now.
pub(crate) fn transition(
    start: StateVersion,
    end: StateVersion,
    modifications: &Modifications,
    clock_skew_ms: Option<f64>,
    server_ns: u64,
) -> String {
    let mut out = String::with_capacity(modifications.0.len() + 320);
    out.push_str(r#"{"type":"Transition","startVersion":"#);
    start.write(&mut out);
    out.push_str(r#","endVersion":"#);
    end.write(&mut out);
    out.push_str(r#","modifications":["#);
    out.push_str(&modifications.0);
    out.push_str(r#"],"clientClockSkew":"#);
    match clock_skew_ms {
        Some(skew) => write!(out, "{skew}"),
        None => write!(out, "null"),
    }
    .expect("writing to a string");
    write!(out, r#","serverTs":{server_ns}}}"#).expect("writing to a string");
    out
}

/// The answer to a mutation.
pub(crate) fn mutation_response(request_id: u32, result: &MutationResult) -> String {
    let mut out = String::new();
    write!(out, r#"{{"type":"MutationResponse","requestId":{request_id}"#).expect("writing to a string");
    write_outcome(&result.outcome, &mut out);
    if result.outcome.is_ok() {
        out.push_str(r#","ts":""#);
        timestamp::write(result.ts, &mut out);
        out.push('"');
    }
    write_log_lines(&result.log_lines, &mut out);
    out.push('}');
    out
}

/// The answer to an action.
pub(crate) fn action_response(request_id: u32, result: &ActionResult) -> String {
    let mut out = String::new();
    write!(out, r#"{{"type":"ActionResponse","requestId":{request_id}"#).expect("writing to a string");
    write_outcome(&result.outcome, &mut out);
    write_log_lines(&result.log_lines, &mut out);
    out.push('}');
    out
}

/// A credential was refused; `identity` is the last identity version the client was told of.
pub(crate) fn auth_error(error: &str, identity: u32, update_attempted: bool) -> String {
    let mut out = String::from(r#"{"type":"AuthError","error":"#);
    write_json_string(error, &mut out);
    write!(out, r#","baseVersion":{identity},"authUpdateAttempted":{update_attempted}}}"#)
        .expect("writing to a string");
    out
}

/// The client broke the protocol and must stop.
pub(crate) fn fatal_error(error: &str) -> String {
    let mut out = String::from(r#"{"type":"FatalError","error":"#);
    write_json_string(error, &mut out);
    out.push('}');
    out
}

/// Tells the client that the connection is alive.
pub(crate) fn ping() -> String {
    r#"{"type":"Ping"}"#.to_owned()
}

fn write_outcome(outcome: &Result<std::sync::Arc<str>, FunctionError>, out: &mut String) {
    match outcome {
        Ok(value) => {
            out.reserve(value.len() + 128);
            out.push_str(r#","success":true,"result":"#);
            out.push_str(value);
        }
        Err(error) => {
            out.push_str(r#","success":false,"result":"#);
            write_json_string(&error.message, out);
            write_error_data(error, out);
        }
    }
}

/// Clients take any `errorData`, even null, for that of a `ConvexError`: it must be absent otherwise.
fn write_error_data(error: &FunctionError, out: &mut String) {
    if let Some(data) = &error.data {
        out.push_str(r#","errorData":"#);
        out.push_str(data);
    }
}

fn write_log_lines(lines: &[String], out: &mut String) {
    out.push_str(r#","logLines":["#);
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_json_string(line, out);
    }
    out.push(']');
}

/// Appends `text` as a JSON string.
pub(super) fn write_json_string(text: &str, out: &mut String) {
    /// Lets serde_json, which writes whole `str`s to it, append to a string.
    struct Append<'a>(&'a mut String);

    impl std::io::Write for Append<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push_str(std::str::from_utf8(bytes).map_err(std::io::Error::other)?);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    serde_json::to_writer(Append(out), text).expect("writing a string to a string");
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
