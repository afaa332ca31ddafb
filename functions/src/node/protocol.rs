//! The messages between server and Node process: JSON objects, one a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::runtime::{LogLevel, SyscallError};

/// The longest line that a process may send: no value is larger.
pub(super) const MAX_LINE: u64 = 64 << 20;

/// To the process. `run` is an action or analysis, `id` an operation within it.
#[derive(Serialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum ToNode<'a> {
    /// The first message: environment variables.
    Init {
        env: &'a BTreeMap<String, String>,
    },
    Run {
        run: u64,
        module: &'a str,
        export: &'a str,
        args: &'a str,
        request_id: &'a str,
    },
    Analyze {
        run: u64,
        modules: &'a [String],
    },
    /// What came of an operation.
    Reply {
        run: u64,
        id: u64,
        #[serde(flatten)]
        answer: Answer,
    },
    /// Asks for more of a file that is being stored.
    Pull {
        run: u64,
        id: u64,
    },
    /// Is answered by every process whose JavaScript does not hang.
    Ping,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    Ok(Json),
    Error { message: String, data: Option<String> },
}

impl From<Result<Json, SyscallError>> for Answer {
    fn from(result: Result<Json, SyscallError>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(SyscallError { message, data, .. }) => Self::Error { message, data },
        }
    }
}

/// From the process.
#[derive(Deserialize)]
pub(super) struct FromNode {
    /// Absent in messages that are about the whole process.
    pub run: Option<u64>,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Event {
    /// The process can be used.
    Ready {
        version: String,
    },
    Pong,
    /// The process must not be given anything new.
    Recycle,
    Log {
        level: LogLevel,
        messages: Vec<String>,
        timestamp: f64,
    },
    /// `Convex.asyncSyscall`.
    Call {
        id: u64,
        op: String,
        args: String,
    },
    /// Stores a file; its bytes are pulled.
    Store {
        id: u64,
        content_type: Option<String>,
        sha256: Option<String>,
        length: Option<u64>,
    },
    /// A piece of a file that is being stored, in base64; neither data nor error at its end.
    Piece {
        id: u64,
        data: Option<String>,
        error: Option<String>,
    },
    /// Opens a file.
    Open {
        id: u64,
        storage_id: String,
    },
    /// Asks for more of an opened file.
    Read {
        id: u64,
        file: u64,
    },
    Done {
        result: String,
        unawaited: Vec<String>,
    },
    Failed {
        message: String,
        data: Option<String>,
        recycle: bool,
    },
    Analyzed {
        modules: Vec<FoundModule>,
    },
    /// Made by the server: the process is gone.
    #[serde(skip)]
    Ended(Ended),
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    OutOfMemory,
    Otherwise(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct FoundModule {
    pub path: String,
    pub functions: Vec<FoundFunction>,
    pub plain: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FoundFunction {
    pub name: String,
    pub kind: crate::runtime::UdfKind,
    pub visibility: Option<FoundVisibility>,
    pub args: Option<String>,
    pub returns: Option<String>,
    pub position: Option<crate::runtime::SourcePosition>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FoundVisibility {
    Public,
    Internal,
}
