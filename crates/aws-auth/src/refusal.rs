//! Why a request is not who it says, in the words of AWS: one set of codes for most services, another for S3.

use std::time::Duration;

use aws_wire::AwsError;
use env::Timestamp;

use crate::chunked;
use crate::claim::compact;

#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nothing in the request says who sent it.
    Missing,
    /// A signature that lacks parts, or whose parts can't be read.
    Incomplete(String),
    /// A signature of a scheme that AWS gave up.
    UnsupportedScheme,
    /// A presigned URL whose parameters contradict what AWS allows.
    QueryParameter(String),
    /// The credential's scope is for another service, day or scheme.
    Scope(String),
    NoSuchKey,
    /// A session token that is none of ours, or comes with another's key.
    BadToken,
    ExpiredToken,
    Expired {
        signed: Timestamp,
        now: Timestamp,
        window: Duration,
    },
    NotYetCurrent {
        signed: Timestamp,
        now: Timestamp,
        window: Duration,
    },
    /// A presigned URL past its own end.
    UrlExpired {
        signed: Timestamp,
        now: Timestamp,
        window: Duration,
    },
    /// A presigned URL of the future.
    UrlNotYetValid {
        signed: Timestamp,
        now: Timestamp,
        window: Duration,
    },
    Mismatch,
    /// Headers that S3 wants signed, and are not.
    Unsigned(String),
    /// The body is not the one whose hash was signed.
    PayloadHash,
    Chunked(chunked::Error),
}

impl Refusal {
    pub(crate) fn into_error(self, s3: bool) -> AwsError {
        if s3 { self.of_s3() } else { self.of_most_services() }
    }

    fn of_most_services(self) -> AwsError {
        let (code, query_code, message) = match self {
            Self::Missing => (
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
                "Missing Authentication Token".to_owned(),
            ),
            Self::Incomplete(message) | Self::QueryParameter(message) => {
                ("IncompleteSignatureException", "IncompleteSignature", message)
            }
            Self::UnsupportedScheme => (
                "IncompleteSignatureException",
                "IncompleteSignature",
                "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is.".to_owned(),
            ),
            Self::NoSuchKey | Self::BadToken => (
                "UnrecognizedClientException",
                "InvalidClientTokenId",
                "The security token included in the request is invalid.".to_owned(),
            ),
            Self::ExpiredToken => (
                "ExpiredTokenException",
                "ExpiredToken",
                "The security token included in the request is expired".to_owned(),
            ),
            other => ("InvalidSignatureException", "SignatureDoesNotMatch", other.of_signature()),
        };
        let mut error = AwsError::common(code, 403, message);
        error.query_code = Some(query_code);
        error
    }

    /// The message of `InvalidSignatureException`.
    fn of_signature(self) -> String {
        match self {
            Self::Scope(message) => message,
            Self::Expired { signed, now, window } | Self::UrlExpired { signed, now, window } => format!(
                "Signature expired: {} is now earlier than {} ({} - {}.)",
                compact(signed),
                compact(before(now, window)),
                compact(now),
                length(window)
            ),
            Self::NotYetCurrent { signed, now, window } | Self::UrlNotYetValid { signed, now, window } => {
                format!(
                    "Signature not yet current: {} is still later than {} ({} + {}.)",
                    compact(signed),
                    compact(now.after(window)),
                    compact(now),
                    length(window)
                )
            }
            _ => "The request signature we calculated does not match the signature you provided. Check your \
                  AWS Secret Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        }
    }

    fn of_s3(self) -> AwsError {
        if let Self::Unsigned(names) = self {
            let message = "There were headers present in the request which were not signed";
            return AwsError::common("AccessDenied", 403, message).with("HeadersNotSigned", names);
        }
        let (code, status, message) = match self {
            Self::Missing => ("AccessDenied", 403, "Access Denied".to_owned()),
            Self::Incomplete(message) | Self::Scope(message) => (
                "AuthorizationHeaderMalformed",
                400,
                format!("The authorization header is malformed; {message}"),
            ),
            Self::UnsupportedScheme => (
                "InvalidRequest",
                400,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
                    .to_owned(),
            ),
            Self::QueryParameter(message) => ("AuthorizationQueryParametersError", 400, message),
            Self::NoSuchKey => (
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.".to_owned(),
            ),
            Self::BadToken => {
                ("InvalidToken", 400, "The provided token is malformed or otherwise invalid.".to_owned())
            }
            Self::ExpiredToken => ("ExpiredToken", 400, "The provided token has expired.".to_owned()),
            Self::Expired { .. } | Self::NotYetCurrent { .. } => (
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.".to_owned(),
            ),
            Self::UrlExpired { .. } => ("AccessDenied", 403, "Request has expired".to_owned()),
            Self::UrlNotYetValid { .. } => ("AccessDenied", 403, "Request is not valid yet".to_owned()),
            Self::Mismatch | Self::Unsigned(_) | Self::Chunked(chunked::Error::Signature) => (
                "SignatureDoesNotMatch",
                403,
                "The request signature we calculated does not match the signature you provided. Check your \
                 key and signing method."
                    .to_owned(),
            ),
            Self::PayloadHash => (
                "XAmzContentSHA256Mismatch",
                400,
                "The provided 'x-amz-content-sha256' header does not match what was computed.".to_owned(),
            ),
            Self::Chunked(chunked::Error::NoLength) => {
                ("MissingContentLength", 411, "You must provide the Content-Length HTTP header.".to_owned())
            }
            Self::Chunked(chunked::Error::Length) => (
                "IncompleteBody",
                400,
                "You did not provide the number of bytes specified by the Content-Length HTTP header."
                    .to_owned(),
            ),
            Self::Chunked(error) => ("InvalidRequest", 400, format!("The chunked body is malformed: {error}")),
        };
        AwsError::common(code, status, message)
    }
}

fn before(now: Timestamp, window: Duration) -> Timestamp {
    let micros = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(micros))
}

fn length(window: Duration) -> String {
    let secs = window.as_secs();
    if secs.is_multiple_of(60) { format!("{} min", secs / 60) } else { format!("{secs} sec") }
}
