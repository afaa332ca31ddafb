use super::{IndexShape, print_list};
use crate::query::{QueryError, RangeExpression, RangeOperator};
use crate::value::FieldPath;

/// The expressions of a range by what they bound.
#[derive(Default)]
pub(super) struct Bounds<'r> {
    /// Equalities, in no order.
    pub(super) equal: Vec<&'r RangeExpression>,
    /// The lower bound.
    pub(super) lower: Option<&'r RangeExpression>,
    /// The upper bound, on the same field.
    pub(super) upper: Option<&'r RangeExpression>,
}

impl<'r> Bounds<'r> {
    /// Sorts out a range; fails if its bounds cannot go together in any index.
    pub(super) fn collect(index: &IndexShape<'_>, range: &'r [RangeExpression]) -> Result<Self, QueryError> {
        let mut bounds = Bounds::default();
        for expression in range {
            let already_defined =
                || QueryError::AlreadyDefinedBound { index: index.name.to_owned(), field: expression.field.clone() };
            let place = match expression.operator {
                RangeOperator::Eq => {
                    if bounds.equal.iter().any(|equal| equal.field == expression.field) {
                        return Err(already_defined());
                    }
                    bounds.equal.push(expression);
                    continue;
                }
                RangeOperator::Gt | RangeOperator::Gte => &mut bounds.lower,
                RangeOperator::Lt | RangeOperator::Lte => &mut bounds.upper,
            };
            match place {
                None => *place = Some(expression),
                Some(first) if first.field != expression.field => {
                    return Err(multiple_fields(index, first, expression));
                }
                Some(_) => return Err(already_defined()),
            }
        }
        if let (Some(lower), Some(upper)) = (bounds.lower, bounds.upper)
            && lower.field != upper.field
        {
            return Err(multiple_fields(index, lower, upper));
        }
        if let Some(bounded) = bounds.inequality()
            && bounds.equal.iter().any(|equal| equal.field == *bounded)
        {
            return Err(QueryError::AlreadyDefinedBound { index: index.name.to_owned(), field: bounded.clone() });
        }
        Ok(bounds)
    }

    /// The field with a lower or upper bound.
    fn inequality(&self) -> Option<&'r FieldPath> {
        self.lower.or(self.upper).map(|expression| &expression.field)
    }

    /// Checks that the fields with equalities are the first of the index, and that the one with a bound is the next; puts
    /// the equalities in the order of the index.
    pub(super) fn in_order_of(mut self, index: &IndexShape<'_>) -> Result<Self, QueryError> {
        let position = |field: &FieldPath| index.components().position(|component| component.is(field));
        let fields = || self.equal.iter().map(|equal| &equal.field).chain(self.inequality());
        if let Some(field) = fields().find(|field| position(field).is_none()) {
            return Err(QueryError::FieldNotInIndex {
                index: index.name.to_owned(),
                field: field.clone(),
                index_fields: index.print_fields(),
            });
        }
        let next = self.equal.len();
        let misplaced = self.equal.iter().map(|equal| &equal.field).find(|field| position(field) >= Some(next));
        let first_wrong = misplaced.or_else(|| self.inequality().filter(|field| position(field) != Some(next)));
        if let Some(first_wrong) = first_wrong {
            return Err(QueryError::InvalidIndexRange {
                index: index.name.to_owned(),
                index_fields: index.print_fields(),
                query_fields: print_list(fields()),
                first_wrong: first_wrong.clone(),
            });
        }
        self.equal.sort_by_key(|equal| position(&equal.field));
        Ok(self)
    }
}

fn multiple_fields(index: &IndexShape<'_>, first: &RangeExpression, second: &RangeExpression) -> QueryError {
    QueryError::BoundsOnMultipleFields {
        index: index.name.to_owned(),
        first: first.field.clone(),
        second: second.field.clone(),
    }
}
