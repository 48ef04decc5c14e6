//! Paths into events, of the kind that EventBridge has: `$.detail.items[0].name`, `$.detail-type`, `$.resources[*]`.
//!
//! It is not the JSONPath of RFC 9535, which has no dashes and slashes in names.

use serde_json::Value as Json;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
    /// Every item of an array, every value of an object.
    Each,
}

impl Path {
    /// `None` for what is no path.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (inside, behind) = inner.split_once(']')?;
                steps.push(Self::in_brackets(inside)?);
                rest = behind;
                continue;
            }
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, behind) = name.split_at(end);
            steps.push(match name {
                "" => return None,
                "*" => Step::Each,
                name if name.chars().all(is_letter) => Step::Field(name.to_owned()),
                _ => return None,
            });
            rest = behind;
        }
        Some(Self(steps))
    }

    fn in_brackets(inside: &str) -> Option<Step> {
        let quoted = |quote: char| inside.strip_prefix(quote)?.strip_suffix(quote);
        match quoted('\'').or_else(|| quoted('"')) {
            Some(name) => Some(Step::Field(name.to_owned())),
            None if inside == "*" => Some(Step::Each),
            None => inside.parse().ok().map(Step::Item),
        }
    }

    /// What is there; of several places an array of it all. `None` when nothing is.
    pub fn find(&self, event: &Json) -> Option<Json> {
        let mut found = vec![event];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        if self.0.contains(&Step::Each) {
            return Some(Json::Array(found.into_iter().cloned().collect()));
        }
        found.first().map(|value| (*value).clone())
    }
}

/// What names without quotes consist of.
fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | ':' | '@' | '$')
}

impl Step {
    fn of<'a>(&self, value: &'a Json) -> Vec<&'a Json> {
        match (self, value) {
            (Self::Field(name), Json::Object(fields)) => fields.get(name).into_iter().collect(),
            (Self::Item(number), Json::Array(items)) => items.get(*number).into_iter().collect(),
            (Self::Each, Json::Array(items)) => items.iter().collect(),
            (Self::Each, Json::Object(fields)) => fields.values().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths() {
        let event = json!({
            "detail-type": "t", "resources": ["a", "b"],
            "detail": { "items": [{ "n": 1 }, { "n": 2 }, {}], "a/b": true, "x y": null },
        });
        let check = |path: &str, expected: Option<Json>| {
            assert_eq!(Path::parse(path).expect("a path").find(&event), expected, "{path}");
        };
        check("$", Some(event.clone()));
        check("$.detail-type", Some(json!("t")));
        check("$.detail.items[1].n", Some(json!(2)));
        check("$.detail.items[*].n", Some(json!([1, 2])));
        check("$.detail.items[9]", None);
        check("$.detail.a/b", Some(json!(true)));
        check("$['detail'][\"x y\"]", Some(json!(null)));
        check("$.resources.*", Some(json!(["a", "b"])));
        check("$.none.*", Some(json!([])));
        check("$.detail-type.x", None);
        for bad in ["", "detail", "$detail", "$.", "$..a", "$.a[", "$.a[x]", "$.a b", "$.a[?(@.b)]"] {
            assert_eq!(Path::parse(bad), None, "{bad}");
        }
    }
}
