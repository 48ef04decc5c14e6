//! Mails that come in, and the road of each through the rules of the active set.
//!
//! A mail is stored with the rules as they were when it came, and with its place among their actions. After each
//! action the place is stored, so an action is taken again only when a crash comes between.

mod action;
pub(crate) mod notice;
pub(crate) mod rule;

use std::time::Duration;

use api_ses::errors;
use aws_wire::{AwsError, Result};
use kv::{Read, Span};
use serde::{Deserialize, Serialize};
use service::{Outbox, RowKey};

use crate::keys::{ACTIVE, Id, Named, RECEIVED, RULE_SETS, TASKS};
use crate::{Ctx, Ses, account, identity, mail, mime};

use action::Outcome;
use rule::{Rule, RuleSet};

/// Mails followed at once.
const AT_ONCE: usize = 8;
/// How often an action is tried.
const TRIES_MAX: u32 = 10;

/// A mail that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    /// In microseconds.
    pub at: i64,
    /// Where bounces go; empty for a bounce.
    pub source: String,
    pub recipients: Vec<String>,
    /// What rules have put before its own headers.
    #[serde(default)]
    pub added: Vec<(String, String)>,
}

/// What is still to be done with a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub mail: Named,
    pub rule_set: String,
    /// As they were when the mail came.
    pub rules: Vec<Rule>,
    /// The rule that is next, and its action.
    pub rule: usize,
    pub action: usize,
    #[serde(default)]
    pub tries: u32,
}

/// The active rule set of an account and region.
///
/// # Errors
/// The store's.
pub(crate) fn active(reader: &impl Read, owner: &(String, String)) -> Result<Option<(String, RuleSet)>> {
    let Some(name) = ACTIVE.get(reader, owner)? else { return Ok(None) };
    let set = RULE_SETS.get(reader, &(&owner.0, &owner.1, &name))?;
    Ok(set.map(|set| (name, set)))
}

/// Whether anybody here takes mail for an address: it belongs to an identity, and a rule is for it.
///
/// # Errors
/// The store's.
pub(crate) async fn accepts(cx: &Ctx, recipient: &str) -> Result<bool> {
    let (snapshot, owner) = (cx.kv.snapshot().await?, account::key(&cx.caller));
    if identity::of_sender(&snapshot, &owner, recipient)?.is_none() {
        return Ok(false);
    }
    let recipients = [recipient.to_owned()];
    let set = active(&snapshot, &owner)?;
    Ok(set.is_some_and(|(_, set)| set.rules.iter().any(|rule| !rule.matching(&recipients).is_empty())))
}

/// From whom a mail came, and to whom it goes.
pub(crate) struct Envelope {
    pub source: String,
    pub recipients: Vec<String>,
    /// How the sender's machine called itself, and its address.
    pub client: String,
}

/// Takes a mail in: when this returns its id, it is on disk. `None` when nobody takes mail any more.
///
/// # Errors
/// The store's.
pub(crate) async fn take(cx: &Ctx, envelope: Envelope, content: &[u8]) -> Result<Option<String>> {
    let (now, id, row) = (cx.env.now(), cx.env.uuid(), cx.env.uuid());
    let owner = account::key(&cx.caller);
    let id = mail::id(now.as_millis(), id);
    let key = (owner.0.clone(), owner.1.clone(), id.clone());
    let content = [head(cx, &envelope, &id).as_bytes(), content].concat();
    let Envelope { source, recipients, .. } = envelope;
    let received = Received { at: now.as_micros(), source, recipients, added: Vec::new() };
    mail::store_ahead(&cx.kv, &key, &content).await?;
    let taken = cx
        .kv
        .transact(|tx| {
            let Some((rule_set, set)) = active(tx, &owner)? else { return Ok(false) };
            let task = Task { mail: key.clone(), rule_set, rules: set.rules, rule: 0, action: 0, tries: 0 };
            mail::store_content(tx, &key, &content)?;
            RECEIVED.put(tx, &key, &received)?;
            TASKS.put(tx, &(now.as_micros(), row.into_bytes()), &task)?;
            Ok::<_, AwsError>(true)
        })
        .await?;
    cx.state.tasks.added(now.as_micros());
    Ok(taken.then_some(id))
}

/// The headers that SES puts before a mail that it received. Nothing here looks for spam, viruses or signatures.
fn head(cx: &Ctx, envelope: &Envelope, id: &str) -> String {
    let recipient = envelope.recipients.first().map(String::as_str).unwrap_or_default();
    format!(
        "Return-Path: <{}>\r\nReceived: from {} by inbound-smtp.{}.amazonaws.com with SMTP id {id} for {recipient}; \
         {}\r\nX-SES-Spam-Verdict: DISABLED\r\nX-SES-Virus-Verdict: DISABLED\r\n",
        envelope.source,
        envelope.client,
        cx.caller.region,
        mime::rfc822(cx.env.now().as_secs())
    )
}

/// Follows rules until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let (what, table) = ("follow receipt rules", &TASKS);
    let outbox =
        Outbox { what, table, at_once: AT_ONCE, agenda: |state: &Ses| &state.tasks, lane: |_, _| None };
    outbox.run(cx, follow).await;
}

/// Takes one action after the other, as far as it goes now.
async fn follow(cx: Ctx, key: RowKey, mut task: Task) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let Some(mut received) = RECEIVED.get(&snapshot, &task.mail)? else {
        return cx.kv.transact(|tx| Ok(TASKS.delete(tx, &key)?)).await;
    };
    let content = mail::content(&snapshot, &task.mail)?;
    drop(snapshot);
    let cx = cx.as_caller(service::Caller::root(&task.mail.0, &task.mail.1));
    while let Some(rule) = task.rules.get(task.rule) {
        let recipients = rule.matching(&received.recipients);
        let Some(next) = rule.actions.get(task.action).filter(|_| !recipients.is_empty()) else {
            (task.rule, task.action) = (task.rule + 1, 0);
            continue;
        };
        let scene =
            action::Scene { cx: &cx, task: &task, received: &received, content: &content, recipients };
        match scene.take(next).await {
            Outcome::Done => task.action += 1,
            Outcome::Header(name, value) => {
                received.added.insert(0, (name, value));
                task.action += 1;
            }
            Outcome::EndOfRule => (task.rule, task.action) = (task.rule + 1, 0),
            Outcome::End => break,
            Outcome::Failed(why) if task.tries + 1 < TRIES_MAX => {
                tracing::warn!(
                    mail = task.mail.2,
                    rule = rule.name,
                    why,
                    "a receipt rule's action is tried again"
                );
                return put_back(&cx, key, task).await;
            }
            Outcome::Failed(why) | Outcome::Refused(why) => {
                tracing::warn!(mail = task.mail.2, rule = rule.name, why, "a receipt rule's action failed");
                task.action += 1;
            }
        }
        task.tries = 0;
        cx.kv
            .transact(|tx| {
                RECEIVED.put(tx, &task.mail, &received)?;
                TASKS.put(tx, &key, &task)
            })
            .await?;
    }
    cx.kv
        .transact(|tx| {
            mail::delete_content(tx, &task.mail)?;
            RECEIVED.delete(tx, &task.mail)?;
            Ok(TASKS.delete(tx, &key)?)
        })
        .await
}

async fn put_back(cx: &Ctx, key: (i64, Id), mut task: Task) -> Result<()> {
    task.tries += 1;
    let pause = Duration::from_secs(1 << task.tries.min(8));
    let again = cx.env.now().after(pause).as_micros();
    cx.kv
        .transact(|tx| {
            TASKS.delete(tx, &key)?;
            TASKS.put(tx, &(again, key.1), &task)
        })
        .await?;
    cx.state.tasks.added(again);
    Ok(())
}

/// Every rule set of an account and region, by name.
///
/// # Errors
/// The store's.
pub(crate) fn rule_sets(
    reader: &impl Read,
    (account, region): &(String, String),
) -> Result<Vec<(String, RuleSet)>> {
    let rows = RULE_SETS.all(reader, &Span::prefix(&(account, region)))?;
    Ok(rows.into_iter().map(|((.., name), set)| (name, set)).collect())
}

/// Changes a rule set of the caller's.
///
/// # Errors
/// 400 without the set, and what `change` says.
pub(crate) async fn change<T>(cx: &Ctx, name: &str, change: impl Fn(&mut RuleSet) -> Result<T>) -> Result<T> {
    let (account, region) = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, name);
            let mut set = RULE_SETS.get(tx, &key)?.ok_or_else(|| no_set(name))?;
            let out = change(&mut set)?;
            RULE_SETS.put(tx, &key, &set)?;
            Ok(out)
        })
        .await
}

/// A rule set of the caller's.
///
/// # Errors
/// 400 without the set.
pub(crate) async fn named(cx: &Ctx, name: &str) -> Result<RuleSet> {
    let (account, region) = account::key(&cx.caller);
    let found = RULE_SETS.get(&cx.kv.snapshot().await?, &(&account, &region, name))?;
    found.ok_or_else(|| no_set(name))
}

/// Stores a new rule set.
///
/// # Errors
/// 400 when there is one of the name, or too many.
pub(crate) async fn add_set(cx: &Ctx, name: &str, rules: Vec<Rule>) -> Result<()> {
    rule::check_name(name)?;
    let (owner, created) = (account::key(&cx.caller), cx.env.now().as_millis());
    cx.kv
        .transact(|tx| {
            let present = rule_sets(tx, &owner)?;
            if present.iter().any(|(known, _)| known == name) {
                let message = format!("Rule set already exists: {name}");
                return Err(errors::already_exists_exception(message).with("Name", name));
            }
            if present.len() >= rule::SETS_MAX {
                let message = format!("An account has at most {} rule sets in a region.", rule::SETS_MAX);
                return Err(errors::limit_exceeded_exception(message));
            }
            let set = RuleSet { created, rules: rules.clone() };
            Ok(RULE_SETS.put(tx, &(&owner.0, &owner.1, name), &set)?)
        })
        .await
}

/// Puts a rule behind another, or first.
///
/// # Errors
/// 400 without the other.
pub(crate) fn insert(set: &mut RuleSet, rule: Rule, after: Option<&str>) -> Result<()> {
    let position = match after {
        Some(after) => position(set, after)? + 1,
        None => 0,
    };
    set.rules.insert(position, rule);
    Ok(())
}

/// Where a rule stands.
///
/// # Errors
/// 400 without the rule.
pub(crate) fn position(set: &RuleSet, name: &str) -> Result<usize> {
    set.rules.iter().position(|rule| rule.name == name).ok_or_else(|| {
        errors::rule_does_not_exist_exception(format!("Rule does not exist: {name}")).with("Name", name)
    })
}

pub(crate) fn no_set(name: &str) -> AwsError {
    errors::rule_set_does_not_exist_exception(format!("Rule set does not exist: {name}")).with("Name", name)
}
