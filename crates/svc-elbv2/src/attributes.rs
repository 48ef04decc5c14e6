//! Attributes of load balancers, listeners and target groups: which there are, and which values are honoured.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_wire::{AwsError, Result};

use crate::refusal::invalid;

/// Those that were set.
pub(crate) type Attributes = BTreeMap<String, String>;

pub(crate) const DELETION_PROTECTION: &str = "deletion_protection.enabled";
pub(crate) const DROP_INVALID_HEADERS: &str = "routing.http.drop_invalid_header_fields.enabled";
pub(crate) const FORWARDED_FOR: &str = "routing.http.xff_header_processing.mode";
pub(crate) const MULTI_VALUE_HEADERS: &str = "lambda.multi_value_headers.enabled";
pub(crate) const SERVER: &str = "routing.http.response.server.enabled";
const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";
const STICKINESS: &str = "stickiness.enabled";
const STICKINESS_DURATION: &str = "stickiness.lb_cookie.duration_seconds";
const IDLE_TIMEOUT: &str = "idle_timeout.timeout_seconds";
/// What a listener's attribute begins and ends with that sets a header of its answers.
const RESPONSE_HEADER: (&str, &str) = ("routing.http.response.", ".header_value");
const VALUE_LENGTH_MAX: usize = 1024;

/// What values an attribute takes.
enum Takes {
    Flag,
    Number(RangeInclusive<u32>),
    OneOf(&'static [&'static str]),
    /// AWS takes others; here they would change nothing, so they are refused.
    OnlyDefault,
    /// A header's value.
    Text,
}

/// An attribute, its default and its values.
pub(crate) struct Known(&'static str, &'static str, Takes);

use Takes::{Flag, Number, OneOf, OnlyDefault, Text};

/// A load balancer's. Without TLS and HTTP/2 there is nothing that the flags on them would change.
pub(crate) const OF_LOAD_BALANCER: &[Known] = &[
    Known("access_logs.s3.bucket", "", OnlyDefault),
    Known("access_logs.s3.enabled", "false", OnlyDefault),
    Known("access_logs.s3.prefix", "", OnlyDefault),
    Known("client_keep_alive.seconds", "3600", OnlyDefault),
    Known("connection_logs.s3.bucket", "", OnlyDefault),
    Known("connection_logs.s3.enabled", "false", OnlyDefault),
    Known("connection_logs.s3.prefix", "", OnlyDefault),
    Known(DELETION_PROTECTION, "false", Flag),
    Known("health_check_logs.s3.bucket", "", OnlyDefault),
    Known("health_check_logs.s3.enabled", "false", OnlyDefault),
    Known("health_check_logs.s3.prefix", "", OnlyDefault),
    Known(IDLE_TIMEOUT, "60", Number(1..=4000)),
    Known("ipv6.deny_all_igw_traffic", "false", OnlyDefault),
    Known("load_balancing.cross_zone.enabled", "true", OnlyDefault),
    Known("routing.http.desync_mitigation_mode", "defensive", OnlyDefault),
    Known(DROP_INVALID_HEADERS, "false", Flag),
    Known("routing.http.preserve_host_header.enabled", "false", Flag),
    Known("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", Flag),
    Known("routing.http.xff_client_port.enabled", "false", OnlyDefault),
    Known(FORWARDED_FOR, "append", OneOf(&["append", "preserve", "remove"])),
    Known("routing.http2.enabled", "true", Flag),
    Known("waf.fail_open.enabled", "false", OnlyDefault),
    Known("zonal_shift.config.enabled", "false", OnlyDefault),
];

/// An HTTP listener's.
pub(crate) const OF_LISTENER: &[Known] = &[
    Known("routing.http.response.access_control_allow_credentials.header_value", "", Text),
    Known("routing.http.response.access_control_allow_headers.header_value", "", Text),
    Known("routing.http.response.access_control_allow_methods.header_value", "", Text),
    Known("routing.http.response.access_control_allow_origin.header_value", "", Text),
    Known("routing.http.response.access_control_expose_headers.header_value", "", Text),
    Known("routing.http.response.access_control_max_age.header_value", "", Text),
    Known("routing.http.response.content_security_policy.header_value", "", Text),
    Known(SERVER, "true", Flag),
    Known("routing.http.response.strict_transport_security.header_value", "", Text),
    Known("routing.http.response.x_content_type_options.header_value", "", Text),
    Known("routing.http.response.x_frame_options.header_value", "", Text),
];

/// Of a target group whose target is a function.
pub(crate) const OF_TARGET_GROUP: &[Known] = &[Known(MULTI_VALUE_HEADERS, "false", Flag)];

/// Of a target group whose targets are addresses.
pub(crate) const OF_SERVERS: &[Known] = &[
    Known(DEREGISTRATION_DELAY, "300", Number(0..=3600)),
    Known("load_balancing.algorithm.anomaly_mitigation", "off", OnlyDefault),
    Known("load_balancing.algorithm.type", "round_robin", OnlyDefault),
    Known("load_balancing.cross_zone.enabled", "use_load_balancer_configuration", OnlyDefault),
    Known("slow_start.duration_seconds", "0", OnlyDefault),
    Known("stickiness.app_cookie.cookie_name", "", OnlyDefault),
    Known("stickiness.app_cookie.duration_seconds", "86400", OnlyDefault),
    Known(STICKINESS, "false", Flag),
    Known(STICKINESS_DURATION, "86400", Number(1..=604_800)),
    Known("stickiness.type", "lb_cookie", OnlyDefault),
    Known("target_group_health.dns_failover.minimum_healthy_targets.count", "1", OnlyDefault),
    Known("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", OnlyDefault),
    Known("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", OnlyDefault),
    Known(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        OnlyDefault,
    ),
];

/// For how many seconds a client stays with a server, if it does.
pub(crate) fn sticky_for(set: &Attributes) -> Option<u32> {
    let seconds = set.get(STICKINESS_DURATION).and_then(|value| value.parse().ok()).unwrap_or(86_400);
    flag(set, STICKINESS, false).then_some(seconds)
}

/// For how many seconds a server that was taken out is told of as draining.
pub(crate) fn deregistration_delay(set: &Attributes) -> u32 {
    set.get(DEREGISTRATION_DELAY).and_then(|value| value.parse().ok()).unwrap_or(300)
}

/// All attributes with their values.
pub(crate) fn all(known: &[Known], set: &Attributes) -> Vec<(String, String)> {
    let value = |Known(name, default, _): &Known| {
        let value = set.get(*name).map_or(*default, String::as_str);
        ((*name).to_owned(), value.to_owned())
    };
    known.iter().map(value).collect()
}

/// Whether a flag is up.
pub(crate) fn flag(set: &Attributes, name: &str, default: bool) -> bool {
    set.get(name).map_or(default, |value| value == "true")
}

/// How long a function or a server may take to answer.
pub(crate) fn idle_timeout(set: &Attributes) -> Duration {
    Duration::from_secs(set.get(IDLE_TIMEOUT).and_then(|value| value.parse().ok()).unwrap_or(60))
}

/// The headers that a listener sets in every answer.
pub(crate) fn response_headers(set: &Attributes) -> impl Iterator<Item = (String, &String)> {
    set.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(name, value)| {
        let name = name.strip_prefix(RESPONSE_HEADER.0)?.strip_suffix(RESPONSE_HEADER.1)?;
        Some((name.replace('_', "-"), value))
    })
}

/// Sets what a request sets.
///
/// # Errors
/// 400 for an attribute that is unknown or has no such value, 501 for one that would not be honoured.
pub(crate) fn set(
    operation: &str,
    known: &[Known],
    attributes: &mut Attributes,
    given: impl Iterator<Item = (Option<String>, Option<String>)>,
) -> Result<()> {
    for (name, value) in given {
        let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
        let Some(Known(_, default, takes)) = known.iter().find(|Known(known, ..)| *known == name) else {
            return Err(invalid(format!("Attribute key '{name}' is not recognized")));
        };
        takes.check(operation, &name, &value, default)?;
        attributes.insert(name, value);
    }
    Ok(())
}

impl Takes {
    fn check(&self, operation: &str, name: &str, value: &str, default: &str) -> Result<()> {
        let refused = |expected: String| Err(invalid(format!("The value of '{name}' must be {expected}")));
        match self {
            Flag if value == "true" || value == "false" => Ok(()),
            Flag => refused("'true' or 'false'".to_owned()),
            Number(range) if value.parse().is_ok_and(|number| range.contains(&number)) => Ok(()),
            Number(range) => refused(format!("between '{}' and '{}'", range.start(), range.end())),
            OneOf(values) if values.contains(&value) => Ok(()),
            OneOf(values) => refused(format!("one of '{}'", values.join("', '"))),
            OnlyDefault if value == default => Ok(()),
            OnlyDefault => Err(AwsError::parameter_not_implemented(operation, &format!("{name} {value}"))),
            Text if value.len() <= VALUE_LENGTH_MAX
                && value.bytes().all(|byte| (32..127).contains(&byte)) =>
            {
                Ok(())
            }
            Text => refused(format!("at most {VALUE_LENGTH_MAX} printable characters")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_honoured_or_refused() {
        let check = |name: &str, value: &str, expected: Option<u16>| {
            let mut attributes = Attributes::new();
            let given = [(Some(name.to_owned()), Some(value.to_owned()))].into_iter();
            let done = set("Op", OF_LOAD_BALANCER, &mut attributes, given);
            assert_eq!(done.err().map(|error| error.status), expected, "{name} {value}");
            assert_eq!(attributes.len(), usize::from(expected.is_none()));
        };
        check(IDLE_TIMEOUT, "4000", None);
        check(IDLE_TIMEOUT, "4001", Some(400));
        check(IDLE_TIMEOUT, "x", Some(400));
        check(DELETION_PROTECTION, "true", None);
        check(DELETION_PROTECTION, "yes", Some(400));
        check(FORWARDED_FOR, "remove", None);
        check(FORWARDED_FOR, "drop", Some(400));
        check("access_logs.s3.enabled", "false", None);
        check("access_logs.s3.enabled", "true", Some(501));
        check("nonesuch", "", Some(400));
    }

    #[test]
    fn listeners_set_headers_of_answers() {
        let name = "routing.http.response.x_frame_options.header_value".to_owned();
        let attributes =
            Attributes::from([(name, "DENY".to_owned()), (SERVER.to_owned(), "false".to_owned())]);
        let headers = response_headers(&attributes).collect::<Vec<_>>();
        assert_eq!(headers, [("x-frame-options".to_owned(), &"DENY".to_owned())]);
    }
}
