//! Templates: texts with names in angle brackets.

use std::borrow::Cow;

use serde_json::Value as Json;

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The names that a template has in angle brackets, of letters that names may have.
pub fn names(template: &str, is_letter: fn(char) -> bool) -> impl Iterator<Item = &str> {
    parts(template, is_letter).filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

fn parts(template: &str, is_letter: fn(char) -> bool) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, behind)) = rest.strip_prefix('<').and_then(|inner| inner.split_once('>'))
            && !name.is_empty()
            && name.chars().all(is_letter)
        {
            rest = behind;
            return Some(Part::Name(name));
        }
        let (text, behind) = rest.split_at(next_open(rest));
        rest = behind;
        Some(Part::Text(text))
    })
}

/// Where the next bracket may open, behind the first letter.
fn next_open(text: &str) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    text[first..].find('<').map_or(text.len(), |at| at + first)
}

/// Fills a template in as AWS does: text beside others within quotes goes there bare, an object or array there loses
/// its quotes, so that what surrounds it stays whole. Outside of quotes a text gets some, where the template is JSON.
/// `value` says what a name of these letters stands for.
pub fn fill<'a>(
    template: &str,
    is_letter: fn(char) -> bool,
    value: impl Fn(&str) -> Cow<'a, Json>,
) -> String {
    let is_json = template.trim_start().starts_with(['{', '[', '"']);
    let (mut filled, mut quoted, mut escaped) = (String::with_capacity(template.len()), false, false);
    for part in parts(template, is_letter) {
        match part {
            Part::Text(text) => {
                for letter in text.chars() {
                    quoted ^= is_json && letter == '"' && !escaped;
                    escaped = letter == '\\' && !escaped;
                }
                filled.push_str(text);
            }
            Part::Name(name) => {
                filled.push_str(&match (&*value(name), quoted) {
                    (Json::String(text), true) => {
                        let shown = Json::from(text.as_str()).to_string();
                        shown[1..shown.len() - 1].to_owned()
                    }
                    (Json::String(text), false) if !is_json => text.clone(),
                    (value @ (Json::Object(_) | Json::Array(_)), true) => value.to_string().replace('"', ""),
                    (value, _) => value.to_string(),
                });
                escaped = false;
            }
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_brackets() {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        let names = names(r#"<a>{"b":<b-c.d>} < x <> <y z> <a>"#, is_letter).collect::<Vec<_>>();
        assert_eq!(names, ["a", "b-c.d", "a"]);
    }
}
