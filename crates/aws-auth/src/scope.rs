//! What a request says of its own signature: the credential's scope. Not verified, so good for routing only.

use aws_wire::Request;
use percent_encoding::percent_decode_str;

/// `AKIA…/20261123/us-east-1/lambda/aws4_request`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub access_key_id: String,
    /// `20261123`
    pub date: String,
    pub region: String,
    pub service: String,
}

impl Scope {
    /// From the `Authorization` header, or from a presigned URL's query.
    pub fn of(request: &Request) -> Option<Self> {
        if let Some(header) = request.header("authorization") {
            let fields = header.strip_prefix("AWS4-HMAC-SHA256")?;
            let credential = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))?;
            return Self::parse(credential);
        }
        let credential =
            request.query.split('&').find_map(|field| field.strip_prefix("X-Amz-Credential="))?;
        Self::parse(&percent_decode_str(credential).decode_utf8().ok()?)
    }

    fn parse(credential: &str) -> Option<Self> {
        let (scope, terminator) = Self::split(credential)?;
        (terminator == "aws4_request" && !scope.region.is_empty()).then_some(scope)
    }

    /// The scope and what it ends with, which should be `aws4_request`.
    pub(crate) fn split(credential: &str) -> Option<(Self, String)> {
        // An access key id may hold slashes of its own; the scope's four parts never do.
        let mut parts = credential.rsplitn(5, '/').map(str::to_owned);
        let terminator = parts.next()?;
        let (service, region, date) = (parts.next()?, parts.next()?, parts.next()?);
        let access_key_id = parts.next()?;
        Some((Self { access_key_id, date, region, service }, terminator))
    }
}
