//! The key that notifications are signed with, and the certificate that tells it to whoever checks them.
//!
//! Both are made once, when something is first signed, and kept in the store. The certificate is signed by its own key:
//! what it proves is that a message comes from whoever answers at the address in `SigningCertURL`, as on AWS.

use std::convert::Infallible;
use std::sync::Arc;

use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Env;
use rsa::PrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::der::asn1::UtcTime;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode as _, EncodePem as _};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use crate::Ctx;
use crate::keys::KEY_PAIRS;

const KEY_BITS: usize = 2048;
const SUBJECT: &str = "CN=Lambent SNS";
/// AWS's own name for such a path: validators look for its end.
const PATH: &str = "/SimpleNotificationService-";
/// Where the one key pair is kept.
const CURRENT: &str = "current";

/// A key and its certificate, as they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyPair {
    /// PKCS #8, in Base64.
    pub private: String,
    /// PEM.
    pub certificate: String,
}

/// Which hash a topic's messages are signed with: its attribute `SignatureVersion`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SignatureVersion {
    /// SHA-1.
    #[default]
    #[serde(rename = "1")]
    One,
    /// SHA-256.
    #[serde(rename = "2")]
    Two,
}

impl SignatureVersion {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }
}

/// What an envelope says about its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub version: SignatureVersion,
    /// In Base64.
    pub signature: String,
    pub certificate_path: Arc<str>,
}

/// The key, ready to sign. Made or read when it is first wanted.
#[derive(Default)]
pub(crate) struct Signer(OnceCell<Arc<Ready>>);

struct Ready {
    one: SigningKey<Sha1>,
    two: SigningKey<Sha256>,
    certificate: String,
    path: Arc<str>,
}

impl Signer {
    /// # Errors
    /// 500 when the store fails.
    pub(crate) async fn sign(&self, cx: &Ctx, version: SignatureVersion, text: String) -> Result<Seal> {
        let (ready, env) = (self.ready(cx).await?, cx.env.clone());
        let certificate_path = Arc::clone(&ready.path);
        // A few milliseconds of arithmetic: not where others wait for the network.
        let signed = tokio::task::spawn_blocking(move || ready.sign(&env, version, text.as_bytes())).await;
        let signature = BASE64.encode(signed.map_err(AwsError::internal)??.to_bytes());
        Ok(Seal { version, signature, certificate_path })
    }

    /// The certificate at this path of the platform, as PEM.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub(crate) async fn certificate(&self, cx: &Ctx, path: &str) -> Result<Option<String>> {
        let ready = self.ready(cx).await?;
        Ok((*ready.path == *path).then(|| ready.certificate.clone()))
    }

    async fn ready(&self, cx: &Ctx) -> Result<Arc<Ready>> {
        self.0.get_or_try_init(|| async { Ready::read(&kept(cx).await?).map(Arc::new) }).await.cloned()
    }
}

/// Whether this is a path of certificates.
pub(crate) fn is_certificate_path(path: &str) -> bool {
    path.starts_with(PATH)
}

/// The key pair that is kept; the first time, a new one.
async fn kept(cx: &Ctx) -> Result<KeyPair> {
    if let Some(known) = KEY_PAIRS.get(&cx.kv.snapshot().await?, &CURRENT)? {
        return Ok(known);
    }
    let env = cx.env.clone();
    let made = tokio::task::spawn_blocking(move || make(&env)).await.map_err(AwsError::internal)??;
    cx.kv
        .transact(|tx| {
            if let Some(known) = KEY_PAIRS.get(tx, &CURRENT)? {
                return Ok(known);
            }
            KEY_PAIRS.put(tx, &CURRENT, &made)?;
            Ok(made.clone())
        })
        .await
}

fn make(env: &Env) -> Result<KeyPair> {
    let key = PrivateKey::new(&mut Draw(env), KEY_BITS).map_err(AwsError::internal)?;
    let private = key.to_pkcs8_der().map_err(AwsError::internal)?;
    let private = BASE64.encode(private.as_bytes());
    let public = key.to_public_key().to_public_key_der().map_err(AwsError::internal)?;
    let public = SubjectPublicKeyInfoOwned::from_der(public.as_bytes()).map_err(AwsError::internal)?;
    let mut serial = [0; 16];
    env.fill(&mut serial);
    // Positive, and not shorter than it looks.
    serial[0] = serial[0] & 0x7f | 0x40;
    let serial = SerialNumber::new(&serial).map_err(AwsError::internal)?;
    let now = u64::try_from(env.now().as_secs()).map_err(AwsError::internal)?;
    let from =
        UtcTime::from_unix_duration(std::time::Duration::from_secs(now)).map_err(AwsError::internal)?;
    // Nobody could renew it behind the back of whoever trusts it: it does not expire.
    let validity = Validity::new(Time::UtcTime(from), Time::INFINITY);
    let profile = OwnSigned(SUBJECT.parse().map_err(AwsError::internal)?);
    let builder = CertificateBuilder::new(profile, serial, validity, public).map_err(AwsError::internal)?;
    let signing = SigningKey::<Sha256>::new(key);
    let certificate =
        builder.build_with_rng::<_, Signature, _>(&signing, &mut Draw(env)).map_err(AwsError::internal)?;
    let certificate = certificate.to_pem(LineEnding::LF).map_err(AwsError::internal)?;
    Ok(KeyPair { private, certificate })
}

impl Ready {
    fn read(pair: &KeyPair) -> Result<Self> {
        use x509_cert::der::{DecodePem as _, Encode as _};
        let private = BASE64.decode(&pair.private).map_err(AwsError::internal)?;
        let key = PrivateKey::from_pkcs8_der(&private).map_err(AwsError::internal)?;
        let certificate = Certificate::from_pem(pair.certificate.as_bytes()).map_err(AwsError::internal)?;
        let digest = Sha256::digest(certificate.to_der().map_err(AwsError::internal)?);
        let name = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(Self {
            one: SigningKey::new(key.clone()),
            two: SigningKey::new(key),
            certificate: pair.certificate.clone(),
            path: format!("{PATH}{name}.pem").into(),
        })
    }

    fn sign(&self, env: &Env, version: SignatureVersion, text: &[u8]) -> Result<Signature> {
        let mut draw = Draw(env);
        let signed = match version {
            SignatureVersion::One => self.one.try_sign_with_rng(&mut draw, text),
            SignatureVersion::Two => self.two.try_sign_with_rng(&mut draw, text),
        };
        signed.map_err(AwsError::internal)
    }
}

/// A certificate that its own key signs, good for signatures and nothing else.
struct OwnSigned(Name);

impl BuilderProfile for OwnSigned {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        certificate: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let subject = certificate.subject();
        let leaf = BasicConstraints { ca: false, path_len_constraint: None }.to_extension(subject, &[])?;
        let usage = KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(subject, &[])?;
        Ok(vec![leaf, usage])
    }
}

/// The platform's randomness as the key's maths wants it.
struct Draw<'e>(&'e Env);

impl TryRng for Draw<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Draw<'_> {}
