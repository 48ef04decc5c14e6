//! What AWS answers to signatures that are not right.

use super::*;

#[derive(Clone, Copy)]
enum Change {
    /// Sets a header, or takes it away.
    Header(&'static str, Option<&'static str>),
    /// Replaces text in the `Authorization` header.
    Authorization(&'static str, &'static str),
    /// Replaces text in the query.
    Query(&'static str, &'static str),
    Body(&'static str),
    Path(&'static str),
}

fn change(request: &mut Request, change: Change) {
    match change {
        Change::Header(name, None) => {
            request.headers.remove(name).expect("there was one");
        }
        Change::Header(name, Some(value)) => {
            request.headers.insert(name, HeaderValue::from_static(value));
        }
        Change::Authorization(from, to) => {
            let text = request.header("authorization").expect("signed in a header").to_owned();
            assert!(text.contains(from), "{text}");
            let text = HeaderValue::try_from(text.replace(from, to)).expect("a header");
            request.headers.insert("authorization", text);
        }
        Change::Query(from, to) => {
            assert!(request.query.contains(from), "{}", request.query);
            request.query = request.query.replace(from, to);
        }
        Change::Body(body) => request.body = Bytes::from_static(body.as_bytes()),
        Change::Path(path) => request.path = path.to_owned(),
    }
}

async fn check(client: &Client, changes: &[Change], expected: &str) {
    let mut request = client.sign();
    for each in changes {
        change(&mut request, *each);
    }
    let answered = ask(Mode::Signed, client.service, request, THEN).await;
    let answered = answered.expect_err(expected);
    assert!(answered.starts_with(expected), "{answered}\nis not\n{expected}");
}

const MISMATCH: &str = "403 InvalidSignatureException The request signature we calculated does not match the signature you \
     provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

#[tokio::test]
async fn signatures_in_headers() {
    let client = Client::of("lambda");
    for changed in [
        Change::Body("{\"a\":1}"),
        Change::Path("/2015-03-31/function"),
        Change::Query("MaxItems=5", "MaxItems=6"),
        Change::Query("MaxItems=5", "MaxItems=5&Marker="),
        Change::Header("host", Some("lambda.test:4567")),
        Change::Authorization("Signature=", "Signature=0"),
        Change::Authorization("eu-central-1", "eu-central-2"),
        Change::Authorization("SignedHeaders=host", "SignedHeaders=content-type;host"),
        Change::Header("x-amz-date", Some("20150830T123601Z")),
        Change::Header(CONTENT_SHA256, Some("UNSIGNED-PAYLOAD")),
    ] {
        check(&client, &[changed], MISMATCH).await;
    }
    let cases = [
        (
            Change::Header("authorization", None),
            "403 MissingAuthenticationTokenException Missing Authentication Token",
        ),
        (
            Change::Header("authorization", Some("Bearer abc")),
            "403 IncompleteSignatureException Authorization header requires 'Credential' parameter. \
             Authorization header requires 'Signature' parameter. Authorization header requires \
             'SignedHeaders' parameter. Authorization=Bearer abc",
        ),
        (Change::Authorization("Signature=", "Signatur "), "403 IncompleteSignatureException 'Signatur "),
        (
            Change::Header("x-amz-date", None),
            "403 IncompleteSignatureException Authorization header requires existence of either a \
             'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Credential=",
        ),
        (
            Change::Header("x-amz-date", Some("yesterday")),
            "403 IncompleteSignatureException Date must be in ISO-8601 'basic format'. Got 'yesterday'. \
             See http://en.wikipedia.org/wiki/ISO_8601",
        ),
        (
            Change::Header("x-amz-date", Some("20150831T123600Z")),
            "403 InvalidSignatureException Date in Credential scope does not match YYYYMMDD from ISO-8601 \
             version of date from HTTP: '20150830' != '20150831', from '20150831T123600Z'.",
        ),
        (
            Change::Authorization("/20150830/eu-central-1", ""),
            "403 IncompleteSignatureException Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term, got 'AKIDEXAMPLE/lambda/aws4_request'",
        ),
        (
            Change::Authorization("aws4_request", "aws5_request"),
            "403 InvalidSignatureException Credential should be scoped with a valid terminator: \
             'aws4_request', not 'aws5_request'.",
        ),
        (
            Change::Authorization("/lambda/", "/sqs/"),
            "403 InvalidSignatureException Credential should be scoped to correct service: 'lambda'.",
        ),
        (
            Change::Authorization("SignedHeaders=host;", "SignedHeaders="),
            "403 InvalidSignatureException 'Host' or ':authority' must be a 'SignedHeader' in the AWS \
             Authorization.",
        ),
        (
            Change::Authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
            "403 IncompleteSignatureException Unsupported AWS 'algorithm'",
        ),
        (
            Change::Authorization(KEY_ID, "AKIDUNKNOWN"),
            "403 UnrecognizedClientException The security token included in the request is invalid.",
        ),
        (
            Change::Header("x-amz-security-token", Some("foreign")),
            "403 UnrecognizedClientException The security token included in the request is invalid.",
        ),
        (Change::Header("host", None), MISMATCH),
    ];
    for (changed, expected) in cases {
        check(&client, &[changed], expected).await;
    }
}

#[tokio::test]
async fn presigned_urls() {
    let client = Client { expires: Some(Duration::from_secs(60)), ..Client::of("lambda") };
    let incomplete = "403 IncompleteSignatureException AWS query-string parameters must include";
    let cases = [
        (Change::Query("X-Amz-Expires=60", "X-Amz-Expires=61"), MISMATCH),
        (Change::Query("MaxItems=5", "MaxItems=6"), MISMATCH),
        (Change::Query("MaxItems=5", "MaxItems=5&Marker=a"), MISMATCH),
        (Change::Query("X-Amz-Signature=", "X-Amz-Signature=0"), MISMATCH),
        (Change::Body("other"), MISMATCH),
        (Change::Query("X-Amz-Signature", "X-Amz-Signatur"), incomplete),
        (Change::Query("X-Amz-Credential", "Credential"), incomplete),
        (Change::Query("X-Amz-Date", "Date"), incomplete),
        (
            Change::Query("X-Amz-Expires=60", "X-Amz-Expires=604801"),
            "403 IncompleteSignatureException X-Amz-Expires must be less than a week",
        ),
        (
            Change::Query("X-Amz-Expires=60", "X-Amz-Expires=-1"),
            "403 IncompleteSignatureException X-Amz-Expires must be non-negative",
        ),
        (
            Change::Query("X-Amz-Expires=60", "X-Amz-Expires=soon"),
            "403 IncompleteSignatureException X-Amz-Expires should be a number",
        ),
    ];
    for (changed, expected) in cases {
        check(&client, &[changed], expected).await;
    }
}

#[tokio::test]
async fn s3_has_codes_of_its_own() {
    let client = Client { path: "/bucket/key?x=1", ..Client::of("s3") };
    let presigned = Client {
        expires: Some(Duration::from_secs(60)),
        payload_hash: Some("UNSIGNED-PAYLOAD"),
        ..client.clone()
    };
    let mismatch = "403 SignatureDoesNotMatch The request signature we calculated does not match the \
                    signature you provided. Check your key and signing method.";
    let unsigned = "403 AccessDenied There were headers present in the request which were not signed";
    let cases = [
        (&client, Change::Query("x=1", "x=2"), mismatch),
        (&client, Change::Path("/bucket/./key"), mismatch),
        (&client, Change::Header("authorization", None), "403 AccessDenied Access Denied"),
        (
            &client,
            Change::Header("authorization", Some("AWS AKIDEXAMPLE:c2lnbmF0dXJl")),
            "400 InvalidRequest The authorization mechanism you have provided is not supported. Please use \
             AWS4-HMAC-SHA256.",
        ),
        (&client, Change::Authorization("/s3/", "/sqs/"), "400 AuthorizationHeaderMalformed"),
        (
            &client,
            Change::Authorization(KEY_ID, "AKIDUNKNOWN"),
            "403 InvalidAccessKeyId The AWS Access Key Id you provided does not exist in our records.",
        ),
        (&client, Change::Header("x-amz-security-token", Some("foreign")), "400 InvalidToken"),
        (
            &client,
            Change::Body("other"),
            "400 XAmzContentSHA256Mismatch The provided 'x-amz-content-sha256' header does not match what \
             was computed.",
        ),
        (
            &presigned,
            Change::Query("X-Amz-Expires=60", "X-Amz-Expires=999999"),
            "400 AuthorizationQueryParametersError X-Amz-Expires must be less than a week",
        ),
        (
            &presigned,
            Change::Query("&X-Amz-Expires=60", ""),
            "400 AuthorizationQueryParametersError Query-string authentication version 4 requires",
        ),
        (&presigned, Change::Query("x=1", "x=2"), mismatch),
        (&presigned, Change::Header("x-amz-acl", Some("public-read")), unsigned),
        (&client, Change::Header("content-md5", Some("XUFAKrxLKna5cZ2REBfFkg==")), unsigned),
    ];
    for (client, changed, expected) in cases {
        check(client, &[changed], expected).await;
    }
}

#[tokio::test]
async fn sessions_expire_and_belong_to_their_key() {
    let client = session_client(THEN.after(Duration::from_secs(1)));
    assert!(ask(Mode::Signed, "lambda", client.sign(), THEN).await.is_ok());
    let invalid = "403 UnrecognizedClientException The security token included in the request is invalid.";
    let other = session_client(THEN.after(Duration::from_secs(2)));
    check(&Client { token: other.token, ..client.clone() }, &[], invalid).await;
    check(&Client { token: None, ..client.clone() }, &[], invalid).await;
    check(&Client { access_key_id: KEY_ID.to_owned(), ..client.clone() }, &[], invalid).await;
    check(&Client { secret: SECRET.to_owned(), ..client }, &[], MISMATCH).await;
    let expired = "403 ExpiredTokenException The security token included in the request is expired";
    check(&session_client(THEN), &[], expired).await;
    let s3 = Client { service: "s3", path: "/bucket/key", ..session_client(THEN) };
    check(&s3, &[], "400 ExpiredToken The provided token has expired.").await;
}

/// For services of the query protocol the codes have other names.
#[tokio::test]
async fn query_services_get_their_own_codes() {
    let cases = [
        (Change::Header("authorization", None), "MissingAuthenticationToken"),
        (Change::Header("x-amz-date", None), "IncompleteSignature"),
        (Change::Authorization(KEY_ID, "AKIDUNKNOWN"), "InvalidClientTokenId"),
        (Change::Body("other"), "SignatureDoesNotMatch"),
    ];
    for (changed, expected) in cases {
        let mut request = Client::of("sts").sign();
        change(&mut request, changed);
        let error = authenticator(Mode::Signed).authenticate("sts", &mut request, THEN).await;
        assert_eq!(error.expect_err(expected).query_code, Some(expected));
    }
    let mut request = Client { service: "sts", ..session_client(THEN) }.sign();
    let error = authenticator(Mode::Signed).authenticate("sts", &mut request, THEN).await;
    assert_eq!(error.expect_err("expired").query_code, Some("ExpiredToken"));
}

/// Seconds from the signature to now, and the answer; `None` for a good one.
#[tokio::test]
async fn clocks_may_differ_only_so_much() {
    let expires = Some(Duration::from_secs(3600));
    let header = Client::of("lambda");
    let url = Client { expires, ..Client::of("lambda") };
    let s3 = Client { path: "/bucket/key", ..Client::of("s3") };
    let s3_url = Client { expires, payload_hash: Some("UNSIGNED-PAYLOAD"), ..s3.clone() };
    let skewed =
        "403 RequestTimeTooSkewed The difference between the request time and the current time is too large.";
    let cases = [
        (&header, 0, None),
        (&header, 300, None),
        (
            &header,
            301,
            Some(
                "403 InvalidSignatureException Signature expired: 20150830T123600Z is now earlier than \
                 20150830T123601Z (20150830T124101Z - 5 min.)",
            ),
        ),
        (&header, -300, None),
        (
            &header,
            -301,
            Some(
                "403 InvalidSignatureException Signature not yet current: 20150830T123600Z is still later \
                 than 20150830T123559Z (20150830T123059Z + 5 min.)",
            ),
        ),
        (&url, 3600, None),
        (
            &url,
            3601,
            Some(
                "403 InvalidSignatureException Signature expired: 20150830T123600Z is now earlier than \
                 20150830T123601Z (20150830T133601Z - 60 min.)",
            ),
        ),
        (&url, -300, None),
        (&url, -301, Some("403 InvalidSignatureException Signature not yet current: ")),
        (&s3, 900, None),
        (&s3, 901, Some(skewed)),
        (&s3, -900, None),
        (&s3, -901, Some(skewed)),
        (&s3_url, 3600, None),
        (&s3_url, 3601, Some("403 AccessDenied Request has expired")),
        (&s3_url, -901, Some("403 AccessDenied Request is not valid yet")),
    ];
    for (client, secs, expected) in cases {
        let now = Timestamp::from_secs(THEN.as_secs() + secs);
        let answered = ask(Mode::Signed, client.service, client.sign(), now).await;
        match (answered, expected) {
            (Ok(_), None) => {}
            (Err(answered), Some(expected)) => assert!(answered.starts_with(expected), "{answered}"),
            (answered, _) => panic!("{} {secs}: {answered:?}", client.service),
        }
    }
}

/// A request is hostile until it is verified: whatever it says, it is refused and nothing panics.
#[tokio::test]
async fn no_garbage_panics_or_passes() {
    let entropy = env::Seeded::new(4);
    let draw = |below: usize| {
        let mut bytes = [0; 8];
        env::Entropy::fill(&entropy, &mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % below as u64).expect("below a usize")
    };
    let letters =
        ["", "/", "%", "?", "&", "=", ";", ",", " ", "a", "Z", "0", ".", "%2", "%ff", "\u{e9}", "://", "\\"];
    let spoil = |text: &str| {
        let mut spoiled = text.chars().collect::<Vec<_>>();
        let at = draw(spoiled.len() + 1);
        let end = (at + draw(3)).min(spoiled.len());
        spoiled.splice(at..end, letters[draw(letters.len())].chars());
        spoiled.into_iter().collect::<String>()
    };
    let presigned = Some(Duration::from_secs(60));
    let clients = [
        Client::of("lambda"),
        Client { expires: presigned, ..Client::of("lambda") },
        Client { path: "/bucket/key?x=1", ..Client::of("s3") },
        Client { path: "/bucket/key?x=1", expires: presigned, ..Client::of("s3") },
    ];
    let mut refused = 0;
    for _ in 0..3000 {
        let client = &clients[draw(clients.len())];
        let signed = client.sign();
        let mut request = copy(&signed);
        match draw(4) {
            0 => request.path = spoil(&request.path),
            1 => request.query = spoil(&request.query),
            2 => {
                let text = request.header("authorization").map(spoil).unwrap_or_default();
                if let Ok(text) = HeaderValue::try_from(text) {
                    request.headers.insert("authorization", text);
                }
            }
            _ => {
                let name = request.headers.keys().nth(draw(request.headers.len())).cloned();
                let name = name.expect("within the length");
                let text = spoil(request.header(name.as_str()).expect("text"));
                request.headers.insert(name, HeaderValue::try_from(text).expect("a value"));
            }
        }
        let answered = ask(Mode::Signed, client.service, copy(&request), THEN).await;
        refused += usize::from(answered.is_err());
        if answered.is_ok() {
            // What means the same is signed too: another escape of a letter, a parameter without its equals sign, a
            // space that is folded. Anything of the body or of the host is not.
            let host = |request: &Request| request.header("host").map(|host| host.trim().to_owned());
            assert_eq!((&request.body, host(&request)), (&signed.body, host(&signed)));
        }
    }
    assert!(refused > 2000, "only {refused} were refused");
}
