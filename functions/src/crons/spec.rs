//! What `crons.js` exports, checked.

use serde_json::{Map, Value as Json};

use lakewire_storage::value::Value;

use super::{InvalidCron, Schedule};

/// Largest arguments of a cron job, in bytes.
const MAX_ARGS: usize = 1 << 20;

/// A cron job as a push has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CronSpec {
    pub name: String,
    /// `module.js:export`.
    pub udf_path: String,
    /// JSON text of the array of encoded arguments.
    pub args: String,
    /// As the client package writes it.
    pub schedule: Json,
}

/// Reads the export of `crons.js`.
///
/// # Errors
/// [`InvalidCron`] for the first job that cannot be deployed.
pub(crate) fn parse(export: &Map<String, Json>) -> Result<Vec<CronSpec>, InvalidCron> {
    let spec =
        |(name, json): (&String, &Json)| spec(name, json).map_err(|reason| InvalidCron { name: name.clone(), reason });
    export.iter().map(spec).collect()
}

fn spec(name: &str, json: &Json) -> Result<CronSpec, String> {
    if name.is_empty() || !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err("must have a name of printable ASCII characters".to_owned());
    }
    let function = json.get("name").and_then(Json::as_str).unwrap_or_default();
    let path = crate::udf::FunctionPath::parse(function).map_err(|error| format!("calls no function: {error}"))?;
    let args = json.get("args").filter(|args| args.is_array()).ok_or("has no array of arguments")?;
    let value = Value::from_json(&args.to_string()).map_err(|error| format!("has invalid arguments: {error}"))?;
    if value.size() > MAX_ARGS {
        return Err(format!("has arguments of {} bytes; the limit is {MAX_ARGS} bytes", value.size()));
    }
    let schedule = json.get("schedule").cloned().unwrap_or_default();
    Schedule::parse(&schedule, name)?;
    let udf_path = format!("{}:{}", path.module, path.export);
    Ok(CronSpec { name: name.to_owned(), udf_path, args: value.to_json(), schedule })
}
