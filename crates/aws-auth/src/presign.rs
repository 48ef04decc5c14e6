//! URLs that carry their own signature: whoever holds one may fetch what it names, until it expires.

use std::time::Duration;

use aws_wire::Request;
use bytes::Bytes;
use env::Timestamp;
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Rules;
use crate::claim::{Claim, SIGNATURE_PARAMETER, TOKEN_PARAMETER, compact};
use crate::session::SessionKeys;
use crate::sigv4::Signing;

/// What a query leaves as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Signatures as S3 has them: none of the payload, the path encoded once.
const SERVICE: &str = "s3";

/// Presigns URLs of this platform, in the name of a role of its own.
#[derive(Clone)]
pub struct Presigner {
    sessions: SessionKeys,
}

/// What is to be fetched, and where.
pub struct Fetch<'a> {
    /// The authority of the URL, as the client reaches us by it.
    pub host: &'a str,
    /// Absolute, and already encoded.
    pub path: &'a str,
    pub account: &'a str,
    pub region: &'a str,
}

impl Presigner {
    /// `sessions` must be those of the authenticator that will see the URL.
    pub fn new(sessions: SessionKeys) -> Self {
        Self { sessions }
    }

    /// A URL that answers GET until `expires` after `now`; `None` when `host` can't be one.
    pub fn url(&self, fetch: &Fetch<'_>, now: Timestamp, expires: Duration) -> Option<String> {
        let Fetch { host, path, account, region } = fetch;
        let role = format!("arn:aws:iam::{account}:role/aws-service-role/lambda.amazonaws.com/Download");
        // Longer than the URL, so that it is the URL that expires, and says so.
        let session = self.sessions.mint(&role, "download", account, now.after(2 * expires));
        let moment = compact(now);
        let (day, _) = moment.split_at(8);
        let credential = format!("{}/{day}/{region}/{SERVICE}/aws4_request", session.access_key_id);
        let fields = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &moment),
            ("X-Amz-Expires", &expires.as_secs().to_string()),
            (TOKEN_PARAMETER, &session.session_token),
            ("X-Amz-SignedHeaders", "host"),
        ]
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)));
        let query = fields.join("&");
        let mut request = Request {
            method: Method::GET,
            path: (*path).to_owned(),
            query: format!("{query}&{SIGNATURE_PARAMETER}=none"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        request.headers.insert("host", HeaderValue::from_str(host).ok()?);
        // Signed by the same code that will verify it.
        let claim = Claim::read(&request).ok()??;
        let signing = Signing::new(&claim, &session.secret_access_key)?;
        let signature =
            signing.of_request(&request, &claim, "UNSIGNED-PAYLOAD", Rules::of(SERVICE).path_form)?;
        Some(format!("http://{host}{path}?{query}&{SIGNATURE_PARAMETER}={signature}"))
    }
}
