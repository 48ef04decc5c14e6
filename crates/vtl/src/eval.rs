//! Filling templates in.

use std::collections::HashMap;

use crate::parse::{Expression, Node, Operator, Reference, Step};
use crate::value::Value;
use crate::{Error, OUTPUT_BYTES_MAX, RANGE_MAX, ROUNDS_MAX, methods};

type Result<T> = std::result::Result<T, Error>;

pub(crate) fn render(nodes: &[Node], variables: &mut HashMap<String, Value>) -> Result<String> {
    let mut run = Run { variables, rounds: 0 };
    let mut output = String::new();
    run.write(nodes, &mut output)?;
    Ok(output)
}

struct Run<'a> {
    variables: &'a mut HashMap<String, Value>,
    /// Of all loops so far.
    rounds: usize,
}

/// Whether what follows still counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Stop,
}

impl Run<'_> {
    fn write(&mut self, nodes: &[Node], output: &mut String) -> Result<Flow> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    output.push_str(text);
                    Flow::On
                }
                Node::Reference(reference) => {
                    output.push_str(&self.shown(reference)?);
                    Flow::On
                }
                Node::Set(reference, value) => {
                    let value = self.value(value)?;
                    self.set(reference, value)?;
                    Flow::On
                }
                Node::If(branches, otherwise) => self.branch(branches, otherwise, output)?,
                Node::Foreach { variable, list, body } => self.foreach(variable, list, body, output)?,
                Node::Break => Flow::Break,
                Node::Stop => Flow::Stop,
            };
            if output.len() > OUTPUT_BYTES_MAX {
                return Err(Error::TooMuch("output"));
            }
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// What a reference writes. One that names no variable stays as it is; one that finds nothing writes nothing, as API
    /// Gateway has it.
    fn shown(&mut self, reference: &Reference) -> Result<String> {
        let value = self.reference(reference)?;
        Ok(match value {
            Value::Null if reference.quiet || self.variables.contains_key(&reference.name) => String::new(),
            Value::Null => reference.text.clone(),
            value => value.text()?,
        })
    }

    fn branch(
        &mut self,
        branches: &[(Expression, Vec<Node>)],
        otherwise: &[Node],
        output: &mut String,
    ) -> Result<Flow> {
        for (condition, body) in branches {
            if self.value(condition)?.holds() {
                return self.write(body, output);
            }
        }
        self.write(otherwise, output)
    }

    fn foreach(
        &mut self,
        variable: &str,
        list: &Expression,
        body: &[Node],
        output: &mut String,
    ) -> Result<Flow> {
        // As it is now: a body may change what it goes through.
        let values = match self.value(list)? {
            Value::List(values) => values.borrow().clone(),
            Value::Map(entries) => entries.borrow().values().cloned().collect(),
            _ => return Ok(Flow::On),
        };
        let names = [variable, "foreach", "velocityCount"];
        let before = names.map(|name| self.variables.get(name).cloned());
        let mut flow = Flow::On;
        for (index, value) in values.iter().enumerate() {
            self.rounds += 1;
            if self.rounds > ROUNDS_MAX {
                return Err(Error::TooMuch("rounds of loops"));
            }
            let round = Value::map([
                ("index".to_owned(), index.into()),
                ("count".to_owned(), (index + 1).into()),
                ("hasNext".to_owned(), (index + 1 < values.len()).into()),
                ("first".to_owned(), (index == 0).into()),
                ("last".to_owned(), (index + 1 == values.len()).into()),
            ]);
            for (name, value) in names.into_iter().zip([value.clone(), round, (index + 1).into()]) {
                self.variables.insert(name.to_owned(), value);
            }
            flow = self.write(body, output)?;
            if flow != Flow::On {
                break;
            }
        }
        for (name, value) in names.into_iter().zip(before) {
            match value {
                Some(value) => self.variables.insert(name.to_owned(), value),
                None => self.variables.remove(name),
            };
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::On })
    }

    fn set(&mut self, reference: &Reference, value: Value) -> Result<()> {
        let Some((last, steps)) = reference.steps.split_last() else {
            self.variables.insert(reference.name.clone(), value);
            return Ok(());
        };
        let holder = Reference { steps: steps.to_vec(), ..reference.clone() };
        let holder = self.reference(&holder)?;
        match (holder, last) {
            (Value::Map(entries), Step::Property(name)) => {
                entries.borrow_mut().insert(name.clone(), value);
            }
            (Value::Map(entries), Step::Index(index)) => {
                let name = self.value(index)?.text()?;
                entries.borrow_mut().insert(name, value);
            }
            (Value::List(values), Step::Index(index)) => {
                let index = self.value(index)?;
                let place = methods::place(&index, values.borrow().len());
                if let Some(place) = place {
                    values.borrow_mut()[place] = value;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn reference(&mut self, reference: &Reference) -> Result<Value> {
        let mut value = self.variables.get(&reference.name).cloned().unwrap_or_default();
        for step in &reference.steps {
            value = match step {
                Step::Property(name) => methods::property(&value, name),
                Step::Index(index) => {
                    let index = self.value(index)?;
                    methods::element(&value, &index)?
                }
                Step::Call(name, arguments) => {
                    let arguments =
                        arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>>>()?;
                    methods::call(&value, name, &arguments)?
                }
            };
        }
        Ok(value)
    }

    fn value(&mut self, expression: &Expression) -> Result<Value> {
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Int(number) => Value::Int(*number),
            Expression::Float(number) => Value::Float(*number),
            Expression::Raw(text) => Value::from(text.as_str()),
            Expression::Filled(nodes) => {
                let mut text = String::new();
                self.write(nodes, &mut text)?;
                Value::from(text)
            }
            Expression::Reference(reference) => self.reference(reference)?,
            Expression::List(list) => {
                Value::list(list.iter().map(|one| self.value(one)).collect::<Result<_>>()?)
            }
            Expression::Range(ends) => {
                let (first, last) = (self.value(&ends.0)?, self.value(&ends.1)?);
                range(&first, &last)?
            }
            Expression::Map(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| Ok((self.value(key)?.text()?, self.value(value)?)));
                Value::map(entries.collect::<Result<Vec<_>>>()?)
            }
            Expression::Not(inner) => Value::Bool(!self.value(inner)?.holds()),
            Expression::Negative(inner) => match self.value(inner)? {
                Value::Int(number) => number.checked_neg().map_or(Value::Null, Value::Int),
                Value::Float(number) => Value::Float(-number),
                _ => Value::Null,
            },
            Expression::Binary(Operator::Or, sides) => {
                Value::Bool(self.value(&sides.0)?.holds() || self.value(&sides.1)?.holds())
            }
            Expression::Binary(Operator::And, sides) => {
                Value::Bool(self.value(&sides.0)?.holds() && self.value(&sides.1)?.holds())
            }
            Expression::Binary(operator, sides) => {
                let (left, right) = (self.value(&sides.0)?, self.value(&sides.1)?);
                binary(*operator, &left, &right)?
            }
        })
    }
}

fn range(first: &Value, last: &Value) -> Result<Value> {
    let (Value::Int(first), Value::Int(last)) = (first, last) else { return Ok(Value::Null) };
    if first.abs_diff(*last) as usize >= RANGE_MAX {
        return Err(Error::TooMuch("a range"));
    }
    let numbers: Vec<_> =
        if first <= last { (*first..=*last).collect() } else { (*last..=*first).rev().collect() };
    Ok(Value::list(numbers.into_iter().map(Value::Int).collect()))
}

fn binary(operator: Operator, left: &Value, right: &Value) -> Result<Value> {
    let compare = |wanted: fn(f64, f64) -> bool| match (left.number(), right.number()) {
        (Some(left), Some(right)) => Value::Bool(wanted(left, right)),
        _ => Value::Bool(false),
    };
    Ok(match operator {
        Operator::Equal => Value::Bool(left.equals(right)),
        Operator::Unequal => Value::Bool(!left.equals(right)),
        Operator::Less => compare(|left, right| left < right),
        Operator::Greater => compare(|left, right| left > right),
        Operator::LessOrEqual => compare(|left, right| left <= right),
        Operator::GreaterOrEqual => compare(|left, right| left >= right),
        Operator::Add if left.number().is_none() || right.number().is_none() => match (left, right) {
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            _ => methods::bounded(format!("{}{}", left.text()?, right.text()?))?,
        },
        operator => calculate(operator, left, right),
    })
}

/// What can't be calculated is null, as in Velocity.
fn calculate(operator: Operator, left: &Value, right: &Value) -> Value {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        let number = match operator {
            Operator::Add => left.checked_add(*right),
            Operator::Subtract => left.checked_sub(*right),
            Operator::Multiply => left.checked_mul(*right),
            Operator::Divide => left.checked_div(*right),
            _ => left.checked_rem(*right),
        };
        return number.map_or(Value::Null, Value::Int);
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else { return Value::Null };
    Value::Float(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    })
}
