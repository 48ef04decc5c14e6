//! Who signed a request: AWS's Signature Version 4, and the keys behind it.
//!
//! Start with [`Authenticator::authenticate`]. `claim.rs` reads what a request says of its signature, `sigv4.rs` computes
//! what it should be, `refusal.rs` says no in AWS's words; `policy.rs` reads IAM policies and asks them.

pub mod chunked;
mod claim;
mod keys;
pub mod policy;
mod presign;
mod refusal;
mod scope;
mod session;
mod sigv4;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_wire::{AwsError, Request, Result};
use bytes::{Bytes, BytesMut};
use env::Timestamp;
use http::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use chunked::{Chain, ChunkDecoder, Framing};
use claim::{Carrier, Claim};
use refusal::Refusal;
use sigv4::{PathForm, Signing};

pub use keys::{Found, Key, Keys, NoKeys, Secret};
pub use presign::{Fetch, Presigner};
pub use scope::Scope;
pub use session::{Session, SessionCredentials, SessionKeys, role_id};

/// The account of whoever needs none of their own.
pub const DEFAULT_ACCOUNT: &str = "000000000000";
/// The region of a request that names none.
pub const DEFAULT_REGION: &str = "us-east-1";

const CONTENT_SHA256: &str = "x-amz-content-sha256";
const DECODED_LENGTH: &str = "x-amz-decoded-content-length";
/// How much of a chunked body is decoded at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// How much of a signature is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Unsigned or signed with any key: everyone is the default account's root, and a function's role is itself.
    Open,
    /// Only keys that exist, and only signatures that are theirs.
    Signed,
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: Arc<str>,
    pub region: Arc<str>,
    /// The principal's ARN.
    pub arn: String,
    /// The principal's unique id, as `sts:GetCallerIdentity` tells it.
    pub user_id: String,
}

/// Checks who requests are from.
pub struct Authenticator {
    mode: Mode,
    keys: Arc<dyn Keys>,
    sessions: SessionKeys,
}

/// What AWS's services do differently with signatures. All but S3 do alike.
#[derive(Clone, Copy)]
struct Rules {
    s3: bool,
    path_form: PathForm,
    /// How far a client's clock may be off.
    skew: Duration,
}

impl Rules {
    fn of(service: &str) -> Self {
        if matches!(service, "s3" | "s3express") {
            Self { s3: true, path_form: PathForm::Single, skew: Duration::from_secs(15 * 60) }
        } else {
            Self { s3: false, path_form: PathForm::Normalized, skew: Duration::from_secs(5 * 60) }
        }
    }
}

impl Authenticator {
    pub fn new(mode: Mode, keys: Arc<dyn Keys>, sessions: SessionKeys) -> Self {
        Self { mode, keys, sessions }
    }

    /// Who `request` to the service of that signing name is from.
    ///
    /// A body in signed chunks is verified and then decoded in its place: what the request holds afterwards is
    /// the payload, and the trailer's fields are headers.
    ///
    /// # Errors
    /// AWS's errors for a signature that is missing, malformed, expired or not the key's.
    pub async fn authenticate(
        &self,
        service: &str,
        request: &mut Request,
        now: Timestamp,
    ) -> Result<Identity> {
        let rules = Rules::of(service);
        match self.mode {
            Mode::Open => self.believe(rules, request, now).map_err(|refusal| refusal.into_error(rules.s3)),
            Mode::Signed => self.verify(service, rules, request, now).await,
        }
    }

    /// As in [`Mode::Signed`], whatever the mode: for what a signature alone opens, such as a presigned URL of ours.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn demand(&self, service: &str, request: &mut Request, now: Timestamp) -> Result<Identity> {
        self.verify(service, Rules::of(service), request, now).await
    }

    fn believe(&self, rules: Rules, request: &mut Request, now: Timestamp) -> Result<Identity, Refusal> {
        let scope = Scope::of(request);
        let token = request.header(claim::TOKEN_HEADER).map(str::to_owned);
        let token = token.or_else(|| claim::parameter(request, claim::TOKEN_PARAMETER));
        let session = token.and_then(|token| self.sessions.open(&token));
        let key = session.filter(|session| now < session.expires).map_or_else(root, |session| session.key);
        if let Some(framing) = framing(rules, request) {
            unframe(request, framing, None).map_err(Refusal::Chunked)?;
        }
        Ok(identity(key, scope.map_or(DEFAULT_REGION.into(), |scope| scope.region.into())))
    }

    async fn verify(
        &self,
        service: &str,
        rules: Rules,
        request: &mut Request,
        now: Timestamp,
    ) -> Result<Identity> {
        let refuse = |refusal: Refusal| refusal.into_error(rules.s3);
        let claim = Claim::read(request).map_err(refuse)?.ok_or_else(|| refuse(Refusal::Missing))?;
        claim.check_scope(service).map_err(refuse)?;
        let key = self.key(&claim, rules, now).await?;
        claim.check_time(now, rules.skew, rules.s3).map_err(refuse)?;
        check_signature(&claim, &key, rules, request).map_err(refuse)?;
        Ok(identity(key, claim.scope.region.into()))
    }

    /// The key that `claim` names: a session's, or one that is kept.
    async fn key(&self, claim: &Claim, rules: Rules, now: Timestamp) -> Result<Key, AwsError> {
        let refuse = |refusal: Refusal| Err(refusal.into_error(rules.s3));
        let access_key_id = &claim.scope.access_key_id;
        let Some(token) = &claim.session_token else {
            let found = self.keys.find(access_key_id).await?;
            return found.map_or_else(|| refuse(Refusal::NoSuchKey), Ok);
        };
        match self.sessions.open(token) {
            Some(session) if session.access_key_id != *access_key_id => refuse(Refusal::BadToken),
            Some(session) if session.expires <= now => refuse(Refusal::ExpiredToken),
            Some(session) => Ok(session.key),
            None => refuse(Refusal::BadToken),
        }
    }
}

/// Checks that `request` is what `key`'s owner signed, and takes the framing off its body.
fn check_signature(claim: &Claim, key: &Key, rules: Rules, request: &mut Request) -> Result<(), Refusal> {
    let signing = Signing::new(claim, &key.secret_access_key).ok_or(Refusal::Mismatch)?;
    let payload_hash = payload_hash(claim, rules, request)?;
    let expected = signing.of_request(request, claim, &payload_hash, rules.path_form);
    if !expected.is_some_and(|expected| sigv4::is_same(&expected, &claim.signature)) {
        return Err(Refusal::Mismatch);
    }
    if rules.s3 {
        check_unsigned_headers(claim, request)?;
    }
    if let Some(framing) = framing(rules, request) {
        let chain = Chain { signing, previous: claim.signature.clone() };
        unframe(request, framing, Some(chain)).map_err(Refusal::Chunked)?;
    }
    Ok(())
}

/// S3 honours no header of its own that is not signed, so that whoever passes a presigned URL on adds none. The
/// payload's hash alone is signed anyway.
fn check_unsigned_headers(claim: &Claim, request: &Request) -> Result<(), Refusal> {
    let names = request.headers.keys().map(HeaderName::as_str);
    let of_s3 = names.filter(|name| name.starts_with("x-amz-") || *name == "content-md5");
    let unsigned =
        of_s3.filter(|name| *name != CONTENT_SHA256 && !claim.signed_headers.iter().any(|s| s == name));
    let unsigned = unsigned.collect::<Vec<_>>();
    if unsigned.is_empty() { Ok(()) } else { Err(Refusal::Unsigned(unsigned.join(", "))) }
}

/// What a signature has in the place of the payload's hash.
fn payload_hash(claim: &Claim, rules: Rules, request: &Request) -> Result<String, Refusal> {
    let stated = content_sha256(request);
    if rules.s3 {
        match stated.as_deref() {
            Some(stated) if stated == "UNSIGNED-PAYLOAD" || Framing::of(stated).is_some() => {
                return Ok(stated.to_owned());
            }
            // Whoever presigns a URL does not know what will be sent to it.
            None if claim.carrier != Carrier::Header => return Ok("UNSIGNED-PAYLOAD".to_owned()),
            _ => {}
        }
    }
    let actual = hex(&Sha256::digest(&request.body));
    match stated {
        Some(stated) if stated != actual => Err(Refusal::PayloadHash),
        _ => Ok(actual),
    }
}

/// The payload's hash as the client states it; presigned URLs have it among their parameters.
fn content_sha256(request: &Request) -> Option<String> {
    let header = request.header(CONTENT_SHA256).map(str::to_owned);
    header.or_else(|| claim::parameter(request, "X-Amz-Content-Sha256"))
}

/// How the body is framed. Only S3's clients send bodies in chunks of AWS's own.
fn framing(rules: Rules, request: &Request) -> Option<Framing> {
    content_sha256(request).filter(|_| rules.s3).and_then(|stated| Framing::of(&stated))
}

/// Puts the payload of a chunked body in its place, and the trailer's fields among the headers.
fn unframe(request: &mut Request, framing: Framing, chain: Option<Chain>) -> Result<(), chunked::Error> {
    let length = request.header(DECODED_LENGTH).and_then(|length| length.parse().ok());
    let mut decoder = ChunkDecoder::new(framing, length.ok_or(chunked::Error::NoLength)?, chain);
    let mut payload = BytesMut::with_capacity(request.body.len());
    for piece in request.body.chunks(PIECE_BYTES) {
        decoder.feed(piece, &mut payload)?;
    }
    let announced = request.header("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
    for (name, value) in decoder.finish()? {
        // Any other field could pass for a header that was signed.
        let is_checksum =
            name.starts_with("x-amz-checksum-") && announced.split(',').any(|n| n.trim() == name);
        let name = is_checksum.then(|| HeaderName::try_from(name));
        let (Some(Ok(name)), Ok(value)) = (name, HeaderValue::try_from(value)) else {
            return Err(chunked::Error::Trailer);
        };
        request.headers.insert(name, value);
    }
    request.body = Bytes::from(payload);
    Ok(())
}

fn root() -> Key {
    Key {
        secret_access_key: Secret::new(""),
        arn: format!("arn:aws:iam::{DEFAULT_ACCOUNT}:root"),
        user_id: DEFAULT_ACCOUNT.to_owned(),
        account: DEFAULT_ACCOUNT.into(),
    }
}

fn identity(key: Key, region: Arc<str>) -> Identity {
    Identity { account: key.account, region, arn: key.arn, user_id: key.user_id }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
