//! Temporary credentials of roles, kept nowhere: the token carries who it is for and proves that we made it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use env::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::keys::{Key, Secret};

/// The first byte of a token. Tokens outlive the version that minted them, so another layout takes another byte.
const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// RFC 4648's alphabet, which AWS's ids are written in too.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Mints and opens temporary credentials. All of them follow from one secret: a restart with the same keeps them valid.
#[derive(Clone)]
pub struct SessionKeys {
    master: [u8; 32],
}

/// What a client signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCredentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: String,
}

/// A token opened: whose it is and what it signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub access_key_id: String,
    pub key: Key,
    pub expires: Timestamp,
}

/// What a token says. Fields may be added with a default; none may go or change its meaning.
#[derive(Serialize, Deserialize)]
struct Claims {
    role_arn: String,
    session_name: String,
    account: String,
    expires_micros: i64,
}

impl SessionKeys {
    /// `master` must be random, secret, and the same at every start.
    pub fn new(master: [u8; 32]) -> Self {
        Self { master }
    }

    /// Credentials of `role_arn` until `expires`. The same four give the same credentials.
    pub fn mint(
        &self,
        role_arn: &str,
        session_name: &str,
        account: &str,
        expires: Timestamp,
    ) -> SessionCredentials {
        let claims = Claims {
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            account: account.to_owned(),
            expires_micros: expires.as_micros(),
        };
        let mut token = vec![VERSION];
        token.extend(serde_json::to_vec(&claims).expect("strings and a number are JSON"));
        let mac = self.mac("token", &token).finalize().into_bytes();
        let (access_key_id, secret_access_key) = self.derive(&token);
        token.extend(mac);
        SessionCredentials { access_key_id, secret_access_key, session_token: URL_SAFE_NO_PAD.encode(token) }
    }

    /// Opens a token of ours; `None` for any other. Whether it has expired is for the caller to see.
    pub fn open(&self, token: &str) -> Option<Session> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, mac) = token.split_at_checked(token.len().checked_sub(MAC_BYTES)?)?;
        self.mac("token", signed).verify_slice(mac).ok()?;
        let claims = match signed.split_first()? {
            (&VERSION, claims) => serde_json::from_slice::<Claims>(claims).ok()?,
            _ => return None,
        };
        let (access_key_id, secret_access_key) = self.derive(signed);
        // A role's path is no part of its sessions' ARNs.
        let role = claims.role_arn.rsplit('/').next().unwrap_or_default();
        let Claims { session_name, account, .. } = &claims;
        let key = Key {
            secret_access_key,
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}"),
            user_id: format!("{}:{session_name}", role_id(&claims.role_arn)),
            account: account.as_str().into(),
        };
        Some(Session { access_key_id, key, expires: Timestamp::from_micros(claims.expires_micros) })
    }

    fn derive(&self, signed: &[u8]) -> (String, Secret) {
        let id = self.mac("access key id", signed).finalize().into_bytes();
        let secret = self.mac("secret access key", signed).finalize().into_bytes();
        // 30 bytes are 40 letters: as long as AWS's secrets.
        (format!("ASIA{}", base32(&id, 16)), Secret::new(STANDARD.encode(&secret[..30])))
    }

    /// Each purpose has a key of its own, so that no output serves for another.
    fn mac(&self, purpose: &str, bytes: &[u8]) -> Hmac<Sha256> {
        let hmac = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        let mut of_purpose = hmac(&self.master);
        of_purpose.update(b"lambent session ");
        of_purpose.update(purpose.as_bytes());
        let mut mac = hmac(&of_purpose.finalize().into_bytes());
        mac.update(bytes);
        mac
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(hidden)")
    }
}

/// A role's unique id, `AROA` and 17 letters: always the same for the same ARN.
pub fn role_id(role_arn: &str) -> String {
    format!("AROA{}", base32(&Sha256::digest(role_arn), 17))
}

/// The first `length` letters of `bytes`; as many as the bytes give.
fn base32(bytes: &[u8], length: usize) -> String {
    let bit = |position: usize| (bytes[position / 8] >> (7 - position % 8)) & 1;
    let letters = (0..length).map(|letter| {
        let index = (letter * 5..letter * 5 + 5).fold(0, |index, position| index << 1 | bit(position));
        char::from(BASE32[usize::from(index)])
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/service-role/worker";

    fn minted() -> SessionCredentials {
        SessionKeys::new([7; 32]).mint(ROLE, "my-function", "123456789012", Timestamp::from_secs(1000))
    }

    #[test]
    fn a_token_opens_to_what_was_minted_also_after_a_restart() {
        let minted = minted();
        let opened = SessionKeys::new([7; 32]).open(&minted.session_token).expect("our own token");
        assert_eq!(opened.access_key_id, minted.access_key_id);
        assert_eq!(opened.key.secret_access_key, minted.secret_access_key);
        assert_eq!(opened.key.arn, "arn:aws:sts::123456789012:assumed-role/worker/my-function");
        assert_eq!(opened.key.user_id, format!("{}:my-function", role_id(ROLE)));
        assert_eq!(&*opened.key.account, "123456789012");
        assert_eq!(opened.expires, Timestamp::from_secs(1000));
    }

    #[test]
    fn credentials_look_like_those_of_aws() {
        let minted = minted();
        assert!(minted.access_key_id.starts_with("ASIA"), "{}", minted.access_key_id);
        assert_eq!((minted.access_key_id.len(), minted.secret_access_key.reveal().len()), (20, 40));
        let id = role_id(ROLE);
        assert!(id.len() == 21 && id.bytes().all(|b| BASE32.contains(&b)), "{id}");
    }

    #[test]
    fn every_changed_byte_of_a_token_closes_it() {
        let keys = SessionKeys::new([7; 32]);
        let token = URL_SAFE_NO_PAD.decode(minted().session_token).expect("base64");
        for position in 0..token.len() {
            let mut changed = token.clone();
            changed[position] ^= 1;
            assert_eq!(keys.open(&URL_SAFE_NO_PAD.encode(changed)), None, "byte {position}");
        }
        for foreign in ["", "x", "IQoJb3JpZ2luX2VjE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ=="] {
            assert_eq!(keys.open(foreign), None, "{foreign}");
        }
        assert_eq!(SessionKeys::new([8; 32]).open(&minted().session_token), None, "another master");
    }

    #[test]
    fn any_difference_of_the_claims_is_another_secret() {
        let keys = SessionKeys::new([7; 32]);
        let at = Timestamp::from_secs(1000);
        for other in [
            keys.mint("arn:aws:iam::123456789012:role/other", "my-function", "123456789012", at),
            keys.mint(ROLE, "other", "123456789012", at),
            keys.mint(ROLE, "my-function", "210987654321", at),
            keys.mint(ROLE, "my-function", "123456789012", Timestamp::from_secs(1001)),
        ] {
            assert_ne!(other.secret_access_key, minted().secret_access_key);
            assert_ne!(other.access_key_id, minted().access_key_id);
        }
    }

    /// Tokens outlive releases: this one was minted by the first.
    #[test]
    fn an_old_token_still_opens() {
        let opened = SessionKeys::new([7; 32]).open(
            "AXsicm9sZV9hcm4iOiJhcm46YXdzOmlhbTo6MTIzNDU2Nzg5MDEyOnJvbGUvc2VydmljZS1yb2xlL3dvcmtlciIsInNlc3Npb25f\
             bmFtZSI6Im15LWZ1bmN0aW9uIiwiYWNjb3VudCI6IjEyMzQ1Njc4OTAxMiIsImV4cGlyZXNfbWljcm9zIjoxMDAwMDAwMDAwfYEn\
             quzRL2gUsicsQRIeRzEwQF2b0kenZK3jeO0iEW_5",
        );
        let opened = opened.expect("minted by the first release");
        assert_eq!(
            (&opened.access_key_id, &opened.key.secret_access_key),
            (&minted().access_key_id, &minted().secret_access_key)
        );
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        assert_eq!(base32(b"foobar", 9), "MZXW6YTBO");
    }

    #[test]
    fn nothing_secret_shows_in_debug_output() {
        let minted = minted();
        let keys = SessionKeys::new([7; 32]);
        let opened = keys.open(&minted.session_token);
        let shown = format!("{keys:?} {minted:?} {opened:?}");
        assert!(!shown.contains(minted.secret_access_key.reveal()), "{shown}");
        assert!(!shown.contains("7, 7"), "{shown}");
    }
}
