//! Comparisons of numbers: one, or a lower and an upper bound.

use serde_json::Value as Json;

/// AWS compares numbers of five decimal digits and six behind the point; it refuses larger ones.
const BOUND: f64 = 5.0e9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(crate) fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }

    fn is_lower(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }
}

/// Numbers from one to another, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    least: f64,
    most: f64,
}

impl Range {
    /// The numbers for which all of some comparisons hold.
    pub(crate) fn of(bounds: &[(Comparison, f64)]) -> Self {
        let mut range = Self { least: f64::NEG_INFINITY, most: f64::INFINITY };
        for (how, bound) in bounds {
            match how {
                Comparison::Equal => range = Self { least: *bound, most: *bound },
                Comparison::Less => range.most = bound.next_down(),
                Comparison::LessOrEqual => range.most = *bound,
                Comparison::Greater => range.least = bound.next_up(),
                Comparison::GreaterOrEqual => range.least = *bound,
            }
        }
        range
    }

    pub(crate) fn has(&self, number: f64) -> bool {
        self.least <= number && number <= self.most
    }
}

/// # Errors
/// In AWS's words.
pub(crate) fn parse(operand: &Json) -> Result<Vec<(Comparison, f64)>, String> {
    let parts = operand.as_array().ok_or("Value of numeric must be an array.")?;
    let Some(operator) = parts.first() else { return Err(not_an_operator(&Json::Null)) };
    let operator = operator.as_str().ok_or_else(|| not_an_operator(operator))?;
    let lower = Comparison::parse(operator)
        .ok_or_else(|| format!("Unrecognized numeric range operator: {operator}"))?;
    let shown = if lower == Comparison::Equal { "equals" } else { operator };
    let from = number(parts.get(1), shown)?;
    if parts.len() <= 2 {
        return Ok(vec![(lower, from)]);
    }
    if !lower.is_lower() {
        return Err("Too many elements in numeric expression".to_owned());
    }
    let operator = parts[2].as_str().ok_or_else(|| format!("Bad value in numeric range: {}", parts[2]))?;
    let upper = Comparison::parse(operator)
        .filter(|upper| matches!(upper, Comparison::Less | Comparison::LessOrEqual))
        .ok_or_else(|| format!("Bad numeric range operator: {operator}"))?;
    let to = number(parts.get(3), operator)?;
    if parts.len() > 4 {
        return Err("Too many terms in numeric range expression".to_owned());
    }
    if from >= to {
        return Err("Bottom must be less than top".to_owned());
    }
    Ok(vec![(lower, from), (upper, to)])
}

fn not_an_operator(found: &Json) -> String {
    format!("Invalid member in numeric match: {found}")
}

fn number(found: Option<&Json>, operator: &str) -> Result<f64, String> {
    let number =
        found.and_then(Json::as_f64).ok_or_else(|| format!("Value of {operator} must be numeric"))?;
    if number.abs() > BOUND {
        return Err("Value must be between -5.0E9 and 5.0E9, inclusive".to_owned());
    }
    Ok(number)
}
