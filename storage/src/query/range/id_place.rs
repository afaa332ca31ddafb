use crate::id::{DocumentId, InternalId, TableNumber};
use crate::value::Value;

/// Where a value that `_id` is compared with lies among the ids of a table.
pub(super) enum IdPlace {
    /// It is this id.
    At(InternalId),
    /// It lies just before this id.
    Before(InternalId),
    /// It lies after all ids.
    AfterAll,
}

impl IdPlace {
    pub(super) fn of(table: TableNumber, value: Option<&Value>) -> IdPlace {
        let text = match value {
            Some(Value::String(text)) => text,
            // Ids are strings, and other types lie before or after all of those.
            other if other < Some(&Value::String(String::new())) => return IdPlace::Before(InternalId([0; 16])),
            _ => return IdPlace::AfterAll,
        };
        if let Ok(id) = text.parse::<DocumentId>()
            && id.table == table
        {
            return IdPlace::At(id.internal);
        }
        // Ids of one table have the order of their texts: a binary search over all of them.
        let is_below = |id: u128| DocumentId { table, internal: InternalId(id.to_be_bytes()) }.to_string() < *text;
        if is_below(u128::MAX) {
            return IdPlace::AfterAll;
        }
        let (mut low, mut high) = (0, u128::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_below(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        IdPlace::Before(InternalId(low.to_be_bytes()))
    }
}
