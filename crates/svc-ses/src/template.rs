//! Templates: Handlebars with the data of one mail, as SES reads it: what the data has not is a failure, and nothing
//! is escaped.

use std::collections::BTreeMap;
use std::io;

use aws_wire::AwsError;
use handlebars::template::TemplateElement;
use handlebars::{Handlebars, RenderError, RenderErrorReason, Template as Compiled, no_escape};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::keys::TEMPLATES;
use crate::{Ctx, account};

/// Of all parts of a template together.
const BYTES_MAX: usize = 500 * 1024;
/// Of one part as it was rendered: beyond, no mail could be sent.
const RENDERED_BYTES_MAX: usize = 10 << 20;
/// Blocks in blocks, and parentheses in parentheses. Rendering walks them by recursion.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Template {
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub html: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// In milliseconds.
    #[serde(default)]
    pub created: i64,
}

/// The parts of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
}

/// Why a template and its data make no mail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The data is no JSON object.
    #[error("Template rendering data is invalid")]
    Data,
    #[error("Attribute '{0}' is not present in the rendering data.")]
    Missing(String),
    #[error("{0}")]
    Template(String),
}

impl Template {
    /// # Errors
    /// When it can't be rendered, whatever the data.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let parts = [&self.subject, &self.text, &self.html];
        let bytes = parts.iter().filter_map(|part| part.as_ref()).map(String::len).sum::<usize>();
        if bytes > BYTES_MAX {
            return Err(Failure::Template(format!("Template size exceeds {BYTES_MAX} bytes.")));
        }
        parts.into_iter().flatten().try_for_each(|part| check_part(part))
    }

    /// # Errors
    /// When the data does not fit.
    pub(crate) fn render(&self, data: &Json) -> Result<Rendered, Failure> {
        let part = |part: &Option<String>| part.as_deref().map(|part| render_part(part, data)).transpose();
        // A subject is one line, whatever the data has.
        let subject = part(&self.subject)?.unwrap_or_default().replace(['\r', '\n'], " ");
        Ok(Rendered { subject, text: part(&self.text)?, html: part(&self.html)? })
    }
}

/// The data of a mail: an object; members of `own` before those of `default`.
///
/// # Errors
/// [`Failure::Data`]
pub(crate) fn data(default: &str, own: Option<&str>) -> Result<Json, Failure> {
    let read = |text: &str| match serde_json::from_str(text) {
        Ok(Json::Object(object)) => Ok(object),
        _ => Err(Failure::Data),
    };
    let mut data = read(default)?;
    if let Some(own) = own {
        data.extend(read(own)?);
    }
    Ok(Json::Object(data))
}

fn engine() -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(no_escape);
    engine
}

fn check_part(text: &str) -> Result<(), Failure> {
    if depth(text) > DEPTH_MAX {
        return Err(Failure::Template("Template is nested too deeply.".to_owned()));
    }
    let compiled = Compiled::compile(text).map_err(|error| Failure::Template(error.reason().to_string()))?;
    // Partials that include each other would never end.
    if compiled.elements.iter().any(|element| includes(element, false)) {
        return Err(Failure::Template("A partial can't include a partial.".to_owned()));
    }
    Ok(())
}

/// Whether an inline partial in `element` uses another; `inside` one, every use counts.
fn includes(element: &TemplateElement, inside: bool) -> bool {
    let any = |template: &Option<Compiled>, inside| {
        template.iter().flat_map(|template| &template.elements).any(|element| includes(element, inside))
    };
    match element {
        TemplateElement::PartialExpression(partial) | TemplateElement::PartialBlock(partial) => {
            inside || any(&partial.template, inside)
        }
        TemplateElement::DecoratorBlock(decorator) => any(&decorator.template, true),
        TemplateElement::HelperBlock(helper) => any(&helper.template, inside) || any(&helper.inverse, inside),
        _ => false,
    }
}

/// How deep blocks stand in blocks, or parentheses in parentheses, read from the text: before anything recursive is
/// made of it.
fn depth(text: &str) -> usize {
    let (mut deepest, mut blocks) = (0, 0_usize);
    for tag in text.split("{{").skip(1) {
        let inner = tag.split("}}").next().unwrap_or_default();
        let head = inner.trim_start_matches(['{', '~', ' ']);
        match head.as_bytes().first() {
            Some(b'#') => blocks += 1,
            Some(b'^') if head.trim_end_matches('~').len() > 1 => blocks += 1,
            Some(b'/') => blocks = blocks.saturating_sub(1),
            _ => {}
        }
        let mut open = 0_usize;
        for byte in inner.bytes() {
            match byte {
                b'(' | b'[' | b'{' => open += 1,
                b')' | b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(open);
        }
        deepest = deepest.max(blocks);
    }
    deepest
}

fn render_part(text: &str, data: &Json) -> Result<String, Failure> {
    check_part(text)?;
    let mut out = Bounded(Vec::new());
    engine().render_template_to_write(text, data, &mut out).map_err(|error| failure(&error))?;
    String::from_utf8(out.0).map_err(|error| Failure::Template(error.to_string()))
}

fn failure(error: &RenderError) -> Failure {
    match error.reason() {
        RenderErrorReason::MissingVariable(Some(path)) => {
            Failure::Missing(path.trim_start_matches("this.").to_owned())
        }
        RenderErrorReason::MissingVariable(None) => Failure::Missing(String::new()),
        reason => Failure::Template(reason.to_string()),
    }
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RENDERED_BYTES_MAX {
            return Err(io::Error::other("the rendered template is too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a template was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unstored {
    #[error("Template {0} already exists.")]
    Present(String),
    #[error("Template {0} does not exist")]
    Absent(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Store(AwsError),
}

impl From<kv::Error> for Unstored {
    fn from(error: kv::Error) -> Self {
        Self::Store(error.into())
    }
}

/// # Errors
/// Why not.
pub(crate) async fn create(cx: &Ctx, name: &str, template: Template) -> Result<(), Unstored> {
    check_new(name, &template)?;
    let (account, region) = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, name);
            if TEMPLATES.get(tx, &key)?.is_some() {
                return Err(Unstored::Present(name.to_owned()));
            }
            Ok(TEMPLATES.put(tx, &key, &template)?)
        })
        .await
}

/// Puts other parts in place of a template's; its tags and its age stay.
///
/// # Errors
/// Why not.
pub(crate) async fn update(cx: &Ctx, name: &str, template: Template) -> Result<(), Unstored> {
    check_new(name, &template)?;
    let (account, region) = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, name);
            let present = TEMPLATES.get(tx, &key)?.ok_or_else(|| Unstored::Absent(name.to_owned()))?;
            let (tags, created) = (present.tags, present.created);
            Ok(TEMPLATES.put(tx, &key, &Template { tags, created, ..template.clone() })?)
        })
        .await
}

fn check_new(name: &str, template: &Template) -> Result<(), Unstored> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        return Err(Unstored::Invalid(format!(
            "Invalid template name <{name}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
        )));
    }
    if template.subject.is_none() || (template.text.is_none() && template.html.is_none()) {
        return Err(Unstored::Invalid("The subject, and the text or HTML, must be specified.".to_owned()));
    }
    template.check().map_err(|failure| Unstored::Invalid(failure.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, data: &str) -> Result<String, Failure> {
        render_part(text, &super::data(data, None)?)
    }

    #[test]
    fn templates_are_handlebars_without_escapes() {
        let check = |text: &str, data: &str, expected: &str| {
            assert_eq!(render(text, data).as_deref(), Ok(expected), "{text} {data}");
        };
        check("Hi {{name}}!", r#"{"name":"<Ann>"}"#, "Hi <Ann>!");
        check("{{a.b}} {{n}} {{t}} {{z}}", r#"{"a":{"b":"x"},"n":1.5,"t":true,"z":null}"#, "x 1.5 true ");
        check("{{#if x}}y{{else}}n{{/if}}", "{}", "n");
        check("{{#unless x}}u{{/unless}}", r#"{"x":false}"#, "u");
        check("{{#each xs}}{{@index}}{{this}};{{/each}}", r#"{"xs":["a","b"]}"#, "0a;1b;");
        check("{{#each xs}}{{name}} {{../of}};{{/each}}", r#"{"xs":[{"name":"a"}],"of":"b"}"#, "a b;");
        check("{{#* inline \"f\"}}I am {{x}}{{/inline}}{{> f}}", r#"{"x":1}"#, "I am 1");
    }

    #[test]
    fn what_the_data_has_not_is_named() {
        let check = |text: &str, data: &str, expected: &str| {
            assert_eq!(render(text, data), Err(Failure::Missing(expected.to_owned())), "{text} {data}");
        };
        check("Hi {{name}}", "{}", "name");
        check("Hi {{a.b}}", r#"{"a":{}}"#, "a.b");
        check("{{#each xs}}{{n}}{{/each}}", r#"{"xs":[{}]}"#, "n");
    }

    #[test]
    fn data_is_an_object_and_templates_end() {
        for data in ["", "[]", "{", "\"x\""] {
            assert_eq!(render("x", data), Err(Failure::Data), "{data}");
        }
        for text in [
            "{{x}",
            "{{#if x}}",
            "{{nobody x}}",
            "{{> gone}}",
            "{{#* inline \"a\"}}{{> b}}{{/inline}}{{#* inline \"b\"}}{{> a}}{{/inline}}{{> a}}",
            "{{#* inline \"a\"}}{{#if x}}{{> a}}{{/if}}{{/inline}}{{> a}}",
            &"{{#if x}}".repeat(50_000),
            &format!("{{{{x {}}}}}", "(".repeat(50_000)),
        ] {
            let shown = &text[..text.len().min(40)];
            assert!(matches!(render(text, r#"{"x":1}"#), Err(Failure::Template(_))), "{shown}");
        }
        let rows = (0..2000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let text = "{{#each xs}}{{#each ../xs}}0123456789{{/each}}{{/each}}";
        assert!(render(text, &format!(r#"{{"xs":[{rows}]}}"#)).is_err());
    }

    #[test]
    fn own_data_comes_before_the_default() {
        let data = super::data(r#"{"a":1,"b":1}"#, Some(r#"{"b":2}"#)).expect("two objects");
        assert_eq!(data, serde_json::json!({ "a": 1, "b": 2 }));
    }
}
