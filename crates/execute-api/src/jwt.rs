//! Tokens that say who calls: JSON Web Tokens, checked with the keys of who issued them.
//!
//! Where an issuer has its keys is found by OpenID Connect's discovery. Only RSA signatures count, as on AWS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::Request;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};
use serde_json::{Map, Value as Json};

use http_client::Client;

/// How long keys count, as AWS keeps them.
const KEYS_LAST: Duration = Duration::from_secs(2 * 60 * 60);
/// A token of a key that is not known makes us ask again, but not more often.
const PAUSE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a discovery document or a set of keys.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// When there are more, all are forgotten.
const ISSUERS_MAX: usize = 1_000;

/// Why a token does not count, in the words of `www-authenticate`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// The keys of issuers, as far as they were asked for.
#[derive(Default)]
pub struct Issuers(Mutex<HashMap<String, Known>>);

#[derive(Clone)]
struct Known {
    keys: Arc<JwkSet>,
    /// When they were had, or could not be.
    at: Duration,
    failed: bool,
}

/// Whom an authorizer believes.
pub struct Trust<'a> {
    pub issuer: &'a str,
    pub audience: &'a [String],
}

impl Issuers {
    /// The claims of a token that is the issuer's, for this audience, and of now.
    ///
    /// # Errors
    /// When it does not count.
    pub async fn claims(
        &self,
        client: &Client,
        env: &Env,
        token: &str,
        trust: &Trust<'_>,
    ) -> Result<Map<String, Json>, Invalid> {
        use_ring();
        let header = jsonwebtoken::decode_header(token).map_err(|_| Invalid("invalid token"))?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512) {
            return Err(Invalid("signing method is invalid"));
        }
        let kid = header.kid.ok_or(Invalid("unable to find kid in the token header"))?;
        let keys = self.keys(client, env, trust.issuer, &kid).await?;
        let key = keys.find(&kid).ok_or(Invalid("signing key not found for the kid"))?;
        let key = DecodingKey::from_jwk(key).map_err(|_| Invalid("the signing key is no RSA key"))?;
        let mut validation = Validation::new(header.alg);
        // Time is the clock's that is handed in, and the audience may be in another claim: both are checked below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Map<String, Json>>(token, &key, &validation);
        let claims = decoded.map_err(|_| Invalid("signature is invalid"))?.claims;
        check(&claims, trust, env.now().as_secs())?;
        Ok(claims)
    }

    async fn keys(
        &self,
        client: &Client,
        env: &Env,
        issuer: &str,
        kid: &str,
    ) -> Result<Arc<JwkSet>, Invalid> {
        let now = env.monotonic();
        let known = self.known().get(issuer).cloned();
        if let Some(known) = &known {
            let age = now.saturating_sub(known.at);
            let is_of_use = !known.failed && known.keys.find(kid).is_some();
            if (is_of_use && age < KEYS_LAST) || age < PAUSE {
                return Ok(Arc::clone(&known.keys));
            }
        }
        let fetched = fetch(client, env, issuer).await;
        let failed = fetched.is_none();
        if failed {
            tracing::debug!(issuer, "an issuer's keys could not be had");
        }
        // Old keys are better than none.
        let keys = match (fetched, known) {
            (Some(keys), _) => Arc::new(keys),
            (None, Some(known)) => known.keys,
            (None, None) => Arc::new(JwkSet { keys: Vec::new() }),
        };
        let mut all = self.known();
        if all.len() >= ISSUERS_MAX && !all.contains_key(issuer) {
            all.clear();
        }
        all.insert(issuer.to_owned(), Known { keys: Arc::clone(&keys), at: now, failed });
        if failed && keys.find(kid).is_none() {
            return Err(Invalid("OIDC discovery endpoint communication error"));
        }
        Ok(keys)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

async fn fetch(client: &Client, env: &Env, issuer: &str) -> Option<JwkSet> {
    let discovery = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document: Json = serde_json::from_slice(&get(client, env, &discovery).await?).ok()?;
    serde_json::from_slice(&get(client, env, document["jwks_uri"].as_str()?).await?).ok()
}

async fn get(client: &Client, env: &Env, url: &str) -> Option<Bytes> {
    let request = Request::get(url).header("accept", "application/json").body(Bytes::new()).ok()?;
    let answer = client.send(env, request, PATIENCE, DOCUMENT_BYTES_MAX).await.ok()?;
    answer.status().is_success().then(|| answer.into_body())
}

/// Checks what a token says of itself; `now_s` is in seconds since the epoch.
fn check(claims: &Map<String, Json>, trust: &Trust<'_>, now_s: i64) -> Result<(), Invalid> {
    if claims.get("iss").and_then(Json::as_str) != Some(trust.issuer) {
        return Err(Invalid("iss claim is invalid"));
    }
    let is_ours =
        |value: &Json| value.as_str().is_some_and(|one| trust.audience.iter().any(|own| own == one));
    // Some issuers have the client's id where others have the audience.
    let audience = claims.get("aud").or_else(|| claims.get("client_id"));
    let fits = match audience {
        Some(Json::Array(many)) => many.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    };
    if !fits {
        return Err(Invalid("aud claim is invalid"));
    }
    let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    let now = now_s as f64;
    if !seconds("exp").is_some_and(|end| end > now) {
        return Err(Invalid("the token has expired"));
    }
    if seconds("nbf").is_some_and(|start| start.is_nan() || start > now) {
        return Err(Invalid("the token is not valid yet"));
    }
    if seconds("iat").is_some_and(|issued| issued.is_nan() || issued > now) {
        return Err(Invalid("the token was issued in the future"));
    }
    Ok(())
}

/// The scopes that a token grants: `scope`, by spaces, or `scp`, which may be a list.
pub fn scopes(claims: &Map<String, Json>) -> Vec<String> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Json::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Lets the crate that reads tokens check signatures with the cryptography that TLS has here already.
fn use_ring() {
    static ONCE: Once = Once::new();
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(JwtError::from(ErrorKind::InvalidAlgorithm)),
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    ONCE.call_once(|| {
        // Somebody who was there before checks signatures too.
        let _ = PROVIDER.install_default();
    });
}

struct Rsa {
    algorithm: Algorithm,
    parameters: &'static RsaParameters,
    n: Vec<u8>,
    e: Vec<u8>,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, JwtError> {
    let parameters = match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            Ok(Box::new(Rsa { algorithm: *algorithm, parameters, n: n.clone(), e: e.clone() }))
        }
        DecodingKeyKind::SecretOrDer(_) => Err(ErrorKind::InvalidKeyFormat.into()),
    }
}

impl Verifier<Vec<u8>> for Rsa {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let key = RsaPublicKeyComponents { n: &self.n, e: &self.e };
        key.verify(self.parameters, message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Rsa {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_held_to_issuer_audience_and_time() {
        let audience = ["a".to_owned(), "b".to_owned()];
        let trust = Trust { issuer: "http://i", audience: &audience };
        let check = |more: Json, expected: Option<&'static str>| {
            let mut claims = json!({ "iss": "http://i", "aud": "a", "exp": 101 });
            claims.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
            claims.as_object_mut().expect("made above").retain(|_, value| !value.is_null());
            let found = check(claims.as_object().expect("made above"), &trust, 100).err();
            assert_eq!(found.map(|invalid| invalid.0), expected, "{claims}");
        };
        check(json!({}), None);
        check(json!({ "iss": "http://j" }), Some("iss claim is invalid"));
        check(json!({ "iss": null }), Some("iss claim is invalid"));
        check(json!({ "aud": ["x", "b"] }), None);
        check(json!({ "aud": null, "client_id": "b" }), None);
        check(json!({ "aud": "x", "client_id": "b" }), Some("aud claim is invalid"));
        check(json!({ "aud": null }), Some("aud claim is invalid"));
        check(json!({ "exp": 100 }), Some("the token has expired"));
        check(json!({ "exp": null }), Some("the token has expired"));
        check(json!({ "exp": "101" }), Some("the token has expired"));
        check(json!({ "nbf": 101 }), Some("the token is not valid yet"));
        check(json!({ "nbf": 100, "iat": 100 }), None);
        check(json!({ "iat": 101 }), Some("the token was issued in the future"));
    }

    #[test]
    fn scopes_are_read_in_both_ways() {
        let check = |claims: Json, expected: &[&str]| {
            assert_eq!(scopes(claims.as_object().expect("an object")), expected);
        };
        check(json!({ "scope": "a b" }), &["a", "b"]);
        check(json!({ "scp": ["a", "b"] }), &["a", "b"]);
        check(json!({}), &[]);
    }
}
