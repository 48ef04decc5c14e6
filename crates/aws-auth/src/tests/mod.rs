//! Tests of the whole verification. Requests are signed by AWS's signer, as a client's would be.

mod chunks;
mod presigned;
mod published;
mod refusals;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity as Signer;
use http::{HeaderMap, Method};

use super::*;

pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z
pub const THEN: Timestamp = Timestamp::from_secs(1_440_938_160);
pub const ROLE: &str = "arn:aws:iam::123456789012:role/worker";

pub struct OneKey;

impl Keys for OneKey {
    fn find<'a>(&'a self, access_key_id: &'a str) -> Found<'a> {
        let key = (access_key_id == KEY_ID).then(example_key);
        Box::pin(std::future::ready(Ok(key)))
    }
}

pub fn example_key() -> Key {
    Key {
        secret_access_key: Secret::new(SECRET),
        arn: "arn:aws:iam::123456789012:user/alice".to_owned(),
        user_id: "AIDACKCEVSQ6C2EXAMPLE".to_owned(),
        account: "123456789012".into(),
    }
}

pub fn sessions() -> SessionKeys {
    SessionKeys::new([7; 32])
}

pub fn authenticator(mode: Mode) -> Authenticator {
    Authenticator::new(mode, Arc::new(OneKey), sessions())
}

/// A request as a client of ours would sign it.
#[derive(Clone)]
pub struct Client {
    pub access_key_id: String,
    pub secret: String,
    pub token: Option<String>,
    pub service: &'static str,
    pub at: Timestamp,
    /// Presigns when set.
    pub expires: Option<Duration>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// In the place of the body's hash.
    pub payload_hash: Option<&'static str>,
    pub path: &'static str,
}

impl Client {
    pub fn of(service: &'static str) -> Self {
        Self {
            access_key_id: KEY_ID.to_owned(),
            secret: SECRET.to_owned(),
            token: None,
            service,
            at: THEN,
            expires: None,
            headers: Vec::new(),
            body: b"{}".to_vec(),
            payload_hash: None,
            path: "/2015-03-31/functions?MaxItems=5",
        }
    }

    pub fn sign(&self) -> Request {
        let s3 = self.service == "s3";
        let mut settings = SigningSettings::default();
        if s3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if self.expires.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = self.expires;
        }
        let signer: Signer =
            Credentials::new(&self.access_key_id, &self.secret, self.token.clone(), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&signer)
            .region("eu-central-1")
            .name(self.service)
            .time(system_time(self.at))
            .settings(settings)
            .build()
            .expect("all is set");
        let uri = format!("https://{}.test:4566{}", self.service, self.path);
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = match self.payload_hash {
            Some(hash) => SignableBody::Precomputed(hash.to_owned()),
            None => SignableBody::Bytes(&self.body),
        };
        let signable = SignableRequest::new("POST", &uri, headers.clone(), body).expect("signable");
        let (instructions, _) = sign(signable, &params.into()).expect("signs").into_parts();
        let mut signed = http::Request::post(&uri).header("host", format!("{}.test:4566", self.service));
        for (name, value) in headers {
            signed = signed.header(name, value);
        }
        let mut signed = signed.body(()).expect("a request");
        instructions.apply_to_request_http1x(&mut signed);
        Request {
            method: signed.method().clone(),
            path: signed.uri().path().to_owned(),
            query: signed.uri().query().unwrap_or_default().to_owned(),
            headers: signed.headers().clone(),
            body: self.body.clone().into(),
        }
    }
}

pub fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_secs().try_into().expect("after 1970"))
}

/// The code, status and message of a refusal; whose it is otherwise.
pub async fn ask(
    mode: Mode,
    service: &str,
    mut request: Request,
    now: Timestamp,
) -> Result<Identity, String> {
    let answered = authenticator(mode).authenticate(service, &mut request, now).await;
    answered.map_err(|error| {
        format!("{} {} {}", error.status, error.code, error.message.as_deref().unwrap_or_default())
    })
}

pub fn unsigned() -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("lambda.test"));
    Request { method: Method::GET, path: "/".into(), query: String::new(), headers, body: Bytes::new() }
}

#[tokio::test]
async fn what_aws_signs_is_verified() {
    let alice = Identity {
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        arn: example_key().arn,
        user_id: example_key().user_id,
    };
    let presigned = Some(Duration::from_secs(60));
    let encoded = "/a%2Fb/%C3%BC/arn%3Aaws%3Alambda?x=%20%2B&y&%C3%A9=1";
    let cases = HashMap::from([
        ("header", Client::of("lambda")),
        ("query", Client { expires: presigned, ..Client::of("lambda") }),
        ("encoded path", Client { path: encoded, ..Client::of("lambda") }),
        ("encoded path, presigned", Client { path: encoded, expires: presigned, ..Client::of("lambda") }),
        ("a path of dots", Client { path: "/a/../b/./c//d", ..Client::of("lambda") }),
        ("S3, header", Client { path: "/bucket//a/../b%20c%2B", ..Client::of("s3") }),
        (
            "S3, unsigned payload",
            Client { payload_hash: Some("UNSIGNED-PAYLOAD"), path: "/bucket/key", ..Client::of("s3") },
        ),
        (
            "S3, presigned",
            Client {
                payload_hash: Some("UNSIGNED-PAYLOAD"),
                expires: presigned,
                path: "/bucket/k%20y",
                ..Client::of("s3")
            },
        ),
    ]);
    for (name, client) in cases {
        assert_eq!(ask(Mode::Signed, client.service, client.sign(), THEN).await, Ok(alice.clone()), "{name}");
    }
}

/// Clients encode a key's letters on the way as they like; S3 signs the encoded form of all.
#[tokio::test]
async fn an_s3_path_may_arrive_less_encoded_than_signed() {
    let mut request = Client { path: "/bucket/a%28b%29%21%27", ..Client::of("s3") }.sign();
    request.path = "/bucket/a(b)!'".to_owned();
    assert!(ask(Mode::Signed, "s3", request, THEN).await.is_ok());
}

#[tokio::test]
async fn a_date_header_stands_in_for_x_amz_date() {
    let mut request = unsigned();
    request.headers.insert("date", HeaderValue::from_static("Sun, 30 Aug 2015 12:36:00 GMT"));
    let credential = format!("{KEY_ID}/20150830/us-east-1/lambda/aws4_request");
    let authorization = |signature: &str| {
        let text = format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=date;host, Signature={signature}"
        );
        HeaderValue::try_from(text).expect("a header")
    };
    // What AWS's documents say is signed, written out: the signer itself never leaves x-amz-date away.
    let canonical = "GET\n/\n\ndate:Sun, 30 Aug 2015 12:36:00 GMT\nhost:lambda.test\n\ndate;host\n\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let text = format!(
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/lambda/aws4_request\n{}",
        hex(&Sha256::digest(canonical))
    );
    let key = v4::generate_signing_key(SECRET, system_time(THEN), "us-east-1", "lambda");
    let signature = v4::calculate_signature(key, text.as_bytes());
    request.headers.insert("authorization", authorization(&signature));
    assert!(ask(Mode::Signed, "lambda", copy(&request), THEN).await.is_ok());
    request.headers.insert("date", HeaderValue::from_static("Sun, 30 Aug 2015 12:36:01 GMT"));
    assert!(ask(Mode::Signed, "lambda", request, THEN).await.is_err());
}

pub fn copy(request: &Request) -> Request {
    Request {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
    }
}

fn session_client(expires: Timestamp) -> Client {
    let minted = sessions().mint(ROLE, "my-function", "123456789012", expires);
    Client {
        access_key_id: minted.access_key_id,
        secret: minted.secret_access_key.reveal().to_owned(),
        token: Some(minted.session_token),
        ..Client::of("lambda")
    }
}

#[tokio::test]
async fn a_session_is_its_role_in_both_modes() {
    let client = session_client(THEN.after(Duration::from_secs(900)));
    let presigned = Client { expires: Some(Duration::from_secs(60)), ..client.clone() };
    for (mode, request) in [
        (Mode::Signed, client.sign()),
        (Mode::Signed, presigned.sign()),
        (Mode::Open, client.sign()),
        (Mode::Open, presigned.sign()),
    ] {
        let identity = ask(mode, "lambda", request, THEN).await.expect("a valid session");
        assert_eq!(identity.arn, "arn:aws:sts::123456789012:assumed-role/worker/my-function");
        assert_eq!(identity.user_id, format!("{}:my-function", role_id(ROLE)));
        assert_eq!((&*identity.account, &*identity.region), ("123456789012", "eu-central-1"));
    }
}

#[tokio::test]
async fn an_open_platform_takes_everyone_for_root() {
    let mut wrong = Client { secret: "wrong".to_owned(), ..Client::of("lambda") }.sign();
    let expired = session_client(THEN).sign();
    for (request, region) in [
        (unsigned(), DEFAULT_REGION),
        (copy(&wrong), "eu-central-1"),
        (expired, "eu-central-1"),
        (
            {
                wrong.headers.insert("x-amz-security-token", HeaderValue::from_static("foreign"));
                wrong
            },
            "eu-central-1",
        ),
    ] {
        let identity = ask(Mode::Open, "lambda", request, THEN).await.expect("open");
        assert_eq!((identity.arn.as_str(), &*identity.region), ("arn:aws:iam::000000000000:root", region));
        assert_eq!(&*identity.account, DEFAULT_ACCOUNT);
    }
}

#[test]
fn no_secret_shows_in_debug_output() {
    let client = session_client(THEN);
    let request = client.sign();
    let claim = Claim::read(&request).expect("a signature").expect("signed");
    let shown = format!("{:?} {claim:?} {:?}", example_key(), Secret::new(SECRET));
    assert!(!shown.contains(SECRET) && !shown.contains(&client.secret), "{shown}");
}

/// The gateway answers each request in a task of its own.
#[test]
fn the_check_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let authenticator = authenticator(Mode::Signed);
    is_send(&authenticator.authenticate("lambda", &mut unsigned(), THEN));
}
