//! Keys of the client's own (SSE-C): an object's bytes are encrypted with a key that is never stored, so that nobody
//! reads them without it.
//!
//! Bytes are AES-256 in counter mode, so that a range is read from its beginning on; what was received at once has a first
//! counter of its own. That they are undamaged is seen by the blob's digest, or the object's checksum, as of any object.

use aes::Aes256;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{Ctx, errors};

const KEY_BYTES: usize = 32;
/// What begins the counter of something that was received at once.
pub(crate) type Nonce = [u8; 16];

/// A key that came with a request. Never shown nor stored.
#[derive(Clone)]
pub(crate) struct CustomerKey([u8; KEY_BYTES]);

/// What is kept of a key: enough to know it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    /// Random.
    salt: [u8; 16],
    /// HMAC-SHA-256 of the salt under the key, in Base64.
    mac: String,
}

/// The names of the three headers begin so; those of a copy's source differ.
pub(crate) const OF_OBJECT: &str = "x-amz-server-side-encryption-customer-";
pub(crate) const OF_SOURCE: &str = "x-amz-copy-source-server-side-encryption-customer-";

/// The key of a request, read off three fields of its input.
macro_rules! key_of {
    ($input:expr) => {
        $crate::customer::CustomerKey::read(
            $crate::customer::OF_OBJECT,
            $input.sse_customer_algorithm.as_deref(),
            $input.sse_customer_key.as_deref(),
            $input.sse_customer_key_md5.as_deref(),
        )
    };
}

/// The key of a copy's source.
macro_rules! source_key_of {
    ($input:expr) => {
        $crate::customer::CustomerKey::read(
            $crate::customer::OF_SOURCE,
            $input.copy_source_sse_customer_algorithm.as_deref(),
            $input.copy_source_sse_customer_key.as_deref(),
            $input.copy_source_sse_customer_key_md5.as_deref(),
        )
    };
}

/// How an answer tells what encrypts.
macro_rules! show_key {
    ($output:expr, $key:expr) => {
        match $key {
            Some(key) => {
                $output.sse_customer_algorithm = Some("AES256".to_owned());
                $output.sse_customer_key_md5 = Some(key.md5());
            }
            None => $output.server_side_encryption = Some(api_s3::ServerSideEncryption::Aes256),
        }
    };
}

pub(crate) use {key_of, show_key, source_key_of};

impl CustomerKey {
    /// The key that the headers name; none without any of them.
    ///
    /// # Errors
    /// 400 for headers that are no key.
    pub(crate) fn read(
        prefix: &str,
        algorithm: Option<&str>,
        key: Option<&str>,
        md5: Option<&str>,
    ) -> Result<Option<Self>> {
        if algorithm.is_none() && key.is_none() && md5.is_none() {
            return Ok(None);
        }
        let invalid = |header: &str, value: &str, message: &str| {
            errors::invalid_argument(&format!("{prefix}{header}"), value, message)
        };
        let missing = |header: &str, what: &str| {
            let message = format!(
                "Requests specifying Server Side Encryption with Customer provided keys must provide {what}."
            );
            invalid(header, "null", &message)
        };
        let algorithm = algorithm.ok_or_else(|| missing("algorithm", "a valid encryption algorithm"))?;
        if algorithm != "AES256" {
            let message = "The encryption request you specified is not valid. The valid value is AES256.";
            return Err(errors::other(400, "InvalidEncryptionAlgorithmError", message));
        }
        let key = key.ok_or_else(|| missing("key", "an appropriate secret key"))?;
        let md5 = md5.ok_or_else(|| missing("key-MD5", "the client calculated MD5 of the secret key"))?;
        let bytes = BASE64.decode(key).ok().and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        let bytes = bytes
            .ok_or_else(|| invalid("key", "", "The secret key was invalid for the specified algorithm."))?;
        let key = Self(bytes);
        if key.md5() != md5 {
            let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
            return Err(invalid("key-MD5", md5, message));
        }
        Ok(Some(key))
    }

    /// As answers show it, in Base64.
    pub(crate) fn md5(&self) -> String {
        BASE64.encode(Md5::digest(self.0))
    }

    fn mac(&self, salt: &[u8; 16]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(salt);
        mac
    }

    pub(crate) fn fingerprint(&self, cx: &Ctx) -> Fingerprint {
        let salt = cx.env.uuid().into_bytes();
        let mac = BASE64.encode(self.mac(&salt).finalize().into_bytes());
        Fingerprint { salt, mac }
    }

    /// Encrypts or decrypts what was received at once, from a place in it on.
    pub(crate) fn cipher(&self, nonce: &Nonce, start: u64) -> Cipher {
        let mut cipher = Ctr128BE::<Aes256>::new(&self.0.into(), &(*nonce).into());
        cipher.seek(start);
        Cipher(Box::new(cipher))
    }
}

impl Fingerprint {
    fn is_of(&self, key: &CustomerKey) -> bool {
        let mac = BASE64.decode(&self.mac).unwrap_or_default();
        key.mac(&self.salt).verify_slice(&mac).is_ok()
    }
}

/// Applied in place, byte after byte.
pub(crate) struct Cipher(Box<Ctr128BE<Aes256>>);

impl Cipher {
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }
}

/// Whether a request that reads an object has its key, and no other.
///
/// # Errors
/// 400 for a key too many or too few, 403 for another.
pub(crate) fn check_read(fingerprint: Option<&Fingerprint>, key: Option<&CustomerKey>) -> Result<()> {
    match (fingerprint, key) {
        (None, None) => Ok(()),
        (Some(fingerprint), Some(key)) if fingerprint.is_of(key) => Ok(()),
        (Some(_), Some(_)) => Err(errors::access_denied("Access Denied")),
        (Some(_), None) => Err(errors::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to \
             retrieve the object.",
        )),
        (None, Some(_)) => Err(not_applicable()),
    }
}

/// Whether a part comes with the key that its upload began with.
///
/// # Errors
/// 400, when it does not.
pub(crate) fn check_part(fingerprint: Option<&Fingerprint>, key: Option<&CustomerKey>) -> Result<()> {
    match (fingerprint, key) {
        (None, None) => Ok(()),
        (Some(fingerprint), Some(key)) if fingerprint.is_of(key) => Ok(()),
        (Some(_), Some(_)) => Err(errors::invalid_request(
            "The provided encryption parameters did not match the ones used originally.",
        )),
        (Some(_), None) => Err(errors::invalid_request(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate \
             encryption parameters.",
        )),
        (None, Some(_)) => Err(not_applicable()),
    }
}

fn not_applicable() -> AwsError {
    errors::invalid_request("The encryption parameters are not applicable to this object.")
}
