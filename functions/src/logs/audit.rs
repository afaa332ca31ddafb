//! Lines that functions write with `log.audit`: what an app wants to be known about who did what.
//!
//! A line has variables, which get their values when it is emitted. That is when somebody is given the result of the
//! function: after the commit of a mutation, and for a query each time that its result is handed out, be it a new one or
//! one of the cache.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use crate::auth::Identity;
use crate::runtime::SyscallError;
use crate::udf::host::developer;
use crate::udf::{Call, FunctionPath};
use lakewire_storage::limits::Limits;

const API: &str = "log.audit";
/// The field of an object that stands for a variable.
const VARIABLE: &str = "$var";
const VARIABLES: [&str; 5] = ["requestId", "ip", "userAgent", "now", "convexActor"];

/// A line that a function wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLine {
    /// The function.
    pub function: FunctionPath,
    /// `Query`, `Mutation` or `Action`.
    pub udf_type: &'static str,
    /// As it was written: an object, variables being `{"$var": name}`.
    body: Json,
}

/// An [`AuditLine`] that can be written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AuditRecord {
    function: FunctionPath,
    udf_type: String,
    body: Json,
}

impl From<AuditLine> for AuditRecord {
    fn from(AuditLine { function, udf_type, body }: AuditLine) -> Self {
        Self { function, udf_type: udf_type.to_owned(), body }
    }
}

impl AuditRecord {
    /// The line, if it is one.
    pub fn line(self) -> Option<AuditLine> {
        let udf_type = ["Query", "Mutation", "Action"].into_iter().find(|name| *name == self.udf_type)?;
        Some(AuditLine { function: self.function, udf_type, body: self.body })
    }
}

/// What one execution has written. What was rolled back counts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AuditUsage {
    lines: usize,
    bytes: usize,
}

#[derive(Deserialize)]
struct Args<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
}

impl AuditUsage {
    /// Reads the arguments of `1.0/auditLog`, and counts the line.
    ///
    /// # Errors
    /// `InvalidArgument`; `AuditLogsExceedLimits`.
    pub fn line(
        &mut self,
        function: &FunctionPath,
        udf_type: &'static str,
        args: &str,
        limits: &Limits,
    ) -> Result<AuditLine, SyscallError> {
        let invalid =
            |reason: &str| developer("InvalidArgument", format!("Invalid argument `body` for `{API}`: {reason}"));
        let Args { body } = serde_json::from_str(args).map_err(|error| invalid(&error.to_string()))?;
        self.add(body.get().len(), limits)?;
        let body: Json = serde_json::from_str(body.get()).map_err(|error| invalid(&error.to_string()))?;
        if !body.is_object() || body.get(VARIABLE).is_some() {
            return Err(invalid("it must be an object"));
        }
        check(&body).map_err(|reason| invalid(&reason))?;
        Ok(AuditLine { function: function.clone(), udf_type, body })
    }

    fn add(&mut self, bytes: usize, limits: &Limits) -> Result<(), SyscallError> {
        self.lines += 1;
        self.bytes += bytes;
        let exceeded = |what: String| Err(developer("AuditLogsExceedLimits", what));
        if bytes > limits.audit_line_size {
            let limit = limits.audit_line_size;
            return exceeded(format!("an audit log line is too large (actual: {bytes} bytes, limit: {limit} bytes)"));
        }
        if self.lines > limits.audit_lines {
            return exceeded(format!("a function can write at most {} audit log lines", limits.audit_lines));
        }
        if self.bytes > limits.audit_size {
            let (actual, limit) = (self.bytes, limits.audit_size);
            return exceeded(format!(
                "the audit log lines of a function are too large (actual: {actual} bytes, limit: {limit} bytes)"
            ));
        }
        Ok(())
    }
}

/// Every object is one of plain fields, or else a variable that there is.
fn check(value: &Json) -> Result<(), String> {
    match value {
        Json::Array(items) => items.iter().try_for_each(check),
        Json::Object(fields) => match fields.get(VARIABLE) {
            Some(Json::String(name)) if fields.len() == 1 && VARIABLES.contains(&name.as_str()) => Ok(()),
            Some(name) => Err(format!("there is no variable `{name}`")),
            None => fields.iter().try_for_each(|(name, value)| match name.starts_with('$') {
                true => Err(format!("keys must not start with \"$\": \"{name}\"")),
                false => check(value),
            }),
        },
        _ => Ok(()),
    }
}

impl AuditLine {
    /// The line as the call `call` emits it at `now_ns`.
    pub(super) fn resolved(&self, call: &Call, now_ns: u64) -> Json {
        resolve(&self.body, &|name| match name {
            "requestId" => call.request_id.as_str().into(),
            "ip" => call.client.ip.as_deref().into(),
            "userAgent" => call.client.user_agent.as_deref().into(),
            "now" => (now_ns / 1_000_000).into(),
            _ => actor(&call.identity),
        })
    }

    /// `None` for the app.
    pub(super) fn component_path(&self) -> Option<String> {
        (!self.function.component.is_root()).then(|| self.function.component.to_string())
    }
}

fn resolve(value: &Json, variable: &dyn Fn(&str) -> Json) -> Json {
    match value {
        Json::Array(items) => items.iter().map(|item| resolve(item, variable)).collect(),
        Json::Object(fields) => match fields.get(VARIABLE).and_then(Json::as_str) {
            Some(name) => variable(name),
            None => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), resolve(value, variable)));
                Json::Object(fields.collect::<Map<_, _>>())
            }
        },
        other => other.clone(),
    }
}

/// The administrator who calls, also in the place of a user; null for everybody else.
fn actor(identity: &Identity) -> Json {
    match identity {
        Identity::Admin(admin) | Identity::ActingUser { admin, .. } => {
            json!({"identityType": identity.log_type(), "instance": &*admin.instance})
        }
        Identity::Anonymous | Identity::User(_) | Identity::Rejected(_) | Identity::System => Json::Null,
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
