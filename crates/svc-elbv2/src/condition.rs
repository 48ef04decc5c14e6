//! When a rule is for a request.

use std::net::IpAddr;

use api_elbv2::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, RuleCondition,
    SourceIpConditionConfig,
};
use aws_wire::{AwsError, Request, Result};
use event_pattern::cidr;
use execute_api::address::without_port;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::refusal::invalid;

/// Of all conditions of a rule together.
const VALUES_MAX: usize = 5;
const VALUE_LENGTH_MAX: usize = 128;
const METHOD_LENGTH_MAX: usize = 40;

/// One of the values has to fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
    Header {
        name: String,
        values: Vec<String>,
    },
    Method(Vec<String>),
    /// Keys, where they matter, and values.
    Query(Vec<(Option<String>, String)>),
    /// Blocks of addresses.
    Source(Vec<String>),
}

/// A request as conditions see it.
pub(crate) struct Sight<'a> {
    pub request: &'a Request,
    /// Percent-encoded.
    pub path: &'a str,
    /// The host that it is for, without a port.
    pub host: &'a str,
    pub peer: IpAddr,
}

impl Condition {
    pub(crate) fn matches(&self, sight: &Sight<'_>) -> bool {
        match self {
            Self::Host(values) => any(values, |value| pattern::matches_any_case(value, sight.host)),
            Self::Path(values) => any(values, |value| pattern::matches(value, sight.path)),
            Self::Header { name, values } => {
                let given = sight.request.headers.get_all(name.as_str()).iter();
                let given = given.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>();
                any(values, |value| given.iter().any(|given| pattern::matches_any_case(value, given)))
            }
            Self::Method(values) => any(values, |value| value == sight.request.method.as_str()),
            Self::Query(pairs) => {
                sight.request.query.split('&').filter(|field| !field.is_empty()).any(|field| {
                    let (name, given) = field.split_once('=').unwrap_or((field, ""));
                    pairs.iter().any(|(key, value)| {
                        key.as_ref().is_none_or(|key| pattern::matches_any_case(key, name))
                            && pattern::matches_any_case(value, given)
                    })
                })
            }
            Self::Source(blocks) => any(blocks, |block| {
                let peer = sight.peer.to_canonical();
                cidr::parse(block).is_ok_and(|(network, bits)| cidr::is_within(peer, network, bits))
            }),
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Host(_) => "host-header",
            Self::Path(_) => "path-pattern",
            Self::Header { .. } => "http-header",
            Self::Method(_) => "http-request-method",
            Self::Query(_) => "query-string",
            Self::Source(_) => "source-ip",
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Host(values)
            | Self::Path(values)
            | Self::Header { values, .. }
            | Self::Method(values)
            | Self::Source(values) => values.len(),
            Self::Query(pairs) => pairs.len(),
        }
    }

    pub(crate) fn show(&self) -> RuleCondition {
        let mut shown = RuleCondition {
            field: Some(self.field().to_owned()),
            values: None,
            host_header_config: None,
            path_pattern_config: None,
            http_header_config: None,
            query_string_config: None,
            http_request_method_config: None,
            source_ip_config: None,
            regex_values: None,
        };
        match self.clone() {
            Self::Host(values) => {
                shown.values = Some(values.clone());
                shown.host_header_config =
                    Some(HostHeaderConditionConfig { values: Some(values), regex_values: None });
            }
            Self::Path(values) => {
                shown.values = Some(values.clone());
                shown.path_pattern_config =
                    Some(PathPatternConditionConfig { values: Some(values), regex_values: None });
            }
            Self::Header { name, values } => {
                shown.http_header_config = Some(HttpHeaderConditionConfig {
                    http_header_name: Some(name),
                    values: Some(values),
                    regex_values: None,
                });
            }
            Self::Method(values) => {
                shown.http_request_method_config =
                    Some(HttpRequestMethodConditionConfig { values: Some(values) });
            }
            Self::Query(pairs) => {
                let pairs = pairs.into_iter();
                let pairs = pairs.map(|(key, value)| QueryStringKeyValuePair { key, value: Some(value) });
                shown.query_string_config =
                    Some(QueryStringConditionConfig { values: Some(pairs.collect()) });
            }
            Self::Source(values) => {
                shown.source_ip_config =
                    Some(SourceIpConditionConfig { values: Some(values), ip_address_type: None });
            }
        }
        shown
    }
}

fn any(values: &[String], fits: impl Fn(&str) -> bool) -> bool {
    values.iter().any(|value| fits(value))
}

/// The conditions of a rule, one at least.
///
/// # Errors
/// 400 for what is none, for too many values, and for a field that is there twice; 501 for regular expressions.
pub(crate) fn read(operation: &str, given: Vec<RuleCondition>) -> Result<Vec<Condition>> {
    let conditions =
        given.into_iter().map(|condition| read_one(operation, condition)).collect::<Result<Vec<_>>>()?;
    if conditions.is_empty() {
        return Err(invalid("A condition must be specified"));
    }
    for (at, condition) in conditions.iter().enumerate() {
        let again = conditions[..at].iter().any(|before| before.field() == condition.field());
        if again && !matches!(condition, Condition::Header { .. } | Condition::Query(_)) {
            return Err(invalid(format!(
                "Multiple condition fields '{}' are not allowed",
                condition.field()
            )));
        }
    }
    if conditions.iter().map(Condition::count).sum::<usize>() > VALUES_MAX {
        return Err(invalid(format!("A rule can only have '{VALUES_MAX}' condition values")));
    }
    Ok(conditions)
}

fn read_one(operation: &str, given: RuleCondition) -> Result<Condition> {
    let field = given.field.unwrap_or_default();
    let (host, path, header) =
        (given.host_header_config, given.path_pattern_config, given.http_header_config);
    let regular = [
        given.regex_values.is_some(),
        host.as_ref().is_some_and(|config| config.regex_values.is_some()),
        path.as_ref().is_some_and(|config| config.regex_values.is_some()),
        header.as_ref().is_some_and(|config| config.regex_values.is_some()),
    ];
    if regular.contains(&true) {
        return Err(AwsError::parameter_not_implemented(operation, "RegexValues"));
    }
    let values = |own: Option<Vec<String>>| texts(&field, own.or(given.values.clone()));
    match field.as_str() {
        "host-header" => Ok(Condition::Host(values(host.and_then(|config| config.values))?)),
        "path-pattern" => Ok(Condition::Path(values(path.and_then(|config| config.values))?)),
        "http-header" => {
            let config = header.ok_or_else(|| missing(&field))?;
            let name = config.http_header_name.unwrap_or_default();
            let is_name = (1..=METHOD_LENGTH_MAX).contains(&name.len())
                && name.bytes().all(|letter| letter.is_ascii_graphic() && letter != b':');
            if !is_name || name.eq_ignore_ascii_case("host") {
                return Err(invalid(format!("The HTTP header name '{name}' is not valid")));
            }
            Ok(Condition::Header { name, values: texts(&field, config.values)? })
        }
        "http-request-method" => {
            let methods = texts(&field, given.http_request_method_config.and_then(|config| config.values))?;
            let is_method = |method: &str| {
                method.len() <= METHOD_LENGTH_MAX
                    && method.bytes().all(|letter| letter.is_ascii_uppercase() || b"-_".contains(&letter))
            };
            match methods.iter().find(|method| !is_method(method)) {
                Some(other) => Err(invalid(format!("The HTTP request method '{other}' is not valid"))),
                None => Ok(Condition::Method(methods)),
            }
        }
        "query-string" => {
            let pairs = given.query_string_config.and_then(|config| config.values).unwrap_or_default();
            let pair = |pair: QueryStringKeyValuePair| {
                let value = pair.value.unwrap_or_default();
                texts(&field, Some(pair.key.iter().cloned().chain([value.clone()]).collect()))?;
                Ok((pair.key, value))
            };
            let pairs = pairs.into_iter().map(pair).collect::<Result<Vec<_>>>()?;
            if pairs.is_empty() { Err(missing(&field)) } else { Ok(Condition::Query(pairs)) }
        }
        "source-ip" => {
            let blocks = texts(&field, given.source_ip_config.and_then(|config| config.values))?;
            match blocks.iter().find(|block| cidr::parse(block).is_err()) {
                Some(other) => Err(invalid(format!("The source IP '{other}' must be in CIDR format"))),
                None => Ok(Condition::Source(blocks)),
            }
        }
        other => Err(invalid(format!(
            "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, \
             http-request-method, query-string, source-ip]'"
        ))),
    }
}

fn texts(field: &str, values: Option<Vec<String>>) -> Result<Vec<String>> {
    let values = values.filter(|values| !values.is_empty()).ok_or_else(|| missing(field))?;
    if values.iter().any(String::is_empty) {
        return Err(invalid("A condition value cannot be empty"));
    }
    match values.iter().find(|value| value.chars().count() > VALUE_LENGTH_MAX) {
        Some(long) => Err(invalid(format!(
            "Condition value '{long}' contains too many characters. The maximum size is '{VALUE_LENGTH_MAX}' characters"
        ))),
        None => Ok(values),
    }
}

fn missing(field: &str) -> AwsError {
    invalid(format!("A '{field}' condition must have a value"))
}

/// The host that a request is for, without a port.
pub(crate) fn host(request: &Request) -> &str {
    without_port(request.header("host").unwrap_or_default())
}

#[cfg(test)]
mod tests;
