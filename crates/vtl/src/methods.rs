//! Properties and methods of values: those of Java's that templates use.

use crate::value::Value;
use crate::{Error, OUTPUT_BYTES_MAX};

/// Of a list; it would be too long to double itself often.
const ELEMENTS_MAX: usize = 100_000;

/// A position in a list of so many; negative ones count from nowhere.
pub(crate) fn place(index: &Value, length: usize) -> Option<usize> {
    let Value::Int(index) = index else { return None };
    usize::try_from(*index).ok().filter(|index| *index < length)
}

pub(crate) fn property(value: &Value, name: &str) -> Value {
    match value {
        Value::Map(entries) => match (entries.borrow().get(name), name) {
            (Some(value), _) => value.clone(),
            (None, "empty") => Value::Bool(entries.borrow().is_empty()),
            (None, _) => Value::Null,
        },
        Value::Object(object) => object.property(name),
        Value::List(values) if name == "empty" => Value::Bool(values.borrow().is_empty()),
        Value::String(text) if name == "empty" => Value::Bool(text.is_empty()),
        _ => Value::Null,
    }
}

pub(crate) fn element(value: &Value, index: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::List(values) => {
            let values = values.borrow();
            place(index, values.len()).map(|place| values[place].clone()).unwrap_or_default()
        }
        Value::Map(_) => property(value, &index.text()?),
        _ => Value::Null,
    })
}

pub(crate) fn call(value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let found = match (method, arguments) {
        ("toString", []) if !matches!(value, Value::Null | Value::Object(_)) => {
            Some(Value::from(value.text()?))
        }
        ("equals", [other]) if !matches!(value, Value::Null) => Some(Value::Bool(value.equals(other))),
        _ => match value {
            Value::String(text) => of_text(text, method, arguments)?,
            Value::List(_) => of_list(value, method, arguments)?,
            Value::Map(_) => of_map(value, method, arguments)?,
            Value::Int(number) => match method {
                "intValue" | "longValue" => Some(Value::Int(*number)),
                "doubleValue" => Some(Value::Float(*number as f64)),
                _ => None,
            },
            Value::Float(number) => match method {
                "intValue" | "longValue" => Some(Value::Int(*number as i64)),
                "doubleValue" => Some(Value::Float(*number)),
                _ => None,
            },
            Value::Object(object) => return object.call(method, arguments).map_err(Error::Failed),
            Value::Bool(_) | Value::Null => None,
        },
    };
    // A method that is none finds nothing; it does not stop the template.
    Ok(found.unwrap_or_default())
}

fn of_text(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let texts = arguments.iter().map(Value::text).collect::<Result<Vec<_>, _>>()?;
    let texts = texts.iter().map(String::as_str).collect::<Vec<_>>();
    Ok(Some(match (method, &texts[..]) {
        ("length", []) => text.encode_utf16().count().into(),
        ("isEmpty", []) => text.is_empty().into(),
        ("trim", []) => text.trim().into(),
        ("toLowerCase", []) => text.to_lowercase().into(),
        ("toUpperCase", []) => text.to_uppercase().into(),
        ("contains", [part]) => text.contains(part).into(),
        ("startsWith", [part]) => text.starts_with(part).into(),
        ("endsWith", [part]) => text.ends_with(part).into(),
        ("equalsIgnoreCase", [other]) => (text.to_lowercase() == other.to_lowercase()).into(),
        ("concat", [other]) => bounded(format!("{text}{other}"))?,
        ("indexOf", [part]) => position(text, text.find(part)),
        ("lastIndexOf", [part]) => position(text, text.rfind(part)),
        ("replace", [from, to]) => bounded(text.replace(from, to))?,
        ("charAt" | "substring", _) => return cut(text, method, arguments),
        ("matches", [pattern]) => {
            let whole = format!("^(?:{pattern})$");
            regex(&whole)?.is_match(text).map_err(failed)?.into()
        }
        ("replaceAll", [pattern, to]) => {
            bounded(regex(pattern)?.replace_all(text, java_groups(to)).into_owned())?
        }
        ("replaceFirst", [pattern, to]) => {
            bounded(regex(pattern)?.replace(text, java_groups(to)).into_owned())?
        }
        ("split", [pattern]) => {
            let parts = regex(pattern)?.split(text).collect::<Result<Vec<_>, _>>().map_err(failed)?;
            let mut parts = parts.into_iter().map(Value::from).collect::<Vec<_>>();
            // Java leaves out the empty ones at the end.
            while parts.len() > 1 && parts.last().is_some_and(|last| !last.holds()) {
                parts.pop();
            }
            Value::list(parts)
        }
        _ => return Ok(None),
    }))
}

fn failed(error: fancy_regex::Error) -> Error {
    Error::Failed(error.to_string())
}

fn regex(pattern: &str) -> Result<fancy_regex::Regex, Error> {
    fancy_regex::Regex::new(pattern).map_err(failed)
}

/// Groups by their whole number: `$1x` is the first group and an x.
fn java_groups(replacement: &str) -> String {
    let mut text = String::new();
    let mut letters = replacement.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(
                letters
                    .next()
                    .map(|escaped| if escaped == '$' { "$$".to_owned() } else { escaped.to_string() }),
            ),
            '$' => {
                let mut number = String::new();
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                text.push_str(&if number.is_empty() { "$$".to_owned() } else { format!("${{{number}}}") });
            }
            letter => text.push(letter),
        }
    }
    text
}

pub(crate) fn bounded(text: String) -> Result<Value, Error> {
    if text.len() > OUTPUT_BYTES_MAX { Err(Error::TooMuch("a text")) } else { Ok(text.into()) }
}

/// A position as Java counts: in UTF-16, and -1 for none.
fn position(text: &str, at: Option<usize>) -> Value {
    at.map_or(Value::Int(-1), |at| text[..at].encode_utf16().count().into())
}

fn cut(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let units = text.encode_utf16().collect::<Vec<_>>();
    let number = |value: &Value| match value {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    };
    let (start, end) = match (method, arguments) {
        ("charAt", [at]) => (number(at), number(at).map(|at| at + 1)),
        ("substring", [start]) => (number(start), Some(units.len())),
        ("substring", [start, end]) => (number(start), number(end)),
        _ => return Ok(None),
    };
    let cut = start.zip(end).and_then(|(start, end)| units.get(start..end));
    let cut = cut.ok_or_else(|| Error::Failed(format!("{method} is out of bounds")))?;
    Ok(Some(String::from_utf16_lossy(cut).into()))
}

fn of_list(value: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let Value::List(values) = value else { return Ok(None) };
    Ok(Some(match (method, arguments) {
        ("size", []) => values.borrow().len().into(),
        ("isEmpty", []) => values.borrow().is_empty().into(),
        ("get", [index]) => element(value, index)?,
        ("contains", [wanted]) => values.borrow().iter().any(|value| value.equals(wanted)).into(),
        ("indexOf", [wanted]) => {
            let at = values.borrow().iter().position(|value| value.equals(wanted));
            at.map_or(Value::Int(-1), Value::from)
        }
        ("add", [new]) => {
            values.borrow_mut().push(new.clone());
            Value::Bool(true)
        }
        ("addAll", [Value::List(others)]) => {
            let others = others.borrow().clone();
            if values.borrow().len() + others.len() > ELEMENTS_MAX {
                return Err(Error::TooMuch("a list"));
            }
            values.borrow_mut().extend(others);
            Value::Bool(true)
        }
        ("set", [index, new]) => {
            let Some(at) = place(index, values.borrow().len()) else { return Ok(None) };
            std::mem::replace(&mut values.borrow_mut()[at], new.clone())
        }
        ("remove", [index]) => {
            let Some(at) = place(index, values.borrow().len()) else { return Ok(None) };
            values.borrow_mut().remove(at)
        }
        _ => return Ok(None),
    }))
}

fn of_map(value: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let Value::Map(entries) = value else { return Ok(None) };
    Ok(Some(match (method, arguments) {
        ("size", []) => entries.borrow().len().into(),
        ("isEmpty", []) => entries.borrow().is_empty().into(),
        ("get", [name]) => entries.borrow().get(&name.text()?).cloned().unwrap_or_default(),
        ("containsKey", [name]) => entries.borrow().contains_key(&name.text()?).into(),
        ("containsValue", [wanted]) => entries.borrow().values().any(|value| value.equals(wanted)).into(),
        ("keySet", []) => Value::list(entries.borrow().keys().map(|name| name.as_str().into()).collect()),
        ("values", []) => Value::list(entries.borrow().values().cloned().collect()),
        ("entrySet", []) => {
            let entries = entries.borrow();
            let pairs = entries.iter().map(|(name, value)| {
                Value::map([("key".to_owned(), name.as_str().into()), ("value".to_owned(), value.clone())])
            });
            Value::list(pairs.collect())
        }
        // Of an entry.
        ("getKey", []) => property(value, "key"),
        ("getValue", []) => property(value, "value"),
        ("put", [name, new]) => entries.borrow_mut().insert(name.text()?, new.clone()).unwrap_or_default(),
        ("putAll", [Value::Map(others)]) => {
            let others = others.borrow().clone();
            entries.borrow_mut().extend(others);
            Value::Null
        }
        ("remove", [name]) => entries.borrow_mut().shift_remove(&name.text()?).unwrap_or_default(),
        _ => return Ok(None),
    }))
}
