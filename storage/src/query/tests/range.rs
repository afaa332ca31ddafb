use proptest::prelude::*;

use super::{bound, float, paths};
use crate::catalog::IndexId;
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::interval::Interval;
use crate::key::Key;
use crate::query::RangeOperator::{self, Eq, Gt, Gte, Lt, Lte};
use crate::query::{IndexFields, IndexShape, RangeExpression, compile_range};
use crate::value::Value;
use crate::value::strategy::maybe_value;

const INDEX: IndexId = IndexId(7);
const TABLE: TableNumber = TableNumber(10_001);

fn shape(fields: IndexFields<'_>) -> IndexShape<'_> {
    IndexShape { id: INDEX, table: TABLE, name: "tasks.by_ab", fields }
}

#[test]
fn wrong_ranges_have_their_codes() {
    let fields = paths(&["a", "b"]);
    let one = || float(1.0);
    for (range, code) in [
        (vec![bound(Eq, "a", one()), bound(Eq, "a", one())], "AlreadyDefinedBound"),
        (vec![bound(Gt, "a", one()), bound(Gte, "a", one())], "AlreadyDefinedBound"),
        (vec![bound(Lt, "a", one()), bound(Lt, "a", one())], "AlreadyDefinedBound"),
        (vec![bound(Eq, "a", one()), bound(Lt, "a", one())], "AlreadyDefinedBound"),
        (vec![bound(Gt, "a", one()), bound(Lt, "b", one())], "BoundsOnMultipleFields"),
        (vec![bound(Gt, "a", one()), bound(Gt, "b", one())], "BoundsOnMultipleFields"),
        (vec![bound(Eq, "b", one())], "InvalidIndexRange"),
        (vec![bound(Gt, "b", one())], "InvalidIndexRange"),
        (vec![bound(Eq, "a", one()), bound(Gt, "_creationTime", one())], "InvalidIndexRange"),
        (vec![bound(Eq, "c", one())], "FieldNotInIndex"),
        (vec![bound(Eq, "a", one()), bound(Gt, "c", one())], "FieldNotInIndex"),
    ] {
        let error = compile_range(&shape(IndexFields::Declared(&fields)), &range).expect_err(code);
        assert_eq!(error.code(), code, "{error}");
    }
    let creation_time = [bound(Eq, "_creationTime", one())];
    let error = compile_range(&shape(IndexFields::ById), &creation_time).expect_err("only _id");
    assert_eq!(error.code(), "FieldNotInIndex");
    let error = compile_range(&shape(IndexFields::Declared(&fields)), &[bound(Eq, "b", one())]).expect_err("no a");
    assert_eq!(
        error.to_string(),
        "tried to query index tasks.by_ab but the query didn't use the index fields in order.\n\
         Index fields: [`a`, `b`, `_creationTime`, `_id`]\n\
         Query fields: [`b`]\n\
         First incorrect field: `b`"
    );
}

#[test]
fn equalities_come_in_any_order() {
    let fields = paths(&["a", "b"]);
    let index = shape(IndexFields::Declared(&fields));
    let range = |range: &[RangeExpression]| compile_range(&index, range).expect("a range");
    assert_eq!(
        range(&[bound(Eq, "b", float(2.0)), bound(Eq, "a", float(1.0))]),
        range(&[bound(Eq, "a", float(1.0)), bound(Eq, "b", float(2.0))]),
    );
    assert_eq!(
        range(&[bound(Gt, "b", float(2.0)), bound(Eq, "a", float(1.0))]),
        range(&[bound(Eq, "a", float(1.0)), bound(Gt, "b", float(2.0))]),
    );
}

#[test]
fn a_whole_index_is_its_prefix() {
    for fields in [IndexFields::ById, IndexFields::ByCreationTime, IndexFields::Declared(&paths(&["a"]))] {
        let whole = compile_range(&shape(fields), &[]).expect("a range");
        assert_eq!(whole, Interval::prefix(&INDEX.0.to_be_bytes()));
    }
}

#[test]
fn ids_are_compared_as_texts() {
    let ids = [0u128, 1, 0x1234 << 100, u128::MAX].map(|id| InternalId(id.to_be_bytes()));
    let text = |id: InternalId| Value::from(DocumentId { table: TABLE, internal: id }.to_string());
    let other_table = DocumentId { table: TableNumber(10_002), internal: ids[1] }.to_string();
    let mut values: Vec<Option<Value>> = ids.iter().map(|id| Some(text(*id))).collect();
    values.extend([None, Some(Value::Null), Some(float(1.0)), Some(Value::Bytes(vec![])), Some("".into())]);
    values.extend([Some("zzzz".into()), Some("j57".into()), Some(other_table.as_str().into())]);
    for value in &values {
        for operator in [Eq, Gt, Gte, Lt, Lte] {
            let interval =
                compile_range(&shape(IndexFields::ById), &[bound(operator, "_id", value.clone())]).expect("a range");
            for id in ids {
                let expected = holds(operator, &Some(text(id)), value);
                assert_eq!(interval.contains(&Key::by_id(INDEX, id)), expected, "{id:?} {operator:?} {value:?}");
            }
        }
    }
}

fn holds(operator: RangeOperator, field: &Option<Value>, value: &Option<Value>) -> bool {
    match operator {
        Eq => field == value,
        Gt => field > value,
        Gte => field >= value,
        Lt => field < value,
        Lte => field <= value,
    }
}

fn operator() -> impl Strategy<Value = RangeOperator> {
    prop::sample::select(vec![Gt, Gte, Lt, Lte])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The interval contains exactly the keys of the documents that the expressions hold for.
    #[test]
    fn intervals_contain_what_matches(
        documents in prop::collection::vec((maybe_value(), maybe_value(), 0..4u8, any::<u8>()), 1..12),
        pick in any::<[prop::sample::Index; 3]>(),
        foreign in prop::option::of(maybe_value()),
        equalities in 0..=4usize,
        operators in prop::collection::vec(operator(), 0..3),
    ) {
        let names = ["a", "b", "_creationTime", "_id"];
        let fields = paths(&["a", "b"]);
        let row = |document: &(Option<Value>, Option<Value>, u8, u8)| {
            let (a, b, time, id) = document;
            let internal = InternalId([*id; 16]);
            let text = DocumentId { table: TABLE, internal }.to_string();
            let values = [a.clone(), b.clone(), Some(float(f64::from(*time))), Some(text.into())];
            let key = Key::of_fields(INDEX, [a.as_ref(), b.as_ref()], f64::from(*time), internal);
            (values, key)
        };
        // Bounds mostly have values that occur.
        let (equal, _) = row(pick[0].get(&documents));
        let mut range: Vec<_> = (0..equalities).map(|i| bound(Eq, names[i], equal[i].clone())).collect();
        for (i, operator) in operators.into_iter().enumerate() {
            let is_lower = |operator| matches!(operator, Gt | Gte);
            if equalities == names.len() || range.iter().any(|other| other.operator != Eq && is_lower(other.operator) == is_lower(operator)) {
                continue;
            }
            let (values, _) = row(pick[i].get(&documents));
            let value = foreign.clone().unwrap_or_else(|| values[equalities].clone());
            range.push(bound(operator, names[equalities], value));
        }
        let interval = compile_range(&shape(IndexFields::Declared(&fields)), &range).expect("a range");
        for document in &documents {
            let (values, key) = row(document);
            let matches = range.iter().all(|bound| {
                let at = names.iter().position(|name| bound.field.is(name)).expect("a field of the index");
                holds(bound.operator, &values[at], &bound.value)
            });
            prop_assert_eq!(interval.contains(&key), matches, "{:?} {:?}", key, range);
        }
    }
}
