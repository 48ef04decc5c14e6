//! Tokens that say who calls: JSON Web Tokens, checked with the keys of who issued them.
//!
//! Where an issuer has its keys is found by OpenID Connect's discovery; user pools of Cognito have them at a place that
//! is known, which may be a server on this machine. Only RSA signatures count, as on AWS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
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

/// A token that was good until a while ago; REST APIs say so.
pub const EXPIRED: Invalid = Invalid("the token has expired");

/// The keys of issuers, as far as they were asked for.
#[derive(Default)]
pub struct Issuers {
    known: Mutex<HashMap<String, Known>>,
    /// Where user pools are instead of at AWS, such as `http://localhost:9229`.
    pools_at: Option<String>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<JwkSet>,
    /// When they were had, or could not be.
    at: Duration,
    failed: bool,
}

/// Whom an authorizer believes.
pub struct Trust<'a> {
    pub issuers: &'a [String],
    /// None where every audience's tokens count.
    pub audience: Option<&'a [String]>,
}

/// The issuer that a user pool's ARN names; `None` where it is no ARN of one.
pub fn pool_issuer(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, service, region) = (parts.next()?, parts.nth(1)?, parts.next()?);
    let pool = parts.nth(1)?.strip_prefix("userpool/")?;
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_pool = scheme == "arn" && service == "cognito-idp" && plain(region) && plain(pool);
    is_pool.then(|| format!("https://cognito-idp.{region}.amazonaws.com/{pool}"))
}

/// The pool of an issuer that is one of Cognito.
fn pool_of(issuer: &str) -> Option<&str> {
    let (host, pool) = issuer.strip_prefix("https://cognito-idp.")?.split_once('/')?;
    (host.ends_with(".amazonaws.com") && !pool.is_empty() && !pool.contains('/')).then_some(pool)
}

impl Issuers {
    /// With user pools elsewhere than at AWS, where `pools_at` says so: a URL below which each has a path of its id.
    pub fn new(pools_at: Option<&str>) -> Self {
        let pools_at = pools_at.map(|url| url.trim_end_matches('/').to_owned());
        Self { pools_at, ..Self::default() }
    }

    /// A user pool's issuer as a server elsewhere calls it.
    fn elsewhere(&self, issuer: &str) -> Option<String> {
        Some(format!("{}/{}", self.pools_at.as_ref()?, pool_of(issuer)?))
    }

    /// The claims of a token that is an issuer's, for this audience, and of now.
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
        let said = said_issuer(token).ok_or(Invalid("iss claim is invalid"))?;
        let is_it = |issuer: &&String| **issuer == said || self.elsewhere(issuer).as_ref() == Some(&said);
        let issuer = trust.issuers.iter().find(is_it).ok_or(Invalid("iss claim is invalid"))?;
        let keys = self.keys(client, env, issuer, &kid).await?;
        let key = keys.find(&kid).ok_or(Invalid("signing key not found for the kid"))?;
        let key = DecodingKey::from_jwk(key).map_err(|_| Invalid("the signing key is no RSA key"))?;
        let mut validation = Validation::new(header.alg);
        // Time is the clock's that is handed in, and the audience may be in another claim: both are checked below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Map<String, Json>>(token, &key, &validation);
        let claims = decoded.map_err(|_| Invalid("signature is invalid"))?.claims;
        check(&claims, &said, trust.audience, env.now().as_secs())?;
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
        let fetched = self.fetch(client, env, issuer).await;
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
        self.known.lock().expect("nothing panics while it is held")
    }

    async fn fetch(&self, client: &Client, env: &Env, issuer: &str) -> Option<JwkSet> {
        let place = if pool_of(issuer).is_some() {
            let pool = self.elsewhere(issuer).unwrap_or_else(|| issuer.to_owned());
            format!("{pool}/.well-known/jwks.json")
        } else {
            let discovery = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
            let document: Json = serde_json::from_slice(&get(client, env, &discovery).await?).ok()?;
            document["jwks_uri"].as_str()?.to_owned()
        };
        serde_json::from_slice(&get(client, env, &place).await?).ok()
    }
}

/// Whose a token says that it is, before anybody has looked at its signature.
fn said_issuer(token: &str) -> Option<String> {
    let claims = BASE64.decode(token.split('.').nth(1)?).ok()?;
    let Json::Object(claims) = serde_json::from_slice(&claims).ok()? else { return None };
    claims.get("iss")?.as_str().map(str::to_owned)
}

async fn get(client: &Client, env: &Env, url: &str) -> Option<Bytes> {
    let request = Request::get(url).header("accept", "application/json").body(Bytes::new()).ok()?;
    let answer = client.send(env, request, PATIENCE, DOCUMENT_BYTES_MAX).await.ok()?;
    answer.status().is_success().then(|| answer.into_body())
}

/// Checks what a token says of itself; `now_s` is in seconds since the epoch.
fn check(
    claims: &Map<String, Json>,
    issuer: &str,
    audience: Option<&[String]>,
    now_s: i64,
) -> Result<(), Invalid> {
    if claims.get("iss").and_then(Json::as_str) != Some(issuer) {
        return Err(Invalid("iss claim is invalid"));
    }
    if let Some(wanted) = audience {
        let is_ours = |value: &Json| value.as_str().is_some_and(|one| wanted.iter().any(|own| own == one));
        // Some issuers have the client's id where others have the audience.
        let fits = match claims.get("aud").or_else(|| claims.get("client_id")) {
            Some(Json::Array(many)) => many.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if !fits {
            return Err(Invalid("aud claim is invalid"));
        }
    }
    let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    let now = now_s as f64;
    if !seconds("exp").is_some_and(|end| end > now) {
        return Err(EXPIRED);
    }
    if seconds("nbf").is_some_and(|start| start.is_nan() || start > now) {
        return Err(Invalid("the token is not valid yet"));
    }
    if seconds("iat").is_some_and(|issued| issued.is_nan() || issued > now) {
        return Err(Invalid("the token was issued in the future"));
    }
    Ok(())
}

/// A token without the word before it.
pub fn bare(shown: &str) -> &str {
    match shown.split_once(' ') {
        Some((kind, token)) if kind.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => shown,
    }
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
        let check = |more: Json, expected: Option<&'static str>| {
            let mut claims = json!({ "iss": "http://i", "aud": "a", "exp": 101 });
            claims.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
            claims.as_object_mut().expect("made above").retain(|_, value| !value.is_null());
            let found =
                check(claims.as_object().expect("made above"), "http://i", Some(&audience), 100).err();
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
    fn pools_are_issuers() {
        let arn = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_Ab1";
        let issuer = pool_issuer(arn).expect("a pool");
        assert_eq!(issuer, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1");
        for other in [
            "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/",
            "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/a/b",
            "arn:aws:cognito-idp::000000000000:userpool/a",
            "arn:aws:lambda:eu-west-1:000000000000:function:f",
            "",
        ] {
            assert_eq!(pool_issuer(other), None, "{other}");
        }
        let issuers = Issuers::new(Some("http://localhost:9229/"));
        assert_eq!(issuers.elsewhere(&issuer).as_deref(), Some("http://localhost:9229/eu-west-1_Ab1"));
        assert_eq!(issuers.elsewhere("https://example.com/eu-west-1_Ab1"), None);
        assert_eq!(Issuers::default().elsewhere(&issuer), None);
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
