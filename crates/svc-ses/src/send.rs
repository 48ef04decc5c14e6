//! The road of every mail, whichever operation sends it: check, write, decide what becomes of it, store it with its
//! events.

use std::collections::BTreeMap;

use aws_wire::Result;
use bytes::Bytes;
use kv::Tx;
use serde_json::Value as Json;

use crate::account::{self, Account};
use crate::address::{self, Mailbox};
use crate::configuration_set::{self, ConfigurationSet};
use crate::event::{self, Event, Story};
use crate::identity::{self, Identity};
use crate::keys::{CONFIGURATION_SETS, IDENTITIES, Named};
use crate::mail::{self, Fate, Mail};
use crate::mime::{self, Attachment, Letter};
use crate::outbox::{self, Parcel};
use crate::refusal::{Decision, Refusal};
use crate::statistics::{self, Counts};
use crate::template::{self, Failure, Rendered, Template};
use crate::{Ctx, fate, relay, suppression};

/// Of one mail, in all fields together.
pub(crate) const RECIPIENTS_MAX: usize = 50;
/// What the API of 2010 takes in one mail.
pub(crate) const V1_BYTES_MAX: usize = 10 << 20;
/// What the API of 2019 takes in one mail.
pub(crate) const V2_BYTES_MAX: usize = 40 << 20;
const TAGS_MAX: usize = 50;
const TAG_LENGTH_MAX: usize = 256;

/// A mail as a request describes it.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// As it was given; a raw mail may say it itself.
    pub source: Option<String>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub reply_to: Vec<String>,
    pub return_path: Option<String>,
    pub content: Content,
    pub tags: Vec<(String, String)>,
    pub configuration_set: Option<String>,
    pub headers: Vec<(String, String)>,
    pub attachments: Vec<Attachment>,
    pub bytes_max: usize,
    /// Identities that the request says it may use, with the parameters that name them.
    pub arns: Vec<(&'static str, Option<String>)>,
    /// The operation, for what it does not honour.
    pub operation: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Simple(Rendered),
    Raw(Bytes),
    Template {
        /// Empty for one that came with the request.
        name: String,
        template: Template,
        data: Json,
    },
}

impl Default for Content {
    fn default() -> Self {
        Self::Raw(Bytes::new())
    }
}

/// A mail that could be sent.
struct Draft {
    mail: Mail,
    content: Vec<u8>,
    /// Who has to be a verified identity, as they were given.
    senders: Vec<(String, String)>,
    failure: Option<Failure>,
}

/// Sends a mail; gives its message id.
///
/// # Errors
/// Why it is not sent.
pub(crate) async fn send(cx: &Ctx, order: Order) -> Decision<String> {
    let (now, drawn) = (cx.env.now(), cx.env.uuid());
    let (row, feedback) = (cx.env.uuid(), cx.env.uuid());
    let owner = account::key(&cx.caller);
    let id = mail::id(now.as_millis(), drawn);
    let draft = draft(&owner, &id, now.as_micros(), &order)?;
    let key: Named = (owner.0.clone(), owner.1.clone(), id.clone());
    let feedback_id = mail::id(now.as_millis(), feedback);
    let part = row.as_bytes()[0];
    let message = mime::parse(&draft.content).filter(|_| !draft.content.is_empty());
    let of_all = fate_of_all(&draft, message.as_ref());
    mail::store_ahead(&cx.kv, &key, &draft.content).await?;
    let stored = cx.kv.transact(|tx| {
        let admitted = admit(tx, &owner, &draft.senders, draft.mail.configuration_set.as_deref(), &order)?;
        let mut mail = draft.mail.clone();
        event::caller_identity(&cx.caller.principal.arn).clone_into(&mut mail.caller);
        mail.identity.clone_from(&admitted.listeners.identity_name);
        mail.configuration_set = admitted.listeners.set.as_ref().map(|(name, _)| name.clone());
        let relayed = cx.state.relay.is_some();
        decide(tx, &owner, (&admitted, relayed), of_all, &mut mail)?;
        mail::store(tx, &key, &mail, &draft.content)?;
        statistics::count(tx, &owner, now.as_micros(), part, &counts(&mail))?;
        let story = Story {
            owner: &owner,
            id: &id,
            mail: &mail,
            message: message.as_ref(),
            now: now.as_micros(),
            feedback_id: &feedback_id,
        };
        let failure = draft.failure.as_ref().map(ToString::to_string);
        let parcels = parcels(&story, &admitted.listeners, &story.events(failure.as_deref()));
        outbox::put(tx, now.as_micros(), row, &parcels)?;
        let errands = relay::errands(&key, &mail);
        relay::put(tx, now.as_micros(), row, &errands)?;
        Ok::<_, Refusal>((parcels.len(), errands.len()))
    });
    let (parcels, errands) = stored.await?;
    if parcels > 0 {
        cx.state.agenda.added(now.as_micros());
    }
    if errands > 0 {
        cx.state.errands.added(now.as_micros());
    }
    Ok(id)
}

/// Who sends, and by which settings.
pub(crate) struct Admitted {
    account: Account,
    listeners: Listeners,
}

/// Who may want to hear of a mail.
pub(crate) struct Listeners {
    identity_name: String,
    identity: Identity,
    set: Option<(String, ConfigurationSet)>,
}

impl Listeners {
    /// Those of a mail that was sent before; what is gone meanwhile hears nothing.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn of(
        reader: &impl kv::Read,
        (account, region): &(String, String),
        mail: &Mail,
    ) -> Result<Self> {
        let identity = IDENTITIES.get(reader, &(account, region, &mail.identity))?.unwrap_or_default();
        let set = match &mail.configuration_set {
            Some(name) => {
                CONFIGURATION_SETS.get(reader, &(account, region, name))?.map(|set| (name.clone(), set))
            }
            None => None,
        };
        Ok(Self { identity_name: mail.identity.clone(), identity, set })
    }
}

/// Whether a mail of these senders may be sent at all.
///
/// # Errors
/// Why not, in the order in which AWS looks.
pub(crate) fn admit(
    reader: &impl kv::Read,
    owner: &(String, String),
    senders: &[(String, String)],
    asked_set: Option<&str>,
    order: &Order,
) -> Decision<Admitted> {
    let account = account::of(reader, owner)?;
    if !account.sending {
        return Err(Refusal::AccountPaused);
    }
    let (mut found, mut failed) = (None, Vec::new());
    for (given, address) in senders {
        match identity::of_sender(reader, owner, address)? {
            Some(known) => found = found.or(Some(known)),
            None if failed.contains(&given.as_str()) => {}
            None => failed.push(given),
        }
    }
    let (identity_name, identity) = match found {
        Some(found) if failed.is_empty() => found,
        _ => {
            return Err(Refusal::Rejected(format!(
                "Email address is not verified. The following identities failed the check in region {}: {}",
                owner.1.to_uppercase(),
                failed.join(", ")
            )));
        }
    };
    check_arns(reader, owner, order)?;
    let set_name = asked_set.map(str::to_owned).or_else(|| identity.configuration_set.clone());
    let set = match set_name {
        Some(name) => Some((name.clone(), configuration_set::named(reader, owner, &name)?)),
        None => None,
    };
    if let Some((name, ConfigurationSet { sending: false, .. })) = &set {
        return Err(Refusal::ConfigurationSetPaused(name.clone()));
    }
    Ok(Admitted { account, listeners: Listeners { identity_name, identity, set } })
}

/// Identities of one's own may be named; those of others would need their policies.
fn check_arns(reader: &impl kv::Read, owner: &(String, String), order: &Order) -> Decision<()> {
    for (parameter, arn) in order.arns.iter().filter_map(|(name, arn)| Some((*name, arn.as_deref()?))) {
        let prefix = identity::arn(owner, "");
        let Some(name) = arn.strip_prefix(&prefix) else {
            let error = aws_wire::AwsError::parameter_not_implemented(order.operation, parameter);
            return Err(Refusal::Other(error));
        };
        if IDENTITIES.get(reader, &(&owner.0, &owner.1, name))?.is_none() {
            return Err(Refusal::Invalid(format!("Identity ARN <{arn}> is not valid.")));
        }
    }
    Ok(())
}

/// Reads and checks an order, and writes its mail.
fn draft(owner: &(String, String), id: &str, now: i64, order: &Order) -> Decision<Draft> {
    check_tags(&order.tags)?;
    mime::check_headers(&order.headers)?;
    let draft = match &order.content {
        Content::Raw(raw) => draft_of_raw(owner, id, now, order, raw)?,
        Content::Simple(rendered) => draft_of_parts(owner, id, now, order, Ok(rendered.clone()))?,
        Content::Template { name, template, data } => {
            let mut draft = draft_of_parts(owner, id, now, order, template.render(data))?;
            draft.mail.template = Some(name.clone());
            draft.mail.template_data = Some(data.to_string());
            draft
        }
    };
    if draft.mail.fates.is_empty() {
        return Err(Refusal::Invalid("Missing required header 'To'.".to_owned()));
    }
    if draft.mail.fates.len() > RECIPIENTS_MAX {
        return Err(Refusal::Invalid(format!("Recipient count exceeds {RECIPIENTS_MAX}.")));
    }
    let (bytes, bytes_max) = (draft.content.len(), order.bytes_max);
    if bytes > bytes_max {
        return Err(Refusal::Invalid(format!(
            "Message length is more than {bytes_max} bytes long: '{bytes}'."
        )));
    }
    Ok(draft)
}

fn draft_of_parts(
    owner: &(String, String),
    id: &str,
    now: i64,
    order: &Order,
    rendered: std::result::Result<Rendered, Failure>,
) -> Decision<Draft> {
    let source = order.source.as_deref().unwrap_or_default();
    let from = Mailbox::parse(source)?;
    let mailboxes =
        |list: &[String]| list.iter().map(|text| Mailbox::parse(text)).collect::<Decision<Vec<_>>>();
    let [to, cc, bcc, reply_to] =
        [&order.to, &order.cc, &order.bcc, &order.reply_to].map(|list| mailboxes(list));
    let (to, cc, bcc, reply_to) = (to?, cc?, bcc?, reply_to?);
    let mut senders = vec![(source.to_owned(), from.address.clone())];
    let return_path = return_path(order, &mut senders)?.unwrap_or_else(|| from.address.clone());
    let fates = to.iter().chain(&cc).chain(&bcc).map(|one| (one.address.clone(), Fate::Delivered));
    let mut mail = Mail {
        at: now,
        source: source.to_owned(),
        return_path,
        to: order.to.clone(),
        cc: order.cc.clone(),
        bcc: order.bcc.clone(),
        fates: fates.collect(),
        configuration_set: order.configuration_set.clone(),
        tags: order.tags.clone(),
        ..Mail::default()
    };
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(failure) => return Ok(Draft { mail, content: Vec::new(), senders, failure: Some(failure) }),
    };
    mail.subject.clone_from(&rendered.subject);
    let letter = Letter {
        from: Some(&from),
        to: &to,
        cc: &cc,
        reply_to: &reply_to,
        subject: &rendered.subject,
        text: rendered.text.as_deref(),
        html: rendered.html.as_deref(),
        headers: &order.headers,
        attachments: &order.attachments,
        message_id: id,
        host: host(&owner.1),
        date: now.div_euclid(1_000_000),
    };
    let content = letter.write();
    mail.size_bytes = content.len();
    Ok(Draft { mail, content, senders, failure: None })
}

fn draft_of_raw(owner: &(String, String), id: &str, now: i64, order: &Order, raw: &[u8]) -> Decision<Draft> {
    let message = mime::parse(raw).filter(|message| !message.headers().is_empty());
    let message = message.ok_or_else(|| Refusal::Invalid("Missing required header 'From'.".to_owned()))?;
    let header_from =
        message.header_raw("From").map(|from| from.split_whitespace().collect::<Vec<_>>().join(" "));
    let source = order.source.clone().filter(|source| !source.is_empty()).or_else(|| header_from.clone());
    let source = source.ok_or_else(|| Refusal::Invalid("Missing required header 'From'.".to_owned()))?;
    let from = Mailbox::parse(&source)?;
    let mut senders = vec![(source.clone(), from.address.clone())];
    if let Some(shown) = header_from {
        let address = Mailbox::parse(&shown)?.address;
        senders.push((shown, address));
    }
    let return_path = return_path(order, &mut senders)?.unwrap_or_else(|| from.address.clone());
    let listed = |list: Option<&mail_parser::Address<'_>>| {
        let all = list.into_iter().flat_map(mail_parser::Address::iter);
        all.filter_map(|one| one.address().map(str::to_owned)).collect::<Vec<_>>()
    };
    let given = !(order.to.is_empty() && order.cc.is_empty() && order.bcc.is_empty());
    let (to, cc, bcc) = if given {
        (order.to.clone(), order.cc.clone(), order.bcc.clone())
    } else {
        (listed(message.to()), listed(message.cc()), listed(message.bcc()))
    };
    let mut fates = BTreeMap::new();
    for recipient in to.iter().chain(&cc).chain(&bcc) {
        fates.insert(Mailbox::parse(recipient)?.address, Fate::Delivered);
    }
    let own_set = message.header_raw("X-SES-CONFIGURATION-SET").map(|name| name.trim().to_owned());
    let mut tags = order.tags.clone();
    if let Some(own) = message.header_raw("X-SES-MESSAGE-TAGS") {
        let pairs = own.split([',', ';']).filter_map(|pair| pair.split_once('='));
        tags.extend(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
        check_tags(&tags)?;
    }
    let message_id = format!("{id}@{}", host(&owner.1));
    let content = mime::restamped(raw, &message_id, now.div_euclid(1_000_000));
    let mail = Mail {
        at: now,
        source,
        return_path,
        to,
        cc,
        bcc,
        fates,
        subject: message.subject().unwrap_or_default().to_owned(),
        configuration_set: order.configuration_set.clone().or(own_set),
        tags,
        size_bytes: content.len(),
        ..Mail::default()
    };
    Ok(Draft { mail, content, senders, failure: None })
}

/// Where bounces are to go, who has to be verified too.
fn return_path(order: &Order, senders: &mut Vec<(String, String)>) -> Decision<Option<String>> {
    let Some(path) = order.return_path.as_ref().filter(|path| !path.is_empty()) else { return Ok(None) };
    let address = address::check(path)?;
    senders.push((path.clone(), address.clone()));
    Ok(Some(address))
}

/// The host in a region's message ids.
fn host(region: &str) -> &'static str {
    // AWS names the other regions' hosts after them; which host it was tells nothing here.
    if region == "us-east-1" { "email.amazonses.com" } else { "amazonses.com" }
}

fn check_tags(tags: &[(String, String)]) -> Decision<()> {
    if tags.len() > TAGS_MAX {
        return Err(Refusal::Invalid(format!("Too many tags: at most {TAGS_MAX} are allowed.")));
    }
    let is = |text: &str, more: &[u8]| {
        let legal =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || more.contains(&byte);
        !text.is_empty() && text.len() <= TAG_LENGTH_MAX && text.bytes().all(legal)
    };
    for (name, value) in tags {
        if !is(name, b"") {
            return Err(Refusal::Invalid(format!(
                "Invalid tag name <{name}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
            )));
        }
        if !is(value, b".@") {
            return Err(Refusal::Invalid(format!(
                "Invalid tag value <{value}>: only alphanumeric ASCII characters, '_', '-', '.', and '@' are allowed."
            )));
        }
    }
    Ok(())
}

/// What becomes of a mail for everybody, whoever they are.
fn fate_of_all(draft: &Draft, message: Option<&mail_parser::Message<'_>>) -> Option<Fate> {
    if draft.failure.is_some() {
        return Some(Fate::NotRendered);
    }
    message.is_some_and(fate::is_infected).then_some(Fate::Rejected)
}

/// Says of every recipient what becomes of the mail.
fn decide(
    tx: &Tx,
    owner: &(String, String),
    (admitted, relayed): (&Admitted, bool),
    of_all: Option<Fate>,
    mail: &mut Mail,
) -> Decision<()> {
    for (recipient, fate) in &mut mail.fates {
        let settings = (&admitted.account, admitted.listeners.set.as_ref().map(|(_, set)| set));
        *fate = match (of_all, fate::simulated(recipient)) {
            (Some(fate), _) | (None, Some(fate)) => fate,
            _ if suppression::holds_back(tx, owner, settings, recipient)? => Fate::Suppressed,
            _ if relayed => Fate::Queued,
            _ => Fate::Delivered,
        };
    }
    Ok(())
}

fn counts(mail: &Mail) -> Counts {
    let with = |wanted: &[Fate]| {
        let count = mail.fates.values().filter(|fate| wanted.contains(fate)).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    Counts {
        attempts: with(&[Fate::Delivered, Fate::Bounced, Fate::Complained, Fate::Suppressed, Fate::Queued]),
        bounces: with(&[Fate::Bounced]),
        complaints: with(&[Fate::Complained]),
        rejects: with(&[Fate::Rejected]),
    }
}

/// The events for everybody who wants to hear them.
pub(crate) fn parcels(story: &Story<'_>, listeners: &Listeners, events: &[Event]) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    let (account, region) = story.owner.clone();
    for event in events {
        if let Some((name, set)) = &listeners.set {
            let wanted = |event: &Event| {
                let kind = event.kind.matching();
                set.destinations.values().filter(move |one| one.enabled && one.events.contains(kind))
            };
            let source_arn = configuration_set::arn(story.owner, name);
            for destination in wanted(event) {
                let bus = destination.is_bus();
                parcels.push(Parcel {
                    target: destination.arn.clone(),
                    payload: story.record(event).to_string(),
                    detail_type: bus.then(|| event.kind.detail_type().to_owned()),
                    source_arn: source_arn.clone(),
                    account: account.clone(),
                    region: region.clone(),
                    tries: 0,
                });
            }
        }
        if let Some(topic) = listeners.identity.topics.get(event.kind.name()) {
            let with_headers = listeners.identity.with_headers.contains(event.kind.name());
            parcels.push(Parcel {
                target: topic.clone(),
                payload: story.notification(event, with_headers).to_string(),
                detail_type: None,
                source_arn: identity::arn(story.owner, &listeners.identity_name),
                account: account.clone(),
                region: region.clone(),
                tries: 0,
            });
        }
    }
    parcels
}

/// The template of a name.
///
/// # Errors
/// [`Refusal::NoTemplate`]
pub(crate) async fn template(cx: &Ctx, name: &str) -> Decision<Template> {
    let (account, region) = account::key(&cx.caller);
    let found = crate::keys::TEMPLATES.get(&cx.kv.snapshot().await?, &(account, region, name))?;
    found.ok_or_else(|| Refusal::NoTemplate(name.to_owned()))
}

/// The data of a template.
///
/// # Errors
/// [`Refusal::Invalid`]
pub(crate) fn template_data(default: &str, own: Option<&str>) -> Decision<Json> {
    template::data(default, own).map_err(|failure| Refusal::Invalid(failure.to_string()))
}

/// The mail that a template makes, without an envelope.
pub(crate) fn written(cx: &Ctx, rendered: &Rendered) -> String {
    let now = cx.env.now();
    let id = mail::id(now.as_millis(), cx.env.uuid());
    let letter = Letter {
        subject: &rendered.subject,
        text: rendered.text.as_deref(),
        html: rendered.html.as_deref(),
        message_id: &id,
        host: host(&cx.caller.region),
        date: now.as_secs(),
        ..Letter::default()
    };
    String::from_utf8_lossy(&letter.write()).into_owned()
}

/// Whether mails of this sender may be sent at all; for operations that send several.
///
/// # Errors
/// Why not.
pub(crate) async fn check(cx: &Ctx, order: &Order) -> Decision<()> {
    let source = order.source.as_deref().unwrap_or_default();
    let mut senders = vec![(source.to_owned(), Mailbox::parse(source)?.address)];
    return_path(order, &mut senders)?;
    let (snapshot, owner) = (cx.kv.snapshot().await?, account::key(&cx.caller));
    admit(&snapshot, &owner, &senders, order.configuration_set.as_deref(), order).map(drop)
}
