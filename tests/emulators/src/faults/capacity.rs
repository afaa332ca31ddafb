//! What requests of DynamoDB consume: in units of 1 kB that are written, and of 4 kB that are read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Write and read request units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Units {
    pub write: f64,
    pub read: f64,
}

impl Units {
    fn write(write: f64) -> Self {
        Self { write, read: 0.0 }
    }

    fn read(read: f64) -> Self {
        Self { write: 0.0, read }
    }
}

const ASKED: &str = "ReturnConsumedCapacity";

/// Adds the question to a request; gives nothing if it is there, or the operation has none.
pub(super) fn ask(operation: &str, request: &Value) -> Option<Value> {
    let mut asking = request.clone();
    let is_asked = request.get(ASKED).is_some_and(|asked| asked != "NONE");
    if is_asked || !(is_write(operation) || is_read(operation)) {
        return None;
    }
    asking.as_object_mut()?.insert(ASKED.to_owned(), json!("TOTAL"));
    Some(asking)
}

/// What a request consumed that was answered with this status.
pub(super) fn consumed(operation: &str, request: &Value, status: u16, answer: &Value) -> Units {
    if let Some(said) = answer.get("ConsumedCapacity") {
        let tables = said.as_array().map_or_else(|| std::slice::from_ref(said), Vec::as_slice);
        let units = tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
        return if is_write(operation) { Units::write(units) } else { Units::read(units) };
    }
    match status {
        200 => computed(operation, request, answer),
        // A failed condition costs as much as a write does, of the larger of the items. Other errors cost nothing.
        400 if is_failed_condition(answer) => computed(operation, request, answer),
        _ => Units::default(),
    }
}

fn is_failed_condition(answer: &Value) -> bool {
    let kind = answer["__type"].as_str().unwrap_or_default();
    kind.ends_with("ConditionalCheckFailedException") || kind.ends_with("TransactionCanceledException")
}

fn is_write(operation: &str) -> bool {
    ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"].contains(&operation)
}

fn is_read(operation: &str) -> bool {
    ["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"].contains(&operation)
}

/// By what request and answer have. What neither has counts as small: items that are replaced, updated or deleted.
fn computed(operation: &str, request: &Value, answer: &Value) -> Units {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let weight = |value: &Value| if value["ConsistentRead"] == true { 1.0 } else { 0.5 };
    match operation {
        "PutItem" => Units::write(write_units(&request["Item"])),
        "UpdateItem" | "DeleteItem" => Units::write(write_units(&answer["Attributes"])),
        "BatchWriteItem" => {
            let requests = request["RequestItems"].as_object().into_iter().flat_map(Map::values).flat_map(list);
            Units::write(requests.map(|request| write_units(&request["PutRequest"]["Item"])).sum())
        }
        "TransactWriteItems" => {
            let items = list(&request["TransactItems"]);
            Units::write(items.iter().map(|item| 2.0 * write_units(&item["Put"]["Item"])).sum())
        }
        "GetItem" => Units::read(weight(request) * read_units(item_size(&answer["Item"]))),
        "Query" | "Scan" => {
            let size = list(&answer["Items"]).iter().map(item_size).sum();
            Units::read(weight(request) * read_units(size))
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            let units = tables.map(|(table, wanted)| {
                let found = list(&answer["Responses"][table]);
                let missing = list(&wanted["Keys"]).len().saturating_sub(found.len());
                let read: f64 = found.iter().map(|item| read_units(item_size(item))).sum();
                weight(wanted) * (read + missing as f64)
            });
            Units::read(units.sum())
        }
        "TransactGetItems" => {
            let found = list(&answer["Responses"]);
            Units::read(found.iter().map(|item| 2.0 * read_units(item_size(&item["Item"]))).sum())
        }
        _ => Units::default(),
    }
}

fn write_units(item: &Value) -> f64 {
    item_size(item).div_ceil(1024).max(1) as f64
}

fn read_units(size: usize) -> f64 {
    size.div_ceil(4096).max(1) as f64
}

/// Of an item in bytes, as DynamoDB counts it: names and values.
pub(super) fn item_size(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else { return 0 };
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let number = |value: &Value| {
        let digits = value.as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).count();
        digits.div_ceil(2) + 1
    };
    let binary = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default()).map_or(0, |bytes| bytes.len());
    let elements = || value.as_array().into_iter().flatten();
    match kind.as_str() {
        "S" => text(value),
        "N" => number(value),
        "B" => binary(value),
        "SS" => elements().map(text).sum(),
        "NS" => elements().map(number).sum(),
        "BS" => elements().map(binary).sum(),
        "L" => 3 + elements().map(|element| 1 + value_size(element)).sum::<usize>(),
        "M" => 3 + item_size(value) + value.as_object().map_or(0, Map::len),
        _ => 1,
    }
}
