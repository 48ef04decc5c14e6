//! The platform's own secrets, made at its first start: what sessions of roles are derived from, and the root's key.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_auth::{DEFAULT_ACCOUNT, Found, Key, Keys, Secret};
use aws_hosts::Authority;
use env::Env;
use serde::{Deserialize, Serialize};

/// Kept in the data folder, readable by its owner alone.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Hexadecimal; keys of sessions are derived from it, so it must outlive them.
    master: String,
    /// The key of the account's root: who may do everything under `--auth signed`.
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl Secrets {
    /// Reads the file, or makes it.
    ///
    /// # Errors
    /// When it can't be read, understood or written.
    pub fn open(path: &Path, env: &Env) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path, env),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path, env: &Env) -> io::Result<Self> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let random = |length: usize| {
            let mut bytes = vec![0; length];
            env.fill(&mut bytes);
            hex(&bytes)
        };
        let secrets = Self {
            master: random(32),
            access_key_id: format!("AKIA{}", random(8).to_ascii_uppercase()),
            secret_access_key: random(20),
        };
        keep(path, &serde_json::to_string_pretty(&secrets)?)?;
        Ok(secrets)
    }

    /// # Errors
    /// When the file was edited into something else.
    pub fn master(&self) -> io::Result<[u8; 32]> {
        let broken = || io::Error::other("`master` is not 64 hexadecimal digits");
        let mut bytes = [0; 32];
        if self.master.len() != 64 || !self.master.is_ascii() {
            return Err(broken());
        }
        for (position, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&self.master[2 * position..2 * position + 2], 16).map_err(|_| broken())?;
        }
        Ok(bytes)
    }
}

/// Reads the local authority's key and certificate, or makes them: who trusts it goes on doing so after a restart.
///
/// # Errors
/// When they can't be read, understood or written.
pub fn authority(path: &Path, env: &Env) -> io::Result<Authority> {
    let kept = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = Authority::create(env).map_err(io::Error::other)?;
            keep(path, &made)?;
            made
        }
        read => read?,
    };
    Authority::open(&kept, env.clone()).map_err(io::Error::other)
}

/// Writes a file that its owner alone may read, whole or not at all: a crash must not leave half a secret.
fn keep(path: &Path, text: &str) -> io::Result<()> {
    let staging = path.with_extension("staging");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staging)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&staging, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The one key there is until IAM makes more.
pub struct RootKey(pub Secrets);

impl Keys for RootKey {
    fn find<'a>(&'a self, access_key_id: &'a str) -> Found<'a> {
        let known = access_key_id == self.0.access_key_id;
        let key = known.then(|| Key {
            secret_access_key: Secret::new(self.0.secret_access_key.clone()),
            arn: format!("arn:aws:iam::{DEFAULT_ACCOUNT}:root"),
            user_id: DEFAULT_ACCOUNT.to_owned(),
            account: DEFAULT_ACCOUNT.into(),
        });
        Box::pin(std::future::ready(Ok(key)))
    }
}
