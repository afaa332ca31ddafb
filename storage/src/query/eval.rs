use std::borrow::Cow;

use super::expression::{ArithmeticOperator, ComparisonOperator, Expression};
use crate::value::Value;

/// An expression that has no value for some document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An arithmetic operation on something else than two Int64 or two Float64.
    #[error("cannot apply `{operator}` to {left} and {right}: both must be int64, or both float64")]
    Arithmetic {
        /// The operation.
        operator: &'static str,
        /// The type on the left.
        left: &'static str,
        /// The type on the right.
        right: &'static str,
    },
    /// The result of an operation does not fit into an Int64.
    #[error("`{operator}` of int64 values overflows")]
    Overflow {
        /// The operation.
        operator: &'static str,
    },
    /// An Int64 is divided by 0.
    #[error("`{operator}` of int64 values by zero")]
    DivisionByZero {
        /// The operation.
        operator: &'static str,
    },
    /// The negative of something that is not a number.
    #[error("cannot apply `neg` to {operand}: it must be int64 or float64")]
    Negation {
        /// The type of the operand.
        operand: &'static str,
    },
    /// Something else than a boolean where one is needed.
    #[error("{operator} must be a boolean, not {operand}")]
    NotBoolean {
        /// Where the boolean is needed.
        operator: &'static str,
        /// The type found.
        operand: &'static str,
    },
}

/// The value of an expression: `None` is undefined.
type Evaluated<'a> = Option<Cow<'a, Value>>;

impl Expression {
    /// Whether `document` (an object, system fields included) passes the filter.
    pub fn matches(&self, document: &Value) -> Result<bool, EvalError> {
        self.eval_boolean(document, "the value of a filter")
    }

    /// The value of the expression for `document`; `None` is undefined.
    pub fn eval<'a>(&'a self, document: &'a Value) -> Result<Evaluated<'a>, EvalError> {
        Ok(match self {
            Expression::Field(path) => path.get(document).map(Cow::Borrowed),
            Expression::Literal(value) => value.as_ref().map(Cow::Borrowed),
            Expression::Comparison(operator, left, right) => {
                let left = left.eval(document)?;
                let right = right.eval(document)?;
                boolean(operator.compare(left.as_deref(), right.as_deref()))
            }
            Expression::Arithmetic(operator, left, right) => {
                let left = left.eval(document)?;
                let right = right.eval(document)?;
                Some(Cow::Owned(operator.calculate(left.as_deref(), right.as_deref())?))
            }
            Expression::Neg(operand) => Some(Cow::Owned(match operand.eval(document)?.as_deref() {
                Some(Value::Int64(integer)) => {
                    Value::Int64(integer.checked_neg().ok_or(EvalError::Overflow { operator: "neg" })?)
                }
                Some(Value::Float64(float)) => Value::Float64(-float),
                other => return Err(EvalError::Negation { operand: type_name(other) }),
            })),
            Expression::Not(operand) => boolean(!operand.eval_boolean(document, "the operand of `not`")?),
            Expression::And(operands) => boolean(all(operands, document)?),
            Expression::Or(operands) => boolean(any(operands, document)?),
        })
    }

    fn eval_boolean(&self, document: &Value, operator: &'static str) -> Result<bool, EvalError> {
        match self.eval(document)?.as_deref() {
            Some(Value::Boolean(boolean)) => Ok(*boolean),
            other => Err(EvalError::NotBoolean { operator, operand: type_name(other) }),
        }
    }
}

fn all(operands: &[Expression], document: &Value) -> Result<bool, EvalError> {
    for operand in operands {
        if !operand.eval_boolean(document, "an operand of `and`")? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(operands: &[Expression], document: &Value) -> Result<bool, EvalError> {
    for operand in operands {
        if operand.eval_boolean(document, "an operand of `or`")? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl ComparisonOperator {
    fn compare(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        match self {
            ComparisonOperator::Eq => left == right,
            ComparisonOperator::Neq => left != right,
            ComparisonOperator::Lt => left < right,
            ComparisonOperator::Lte => left <= right,
            ComparisonOperator::Gt => left > right,
            ComparisonOperator::Gte => left >= right,
        }
    }
}

impl ArithmeticOperator {
    fn name(self) -> &'static str {
        match self {
            ArithmeticOperator::Add => "add",
            ArithmeticOperator::Sub => "sub",
            ArithmeticOperator::Mul => "mul",
            ArithmeticOperator::Div => "div",
            ArithmeticOperator::Mod => "mod",
        }
    }

    fn calculate(self, left: Option<&Value>, right: Option<&Value>) -> Result<Value, EvalError> {
        match (left, right) {
            (Some(Value::Int64(left)), Some(Value::Int64(right))) => {
                self.calculate_integer(*left, *right).map(Value::Int64)
            }
            (Some(Value::Float64(left)), Some(Value::Float64(right))) => {
                Ok(Value::Float64(self.calculate_float(*left, *right)))
            }
            _ => Err(EvalError::Arithmetic { operator: self.name(), left: type_name(left), right: type_name(right) }),
        }
    }

    fn calculate_integer(self, left: i64, right: i64) -> Result<i64, EvalError> {
        let operator = self.name();
        let result = match self {
            ArithmeticOperator::Add => left.checked_add(right),
            ArithmeticOperator::Sub => left.checked_sub(right),
            ArithmeticOperator::Mul => left.checked_mul(right),
            ArithmeticOperator::Div | ArithmeticOperator::Mod if right == 0 => {
                return Err(EvalError::DivisionByZero { operator });
            }
            ArithmeticOperator::Div => left.checked_div(right),
            ArithmeticOperator::Mod => left.checked_rem(right),
        };
        result.ok_or(EvalError::Overflow { operator })
    }

    fn calculate_float(self, left: f64, right: f64) -> f64 {
        match self {
            ArithmeticOperator::Add => left + right,
            ArithmeticOperator::Sub => left - right,
            ArithmeticOperator::Mul => left * right,
            ArithmeticOperator::Div => left / right,
            ArithmeticOperator::Mod => left % right,
        }
    }
}

fn boolean<'a>(boolean: bool) -> Evaluated<'a> {
    Some(Cow::Owned(Value::Boolean(boolean)))
}

fn type_name(value: Option<&Value>) -> &'static str {
    value.map_or("undefined", Value::type_name)
}
