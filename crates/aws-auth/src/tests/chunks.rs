//! Bodies in chunks: AWS's documented examples, and what AWS's signer makes.

use aws_sigv4::sign::v4::{sign_chunk, sign_trailer};
use aws_smithy_runtime_api::http::Headers;
use proptest::prelude::{any, prop};
use proptest::{prop_assert_eq, proptest};

use super::*;
use crate::chunked::{CHUNK_BYTES_MAX, Error};

/// The key of S3's documentation, which is not that of the vectors.
const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html> and `…/sigv4-streaming-trailers.html`
fn documented(trailer: bool) -> Request {
    let mut text = String::from("PUT /examplebucket/chunkObject.txt HTTP/1.1\n");
    let signature = if trailer {
        text.push_str("x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\n");
        text.push_str("x-amz-trailer:x-amz-checksum-crc32c\n");
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    } else {
        text.push_str("x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\ncontent-length:66824\n");
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    };
    text.push_str(
        "host:s3.amazonaws.com\nx-amz-date:20130524T000000Z\nx-amz-storage-class:REDUCED_REDUNDANCY\n\
         content-encoding:aws-chunked\nx-amz-decoded-content-length:66560\n",
    );
    let signed = if trailer {
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class;x-amz-trailer"
    } else {
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length;x-amz-storage-class"
    };
    text.push_str(&format!(
        "Authorization:AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed},Signature={signature}\n\n"
    ));
    let signatures = if trailer {
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ]
    } else {
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ]
    };
    let mut request = published::read_request(&text);
    let mut body = Vec::new();
    for (size, signature) in [65536, 1024].into_iter().zip(signatures) {
        body.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
        body.extend(vec![b'a'; size]);
        body.extend(b"\r\n");
    }
    body.extend(format!("0;chunk-signature={}\r\n", signatures[2]).into_bytes());
    if trailer {
        body.extend(b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:");
        body.extend(b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n");
    }
    body.extend(b"\r\n");
    request.body = body.into();
    request
}

fn verify(request: &mut Request) -> Result<(), Refusal> {
    let claim = Claim::read(request)?.ok_or(Refusal::Missing)?;
    let key = Key { secret_access_key: Secret::new(S3_SECRET), ..example_key() };
    check_signature(&claim, &key, Rules::of("s3"), request)
}

#[test]
fn the_documented_uploads_verify() {
    for trailer in [false, true] {
        let mut request = documented(trailer);
        verify(&mut request).expect("AWS's own example");
        assert_eq!(request.body, vec![b'a'; 66560]);
        assert_eq!(request.header("x-amz-checksum-crc32c"), trailer.then_some("sOO8/Q=="));
    }
}

#[test]
fn any_changed_byte_of_the_documented_uploads_is_refused() {
    for trailer in [false, true] {
        let request = documented(trailer);
        let length = request.body.len();
        // The framing at the beginning, between the chunks and at the end, and some of the payload.
        let positions = (0..100).chain(65_600..65_800).chain(length - 300..length).chain([30_000, 66_000]);
        for position in positions {
            let mut body = request.body.to_vec();
            body[position] ^= 1;
            let mut changed = Request { body: body.into(), ..copy(&request) };
            assert!(verify(&mut changed).is_err(), "byte {position} of {length}, trailer {trailer}");
        }
        let mut cut = Request { body: request.body.slice(..length - 2), ..copy(&request) };
        assert!(matches!(verify(&mut cut), Err(Refusal::Chunked(Error::Cut))));
    }
}

/// An upload as AWS's signer makes it: the request, its chunks, perhaps a trailer.
fn upload(framing: &'static str, chunks: &[&[u8]], trailer: Option<(&'static str, &'static str)>) -> Request {
    let length: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    let mut client = Client {
        path: "/bucket/key",
        payload_hash: Some(framing),
        headers: vec![(DECODED_LENGTH, length.to_string()), ("content-encoding", "aws-chunked".into())],
        ..Client::of("s3")
    };
    client.headers.extend(trailer.map(|(name, _)| ("x-amz-trailer", name.to_owned())));
    let mut request = client.sign();
    let claim = Claim::read(&request).expect("a signature").expect("signed");
    let signer: Signer = Credentials::new(KEY_ID, SECRET, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&signer)
        .region("eu-central-1")
        .name("s3")
        .time(system_time(THEN))
        .settings(())
        .build()
        .expect("all is set");
    let signs = framing.contains("HMAC");
    let (mut body, mut previous) = (Vec::new(), claim.signature);
    for chunk in chunks.iter().copied().chain([&[][..]]) {
        let mut line = format!("{:x}", chunk.len());
        if signs {
            let signed = sign_chunk(&Bytes::copy_from_slice(chunk), &previous, &params).expect("signs");
            previous = signed.into_parts().1;
            line.push_str(&format!(";chunk-signature={previous}"));
        }
        body.extend(line.into_bytes());
        body.extend(b"\r\n");
        body.extend(chunk);
        if !chunk.is_empty() {
            body.extend(b"\r\n");
        }
    }
    if let Some((name, value)) = trailer {
        body.extend(format!("{name}:{value}\r\n").into_bytes());
        if signs {
            let mut headers = Headers::new();
            headers.append(name, value);
            let signed = sign_trailer(&headers, &previous, &params).expect("signs").into_parts().1;
            body.extend(format!("x-amz-trailer-signature:{signed}\r\n").into_bytes());
        }
    }
    body.extend(b"\r\n");
    request.body = body.into();
    request
}

const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const CRC: Option<(&str, &str)> = Some(("x-amz-checksum-crc32", "AAAAAA=="));

async fn decoded(mode: Mode, mut request: Request) -> Result<Request, String> {
    let answered = authenticator(mode).authenticate("s3", &mut request, THEN).await;
    answered.map(|_| request).map_err(|error| format!("{} {error}", error.status))
}

#[tokio::test]
async fn what_the_signer_chunks_is_decoded() {
    let large = vec![7; 100_000];
    for chunks in [&[][..], &[b"hello".as_slice()], &[b"hello", b" ", b"world"], &[&large, b"x", &large]] {
        for (framing, trailer) in [(SIGNED, None), (SIGNED_TRAILER, CRC), (UNSIGNED_TRAILER, CRC)] {
            for mode in [Mode::Signed, Mode::Open] {
                let request = decoded(mode, upload(framing, chunks, trailer)).await.expect(framing);
                assert_eq!(request.body, chunks.concat(), "{framing}");
                assert_eq!(request.header("x-amz-checksum-crc32"), trailer.map(|(_, value)| value));
            }
        }
    }
}

#[tokio::test]
async fn an_open_platform_takes_the_framing_off_without_believing_it() {
    let mut request = upload(SIGNED, &[b"hello"], None);
    request.body = Bytes::from_static(b"5;chunk-signature=wrong\r\nhello\r\n0\r\n\r\n");
    assert_eq!(decoded(Mode::Open, copy(&request)).await.expect("open").body, "hello");
    assert!(
        decoded(Mode::Signed, request).await.expect_err("wrong").starts_with("403 SignatureDoesNotMatch")
    );
}

#[tokio::test]
async fn bad_framing_is_refused() {
    let malformed = "400 InvalidRequest";
    let cases = [
        ("5\r\nhello\r\n0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\n\r\n\r\n", ""),
        ("05;later=extension\r\nhello\r\n0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\nx-amz-checksum-sha1:AAAAAA==\r\n\r\n", malformed),
        ("5\r\nhello\r\n0\r\nx-amz-storage-class:GLACIER\r\n\r\n", malformed),
        ("5\r\nhello\r\n0\r\nno colon\r\n\r\n", malformed),
        ("5\r\nhello\r\n0\r\n\r\nmore", malformed),
        ("5\r\nhello0\r\n\r\n", malformed),
        ("+5\r\nhello\r\n0\r\n\r\n", malformed),
        ("\r\nhello\r\n0\r\n\r\n", malformed),
        ("z\r\nhello\r\n0\r\n\r\n", malformed),
        ("ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", malformed),
        ("5\r\nhello\r\n0\r\n", malformed),
        ("5\r\nhel", malformed),
        ("", malformed),
        ("4\r\nhell\r\n0\r\n\r\n", "400 IncompleteBody"),
        ("6\r\nhello!\r\n0\r\n\r\n", "400 IncompleteBody"),
        ("ffffffffffffffff\r\nhello", "400 IncompleteBody"),
    ];
    for (body, expected) in cases {
        let request = Request { body: body.into(), ..upload(UNSIGNED_TRAILER, &[b"hello"], CRC) };
        match decoded(Mode::Signed, request).await {
            Ok(request) => assert_eq!((&*request.body, expected), (&b"hello"[..], ""), "{body:?}"),
            Err(error) => assert!(!expected.is_empty() && error.starts_with(expected), "{body:?}: {error}"),
        }
    }
    let mut request = upload(UNSIGNED_TRAILER, &[b"hello"], CRC);
    request.headers.remove(DECODED_LENGTH);
    let error = decoded(Mode::Open, request).await.expect_err("no length");
    assert!(error.starts_with("411 MissingContentLength"), "{error}");
}

/// Only S3 knows chunks: elsewhere such a body is what it is, and the stated hash is not its.
#[tokio::test]
async fn other_services_take_no_chunks() {
    let client = Client { headers: vec![(CONTENT_SHA256, SIGNED.to_owned())], ..Client::of("lambda") };
    let answered = ask(Mode::Signed, "lambda", client.sign(), THEN).await.expect_err("no chunks");
    assert!(answered.starts_with("403 InvalidSignatureException"), "{answered}");
}

#[test]
fn a_body_may_arrive_in_any_pieces() {
    let body = b"5;chunk-signature=x\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    for size in 1..body.len() {
        let mut decoder = ChunkDecoder::new(Framing::UnsignedWithTrailer, 11, None);
        let mut payload = BytesMut::new();
        for piece in body.chunks(size) {
            decoder.feed(piece, &mut payload).expect("well framed");
        }
        assert_eq!(payload, &b"hello world"[..], "pieces of {size}");
        let trailer = decoder.finish().expect("complete");
        assert_eq!(trailer, [("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned())]);
    }
}

#[test]
fn nothing_makes_the_decoder_hold_more_than_a_chunk() {
    let request = upload(SIGNED, &[b"hello"], None);
    let claim = Claim::read(&request).expect("a signature").expect("signed");
    let decoder = || {
        let signing = Signing::new(&claim, &Secret::new(SECRET)).expect("a date of our time");
        let chain = Chain { signing, previous: claim.signature.clone() };
        ChunkDecoder::new(Framing::Signed, u64::MAX, Some(chain))
    };
    let too_large = format!("{:x};chunk-signature=x\r\n", CHUNK_BYTES_MAX + 1);
    let mut payload = BytesMut::new();
    assert_eq!(decoder().feed(too_large.as_bytes(), &mut payload), Err(Error::TooLarge));
    assert_eq!(decoder().feed(&[b'0'; 2000], &mut payload), Err(Error::Size));
    assert!(payload.is_empty());
    let mut trailer = ChunkDecoder::new(Framing::UnsignedWithTrailer, 0, None);
    let many = format!("0\r\n{}", "x-amz-checksum-crc32:a\r\n".repeat(17));
    assert_eq!(trailer.feed(many.as_bytes(), &mut payload), Err(Error::Trailer));
}

#[test]
fn a_chunk_is_given_out_only_when_its_signature_is_right() {
    let request = upload(SIGNED, &[b"hello", b"world"], None);
    let claim = Claim::read(&request).expect("a signature").expect("signed");
    let signing = Signing::new(&claim, &Secret::new(SECRET)).expect("a date of our time");
    let chain = Chain { signing, previous: claim.signature.clone() };
    let mut decoder = ChunkDecoder::new(Framing::Signed, 10, Some(chain));
    let mut payload = BytesMut::new();
    let body = request.body.to_vec();
    let second = body.windows(5).position(|five| five == b"world").expect("there");
    decoder.feed(&body[..second], &mut payload).expect("well framed");
    assert_eq!(payload, &b"hello"[..]);
    assert_eq!(decoder.feed(b"wurld\r\n", &mut payload), Err(Error::Signature));
    assert_eq!(payload, &b"hello"[..]);
}

#[test]
fn no_garbage_panics_in_the_decoder() {
    let entropy = env::Seeded::new(5);
    let alphabet = b"0123af;:\r\n\r\n\r\nx";
    for _ in 0..20_000 {
        let mut bytes = [0; 24];
        env::Entropy::fill(&entropy, &mut bytes);
        let (length, body) = bytes.split_at(1);
        let mut body =
            body.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect::<Vec<_>>();
        body.truncate(usize::from(length[0]) % 24);
        for framing in [Framing::Signed, Framing::UnsignedWithTrailer] {
            let mut decoder = ChunkDecoder::new(framing, 3, None);
            let mut payload = BytesMut::new();
            let fed = body.chunks(5).try_for_each(|piece| decoder.feed(piece, &mut payload));
            if fed.is_ok() && decoder.finish().is_ok() {
                assert_eq!(payload.len(), 3);
            }
            assert!(payload.len() <= 3, "more than was announced");
        }
    }
}

proptest! {
    #[test]
    fn a_body_of_any_chunks_may_arrive_in_any_pieces(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5),
        pieces in prop::collection::vec(1..30_usize, 1..20),
        with_trailer in any::<bool>(),
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        let trailer: &[_] = if with_trailer { &[("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned())] } else { &[] };
        body.extend_from_slice(b"0\r\n");
        trailer.iter().for_each(|(name, value)| body.extend_from_slice(format!("{name}:{value}\r\n").as_bytes()));
        body.extend_from_slice(b"\r\n");
        let (payload, mut rest) = (chunks.concat(), &body[..]);
        let mut decoder = ChunkDecoder::new(Framing::UnsignedWithTrailer, payload.len() as u64, None);
        let mut read = BytesMut::new();
        for size in pieces.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            decoder.feed(piece, &mut read).expect("well framed");
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&read[..], &payload);
        prop_assert_eq!(&decoder.finish().expect("complete")[..], trailer);
    }
}
