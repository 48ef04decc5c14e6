//! Function URLs: an address of HTTP for a function, or for an alias of it.
//!
//! Here is the record and its rules. `url/site.rs` is the road of a request to such an address; the crate `http-event`
//! makes the function's event of it and the client's answer of what the function returns, and `url/cors.rs` knows what
//! browsers ask.

mod cors;
mod site;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::{AwsError, Result};
use env::{Env, Timestamp};
use kv::{Read, Tx};
use serde::{Deserialize, Serialize};

pub(crate) use cors::Cors;
pub(crate) use site::UrlSite;

use crate::function::FORMAT;
use crate::keys::{ALIASES, FUNCTIONS, FunctionKey, URL_OWNERS, URLS, UrlKey};
use crate::name::{FunctionName, LATEST};
use crate::published::of_function;
use crate::shown::last_modified;

/// A function URL as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionUrl {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// The first label of its host: never another's, and its own until it is deleted.
    pub id: String,
    pub auth: Auth,
    pub cors: Option<Cors>,
    pub mode: Mode,
    /// Microseconds since the epoch.
    pub created_us: i64,
    pub last_modified_us: i64,
}

/// Who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Auth {
    Anybody,
    Iam,
}

/// Whether an answer is waited for or passed on as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    Buffered,
    Streamed,
}

/// Whose an id is, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UrlOwner {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub account: String,
    pub region: String,
    pub function: String,
    /// `$LATEST` or an alias' name.
    pub qualifier: String,
}

impl UrlOwner {
    pub(crate) fn new((account, region, function, qualifier): UrlKey) -> Self {
        Self { format: FORMAT, account, region, function, qualifier }
    }

    pub(crate) fn key(&self) -> UrlKey {
        (self.account.clone(), self.region.clone(), self.function.clone(), self.qualifier.clone())
    }
}

impl From<api::FunctionUrlAuthType> for Auth {
    fn from(auth: api::FunctionUrlAuthType) -> Self {
        match auth {
            api::FunctionUrlAuthType::None => Self::Anybody,
            api::FunctionUrlAuthType::AwsIam => Self::Iam,
        }
    }
}

impl From<api::InvokeMode> for Mode {
    fn from(mode: api::InvokeMode) -> Self {
        match mode {
            api::InvokeMode::Buffered => Self::Buffered,
            api::InvokeMode::ResponseStream => Self::Streamed,
        }
    }
}

impl FunctionUrl {
    /// A URL that was not there before.
    pub(crate) fn new(env: &Env, input: &api::CreateFunctionUrlConfigInput) -> Self {
        let now_us = env.now().as_micros();
        Self {
            format: FORMAT,
            id: new_id(env),
            auth: input.auth_type.into(),
            cors: Cors::check(input.cors.clone()),
            mode: input.invoke_mode.unwrap_or(api::InvokeMode::Buffered).into(),
            created_us: now_us,
            last_modified_us: now_us,
        }
    }

    /// As lists show it; `key` is its own.
    pub(crate) fn shown(&self, key: &UrlKey, port: u16) -> api::FunctionUrlConfig {
        let (account, region, function, qualifier) = key;
        let mut arn = format!("arn:aws:lambda:{region}:{account}:function:{function}");
        if qualifier != LATEST {
            arn = format!("{arn}:{qualifier}");
        }
        api::FunctionUrlConfig {
            function_url: format!("http://{}:{port}/", host(&self.id, region)),
            function_arn: arn,
            creation_time: last_modified(Timestamp::from_micros(self.created_us)),
            last_modified_time: last_modified(Timestamp::from_micros(self.last_modified_us)),
            cors: self.cors.as_ref().map(Cors::shown),
            auth_type: match self.auth {
                Auth::Anybody => api::FunctionUrlAuthType::None,
                Auth::Iam => api::FunctionUrlAuthType::AwsIam,
            },
            invoke_mode: Some(match self.mode {
                Mode::Buffered => api::InvokeMode::Buffered,
                Mode::Streamed => api::InvokeMode::ResponseStream,
            }),
        }
    }
}

/// The host of a URL, without a port. Names below `localhost` lead to this machine.
fn host(id: &str, region: &str) -> String {
    format!("{id}.lambda-url.{region}.localhost")
}

/// Thirty-two letters and digits, as AWS has them; from a hundred and sixty random bits.
fn new_id(env: &Env) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [0; 20];
    env.fill(&mut random);
    let groups =
        random.chunks(5).map(|five| five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)));
    let digits = groups.flat_map(|bits| (0..8).rev().map(move |digit| (bits >> (5 * digit)) & 31));
    digits.map(|digit| char::from(DIGITS[digit as usize])).collect()
}

/// The key of the URL of a function's `qualifier`.
pub(crate) fn key(name: &FunctionName, qualifier: &str) -> UrlKey {
    let (account, region, function) = name.key();
    (account, region, function, qualifier.to_owned())
}

/// The key of the URL that `name` names: without a qualifier, that of `$LATEST`.
pub(crate) fn key_of(name: &FunctionName) -> UrlKey {
    key(name, name.qualifier.as_deref().unwrap_or(LATEST))
}

/// # Errors
/// 404 without the function, or the alias that is named.
pub(crate) fn check_owner(reader: &impl Read, name: &FunctionName) -> Result<()> {
    let missing = || errors::resource_not_found_exception("Function does not exist");
    FUNCTIONS.get(reader, &name.key())?.ok_or_else(missing)?;
    if let Some(alias) = name.qualifier.as_deref() {
        ALIASES.get(reader, &key(name, alias))?.ok_or_else(missing)?;
    }
    Ok(())
}

/// # Errors
/// 404 without a URL.
pub(crate) fn find(reader: &impl Read, name: &FunctionName) -> Result<FunctionUrl> {
    URLS.get(reader, &key_of(name))?.ok_or_else(not_found)
}

pub(crate) fn not_found() -> AwsError {
    errors::resource_not_found_exception("The resource you requested does not exist.")
}

/// Deletes a URL, if there is one.
pub(crate) fn delete(tx: &mut Tx, key: &UrlKey) -> Result<bool, kv::Error> {
    let Some(url) = URLS.get(tx, key)? else { return Ok(false) };
    URL_OWNERS.delete(tx, &url.id)?;
    URLS.delete(tx, key)?;
    Ok(true)
}

/// Deletes every URL of a function.
pub(crate) fn delete_all(tx: &mut Tx, function: &FunctionKey) -> Result<(), kv::Error> {
    for (key, _) in URLS.all(tx, &of_function(function))? {
        delete(tx, &key)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use env::ManualClock;

    use super::*;

    #[test]
    fn ids_are_thirty_two_letters_and_digits() {
        let env = Env::manual(Arc::new(ManualClock::new(Timestamp::default())), 1);
        let (one, other) = (new_id(&env), new_id(&env));
        assert_ne!(one, other);
        for id in [one, other] {
            assert!(
                id.len() == 32 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{id}"
            );
        }
    }

    #[test]
    fn stored_bytes_of_old_stay_readable() {
        let url = r#"{"format":1,"id":"a","auth":"Iam","cors":{"allow_origins":["*"]},"mode":"Streamed",
            "created_us":1,"last_modified_us":2}"#;
        let url: FunctionUrl = serde_json::from_str(url).expect("readable");
        assert_eq!(
            (url.auth, url.mode, url.created_us, url.last_modified_us),
            (Auth::Iam, Mode::Streamed, 1, 2)
        );
        let owner = r#"{"format":1,"account":"1","region":"r","function":"f","qualifier":"$LATEST"}"#;
        let owner: UrlOwner = serde_json::from_str(owner).expect("readable");
        assert_eq!(owner.key(), ("1".into(), "r".into(), "f".into(), "$LATEST".into()));
    }
}
