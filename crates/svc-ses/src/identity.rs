//! Identities: addresses and domains that may send. Whoever names one here owns it, so it is verified at once.

use std::collections::{BTreeMap, BTreeSet};

use aws_wire::Result;
use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};

use crate::keys::IDENTITIES;
use crate::page::{Page, Rows};
use crate::refusal::{Decision, Refusal};
use crate::{Ctx, account, address, page};

/// Of an account in a region, as AWS's quota.
pub(crate) const IDENTITIES_MAX: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// What a domain's owner would put into DNS.
    #[serde(default)]
    pub token: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The configuration set of mails that name none.
    #[serde(default)]
    pub configuration_set: Option<String>,
    /// Topics by `Bounce`, `Complaint` and `Delivery`.
    #[serde(default)]
    pub topics: BTreeMap<String, String>,
    /// Those of these notifications that carry the mail's headers.
    #[serde(default)]
    pub with_headers: BTreeSet<String>,
    /// In milliseconds.
    #[serde(default)]
    pub created: i64,
}

pub(crate) fn is_domain(name: &str) -> bool {
    !name.contains('@')
}

/// An address or a domain as identities are named by it.
///
/// # Errors
/// [`Refusal::Invalid`] when it is neither.
pub(crate) fn check_name(name: &str) -> Decision<String> {
    let checked = if is_domain(name) { address::check_domain(name) } else { address::check(name) };
    checked.map_err(|_| Refusal::Invalid(format!("Invalid email address<{name}>.")))
}

pub(crate) fn arn((account, region): &(String, String), name: &str) -> String {
    format!("arn:aws:ses:{region}:{account}:identity/{name}")
}

/// The identity that an address may send by: its own, without a label too, else that of its domain or one above.
///
/// # Errors
/// The store's.
pub(crate) fn of_sender(
    reader: &impl Read,
    (account, region): &(String, String),
    sender: &str,
) -> Result<Option<(String, Identity)>> {
    let (local, domain) = sender.rsplit_once('@').unwrap_or(("", sender));
    let unlabelled = local.split('+').next().unwrap_or_default();
    let mut names = vec![sender.to_owned(), format!("{unlabelled}@{domain}")];
    let dots = domain.match_indices('.').map(|(position, _)| &domain[position + 1..]);
    names.extend(std::iter::once(domain).chain(dots).map(str::to_owned));
    for name in names {
        if let Some(identity) = IDENTITIES.get(reader, &(account, region, &name))? {
            return Ok(Some((name, identity)));
        }
    }
    Ok(None)
}

/// Makes an identity; gives the one that was there, which stays.
///
/// # Errors
/// [`Refusal::Invalid`] when there are too many.
pub(crate) async fn put_new(
    cx: &Ctx,
    (account, region): &(String, String),
    name: &str,
    identity: &Identity,
) -> Decision<Option<Identity>> {
    cx.kv
        .transact(|tx| {
            let key = (account, region, name);
            if let Some(present) = IDENTITIES.get(tx, &key)? {
                return Ok(Some(present));
            }
            let all = Span::prefix(&(account, region));
            if IDENTITIES.scan(tx, &all, IDENTITIES_MAX, Direction::Forward)?.len() >= IDENTITIES_MAX {
                return Err(Refusal::Invalid(format!(
                    "An account has at most {IDENTITIES_MAX} identities in a region."
                )));
            }
            IDENTITIES.put(tx, &key, identity)?;
            Ok(None)
        })
        .await
}

/// Changes an identity of the caller's.
///
/// # Errors
/// [`Refusal::Invalid`] when there is none of the name.
pub(crate) async fn change(cx: &Ctx, name: &str, change: impl Fn(&mut Identity)) -> Decision<()> {
    let (account, region) = account::key(&cx.caller);
    let absent = || Refusal::Invalid(format!("Identity <{name}> does not exist."));
    let checked = check_name(name).map_err(|_| absent())?;
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, &checked);
            let mut identity = IDENTITIES.get(tx, &key)?.ok_or_else(absent)?;
            change(&mut identity);
            Ok(IDENTITIES.put(tx, &key, &identity)?)
        })
        .await
}

/// A page of those identities that are wanted.
///
/// # Errors
/// [`Refusal::Invalid`] for what is no token of ours.
pub(crate) fn list(
    reader: &impl Read,
    owner: &(String, String),
    page: &Page<'_>,
    wanted: impl Fn(&str) -> bool,
) -> Decision<Rows<Identity>> {
    let (mut found, mut token) = (Vec::new(), page.token.map(str::to_owned));
    loop {
        let length = page.length - found.len();
        let (rows, next) = page::rows(reader, &IDENTITIES, owner, &Page { token: token.as_deref(), length })?;
        found.extend(rows.into_iter().filter(|(name, _)| wanted(name)));
        token = next;
        if token.is_none() || found.len() >= page.length {
            return Ok((found, token));
        }
    }
}
