//! A mail in the mailbox: its envelope, what became of each recipient, and its bytes in parts.

use std::collections::BTreeMap;

use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kv::{Kv, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::address::Mailbox;
use crate::keys::{CONTENTS, MAILS, Named, RECEIVED};

/// Bytes of a mail in one row: in Base64 they stay well below what a value may have.
const PART_BYTES: usize = 2 << 20;
/// Parts that are stored with the mail itself; the transaction has room for so many.
const PARTS_AT_ONCE: usize = 2;
/// How long the sending of a mail may take.
const UNDER_WAY_MS_MAX: i64 = 60 * 60 * 1000;

/// What became of a mail for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Fate {
    Delivered,
    Bounced,
    /// Delivered, and complained about.
    Complained,
    /// Held back by the suppression list.
    Suppressed,
    /// Not sent to anybody, for what is in it.
    Rejected,
    /// Its template and data did not fit.
    NotRendered,
    /// On its way to the relay.
    Queued,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mail {
    /// In microseconds.
    pub at: i64,
    /// As it was given.
    pub source: String,
    /// Where bounces would go.
    pub return_path: String,
    #[serde(default)]
    pub to: Vec<String>,
    #[serde(default)]
    pub cc: Vec<String>,
    #[serde(default)]
    pub bcc: Vec<String>,
    /// Everybody that it was sent to, and what became of it.
    pub fates: BTreeMap<String, Fate>,
    #[serde(default)]
    pub subject: String,
    #[serde(default)]
    pub configuration_set: Option<String>,
    /// The identity that it was sent by.
    #[serde(default)]
    pub identity: String,
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// The last part of the ARN of whoever sent it.
    #[serde(default)]
    pub caller: String,
    #[serde(default)]
    pub template: Option<String>,
    #[serde(default)]
    pub template_data: Option<String>,
    /// Of its bytes; there are none of a mail that was not rendered.
    #[serde(default)]
    pub size_bytes: usize,
}

impl Mail {
    /// The addresses in the envelope, each once, in the order given.
    pub(crate) fn destination(&self) -> Vec<String> {
        let mut all = Vec::new();
        for given in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            let address = Mailbox::parse(given).map_or_else(|_| given.clone(), |mailbox| mailbox.address);
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }
}

/// The id of a mail as SES's look: the time, so that mails stand in their order, and something drawn.
pub(crate) fn id(millis: i64, drawn: env::Uuid) -> String {
    format!("0100{millis:012x}-{drawn}-000000")
}

/// Stores the parts that the mail's own transaction has no room for. Until the mail is there they are nobody's, and
/// [`sweep`] takes away what a crash leaves.
///
/// # Errors
/// The store's.
pub(crate) async fn store_ahead(kv: &Kv, key: &Named, content: &[u8]) -> Result<()> {
    for (number, part) in (0..).zip(content.chunks(PART_BYTES)).skip(PARTS_AT_ONCE) {
        kv.transact(|tx| CONTENTS.put(tx, &part_key(key, number), &BASE64.encode(part))).await?;
    }
    Ok(())
}

/// Stores a mail and its first parts.
///
/// # Errors
/// The store's.
pub(crate) fn store(tx: &mut Tx, key: &Named, mail: &Mail, content: &[u8]) -> Result<()> {
    store_content(tx, key, content)?;
    Ok(MAILS.put(tx, key, mail)?)
}

/// Stores the parts that [`store_ahead`] left.
///
/// # Errors
/// The store's.
pub(crate) fn store_content(tx: &mut Tx, key: &Named, content: &[u8]) -> Result<()> {
    for (number, part) in (0..).zip(content.chunks(PART_BYTES)).take(PARTS_AT_ONCE) {
        CONTENTS.put(tx, &part_key(key, number), &BASE64.encode(part))?;
    }
    Ok(())
}

fn part_key(key: &Named, number: u32) -> (String, String, String, u32) {
    (key.0.clone(), key.1.clone(), key.2.clone(), number)
}

/// A mail's bytes.
///
/// # Errors
/// The store's.
pub(crate) fn content(reader: &impl Read, key: &Named) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    for number in 0.. {
        let Some(part) = CONTENTS.get(reader, &part_key(key, number))? else { break };
        content.extend(BASE64.decode(part).map_err(AwsError::internal)?);
    }
    Ok(content)
}

/// Takes a mail away.
///
/// # Errors
/// The store's.
pub(crate) fn delete(tx: &mut Tx, key: &Named) -> Result<()> {
    delete_content(tx, key)?;
    Ok(MAILS.delete(tx, key)?)
}

/// Takes a mail's bytes away.
///
/// # Errors
/// The store's.
pub(crate) fn delete_content(tx: &mut Tx, key: &Named) -> Result<()> {
    for number in 0.. {
        let part = part_key(key, number);
        if CONTENTS.get(tx, &part)?.is_none() {
            break;
        }
        CONTENTS.delete(tx, &part)?;
    }
    Ok(())
}

/// Takes away parts without a mail that a crash left behind, once they are older than any mail under way.
///
/// # Errors
/// The store's.
pub(crate) async fn sweep(kv: &Kv, now_ms: i64) -> Result<()> {
    let snapshot = kv.snapshot().await?;
    let young = format!("0100{:012x}", now_ms - UNDER_WAY_MS_MAX);
    let mut span = Span::all();
    while let Some((key, _)) = CONTENTS.scan(&snapshot, &span, 1, kv::Direction::Forward)?.into_iter().next()
    {
        let mail = (key.0, key.1, key.2);
        span = Span::all().after_prefix(&(&mail.0, &mail.1, &mail.2));
        let known = MAILS.get(&snapshot, &mail)?.is_some() || RECEIVED.get(&snapshot, &mail)?.is_some();
        if mail.2 < young && !known {
            tracing::info!(mail = mail.2, "take away what is left of a mail that was not sent");
            let of_mail = Span::prefix(&(&mail.0, &mail.1, &mail.2));
            kv.transact(|tx| CONTENTS.delete_all(tx, &of_mail)).await?;
        }
    }
    Ok(())
}
