//! Custom domain names: hosts of users' own, and which stages of which APIs are below their paths. Both services
//! configure them, each in its own words. Requests find them in memory, so that one that is for somebody else costs
//! nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use aws_wire::AwsError;
use env::Env;
use kv::{Kv, Read, Span, Tx};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::address::without_port;
use crate::keys::{DOMAIN_OWNERS, DOMAINS, DomainKey, MAPPINGS, mapping};
use crate::owner::Owner;

/// Of the layout of both records; readers of a later one still read it.
pub const FORMAT: u32 = 1;
const NAME_LENGTH_MAX: usize = 253;
const LABEL_LENGTH_MAX: usize = 63;
/// Of all levels of a mapping's path, in bytes.
const PATH_LENGTH_MAX: usize = 300;
/// Of one domain: AWS's quota of those with many levels.
const MAPPINGS_MAX: usize = 200;
/// Letters of the ids of mappings, and of the names that AWS gives domains.
const ID_LENGTH: usize = 6;
const TARGET_LENGTH: usize = 10;
const DISTRIBUTION_LENGTH: usize = 13;
/// AWS's own, by which functions find the platform.
const AWS: [&str; 2] = ["amazonaws.com", "api.aws"];

const NO_DOMAIN: &str = "Invalid domain name identifier specified";

/// Where on AWS a domain's requests arrive; here all arrive at the platform's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoint {
    Edge,
    Regional,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    pub format: u32,
    pub endpoint: Endpoint,
    /// AWS's name for it, which its owner's DNS would lead to.
    pub target: String,
    pub dual_stack: bool,
    /// As it was given: nobody here has certificates to look it up among.
    pub certificate_arn: Option<String>,
    pub certificate_name: Option<String>,
    pub ownership_certificate_arn: Option<String>,
    /// Such as `TLS_1_2`.
    pub security_policy: String,
    pub tags: BTreeMap<String, String>,
    pub created_us: i64,
}

/// Which stage is below a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pub format: u32,
    pub id: String,
    pub api_id: String,
    pub protocol: Protocol,
    /// A REST API's mapping may leave it to requests to name one.
    pub stage: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    Rest,
    Http,
    Websocket,
}

/// Why something is not done, for each service to say in its own errors.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(&'static str),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    TooMany(String),
    #[error(transparent)]
    Failed(#[from] AwsError),
}

impl From<kv::Error> for Refused {
    fn from(error: kv::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A domain's name in small letters.
///
/// # Errors
/// For what is no host's name, and for hosts that lead to the platform itself: `platform` is its authority.
pub fn check_name(name: &str, platform: &str) -> Result<String, Refused> {
    let lower = name.to_ascii_lowercase();
    let labels = lower.strip_prefix("*.").unwrap_or(&lower).split('.').collect::<Vec<_>>();
    let is_label = |label: &&str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=LABEL_LENGTH_MAX).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = labels.last().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_name = labels.len() > 1 && labels.iter().all(is_label) && !is_number;
    let below =
        |host: &str| lower.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let is_ours = AWS.iter().any(|host| below(host)) || lower == without_port(platform).to_ascii_lowercase();
    if !is_name || is_ours || lower.len() > NAME_LENGTH_MAX {
        return Err(Refused::Invalid(format!("Invalid domain name specified: {name}")));
    }
    Ok(lower)
}

/// AWS's name for a new domain.
pub fn target(env: &Env, endpoint: Endpoint, region: &str) -> String {
    match endpoint {
        Endpoint::Edge => format!("d{}.cloudfront.net", crate::address::id(env, DISTRIBUTION_LENGTH)),
        Endpoint::Regional => {
            format!("d-{}.execute-api.{region}.amazonaws.com", crate::address::id(env, TARGET_LENGTH))
        }
    }
}

pub fn mapping_id(env: &Env) -> String {
    crate::address::id(env, ID_LENGTH)
}

/// A domain's ARN.
pub fn arn((_, region, name): &DomainKey) -> String {
    format!("arn:aws:apigateway:{region}::/domainnames/{name}")
}

/// # Errors
/// Where somebody has the name.
pub fn create(tx: &mut Tx, key: &DomainKey, owner: &Owner, domain: &Domain) -> Result<(), Refused> {
    if DOMAIN_OWNERS.get(tx, &key.2)?.is_some() {
        // 400, as an issue of the serverless application model (2208) shows AWS's answer.
        return Err(Refused::Invalid("The domain name you provided already exists.".to_owned()));
    }
    DOMAIN_OWNERS.put(tx, &key.2, owner)?;
    Ok(DOMAINS.put(tx, key, domain)?)
}

/// # Errors
/// Without such a domain.
pub fn find(reader: &impl Read, key: &DomainKey) -> Result<Domain, Refused> {
    DOMAINS.get(reader, key)?.ok_or(Refused::NotFound(NO_DOMAIN))
}

/// # Errors
/// Without such a domain.
pub fn delete(tx: &mut Tx, key: &DomainKey) -> Result<(), Refused> {
    find(tx, key)?;
    MAPPINGS.delete_all(tx, &Span::prefix(key))?;
    DOMAIN_OWNERS.delete(tx, &key.2)?;
    Ok(DOMAINS.delete(tx, key)?)
}

/// Puts an API below a path; `before` is where the mapping was, if it is not new.
///
/// # Errors
/// Without such a domain; for a path that is none or taken; for APIs that can't be beside each other.
pub fn map(
    tx: &mut Tx,
    key: &DomainKey,
    (before, path): (Option<&str>, &str),
    new: &Mapping,
    taken: &'static str,
) -> Result<(), Refused> {
    let domain = find(tx, key)?;
    check_path(path)?;
    let others = MAPPINGS.all(tx, &Span::prefix(key))?;
    let others = others.iter().filter(|(key, _)| Some(key.3.as_str()) != before).collect::<Vec<_>>();
    if others.iter().any(|(key, _)| key.3 == path) {
        return Err(Refused::Conflict(taken));
    }
    if others.len() >= MAPPINGS_MAX {
        return Err(Refused::TooMany("Maximum number of API mappings for this domain name".to_owned()));
    }
    let is_socket = |mapping: &Mapping| mapping.protocol == Protocol::Websocket;
    if others.iter().any(|(_, other)| is_socket(other) != is_socket(new)) {
        return Err(Refused::Invalid(
            "WebSocket APIs can't be mapped to the same custom domain name as HTTP or REST APIs".to_owned(),
        ));
    }
    let plain = new.protocol == Protocol::Rest && !path.contains('/');
    if domain.endpoint == Endpoint::Edge && !plain {
        return Err(Refused::Invalid(
            "Only REGIONAL domain names can be mapped to HTTP and WebSocket APIs and have paths of several levels"
                .to_owned(),
        ));
    }
    if let Some(before) = before {
        MAPPINGS.delete(tx, &mapping(key, before))?;
    }
    Ok(MAPPINGS.put(tx, &mapping(key, path), new)?)
}

fn check_path(path: &str) -> Result<(), Refused> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&byte);
    let whole = path.is_empty() || path.split('/').all(|level| !level.is_empty());
    if whole && path.len() <= PATH_LENGTH_MAX && path.bytes().all(fits) {
        return Ok(());
    }
    Err(Refused::Invalid(
        "API mapping key must contain only letters, numbers and $-_.+!*'()/, and no empty level".to_owned(),
    ))
}

/// The domains of an account that lead to an API, or to one stage of it.
///
/// # Errors
/// Those of the store.
pub fn leading_to(
    reader: &impl Read,
    (account, region, api_id): &DomainKey,
    stage: Option<&str>,
) -> kv::Result<Vec<String>> {
    let all = MAPPINGS.all(reader, &Span::prefix(&(account.clone(), region.clone())))?;
    let leads = |mapping: &Mapping| {
        mapping.api_id == *api_id && (stage.is_none() || mapping.stage.as_deref() == stage)
    };
    let mut names =
        all.into_iter().filter(|(_, mapping)| leads(mapping)).map(|(key, _)| key.2).collect::<Vec<_>>();
    names.dedup();
    Ok(names)
}

/// Where a request by a custom domain goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub api_id: String,
    pub stage: Option<String>,
    /// Percent-encoded, without the mapping's.
    pub path: String,
}

/// The mappings of a domain by path, the longest first.
type Mappings = Arc<[(String, Mapping)]>;

/// The custom domains of this platform, as requests look them up.
#[derive(Default)]
pub struct Domains {
    known: RwLock<HashMap<String, Mappings>>,
    /// One change is read at a time, so that the latest is the last to be noted.
    noting: Mutex<()>,
}

impl Domains {
    /// Reads all of them, before anybody calls.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(&self, kv: &Kv) -> kv::Result<()> {
        let _turn = self.noting.lock().await;
        let snapshot = kv.snapshot().await?;
        for (key, _) in DOMAINS.all(&snapshot, &Span::all())? {
            self.note(&snapshot, &key)?;
        }
        Ok(())
    }

    /// Takes up a change that was stored.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn changed(&self, kv: &Kv, key: &DomainKey) -> kv::Result<()> {
        let _turn = self.noting.lock().await;
        self.note(&kv.snapshot().await?, key)
    }

    fn note(&self, reader: &impl Read, key: &DomainKey) -> kv::Result<()> {
        let is_there = DOMAINS.get(reader, key)?.is_some();
        let mut mappings = MAPPINGS.all(reader, &Span::prefix(key))?;
        mappings.sort_by_key(|(key, _)| std::cmp::Reverse(key.3.len()));
        let mappings = mappings.into_iter().map(|(key, mapping)| (key.3, mapping)).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if is_there {
            known.insert(key.2.clone(), mappings);
        } else {
            known.remove(&key.2);
        }
        Ok(())
    }

    /// Where `host`, without a port, leads; no destination where it is a custom domain without a mapping for the path.
    pub fn lead(&self, host: &str, path: &str) -> Option<Option<Destination>> {
        let mappings = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.is_empty() {
                return None;
            }
            let host = host.to_ascii_lowercase();
            let wild = || host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
            let found = known.get(&host).or_else(|| known.get(&wild()?));
            Arc::clone(found?)
        };
        let fitting = mappings.iter().find_map(|(base, mapping)| {
            let rest =
                if base.is_empty() { path } else { path.strip_prefix('/')?.strip_prefix(base.as_str())? };
            (rest.is_empty() || rest.starts_with('/')).then(|| Destination {
                api_id: mapping.api_id.clone(),
                stage: mapping.stage.clone(),
                path: if rest.is_empty() { "/" } else { rest }.to_owned(),
            })
        });
        Some(fitting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hosts_of_nobody_else() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(check_name(name, "box.lan:4566").ok().as_deref(), expected, "{name}");
        };
        check("api.example.com", Some("api.example.com"));
        check("API.Example.com", Some("api.example.com"));
        check("*.example.com", Some("*.example.com"));
        check("api.localhost", Some("api.localhost"));
        for name in [
            "",
            "localhost",
            "a..b",
            "-a.b",
            "a_b.c",
            "a.*.b",
            "127.0.0.1",
            "box.lan",
            "amazonaws.com",
            "sqs.us-east-1.amazonaws.com",
            "a.b:80",
            "a.b/c",
        ] {
            check(name, None);
        }
    }

    fn domains(name: &str, paths: &[&str]) -> Domains {
        let mapping = |path: &str| Mapping {
            format: FORMAT,
            id: String::new(),
            api_id: format!("api of {path}"),
            protocol: Protocol::Http,
            stage: Some("s".to_owned()),
        };
        let mappings = paths.iter().map(|path| ((*path).to_owned(), mapping(path))).collect();
        Domains { known: RwLock::new(HashMap::from([(name.to_owned(), mappings)])), noting: Mutex::default() }
    }

    #[test]
    fn the_longest_path_that_fits_is_taken() {
        let domains = domains("a.com", &["orders/v1/items", "orders/v1", "orders", ""]);
        let check = |path: &str, expected: (&str, &str)| {
            let found = domains.lead("A.com", path).flatten().expect("a destination");
            assert_eq!((found.api_id.strip_prefix("api of "), &*found.path), (Some(expected.0), expected.1));
        };
        check("/orders/v1/items/5", ("orders/v1/items", "/5"));
        check("/orders/v1/items", ("orders/v1/items", "/"));
        check("/orders/v1/itemsx", ("orders/v1", "/itemsx"));
        check("/orders/", ("orders", "/"));
        check("/ordersx/1", ("", "/ordersx/1"));
        check("/", ("", "/"));
        assert_eq!(domains.lead("b.com", "/"), None);
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let domains = domains("*.a.com", &["x"]);
        assert_eq!(domains.lead("b.a.com", "/"), Some(None), "nothing is mapped there");
        assert!(domains.lead("b.a.com", "/x").flatten().is_some());
        assert_eq!(domains.lead("a.com", "/x"), None);
        assert_eq!(domains.lead("c.b.a.com", "/x"), None);
    }
}
