//! The check of an input against its model's constraints, in AWS's words.
//!
//! Evidence: recorded answers of Lambda, STS and CloudWatch Logs. A scalar names its own constraint; a list or a
//! map names all constraints of its elements at once, whichever of them failed; names begin in lower case.

use std::fmt::{self, Write as _};

use crate::AwsError;
use crate::schema::{Kind, Shape, Structure};
use crate::value::Value;

/// How many violations one answer names; AWS's front door stops at ten.
const VIOLATIONS_MAX: usize = 10;

/// # Errors
/// `ValidationException` that names every violation, when `input` has one.
pub fn check(structure: &Structure, input: &Value) -> Result<(), AwsError> {
    let mut violations = Vec::new();
    check_structure(structure, input, &Path::Start, &mut violations);
    if violations.is_empty() {
        return Ok(());
    }
    violations.truncate(VIOLATIONS_MAX);
    let count = violations.len();
    let noun = if count == 1 { "error" } else { "errors" };
    Err(AwsError::validation(format!("{count} validation {noun} detected: {}", violations.join("; "))))
}

/// Where a value stands; put into words only when there is something to say of it.
enum Path<'a> {
    Start,
    Member(&'a Path<'a>, &'a str),
    /// Of a list, from 0.
    Item(&'a Path<'a>, usize),
    Entry(&'a Path<'a>, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Member(Self::Start, name) => write_small(f, name),
            Self::Member(before, name) => {
                write!(f, "{before}.")?;
                write_small(f, name)
            }
            Self::Item(before, at) => write!(f, "{before}.{}.member", at + 1),
            Self::Entry(before, key) => write!(f, "{before}.{key}.member"),
        }
    }
}

/// The name with a small first letter.
fn write_small(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let mut letters = name.chars();
    if let Some(first) = letters.next() {
        f.write_char(first.to_ascii_lowercase())?;
    }
    f.write_str(letters.as_str())
}

fn check_structure(structure: &Structure, value: &Value, path: &Path<'_>, violations: &mut Vec<String>) {
    let Value::Structure(slots) = value else { return };
    for (member, slot) in structure.members.iter().zip(slots) {
        let path = Path::Member(path, member.name);
        match slot {
            Some(value) => check_value(member.shape, value, &path, violations),
            None if member.required => {
                violations.push(format!(
                    "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                ));
            }
            None => {}
        }
    }
}

fn check_value(shape: &'static Shape, value: &Value, path: &Path<'_>, violations: &mut Vec<String>) {
    let mut violate = |broken: &str| {
        let shown = if shape.sensitive { "Value".to_owned() } else { format!("Value '{}'", show(value)) };
        violations.push(format!("{shown} at '{path}' failed to satisfy constraint: {broken}"));
    };
    for broken in broken_constraints(shape, value) {
        violate(&broken);
    }
    match (shape.kind, value) {
        (Kind::Structure(structure), value) => check_structure(structure, value, path, violations),
        (Kind::List(list), Value::List(items)) => {
            if is_compound(list.member) {
                for (position, item) in items.iter().enumerate() {
                    if let Some(item) = item {
                        check_value(list.member, item, &Path::Item(path, position), violations);
                    }
                }
            } else if items.iter().flatten().any(|item| !broken_constraints(list.member, item).is_empty()) {
                let all = all_constraints(list.member);
                violate(&format!("Member must satisfy constraint: [{all}]"));
            }
        }
        (Kind::Map(map), Value::Map(entries)) => {
            if is_bound(map.key)
                && entries
                    .iter()
                    .any(|(key, _)| !broken_constraints(map.key, &Value::String(key.clone())).is_empty())
            {
                let all = all_constraints(map.key);
                violate(&format!("Map keys must satisfy constraint: [{all}]"));
            }
            if is_compound(map.value) {
                for (key, item) in entries {
                    if let Some(item) = item {
                        check_value(map.value, item, &Path::Entry(path, key), violations);
                    }
                }
            } else if entries.iter().any(|(_, item)| {
                item.as_ref().is_some_and(|item| !broken_constraints(map.value, item).is_empty())
            }) {
                let all = all_constraints(map.value);
                violate(&format!("Map value must satisfy constraint: [{all}]"));
            }
        }
        _ => {}
    }
}

fn is_compound(shape: &Shape) -> bool {
    matches!(shape.kind, Kind::Structure(_) | Kind::List(_) | Kind::Map(_))
}

/// Whether the model says anything of a value of this shape.
fn is_bound(shape: &Shape) -> bool {
    shape.min.is_some()
        || shape.max.is_some()
        || shape.pattern.is_some()
        || matches!(shape.kind, Kind::Enum(_))
}

/// The constraints of `shape` itself (not of its members) that `value` breaks.
fn broken_constraints(shape: &Shape, value: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    if !is_bound(shape) {
        return broken;
    }
    let (size, noun) = match value {
        Value::Integer(number) => (*number, "value"),
        Value::String(text) => (length(text.chars().count()), "length"),
        Value::Blob(bytes) => (length(bytes.len()), "length"),
        Value::List(items) => (length(items.len()), "length"),
        Value::Map(entries) => (length(entries.len()), "length"),
        Value::Float(number) => {
            // The model's bounds of floating members are whole numbers.
            #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
            let outside = shape.min.is_some_and(|min| *number < min as f64)
                || shape.max.is_some_and(|max| *number > max as f64);
            if outside {
                broken.extend(bounds(shape, "value"));
            }
            return broken;
        }
        _ => return broken,
    };
    if let Some(max) = shape.max.filter(|max| size > *max) {
        broken.push(format!("Member must have {noun} less than or equal to {max}"));
    }
    if let Some(min) = shape.min.filter(|min| size < *min) {
        broken.push(format!("Member must have {noun} greater than or equal to {min}"));
    }
    if let Value::String(text) = value {
        if let Some(pattern) = shape.pattern.filter(|pattern| !pattern.matches(text)) {
            broken.push(format!("Member must satisfy regular expression pattern: {}", pattern.text()));
        }
        if let Kind::Enum(values) = shape.kind
            && !values.contains(&text.as_str())
        {
            broken.push(format!("Member must satisfy enum value set: [{}]", values.join(", ")));
        }
    }
    broken
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn bounds(shape: &Shape, noun: &str) -> Vec<String> {
    let max = shape.max.map(|max| format!("Member must have {noun} less than or equal to {max}"));
    let min = shape.min.map(|min| format!("Member must have {noun} greater than or equal to {min}"));
    max.into_iter().chain(min).collect()
}

fn all_constraints(shape: &Shape) -> String {
    let noun = if matches!(shape.kind, Kind::Integer | Kind::Long) { "value" } else { "length" };
    let mut all = bounds(shape, noun);
    if let Some(pattern) = shape.pattern {
        all.push(format!("Member must satisfy regular expression pattern: {}", pattern.text()));
    }
    if let Kind::Enum(values) = shape.kind {
        all.push(format!("Member must satisfy enum value set: [{}]", values.join(", ")));
    }
    all.push("Member must not be null".to_owned());
    all.join(", ")
}

/// A value as Java prints it, which is how AWS's messages quote it.
fn show(value: &Value) -> String {
    let show_slot = |slot: &Option<Value>| slot.as_ref().map_or_else(|| "null".to_owned(), show);
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Blob(bytes) => format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", bytes.len()),
        Value::Timestamp(at) => at.as_secs().to_string(),
        Value::Events(_) => "events".to_owned(),
        Value::Stream(_) => "a stream".to_owned(),
        Value::Document(document) => document.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(show_slot).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}={}", show_slot(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Structure(_) => "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{List, Map, Member, Pattern};

    static LETTERS: Pattern = Pattern::new("[a-z]+");
    static NAME: Shape =
        Shape { min: Some(1), max: Some(5), pattern: Some(&LETTERS), ..Shape::plain("Name", Kind::String) };
    static SIZE: Shape = Shape { min: Some(128), max: Some(10240), ..Shape::plain("Size", Kind::Integer) };
    static MODE: Shape = Shape::plain("Mode", Kind::Enum(&["Active", "PassThrough"]));
    static NAMES: Shape = Shape::plain(
        "Names",
        Kind::List(&List {
            member: &NAME,
            element: "member",
            element_namespace: None,
            timestamp_format: None,
            flattened: false,
        }),
    );
    static VARIABLES: Shape = Shape::plain(
        "Variables",
        Kind::Map(&Map {
            key: &NAME,
            value: &MODE,
            key_name: "key",
            value_name: "value",
            key_namespace: None,
            value_namespace: None,
            entry_name: None,
            flattened: false,
        }),
    );
    static INPUT: Structure = Structure::of(&[
        Member { required: true, ..Member::body("FunctionName", &NAME) },
        Member::body("MemorySize", &SIZE),
        Member::body("Mode", &MODE),
        Member::body("Layers", &NAMES),
        Member::body("Variables", &VARIABLES),
    ]);

    fn check_input(slots: [Option<Value>; 5], expected: Option<&str>) {
        let found = check(&INPUT, &Value::Structure(slots.to_vec()));
        assert_eq!(found.err().and_then(|error| error.message).as_deref(), expected);
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::String(text.to_owned()))
    }

    #[test]
    fn violations_are_worded_as_awss() {
        check_input([text("abc"), None, text("Active"), None, None], None);
        check_input(
            [None, None, None, None, None],
            Some(
                "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null",
            ),
        );
        check_input(
            [text("ABCDEFG"), Some(Value::Integer(1)), text("on"), None, None],
            Some(
                "4 validation errors detected: Value 'ABCDEFG' at 'functionName' failed to satisfy constraint: \
                 Member must have length less than or equal to 5; Value 'ABCDEFG' at 'functionName' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: [a-z]+; Value '1' at 'memorySize' failed \
                 to satisfy constraint: Member must have value greater than or equal to 128; Value 'on' at 'mode' \
                 failed to satisfy constraint: Member must satisfy enum value set: [Active, PassThrough]",
            ),
        );
        check_input(
            [text("a"), None, None, Some(Value::List(vec![text("b"), text("B")])), None],
            Some(
                "1 validation error detected: Value '[b, B]' at 'layers' failed to satisfy constraint: Member must \
                 satisfy constraint: [Member must have length less than or equal to 5, Member must have length greater \
                 than or equal to 1, Member must satisfy regular expression pattern: [a-z]+, Member must not be null]",
            ),
        );
        check_input(
            [text("a"), None, None, None, Some(Value::Map(vec![("1".to_owned(), text("Active"))]))],
            Some(
                "1 validation error detected: Value '{1=Active}' at 'variables' failed to satisfy constraint: Map \
                 keys must satisfy constraint: [Member must have length less than or equal to 5, Member must have \
                 length greater than or equal to 1, Member must satisfy regular expression pattern: [a-z]+, Member \
                 must not be null]",
            ),
        );
    }
}
