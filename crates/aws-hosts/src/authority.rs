//! The local authority: signs a certificate for whichever of AWS's hosts a client in a sandbox calls.
//!
//! One key for all hosts, made at each start; wildcards would not do, because they stand for one label and buckets'
//! names have dots.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use env::Env;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use time::OffsetDateTime;

use crate::zone;

const NAME: &str = "Lambent Sandbox Authority";
/// How OpenSSL names the authority's file in a folder of certificates: a hash of its name.
pub const SUBJECT_HASH: &str = "56f1df7b";

const DAY: Duration = Duration::from_hours(24);
/// From before now: a snapshot's clock or a container's may be behind.
const VALID_BEFORE: Duration = DAY;
const AUTHORITY_VALID: Duration = Duration::from_hours(24 * 365 * 30);
/// Longer than any daemon runs: what is cached needs no renewal.
const HOST_VALID: Duration = Duration::from_hours(24 * 365 * 10);
/// Hosts whose certificates are remembered. A function may ask for any number; each costs a signature.
const HOSTS_MAX: usize = 1024;
const CERTIFICATE_BEGINS: &str = "-----BEGIN CERTIFICATE-----";

/// The authority's key and certificate could not be made or read.
#[derive(Debug)]
pub struct Failed(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "use the local authority's key: {}", self.0)
    }
}

impl std::error::Error for Failed {}

impl From<rcgen::Error> for Failed {
    fn from(error: rcgen::Error) -> Self {
        Self(error.into())
    }
}

impl From<rustls::Error> for Failed {
    fn from(error: rustls::Error) -> Self {
        Self(error.into())
    }
}

/// Who vouches for AWS's hosts inside sandboxes.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    der: CertificateDer<'static>,
    env: Env,
    /// The key of every host.
    key: KeyPair,
    signs: Arc<dyn SigningKey>,
    hosts: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Authority {
    /// Makes a new authority, as [`Authority::open`] reads it: its key and its certificate.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn create(env: &Env) -> Result<String, Failed> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = of_authority();
        (params.not_before, params.not_after) = validity(env, AUTHORITY_VALID);
        params.serial_number = Some(serial_number(env));
        let certificate = params.self_signed(&key)?.pem();
        Ok(format!("{}{certificate}", key.serialize_pem()))
    }

    /// # Errors
    /// When `kept` is not what [`Authority::create`] made.
    pub fn open(kept: &str, env: Env) -> Result<Self, Failed> {
        let at = kept.find(CERTIFICATE_BEGINS).ok_or_else(|| Failed("it has no certificate".into()))?;
        let (key, certificate) = kept.split_at(at);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| Failed(error.to_string().into()))?;
        let issuer = Issuer::new(of_authority(), KeyPair::from_pem(key)?);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pkcs8 = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signs = ring::sign::any_ecdsa_type(&pkcs8)?;
        Ok(Self {
            issuer,
            certificate: certificate.to_owned(),
            der,
            env,
            key,
            signs,
            hosts: Mutex::default(),
        })
    }

    /// The authority's certificate, for sandboxes to trust.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The same as bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// How connections to AWS's hosts are served.
    ///
    /// # Errors
    /// Never, with the algorithms there are.
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, Failed> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?;
        let hosts = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_no_client_auth().with_cert_resolver(hosts);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn certified(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        if !zone::is_ours(host) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        // Whatever a panic left there is whole: entries are put in one at a time.
        let hosts = || self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts().get(&host) {
            return Some(Arc::clone(known));
        }
        let made = self.sign(&host).inspect_err(|error| tracing::warn!(%error, host, "sign a certificate"));
        let made = Arc::new(made.ok()?);
        let mut hosts = hosts();
        if hosts.len() >= HOSTS_MAX {
            hosts.clear();
        }
        hosts.insert(host, Arc::clone(&made));
        Some(made)
    }

    fn sign(&self, host: &str) -> Result<CertifiedKey, Failed> {
        let mut params = CertificateParams::new([host.to_owned()])?;
        (params.not_before, params.not_after) = validity(&self.env, HOST_VALID);
        params.serial_number = Some(serial_number(&self.env));
        params.distinguished_name.push(DnType::CommonName, "Lambent");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python checks strictly, from 3.13 on.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&self.signs)))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certified(hello.server_name()?)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// What never changes about the authority.
fn of_authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Whoever gets hold of the key can still vouch for nobody else.
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: zone::SUFFIXES.map(|suffix| GeneralSubtree::DnsName(suffix.to_owned())).to_vec(),
        excluded_subtrees: Vec::new(),
    });
    params
}

fn validity(env: &Env, length: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from_unix_timestamp(env.now().as_secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (now - VALID_BEFORE, now + length)
}

fn serial_number(env: &Env) -> SerialNumber {
    let mut bytes = [0; 16];
    env.fill(&mut bytes);
    // Positive, and as long as it says.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};

    use super::*;

    fn authority() -> Arc<Authority> {
        let env = Env::system();
        let kept = Authority::create(&env).expect("an authority");
        Arc::new(Authority::open(&kept, env).expect("can be read"))
    }

    /// What a client that trusts `trusted` says to `server` as `host`.
    async fn shake(trusted: &Authority, server: &Arc<Authority>, host: &str) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(trusted.certificate().as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let acceptor = tokio_rustls::TlsAcceptor::from(server.server().expect("a server"));
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from(host.to_owned()).expect("a name");
        let (_, connected) = tokio::join!(acceptor.accept(theirs), connector.connect(name, ours));
        connected.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn only_hosts_of_aws_are_vouched_for() {
        let ours = authority();
        for host in
            ["sqs.us-east-1.amazonaws.com", "bucket.with.dots.s3.amazonaws.com", "ID.lambda-url.x.on.aws"]
        {
            assert_eq!(shake(&ours, &ours, host).await, Ok(()), "{host}");
        }
        assert!(shake(&ours, &ours, "example.org").await.is_err());
        let refused = shake(&authority(), &ours, "sqs.us-east-1.amazonaws.com").await;
        assert!(refused.unwrap_err().contains("invalid peer certificate"), "another authority's");
    }

    #[test]
    fn certificates_are_remembered_within_a_bound() {
        let ours = authority();
        let first = ours.certified("a.api.aws").expect("a certificate");
        assert!(Arc::ptr_eq(&first, &ours.certified("A.api.aws").expect("the same")));
        for number in 0..HOSTS_MAX {
            ours.certified(&format!("h{number}.api.aws")).expect("a certificate");
        }
        assert!(ours.hosts.lock().expect("no panic").len() <= HOSTS_MAX);
    }

    #[test]
    fn what_was_kept_is_the_same_authority() {
        let env = Env::system();
        let kept = Authority::create(&env).expect("an authority");
        let open = || Authority::open(&kept, env.clone()).expect("can be read");
        assert_eq!(open().certificate(), open().certificate());
        assert!(Authority::open("", env.clone()).is_err());
        assert!(Authority::open(open().certificate(), env).is_err());
    }

    /// OpenSSL hashes the name in its canonical form: lower case, without the outer sequence.
    #[test]
    fn the_hash_is_the_names() {
        use sha1::Digest as _;
        let value = NAME.to_ascii_lowercase();
        let length = |bytes: usize| u8::try_from(bytes).expect("short");
        let mut der = vec![0x31, length(value.len() + 9), 0x30, length(value.len() + 7), 6, 3, 0x55, 4, 3];
        der.extend([0x0c, length(value.len())]);
        der.extend(value.as_bytes());
        let hash: [u8; 4] = sha1::Sha1::digest(&der)[..4].try_into().expect("four bytes");
        assert_eq!(format!("{:08x}", u32::from_le_bytes(hash)), SUBJECT_HASH);
    }
}
