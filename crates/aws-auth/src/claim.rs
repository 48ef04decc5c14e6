//! What a request says of its own signature, read but not believed.

use std::borrow::Cow;
use std::time::Duration;

use aws_wire::Request;
use aws_wire::schema::TimestampFormat;
use env::Timestamp;
use percent_encoding::percent_decode_str;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::refusal::Refusal;
use crate::scope::Scope;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const TOKEN_HEADER: &str = "x-amz-security-token";
pub(crate) const TOKEN_PARAMETER: &str = "X-Amz-Security-Token";
pub(crate) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";
/// A week: the longest that a presigned URL may live.
const EXPIRES_SECS_MAX: u64 = 604_800;

/// A signature with everything it is said to cover.
#[derive(Debug)]
pub(crate) struct Claim {
    pub scope: Scope,
    pub terminator: String,
    /// Lower-case names.
    pub signed_headers: Vec<String>,
    pub signature: String,
    pub at: Timestamp,
    pub session_token: Option<String>,
    pub carrier: Carrier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Header,
    /// A presigned URL, and how long it says it is good for.
    Query {
        expires: Option<Duration>,
    },
}

impl Claim {
    /// `None` when the request is not signed at all.
    pub(crate) fn read(request: &Request) -> Result<Option<Self>, Refusal> {
        if let Some(authorization) = request.headers.get("authorization") {
            let text = authorization.to_str();
            let text = text.map_err(|_| Refusal::Incomplete("Authorization header is not ASCII.".into()))?;
            return Self::from_header(request, text).map(Some);
        }
        let has = |name: &str| parameter(request, name).is_some();
        if has("X-Amz-Algorithm") || has("X-Amz-Credential") || has(SIGNATURE_PARAMETER) {
            return Self::from_query(request).map(Some);
        }
        // Signature Version 2 in a URL.
        if has("AWSAccessKeyId") && has("Signature") {
            return Err(Refusal::UnsupportedScheme);
        }
        Ok(None)
    }

    fn from_header(request: &Request, header: &str) -> Result<Self, Refusal> {
        let (algorithm, fields) = header.split_once(' ').unwrap_or((header, ""));
        if algorithm != ALGORITHM && (algorithm == "AWS" || algorithm.starts_with("AWS4-")) {
            return Err(Refusal::UnsupportedScheme);
        }
        let (mut credential, mut signature, mut signed_headers) = (None, None, None);
        if algorithm == ALGORITHM {
            for field in fields.split(',').map(str::trim).filter(|field| !field.is_empty()) {
                let Some((name, value)) = field.split_once('=') else {
                    return Err(Refusal::Incomplete(format!(
                        "'{field}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
                    )));
                };
                match name {
                    "Credential" => credential = Some(value),
                    "Signature" => signature = Some(value),
                    "SignedHeaders" => signed_headers = Some(value),
                    _ => {}
                }
            }
        }
        let date = request.header("x-amz-date").or_else(|| request.header("date"));
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (credential, signature, signed_headers, date)
        else {
            let mut message = String::new();
            for (name, found) in
                [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)]
            {
                if found.is_none() {
                    message.push_str(&format!("Authorization header requires '{name}' parameter. "));
                }
            }
            if date.is_none() {
                message.push_str(
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
                );
            }
            return Err(Refusal::Incomplete(format!("{message}Authorization={header}")));
        };
        let (scope, terminator) = read_credential(credential).map_err(Refusal::Incomplete)?;
        Ok(Self {
            scope,
            terminator,
            signed_headers: read_signed_headers(signed_headers)?,
            signature: signature.to_owned(),
            at: read_date(date).map_err(Refusal::Incomplete)?,
            session_token: request.header(TOKEN_HEADER).map(str::to_owned),
            carrier: Carrier::Header,
        })
    }

    fn from_query(request: &Request) -> Result<Self, Refusal> {
        let find = |name: &str| parameter(request, name);
        if find("X-Amz-Algorithm").is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(Refusal::UnsupportedScheme);
        }
        let (Some(_), Some(credential), Some(date), Some(signed_headers), Some(signature)) = (
            find("X-Amz-Algorithm"),
            find("X-Amz-Credential"),
            find("X-Amz-Date"),
            find("X-Amz-SignedHeaders"),
            find(SIGNATURE_PARAMETER),
        ) else {
            return Err(Refusal::QueryParameter(
                "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', \
                 'X-Amz-Signature', 'X-Amz-SignedHeaders' and 'X-Amz-Date'. Re-examine the query-string \
                 parameters."
                    .into(),
            ));
        };
        let (scope, terminator) = read_credential(&credential).map_err(Refusal::QueryParameter)?;
        Ok(Self {
            scope,
            terminator,
            signed_headers: read_signed_headers(&signed_headers)?,
            signature,
            at: read_date(&date).map_err(Refusal::QueryParameter)?,
            session_token: find(TOKEN_PARAMETER),
            carrier: Carrier::Query { expires: find("X-Amz-Expires").map(read_expires).transpose()? },
        })
    }

    /// Whether the credential's scope is this service's, of the day of the signature, and of this scheme.
    pub(crate) fn check_scope(&self, service: &str) -> Result<(), Refusal> {
        let moment = compact(self.at);
        let (day, _) = moment.split_at(8);
        if self.terminator != "aws4_request" {
            return Err(Refusal::Scope(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
                self.terminator
            )));
        }
        if self.scope.service != service {
            return Err(Refusal::Scope(format!(
                "Credential should be scoped to correct service: '{service}'."
            )));
        }
        if self.scope.region.is_empty() {
            return Err(Refusal::Scope("Credential should be scoped to a valid region.".into()));
        }
        if self.scope.date != day {
            return Err(Refusal::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{day}', from '{moment}'.",
                self.scope.date
            )));
        }
        Ok(())
    }

    /// Whether the signature is of this time: `skew` around now, or within a presigned URL's life.
    pub(crate) fn check_time(
        &self,
        now: Timestamp,
        skew: Duration,
        must_expire: bool,
    ) -> Result<(), Refusal> {
        let signed = self.at;
        let Carrier::Query { expires } = self.carrier else {
            if signed.after(skew) < now {
                return Err(Refusal::Expired { signed, now, window: skew });
            }
            if signed > now.after(skew) {
                return Err(Refusal::NotYetCurrent { signed, now, window: skew });
            }
            return Ok(());
        };
        if must_expire && expires.is_none() {
            let message = "Query-string authentication version 4 requires the X-Amz-Expires parameter.";
            return Err(Refusal::QueryParameter(message.into()));
        }
        let window = expires.unwrap_or(skew);
        if signed.after(window) < now {
            return Err(Refusal::UrlExpired { signed, now, window });
        }
        if signed > now.after(skew) {
            return Err(Refusal::UrlNotYetValid { signed, now, window: skew });
        }
        Ok(())
    }
}

/// The first query parameter called `name`, decoded.
pub(crate) fn parameter(request: &Request, name: &str) -> Option<String> {
    let mut fields = request.query.split('&').map(|field| field.split_once('=').unwrap_or((field, "")));
    let (_, value) = fields.find(|(field, _)| decode(field) == name)?;
    Some(decode(value).into_owned())
}

/// As AWS's canonical query has it: a plus is a space.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

fn read_credential(credential: &str) -> Result<(Scope, String), String> {
    Scope::split(credential).ok_or_else(|| {
        format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
             got '{credential}'"
        )
    })
}

fn read_signed_headers(text: &str) -> Result<Vec<String>, Refusal> {
    let names = text.split(';').map(str::to_owned).collect::<Vec<_>>();
    // Without it a signature would be good for any other endpoint too.
    if !names.iter().any(|name| name == "host") {
        return Err(Refusal::Scope(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ));
    }
    Ok(names)
}

fn read_expires(text: String) -> Result<Duration, Refusal> {
    let refuse = |message: &str| Err(Refusal::QueryParameter(message.to_owned()));
    match text.parse::<i64>().map(u64::try_from) {
        Err(_) => refuse("X-Amz-Expires should be a number"),
        Ok(Err(_)) => refuse("X-Amz-Expires must be non-negative"),
        Ok(Ok(secs)) if secs > EXPIRES_SECS_MAX => refuse(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be \
             less than 604800 seconds",
        ),
        Ok(Ok(secs)) => Ok(Duration::from_secs(secs)),
    }
}

/// A date as `x-amz-date` has it, or as the `Date` header of HTTP.
pub(crate) fn read_date(text: &str) -> Result<Timestamp, String> {
    let basic = format_description!("[year][month][day]T[hour][minute][second]Z");
    if let Ok(moment) = PrimitiveDateTime::parse(text, basic) {
        return Ok(Timestamp::from_secs(moment.assume_utc().unix_timestamp()));
    }
    aws_wire::timestamp::parse(text, TimestampFormat::HttpDate).ok_or_else(|| {
        format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    })
}

/// `20150830T123600Z`
pub(crate) fn compact(at: Timestamp) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let basic = format_description!("[year][month][day]T[hour][minute][second]Z");
    moment.format(basic).expect("every component exists")
}
