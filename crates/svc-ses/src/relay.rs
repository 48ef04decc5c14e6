//! The relay: where mails go out of here, if there is one. Each recipient is an errand of its own, stored with the mail,
//! so that one who is refused keeps nobody from theirs.

use std::error::Error as _;
use std::time::Duration;

use aws_wire::Result;
use env::Uuid;
use kv::Tx;
use lettre::address::Envelope;
use lettre::transport::smtp::response::Response;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use serde::{Deserialize, Serialize};
use service::{Outbox, RowKey};

use crate::event::{Bounce, Event, Story};
use crate::keys::{Id, MAILS, Named, RELAY, SUPPRESSED};
use crate::mail::{self, Fate, Mail};
use crate::send::{Listeners, parcels};
use crate::statistics::{self, Counts};
use crate::suppression::Suppressed;
use crate::{Ctx, Ses, account, mime, outbox};

/// Conversations with the relay at once.
const AT_ONCE: usize = 4;
/// How long the relay may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way out.
#[derive(Clone)]
pub struct Relay(AsyncSmtpTransport<Tokio1Executor>);

impl Relay {
    /// Reads `smtp://user:password@host:port`, with `?tls=required` or `?tls=opportunistic` for STARTTLS; `smtps://` is
    /// TLS from the beginning.
    ///
    /// # Errors
    /// Why it is no such URL.
    pub fn parse(url: &str) -> std::result::Result<Self, String> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let transport = transport.map_err(|error| format!("is no SMTP server's URL: {error}"))?;
        Ok(Self(transport.timeout(Some(PATIENCE)).build()))
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its URL may hold a password.
        f.write_str("Relay")
    }
}

/// A mail that is to go to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub mail: Named,
    pub recipient: String,
    #[serde(default)]
    pub tries: u32,
}

/// Those of a mail for everybody who waits for the relay.
pub(crate) fn errands(key: &Named, mail: &Mail) -> Vec<Errand> {
    let queued = mail.fates.iter().filter(|(_, fate)| **fate == Fate::Queued);
    let errand = |recipient: &String| Errand { mail: key.clone(), recipient: recipient.clone(), tries: 0 };
    queued.map(|(recipient, _)| errand(recipient)).collect()
}

/// Stores errands that are due at once.
///
/// # Errors
/// The store's.
pub(crate) fn put(tx: &mut Tx, at: i64, row: Uuid, errands: &[Errand]) -> Result<()> {
    for (number, errand) in (0_u16..).zip(errands) {
        let mut id = row.into_bytes();
        id[14..].copy_from_slice(&number.to_be_bytes());
        RELAY.put(tx, &(at, id), errand)?;
    }
    Ok(())
}

/// Sends until the platform stops. Without a relay, what was stored for one waits.
pub(crate) async fn run(cx: Ctx) {
    if cx.state.relay.is_some() {
        let (what, table) = ("send mails to the relay", &RELAY);
        let outbox =
            Outbox { what, table, at_once: AT_ONCE, agenda: |state: &Ses| &state.errands, lane: |_, _| None };
        outbox.run(cx, deliver).await;
    }
}

/// When to try again after so many tries: for fourteen hours, as SES does.
fn pause(tries: u32) -> Option<Duration> {
    let seconds = match tries {
        0..=1 => 10,
        2..=4 => 60,
        5..=8 => 5 * 60,
        9..=34 => 30 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// How an errand ended.
enum End {
    Delivered { response: String },
    Bounced { kind: &'static str, status: String, diagnostic: String },
    Again(Duration),
}

async fn deliver(cx: Ctx, key: RowKey, errand: Errand) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let Some(mail) = MAILS.get(&snapshot, &errand.mail)? else {
        // Somebody cleared the mailbox: what is not there is not sent.
        return cx.kv.transact(|tx| Ok(RELAY.delete(tx, &key)?)).await;
    };
    let content = mail::content(&snapshot, &errand.mail)?;
    drop(snapshot);
    let end = attempt(&cx, &mail, &errand, &content).await;
    if let End::Again(pause) = end {
        let (again, errand) =
            (cx.env.now().after(pause).as_micros(), Errand { tries: errand.tries + 1, ..errand });
        cx.kv
            .transact(|tx| {
                RELAY.delete(tx, &key)?;
                RELAY.put(tx, &(again, key.1), &errand)
            })
            .await?;
        cx.state.errands.added(again);
        return Ok(());
    }
    settle(&cx, key, &errand, &content, &end).await
}

async fn attempt(cx: &Ctx, mail: &Mail, errand: &Errand, content: &[u8]) -> End {
    let Some(relay) = &cx.state.relay else { return End::Again(PATIENCE) };
    let envelope = (|| {
        let from = mail.return_path.parse::<Address>().ok()?;
        Envelope::new(Some(from), vec![errand.recipient.parse().ok()?]).ok()
    })();
    let Some(envelope) = envelope else {
        let diagnostic = "smtp; 553 5.1.3 the address can't be written in an envelope".to_owned();
        return End::Bounced { kind: "Permanent", status: "5.1.3".to_owned(), diagnostic };
    };
    match relay.0.send_raw(&envelope, content).await {
        Ok(response) => End::Delivered { response: said(&response) },
        Err(error) => {
            let words = error.source().map(ToString::to_string).unwrap_or_else(|| error.to_string());
            let code = error.status().map(|code| format!("{code} ")).unwrap_or_default();
            let diagnostic = format!("smtp; {code}{words}");
            let again = pause(errand.tries + 1).filter(|_| !error.is_permanent());
            tracing::warn!(recipient = errand.recipient, %error, again = ?again, "the relay did not take a mail");
            let kind = if error.is_permanent() { "Permanent" } else { "Transient" };
            let status = enhanced(&words).unwrap_or(if error.is_permanent() { "5.0.0" } else { "4.0.0" });
            let bounced = End::Bounced { kind, status: status.to_owned(), diagnostic };
            again.map_or(bounced, End::Again)
        }
    }
}

fn said(response: &Response) -> String {
    format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" "))
}

/// The enhanced status code that a server's words begin with, such as `5.1.1`.
fn enhanced(words: &str) -> Option<&str> {
    let first = words.split_whitespace().next()?;
    let parts = first.split('.').collect::<Vec<_>>();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    (parts.len() == 3 && numbers).then_some(first)
}

/// Writes down how an errand ended, with the event that tells it, in one transaction.
async fn settle(cx: &Ctx, key: (i64, Id), errand: &Errand, content: &[u8], end: &End) -> Result<()> {
    let (now, row, feedback) = (cx.env.now(), cx.env.uuid(), cx.env.uuid());
    let feedback_id = mail::id(now.as_millis(), feedback);
    let owner = (errand.mail.0.clone(), errand.mail.1.clone());
    let message = mime::parse(content);
    let told = cx
        .kv
        .transact(|tx| {
            RELAY.delete(tx, &key)?;
            let Some(mut mail) = MAILS.get(tx, &errand.mail)? else { return Ok(0) };
            let fate = if matches!(end, End::Delivered { .. }) { Fate::Delivered } else { Fate::Bounced };
            mail.fates.insert(errand.recipient.clone(), fate);
            MAILS.put(tx, &errand.mail, &mail)?;
            let story = Story {
                owner: &owner,
                id: &errand.mail.2,
                mail: &mail,
                message: message.as_ref(),
                now: now.as_micros(),
                feedback_id: &feedback_id,
            };
            let event = event(&story, errand, end);
            if let End::Bounced { kind, .. } = end {
                let counts = Counts { bounces: 1, ..Counts::default() };
                statistics::count(tx, &owner, now.as_micros(), row.as_bytes()[0], &counts)?;
                let listing =
                    account::of(tx, &owner)?.suppressed_reasons.iter().any(|reason| reason == "BOUNCE");
                if listing && *kind == "Permanent" {
                    let (reason, message_id) = ("BOUNCE".to_owned(), Some(errand.mail.2.clone()));
                    let listed = Suppressed { reason, updated: now.as_micros(), message_id };
                    SUPPRESSED.put(tx, &(&owner.0, &owner.1, &errand.recipient.to_lowercase()), &listed)?;
                }
            }
            let parcels = parcels(&story, &Listeners::of(tx, &owner, &mail)?, &[event]);
            outbox::put(tx, now.as_micros(), row, &parcels)?;
            Ok::<_, aws_wire::AwsError>(parcels.len())
        })
        .await?;
    if told > 0 {
        cx.state.agenda.added(now.as_micros());
    }
    Ok(())
}

fn event(story: &Story<'_>, errand: &Errand, end: &End) -> Event {
    let recipients = [errand.recipient.as_str()];
    match end {
        End::Delivered { response } => story.delivery(&recipients, response),
        End::Bounced { kind, status, diagnostic } => {
            story.bounce(&Bounce { kind, sub_type: "General", status, diagnostic }, &recipients)
        }
        End::Again(_) => unreachable!("an errand that goes on is not settled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_urls_of_smtp_servers() {
        for url in ["smtp://localhost:25", "smtp://u:p%40@host:587?tls=required", "smtps://u:p@host"] {
            assert!(Relay::parse(url).is_ok(), "{url}");
        }
        for url in ["", "localhost:25", "http://host", "smtp://host?tls=maybe"] {
            assert!(Relay::parse(url).is_err(), "{url}");
        }
        let shown = format!("{:?}", Relay::parse("smtp://u:secret@host").expect("a URL"));
        assert!(!shown.contains("secret"));
    }

    #[test]
    fn enhanced_codes_are_read_from_a_servers_words() {
        assert_eq!(enhanced("5.1.1 user unknown"), Some("5.1.1"));
        assert_eq!(enhanced("user unknown"), None);
        assert_eq!(enhanced("5.1 no"), None);
        assert_eq!(enhanced(""), None);
    }
}
