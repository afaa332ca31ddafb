//! System functions about the audit log: what administrators did.

use std::collections::BTreeSet;

use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;

use super::args::{Args, ArgsError};
use super::component::target;
use super::frontend::object;
use super::tables::page;
use super::{SystemContext, SystemError};
use crate::model::audit::{self, AuditEntry};
use crate::model::rows::Row;

/// `deploymentEvents:lastPushEvent`: the newest push.
pub(super) async fn last_push(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    // Pushes are of the whole app.
    target(context, &mut args, tx).await?;
    args.none()?;
    let is_push = |row: &Row<AuditEntry>| row.value.action.starts_with("push_config");
    let found = audit::read(tx).await?.into_iter().rev().find(is_push);
    Ok(found.map_or(Value::Null, event))
}

/// `listDeploymentEventsFromTime`: those since a time in ms, oldest first.
pub(super) async fn from_time(mut args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    let from = args.number("fromTimestamp")?;
    args.none()?;
    let since = audit::read(tx).await?.into_iter().filter(|row| row.creation_time >= from);
    Ok(Value::Array(since.map(event).collect()))
}

/// `paginatedDeploymentEvents`: a page of those that a filter accepts, newest first.
pub(super) async fn page_of(mut args: Args, tx: &mut Transaction) -> Result<Value, SystemError> {
    let opts = args.pagination()?;
    let mut filters = args.object("filters")?;
    args.none()?;
    let from = filters.number("minDate")?;
    let to = filters.optional_number("maxDate")?.unwrap_or(f64::INFINITY);
    let actions = if filters.has("actions") { Some(filters.strings("actions")?) } else { None };
    let actions: Option<BTreeSet<String>> = actions.map(BTreeSet::from_iter);
    // Nobody here is the member of a team: an event that is to be by one is not among these.
    let by_members = filters.has("authorMemberIds");
    filters.ignore(&["authorMemberIds"])?;
    let mut rows = audit::read(tx).await?;
    rows.reverse();
    // A cursor is the id of the last event of a page.
    let skipped = match opts.cursor {
        None => 0,
        Some(cursor) => {
            let invalid = ArgsError::Mismatch { name: "cursor", validator: "v.union(v.string(), v.null())" };
            rows.iter().position(|row| row.id.to_string() == cursor).ok_or(invalid)? + 1
        }
    };
    let is_wanted = |row: &Row<AuditEntry>| {
        (from..=to).contains(&row.creation_time)
            && actions.as_ref().is_none_or(|actions| actions.contains(&row.value.action))
            && !by_members
    };
    let last = rows.last().map(|row| row.id.to_string()).unwrap_or_default();
    let mut found: Vec<_> = rows.into_iter().skip(skipped).filter(is_wanted).take(opts.num_items + 1).collect();
    let is_done = found.len() <= opts.num_items;
    found.truncate(opts.num_items);
    let cursor = match found.last() {
        Some(row) if !is_done => row.id.to_string(),
        _ => last,
    };
    Ok(page(found.into_iter().map(event).collect(), is_done, cursor))
}

fn event(row: Row<AuditEntry>) -> Value {
    object([
        ("_id", row.id.to_string().into()),
        ("_creationTime", row.creation_time.into()),
        ("action", row.value.action.into()),
        ("member_id", Value::Null),
        ("metadata", Value::from_json_value(&row.value.metadata).unwrap_or(Value::Null)),
    ])
}
