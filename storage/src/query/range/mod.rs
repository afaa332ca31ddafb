//! Range expressions -> one interval of keys.

mod bounds;
mod id_place;
mod prefix;

use std::fmt;

use self::bounds::Bounds;
use self::prefix::Prefix;
use super::{QueryError, RangeExpression, RangeOperator};
use crate::catalog::IndexId;
use crate::id::TableNumber;
use crate::interval::{End, Interval};
use crate::value::FieldPath;

/// What must be known of an index to find the keys of a range.
#[derive(Clone, Copy, Debug)]
pub struct IndexShape<'a> {
    /// The index's id, with which its keys start.
    pub id: IndexId,
    /// The table's number: ranges over `_id` are given ids as text.
    pub table: TableNumber,
    /// The index as `table.index`, for messages.
    pub name: &'a str,
    /// The fields that come before `_creationTime` and `_id`.
    pub fields: IndexFields<'a>,
}

/// The fields of an index.
#[derive(Clone, Copy, Debug)]
pub enum IndexFields<'a> {
    /// `by_id`: only `_id`.
    ById,
    /// `by_creation_time`: `_creationTime`, `_id`.
    ByCreationTime,
    /// These, then `_creationTime`, `_id`.
    Declared(&'a [FieldPath]),
}

/// One component of an index's keys.
#[derive(Clone, Copy)]
enum Component<'a> {
    Field(&'a FieldPath),
    CreationTime,
    Id,
}

impl Component<'_> {
    fn is(&self, path: &FieldPath) -> bool {
        match self {
            Component::Field(field) => *field == path,
            Component::CreationTime => path.is("_creationTime"),
            Component::Id => path.is("_id"),
        }
    }
}

impl fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Component::Field(field) => field.fmt(f),
            Component::CreationTime => f.write_str("_creationTime"),
            Component::Id => f.write_str("_id"),
        }
    }
}

impl<'a> IndexShape<'a> {
    fn components(&self) -> impl Iterator<Item = Component<'a>> + Clone + use<'a> {
        let (declared, has_creation_time): (&[FieldPath], _) = match self.fields {
            IndexFields::ById => (&[], false),
            IndexFields::ByCreationTime => (&[], true),
            IndexFields::Declared(fields) => (fields, true),
        };
        declared
            .iter()
            .map(Component::Field)
            .chain(has_creation_time.then_some(Component::CreationTime))
            .chain([Component::Id])
    }

    fn print_fields(&self) -> String {
        print_list(self.components())
    }
}

/// The keys of `index` for which all expressions of `range` hold: equalities on some fields, then at most one lower and one
/// upper bound on the next. The interval may be empty. Fails for bounds that contradict each other in form, and for those
/// that do not use the index's fields in order.
pub fn compile_range(index: &IndexShape<'_>, range: &[RangeExpression]) -> Result<Interval, QueryError> {
    let bounds = Bounds::collect(index, range)?.in_order_of(index)?;
    let mut prefix = Prefix::new(index);
    let mut components = index.components();
    for (equal, component) in bounds.equal.iter().zip(components.by_ref()) {
        if !prefix.push(component, equal.value.as_ref()) {
            return Ok(prefix.nothing());
        }
    }
    let Some(component) = components.next() else {
        return Ok(prefix.into_point());
    };
    let start = match bounds.lower {
        None => prefix.start(),
        Some(RangeExpression { operator: RangeOperator::Gt, value, .. }) => prefix.after(component, value.as_ref()),
        Some(RangeExpression { value, .. }) => prefix.before(component, value.as_ref()),
    };
    let end = match bounds.upper {
        None => prefix.end(),
        Some(RangeExpression { operator: RangeOperator::Lt, value, .. }) => prefix.before(component, value.as_ref()),
        Some(RangeExpression { value, .. }) => prefix.after(component, value.as_ref()),
    };
    Ok(match start {
        End::Before(start) => Interval { start, end },
        End::Unbounded => prefix.nothing(),
    })
}

fn print_list<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| format!("`{item}`")).collect();
    format!("[{}]", items.join(", "))
}
