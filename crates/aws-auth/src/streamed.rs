//! Requests whose body is still to come: the signature is checked on the head, the body on its way.

use std::io;

use aws_wire::{AwsError, ByteStream, Pieces, Request, Result, Source, Trailer};
use bytes::{Bytes, BytesMut};
use env::Timestamp;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use crate::chunked::{self, Chain, ChunkDecoder, Framing};
use crate::claim::{self, Carrier, Claim};
use crate::refusal::Refusal;
use crate::sigv4::{self, Signing};
use crate::{
    Authenticator, DECODED_LENGTH, DEFAULT_REGION, Identity, Mode, Rules, Scope, check_unsigned_headers,
    content_sha256, framing, hex, identity, is_announced, root,
};

/// What is still to be checked of a body.
pub struct Seal {
    kind: Kind,
    s3: bool,
    announced: String,
}

enum Kind {
    None,
    Sha256(String),
    Chunked { framing: Framing, length: u64, chain: Option<Chain> },
}

impl Authenticator {
    /// As [`Authenticator::authenticate`], for a request whose body has not been read. The body is to be read
    /// through [`Seal::apply`].
    ///
    /// # Errors
    /// AWS's errors for a signature that is missing, malformed, expired or not the key's.
    pub async fn authenticate_head(
        &self,
        service: &str,
        request: &Request,
        now: Timestamp,
    ) -> Result<(Identity, Seal)> {
        let rules = Rules::of(service);
        let refuse = |refusal: Refusal| refusal.into_error(rules.s3);
        if self.mode == Mode::Open {
            let scope = Scope::of(request);
            let token = request.header(claim::TOKEN_HEADER).map(str::to_owned);
            let token = token.or_else(|| claim::parameter(request, claim::TOKEN_PARAMETER));
            let session = token.and_then(|token| self.sessions.open(&token));
            let session = session.filter(|session| now < session.expires);
            let key = session.map_or_else(root, |session| session.key);
            let region = scope.map_or(DEFAULT_REGION.into(), |scope| scope.region.into());
            return Ok((identity(key, region), seal(rules, request, None).map_err(refuse)?));
        }
        let claim = Claim::read(request).map_err(refuse)?.ok_or_else(|| refuse(Refusal::Missing))?;
        claim.check_scope(service).map_err(refuse)?;
        let key = self.key(&claim, rules, now).await?;
        claim.check_time(now, rules.skew, rules.s3).map_err(refuse)?;
        let signing =
            Signing::new(&claim, &key.secret_access_key).ok_or_else(|| refuse(Refusal::Mismatch))?;
        let payload_hash = match content_sha256(request) {
            Some(stated) => stated,
            None if claim.carrier != Carrier::Header => "UNSIGNED-PAYLOAD".to_owned(),
            None => {
                let message = "Missing required header for this request: x-amz-content-sha256";
                return Err(AwsError::common("InvalidRequest", 400, message));
            }
        };
        let expected = signing.of_request(request, &claim, &payload_hash, rules.path_form);
        if !expected.is_some_and(|expected| sigv4::is_same(&expected, &claim.signature)) {
            return Err(refuse(Refusal::Mismatch));
        }
        if rules.s3 {
            check_unsigned_headers(&claim, request).map_err(refuse)?;
        }
        let chain = Chain { signing, previous: claim.signature.clone() };
        let seal = seal(rules, request, Some(chain)).map_err(refuse)?;
        Ok((identity(key, claim.scope.region.into()), seal))
    }
}

fn seal(rules: Rules, request: &Request, chain: Option<Chain>) -> Result<Seal, Refusal> {
    let announced = request.header("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
    let kind = match (framing(rules, request), content_sha256(request)) {
        (Some(framing), _) => {
            let length = request.header(DECODED_LENGTH).and_then(|length| length.parse().ok());
            let length = length.ok_or(Refusal::Chunked(chunked::Error::NoLength))?;
            Kind::Chunked { framing, length, chain }
        }
        (None, Some(stated)) if stated.len() == 64 => Kind::Sha256(stated.to_ascii_lowercase()),
        (None, _) => Kind::None,
    };
    Ok(Seal { kind, s3: rules.s3, announced })
}

impl Seal {
    /// The payload in `pieces`, without its framing. It breaks off when it is not what was signed.
    pub fn apply(self, pieces: Pieces, size_bytes: Option<u64>) -> ByteStream {
        let (s3, announced) = (self.s3, self.announced);
        match self.kind {
            Kind::None => ByteStream::new(pieces, size_bytes),
            Kind::Sha256(stated) => ByteStream::new(Box::pin(hashed(pieces, stated, s3)), size_bytes),
            Kind::Chunked { framing, length, chain } => {
                let trailer = Trailer::default();
                let decoder = ChunkDecoder::new(framing, length, chain);
                let unframed =
                    Unframed { pieces, decoder: Some(decoder), announced, trailer: trailer.clone() };
                let payload = futures_util::stream::try_unfold(unframed, move |mut unframed| async move {
                    let piece = unframed.next().await.map_err(|error| io_error(error, s3))?;
                    Ok(piece.map(|piece| (piece, unframed)))
                });
                Source { pieces: Box::pin(payload), size_bytes: Some(length), trailer }.into()
            }
        }
    }
}

enum Failure {
    Refused(Refusal),
    Broken(io::Error),
}

fn io_error(failure: Failure, s3: bool) -> io::Error {
    match failure {
        Failure::Refused(refusal) => io::Error::other(refusal.into_error(s3)),
        Failure::Broken(error) => error,
    }
}

fn hashed(pieces: Pieces, stated: String, s3: bool) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    let begin = (pieces, Sha256::new(), stated);
    futures_util::stream::try_unfold(begin, move |(mut pieces, mut hasher, stated)| async move {
        match pieces.next().await {
            Some(piece) => {
                let piece = piece?;
                hasher.update(&piece);
                Ok(Some((piece, (pieces, hasher, stated))))
            }
            None if hex(&hasher.finalize()) == stated => Ok(None),
            None => Err(io_error(Failure::Refused(Refusal::PayloadHash), s3)),
        }
    })
}

struct Unframed {
    pieces: Pieces,
    decoder: Option<ChunkDecoder>,
    announced: String,
    trailer: Trailer,
}

impl Unframed {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let refuse = |error| Failure::Refused(Refusal::Chunked(error));
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        let mut payload = BytesMut::new();
        while payload.is_empty() {
            let Some(piece) = self.pieces.next().await else { break };
            decoder.feed(&piece.map_err(Failure::Broken)?, &mut payload).map_err(refuse)?;
        }
        if !payload.is_empty() {
            return Ok(Some(payload.freeze()));
        }
        let fields = self.decoder.take().map(ChunkDecoder::finish).transpose().map_err(refuse)?;
        let fields = fields.unwrap_or_default();
        if !fields.iter().all(|(name, _)| is_announced(name, &self.announced)) {
            return Err(refuse(chunked::Error::Trailer));
        }
        let _ = self.trailer.set(fields);
        Ok(None)
    }
}
