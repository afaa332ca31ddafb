//! The JSON of queries, as the `convex` package's query builder makes it.

use serde_json::Value as Json;

use super::{
    ArithmeticOperator, ComparisonOperator, Expression, Operator, Order, Query, QueryError, RangeExpression,
    RangeOperator, SearchFilter, Source,
};
use crate::limits;
use crate::value::{FieldPath, Value};

impl Query {
    /// Reads the JSON text of a query. Checks its form, not whether its table and index exist.
    pub fn from_json(text: &str) -> Result<Query, QueryError> {
        let json = serde_json::from_str(text).map_err(|error| QueryError::Malformed(error.to_string()))?;
        Query::from_json_value(&json)
    }

    /// Like [`Query::from_json`], from a JSON tree.
    pub fn from_json_value(json: &Json) -> Result<Query, QueryError> {
        let operators = array(json, "operators")?;
        if operators.len() > limits::MAX_QUERY_OPERATORS {
            return Err(QueryError::TooManyOperators(operators.len()));
        }
        Ok(Query {
            source: source(member(json, "source")?)?,
            operators: operators.iter().map(operator).collect::<Result<_, _>>()?,
        })
    }
}

impl Expression {
    /// Reads the JSON of a filter expression.
    pub fn from_json_value(json: &Json) -> Result<Expression, QueryError> {
        let (key, operand) = only_member(json)?;
        if let Some(operator) = comparison_operator(key) {
            let (left, right) = pair(key, operand)?;
            return Ok(Expression::Comparison(operator, left, right));
        }
        if let Some(operator) = arithmetic_operator(key) {
            let (left, right) = pair(key, operand)?;
            return Ok(Expression::Arithmetic(operator, left, right));
        }
        Ok(match key {
            "$neg" => Expression::Neg(Box::new(Expression::from_json_value(operand)?)),
            "$not" => Expression::Not(Box::new(Expression::from_json_value(operand)?)),
            "$and" => Expression::And(list(key, operand)?),
            "$or" => Expression::Or(list(key, operand)?),
            "$field" => {
                let path = operand.as_str().ok_or_else(|| malformed("`$field` is not a string"))?;
                Expression::Field(path.parse()?)
            }
            "$literal" => Expression::Literal(Value::maybe_from_json_value(operand)?),
            _ => return Err(malformed(format!("unknown expression `{key}`"))),
        })
    }
}

fn source(json: &Json) -> Result<Source, QueryError> {
    match text(json, "type")? {
        "FullTableScan" => {
            Ok(Source::FullTableScan { table: text(json, "tableName")?.to_owned(), order: order(json)? })
        }
        "IndexRange" => {
            let (table, index) = index_name(json)?;
            let range = array(json, "range")?.iter().map(range_expression).collect::<Result<_, _>>()?;
            Ok(Source::IndexRange { table, index, range, order: order(json)? })
        }
        "Search" => {
            let (table, index) = index_name(json)?;
            let filters = array(json, "filters")?.iter().map(search_filter).collect::<Result<_, _>>()?;
            Ok(Source::Search { table, index, filters })
        }
        other => Err(malformed(format!("unknown source `{other}`"))),
    }
}

/// `table.index` -> both names.
fn index_name(json: &Json) -> Result<(String, String), QueryError> {
    let name = text(json, "indexName")?;
    let (table, index) = name
        .split_once('.')
        .ok_or_else(|| malformed(format!("index name `{name}` does not have the form `table.index`")))?;
    Ok((table.to_owned(), index.to_owned()))
}

fn order(json: &Json) -> Result<Order, QueryError> {
    match json.get("order") {
        None | Some(Json::Null) => Ok(Order::Asc),
        Some(Json::String(order)) if order == "asc" => Ok(Order::Asc),
        Some(Json::String(order)) if order == "desc" => Ok(Order::Desc),
        Some(other) => Err(malformed(format!("unknown order `{other}`"))),
    }
}

fn range_expression(json: &Json) -> Result<RangeExpression, QueryError> {
    let operator = match text(json, "type")? {
        "Eq" => RangeOperator::Eq,
        "Gt" => RangeOperator::Gt,
        "Gte" => RangeOperator::Gte,
        "Lt" => RangeOperator::Lt,
        "Lte" => RangeOperator::Lte,
        other => return Err(malformed(format!("unknown range expression `{other}`"))),
    };
    let value = Value::maybe_from_json_value_in_mutation(member(json, "value")?)?;
    Ok(RangeExpression { operator, field: field_path(json)?, value })
}

fn search_filter(json: &Json) -> Result<SearchFilter, QueryError> {
    let field = field_path(json)?;
    match text(json, "type")? {
        "Search" => {
            let text = json.get("value").and_then(Json::as_str);
            let text = text.ok_or_else(|| malformed(format!("the text to search `{field}` for is not a string")))?;
            Ok(SearchFilter::Search { field, text: text.to_owned() })
        }
        "Eq" => Ok(SearchFilter::Eq { field, value: Value::maybe_from_json_value(member(json, "value")?)? }),
        other => Err(malformed(format!("unknown search filter `{other}`"))),
    }
}

fn operator(json: &Json) -> Result<Operator, QueryError> {
    match only_member(json)? {
        ("filter", expression) => Expression::from_json_value(expression).map(Operator::Filter),
        ("limit", limit) => whole_number(limit)
            .map(Operator::Limit)
            .ok_or_else(|| malformed(format!("limit `{limit}` is not a non-negative integer"))),
        (other, _) => Err(malformed(format!("unknown operator `{other}`"))),
    }
}

/// A number without a fraction: JavaScript does not tell `3` from `3.0`.
fn whole_number(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| {
        let float = json.as_f64()?;
        // The range of integers that a float holds exactly.
        (float.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
    })
}

fn comparison_operator(key: &str) -> Option<ComparisonOperator> {
    Some(match key {
        "$eq" => ComparisonOperator::Eq,
        "$neq" => ComparisonOperator::Neq,
        "$lt" => ComparisonOperator::Lt,
        "$lte" => ComparisonOperator::Lte,
        "$gt" => ComparisonOperator::Gt,
        "$gte" => ComparisonOperator::Gte,
        _ => return None,
    })
}

fn arithmetic_operator(key: &str) -> Option<ArithmeticOperator> {
    Some(match key {
        "$add" => ArithmeticOperator::Add,
        "$sub" => ArithmeticOperator::Sub,
        "$mul" => ArithmeticOperator::Mul,
        "$div" => ArithmeticOperator::Div,
        "$mod" => ArithmeticOperator::Mod,
        _ => return None,
    })
}

fn pair(key: &str, json: &Json) -> Result<(Box<Expression>, Box<Expression>), QueryError> {
    match json.as_array().map(Vec::as_slice) {
        Some([left, right]) => {
            Ok((Box::new(Expression::from_json_value(left)?), Box::new(Expression::from_json_value(right)?)))
        }
        _ => Err(malformed(format!("`{key}` does not have two operands"))),
    }
}

fn list(key: &str, json: &Json) -> Result<Vec<Expression>, QueryError> {
    let operands = json.as_array().ok_or_else(|| malformed(format!("`{key}` does not have a list of operands")))?;
    operands.iter().map(Expression::from_json_value).collect()
}

fn field_path(json: &Json) -> Result<FieldPath, QueryError> {
    Ok(text(json, "fieldPath")?.parse()?)
}

fn member<'j>(json: &'j Json, name: &str) -> Result<&'j Json, QueryError> {
    json.get(name).ok_or_else(|| malformed(format!("`{name}` is missing")))
}

fn text<'j>(json: &'j Json, name: &str) -> Result<&'j str, QueryError> {
    member(json, name)?.as_str().ok_or_else(|| malformed(format!("`{name}` is not a string")))
}

fn array<'j>(json: &'j Json, name: &str) -> Result<&'j [Json], QueryError> {
    let array = member(json, name)?.as_array();
    array.map(Vec::as_slice).ok_or_else(|| malformed(format!("`{name}` is not an array")))
}

fn only_member(json: &Json) -> Result<(&str, &Json), QueryError> {
    json.as_object()
        .filter(|object| object.len() == 1)
        .and_then(|object| object.iter().next())
        .map(|(key, operand)| (key.as_str(), operand))
        .ok_or_else(|| malformed("expected an object with one field"))
}

fn malformed(message: impl Into<String>) -> QueryError {
    QueryError::Malformed(message.into())
}
