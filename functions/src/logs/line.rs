//! Console lines in the shape the CLI reads.

use serde::Serialize;

use crate::runtime::{LogLevel, LogLine as ConsoleLine};
use crate::udf::FunctionPath;

/// Marks a line that the server wrote itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemMetadata {
    /// What the line is about, such as the code of the limit that is near.
    pub code: String,
}

/// One line of the console.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// The arguments, each rendered.
    pub messages: Vec<String>,
    /// The method that was called.
    pub level: LogLevel,
    /// Milliseconds since 1970.
    pub timestamp: u64,
    /// Whether the line was cut.
    pub is_truncated: bool,
    /// Present on lines written by the server.
    pub system_metadata: Option<SystemMetadata>,
    /// Component of the function that wrote it, if that was called by the one the entry is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_path: Option<String>,
    /// That function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udf_path: Option<String>,
}

impl LogLine {
    /// The line as one of a function that was called.
    pub(crate) fn of_nested(line: ConsoleLine, function: &FunctionPath) -> Self {
        let component_path = (!function.component.is_root()).then(|| function.component.to_string());
        Self { component_path, udf_path: Some(function.udf_path()), ..line.into() }
    }
}

impl From<ConsoleLine> for LogLine {
    fn from(line: ConsoleLine) -> Self {
        Self {
            messages: line.messages,
            level: line.level,
            timestamp: line.timestamp as u64,
            is_truncated: line.is_truncated,
            system_metadata: line.system_code.map(|code| SystemMetadata { code }),
            component_path: None,
            udf_path: None,
        }
    }
}
