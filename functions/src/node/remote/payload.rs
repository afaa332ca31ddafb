//! The invocation of the Node function and its answer, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::node::protocol::FoundModule;
use crate::runtime::LogLevel;

/// Changes when the function has to be another one.
pub(super) const VERSION: u32 = 1;
/// Bytes of an invocation or an answer that go as they are; more go through the store. Lambda takes 6 MB.
pub(super) const MOST: usize = 5 << 20;

/// What is to be done, and what that needs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation<'a> {
    pub v: u32,
    pub bundle: Fetched<'a>,
    pub packages: Option<Packages<'a>>,
    /// `process.env`.
    pub vars: &'a BTreeMap<String, String>,
    pub time_ms: u64,
    /// Where an answer is put that has more than `most_answer` bytes; the answer is then `{"t": "stored"}`.
    pub answer_url: String,
    pub most_answer: usize,
    #[serde(flatten)]
    pub task: Task<'a>,
}

/// What has a hash, and is fetched if it is not there.
#[derive(Serialize)]
pub(super) struct Fetched<'a> {
    pub key: &'a str,
    pub url: String,
}

/// External packages.
#[derive(Serialize)]
pub(super) struct Packages<'a> {
    #[serde(flatten)]
    pub fetched: Fetched<'a>,
    /// Version by name.
    pub dependencies: BTreeMap<&'a str, &'a str>,
    /// Where they are put once they are installed. Without it they must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Task<'a> {
    Run {
        module: &'a str,
        export: &'a str,
        /// JSON text.
        args: &'a str,
        request_id: &'a str,
        /// Lines of the console that are kept, and characters of each.
        lines: usize,
        line_length: usize,
        callback: Callback<'a>,
    },
    Analyze {
        modules: &'a [String],
    },
}

/// How to ask for something.
#[derive(Serialize)]
pub(super) struct Callback<'a> {
    /// Without the name of the operation.
    pub url: String,
    pub token: &'a str,
}

/// An invocation or bundle that is in the store.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    /// Its path.
    pub lakewire_object: String,
    pub url: String,
}

/// All modules of a bundle: the object `node/bundles/{key}`.
#[derive(Serialize)]
pub(super) struct BundleFile<'a> {
    pub modules: Vec<BundleModule<'a>>,
}

#[derive(Serialize)]
pub(super) struct BundleModule<'a> {
    pub path: &'a str,
    pub source: &'a str,
    pub map: Option<&'a str>,
}

/// What the function answers.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub end: End,
    #[serde(default)]
    pub lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub level: LogLevel,
    pub messages: Vec<String>,
    pub timestamp: f64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum End {
    Done {
        result: String,
        unawaited: Vec<String>,
    },
    Failed {
        message: String,
        data: Option<String>,
    },
    /// An operation failed in a way that the action may not catch.
    Fatal {
        message: String,
        transient: bool,
    },
    Timeout,
    /// The process of the action is gone.
    Ended {
        out_of_memory: bool,
        how: String,
    },
    Analyzed {
        modules: Vec<FoundModule>,
    },
    /// What has to be in the store, and is not.
    Missing {
        bundle: bool,
        packages: bool,
    },
    /// Nothing was begun.
    Refused {
        why: Why,
        message: String,
    },
    /// The answer is in the store.
    Stored,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Why {
    Unavailable,
    Packages,
    Internal,
}
