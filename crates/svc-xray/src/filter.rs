//! Filter expressions: `service("orders") AND annotation.id = "a-1" AND responsetime > 0.5`.
//!
//! X-Ray's keywords about errors, times, HTTP, users, annotations and services; `edge`, `group` and the rest are
//! refused by name.

use api_xray::errors;
use aws_wire::{AwsError, Result};
use serde_json::Value as Json;
use winnow::ascii::{Caseless, float, multispace0};
use winnow::combinator::{alt, cut_err, delimited, not, opt, preceded, repeat, separated, terminated};
use winnow::token::{one_of, take_while};
use winnow::{ModalResult, Parser};

use crate::trace::Trace;

/// How deep parentheses and `!` may nest: the expression is a stranger's, and the parser recurs.
const DEPTH_MAX: usize = 32;

/// What a trace must be.
#[derive(Debug, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Flag(Flag),
    /// A keyword compared with a number.
    Number(Number, Comparison, f64),
    /// A keyword compared with a text.
    Text(Text, Comparison, String),
    Annotation(String, Comparison, Json),
    /// Some segment has this name.
    Service(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Ok,
    Error,
    Fault,
    Throttle,
    Partial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    ResponseTime,
    Duration,
    HttpStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    HttpUrl,
    HttpMethod,
    HttpUserAgent,
    HttpClientIp,
    User,
    ResourceArn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    BeginsWith,
    EndsWith,
}

impl Filter {
    /// # Errors
    /// 400 for what is no expression.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let depth = text.bytes().filter(|byte| matches!(byte, b'(' | b'!')).count();
        if depth > DEPTH_MAX {
            return Err(invalid(text));
        }
        terminated(any, multispace0).parse(text).map_err(|_| invalid(text))
    }

    pub(crate) fn meets(&self, trace: &Trace) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.meets(trace)),
            Self::Any(parts) => parts.iter().any(|part| part.meets(trace)),
            Self::Not(part) => !part.meets(trace),
            Self::Flag(flag) => flag.is_set(trace),
            Self::Number(keyword, comparison, value) => {
                let number = match keyword {
                    Number::ResponseTime => Some(trace.response_time()),
                    Number::Duration => Some(trace.duration()),
                    Number::HttpStatus => trace.http().and_then(|http| http.response.status).map(f64::from),
                };
                number.is_some_and(|number| comparison.of_numbers(number, *value))
            }
            Self::Text(keyword, comparison, value) => {
                texts(trace, *keyword).iter().any(|text| comparison.of_texts(text, value))
            }
            Self::Annotation(key, comparison, value) => trace
                .documents()
                .flat_map(|document| document.annotations())
                .any(|(name, found)| name == key && comparison.of_json(found, value)),
            Self::Service(name) => trace.documents().any(|document| document.name == *name),
        }
    }
}

fn invalid(text: &str) -> AwsError {
    errors::invalid_request_exception(format!("Invalid filter expression: {text}"))
}

impl Flag {
    fn is_set(self, trace: &Trace) -> bool {
        let any = |wanted: fn(&crate::document::Document) -> bool| trace.documents().any(wanted);
        match self {
            Self::Ok => !any(|document| document.error || document.fault || document.throttle),
            Self::Error => any(|document| document.error),
            Self::Fault => any(|document| document.fault),
            Self::Throttle => any(|document| document.throttle),
            Self::Partial => trace.is_partial(),
        }
    }
}

fn texts(trace: &Trace, keyword: Text) -> Vec<&str> {
    let request = trace.http().map(|http| &http.request);
    let of_request = match keyword {
        Text::HttpUrl => request.and_then(|request| request.url.as_deref()),
        Text::HttpMethod => request.and_then(|request| request.method.as_deref()),
        Text::HttpUserAgent => request.and_then(|request| request.user_agent.as_deref()),
        Text::HttpClientIp => request.and_then(|request| request.client_ip.as_deref()),
        Text::User => return trace.documents().filter_map(|document| document.user.as_deref()).collect(),
        Text::ResourceArn => {
            return trace.documents().filter_map(|document| document.resource_arn.as_deref()).collect();
        }
    };
    of_request.into_iter().collect()
}

impl Comparison {
    fn of_numbers(self, found: f64, wanted: f64) -> bool {
        match self {
            #[expect(clippy::float_cmp, reason = "the user asked for equality")]
            Self::Equal => found == wanted,
            #[expect(clippy::float_cmp, reason = "the user asked for inequality")]
            Self::NotEqual => found != wanted,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
            Self::Contains | Self::BeginsWith | Self::EndsWith => false,
        }
    }

    fn of_texts(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::NotEqual => found != wanted,
            Self::Contains => found.contains(wanted),
            Self::BeginsWith => found.starts_with(wanted),
            Self::EndsWith => found.ends_with(wanted),
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => false,
        }
    }

    fn of_json(self, found: &Json, wanted: &Json) -> bool {
        match (found, wanted) {
            (Json::String(found), Json::String(wanted)) => self.of_texts(found, wanted),
            (Json::Number(found), Json::Number(wanted)) => {
                let number = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::NAN);
                self.of_numbers(number(found), number(wanted))
            }
            (Json::Bool(found), Json::Bool(wanted)) => match self {
                Self::Equal => found == wanted,
                Self::NotEqual => found != wanted,
                _ => false,
            },
            _ => false,
        }
    }
}

fn any(input: &mut &str) -> ModalResult<Filter> {
    let parts: Vec<Filter> = separated(1.., all, word("OR")).parse_next(input)?;
    Ok(one_or(parts, Filter::Any))
}

fn all(input: &mut &str) -> ModalResult<Filter> {
    let parts: Vec<Filter> = separated(1.., part, word("AND")).parse_next(input)?;
    Ok(one_or(parts, Filter::All))
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => many(parts.into_iter().chain(last).collect()),
    }
}

fn part(input: &mut &str) -> ModalResult<Filter> {
    let not = preceded(alt((sign("!"), word("NOT"))), part).map(|part| Filter::Not(Box::new(part)));
    let within = delimited(sign("("), any, cut_err(sign(")")));
    preceded(multispace0, alt((not, within, service, annotation, flag, number, text))).parse_next(input)
}

fn service(input: &mut &str) -> ModalResult<Filter> {
    preceded(word("service"), delimited(sign("("), quoted, sign(")"))).map(Filter::Service).parse_next(input)
}

fn annotation(input: &mut &str) -> ModalResult<Filter> {
    let name = || take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_');
    let key = alt((preceded(sign("."), name()), delimited(sign("["), name(), sign("]"))));
    let value = alt((
        quoted.map(Json::String),
        word("true").value(Json::Bool(true)),
        word("false").value(Json::Bool(false)),
        float.map(|number: f64| Json::from(number)),
    ));
    let value = preceded(multispace0, value);
    (preceded(Caseless("annotation"), key), comparison, value)
        .map(|(key, comparison, value): (&str, _, _)| Filter::Annotation(key.to_owned(), comparison, value))
        .parse_next(input)
}

fn flag(input: &mut &str) -> ModalResult<Filter> {
    let flag = alt((
        word("ok").value(Flag::Ok),
        word("error").value(Flag::Error),
        word("fault").value(Flag::Fault),
        word("throttle").value(Flag::Throttle),
        word("partial").value(Flag::Partial),
    ))
    .parse_next(input)?;
    let mut wanted = opt(preceded(sign("="), alt((word("true").value(true), word("false").value(false)))));
    Ok(match wanted.parse_next(input)? {
        Some(false) => Filter::Not(Box::new(Filter::Flag(flag))),
        Some(true) | None => Filter::Flag(flag),
    })
}

fn number(input: &mut &str) -> ModalResult<Filter> {
    let keyword = alt((
        word("responsetime").value(Number::ResponseTime),
        word("duration").value(Number::Duration),
        word("http.status").value(Number::HttpStatus),
    ));
    (keyword, comparison, preceded(multispace0, float))
        .map(|(keyword, comparison, value)| Filter::Number(keyword, comparison, value))
        .parse_next(input)
}

fn text(input: &mut &str) -> ModalResult<Filter> {
    let keyword = alt((
        word("http.url").value(Text::HttpUrl),
        word("http.method").value(Text::HttpMethod),
        word("http.useragent").value(Text::HttpUserAgent),
        word("http.clientip").value(Text::HttpClientIp),
        word("user").value(Text::User),
        word("resource.arn").value(Text::ResourceArn),
    ));
    (keyword, comparison, preceded(multispace0, quoted))
        .map(|(keyword, comparison, value)| Filter::Text(keyword, comparison, value))
        .parse_next(input)
}

fn comparison(input: &mut &str) -> ModalResult<Comparison> {
    alt((
        sign("!=").value(Comparison::NotEqual),
        sign("<=").value(Comparison::LessOrEqual),
        sign(">=").value(Comparison::GreaterOrEqual),
        sign("=").value(Comparison::Equal),
        sign("<").value(Comparison::Less),
        sign(">").value(Comparison::Greater),
        word("CONTAINS").value(Comparison::Contains),
        word("BEGINSWITH").value(Comparison::BeginsWith),
        word("ENDSWITH").value(Comparison::EndsWith),
    ))
    .parse_next(input)
}

fn quoted(input: &mut &str) -> ModalResult<String> {
    let plain = take_while(1.., |c: char| !matches!(c, '"' | '\\')).map(str::to_owned);
    let escaped = preceded('\\', one_of(['"', '\\'])).map(|c: char| c.to_string());
    let pieces = repeat(0.., alt((plain, escaped)));
    let fold = pieces.fold(String::new, |text, piece: String| text + &piece);
    preceded(multispace0, delimited('"', fold, '"')).parse_next(input)
}

/// A keyword, in any case, that ends where a word ends.
fn word<'a>(
    text: &'static str,
) -> impl Parser<&'a str, (), winnow::error::ErrMode<winnow::error::ContextError>> {
    let end = not(one_of(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
    (multispace0, Caseless(text), end).void()
}

fn sign<'a>(
    text: &'static str,
) -> impl Parser<&'a str, (), winnow::error::ErrMode<winnow::error::ContextError>> {
    (multispace0, text).void()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let document = r#"{"name":"orders","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
            "start_time":100.0,"end_time":100.75,"error":true,"user":"ada",
            "http":{"request":{"method":"GET","url":"http://shop/orders"},"response":{"status":404}},
            "annotations":{"id":"a-1","amount":3},"subsegments":[{"annotations":{"deep":true}}]}"#;
        let document = crate::document::Document::read(document).expect("a document");
        Trace { id: document.trace_id.clone(), documents: vec![(document, String::new())] }
    }

    #[test]
    fn expressions_are_met_or_not() {
        let trace = trace();
        let check = |text: &str, expected: bool| {
            let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.meets(&trace), expected, "{text}: {filter:?}");
        };
        check("error", true);
        check("ok", false);
        check("fault = true", false);
        check("fault = false", true);
        check("error AND responsetime > 0.5", true);
        check("responsetime > 1 OR duration <= 0.75", true);
        check("!error", false);
        check("NOT (fault OR throttle)", true);
        check("http.status = 404", true);
        check("http.status != 404", false);
        check(r#"http.url CONTAINS "shop" and http.method = "GET""#, true);
        check(r#"http.url BEGINSWITH "shop""#, false);
        check(r#"annotation.id = "a-1""#, true);
        check(r#"annotation[id] ENDSWITH "-1""#, true);
        check("annotation.amount >= 3", true);
        check("annotation.amount = \"3\"", false);
        check("annotation.deep = true", true);
        check(r#"service("orders") AND user = "ada""#, true);
        check(r#"service("other")"#, false);
        check(r#"user = "a\"b""#, false);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "nonsense",
            "error AND",
            "(error",
            "responsetime",
            "http.status = \"x\"",
            "edge(\"a\", \"b\")",
            "errors",
        ] {
            assert_eq!(Filter::parse(text).err().map(|error| error.status), Some(400), "{text}");
        }
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
    }
}
