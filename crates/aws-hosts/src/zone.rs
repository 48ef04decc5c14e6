//! Which names are AWS's.

/// Where AWS keeps the hosts of its APIs, of what customers have there, and of function URLs.
pub(crate) const SUFFIXES: [&str; 3] = ["amazonaws.com", "api.aws", "on.aws"];

/// Whether `host` is one of AWS's, which means the platform inside a sandbox.
pub(crate) fn is_ours(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let below = |suffix: &str| {
        let start = host.len().checked_sub(suffix.len())?;
        let (rest, end) = (host.get(..start)?, host.get(start..)?);
        Some(end.eq_ignore_ascii_case(suffix) && rest.len() > 1 && rest.ends_with('.'))
    };
    SUFFIXES.iter().any(|suffix| below(suffix).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn hosts_of_aws_are_told_by_their_end() {
        for (host, expected) in [
            ("sqs.us-east-1.amazonaws.com", true),
            ("SQS.us-east-1.AmazonAWS.com.", true),
            ("bucket.with.dots.s3.amazonaws.com", true),
            ("lambda.us-east-1.api.aws", true),
            ("id.lambda-url.us-east-1.on.aws", true),
            ("amazonaws.com", false),
            (".amazonaws.com", false),
            ("notamazonaws.com", false),
            ("amazonaws.com.example.org", false),
            ("sqs.us-east-1.amazonaws.com.cn", false),
            ("aws", false),
            ("ü.aws", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host), expected, "{host}");
        }
    }
}
