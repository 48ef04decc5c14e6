//! Deliveries by HTTP: each subscription's are work of its own, so that an endpoint that is slow or gone holds up
//! nobody else's.
//!
//! A row is one message for one subscription; it is stored with the publishing or the subscribing. While a subscription
//! has rows, it has a lane: a task that sends what is due, at most so many at a time and as fast as the delivery policy
//! allows, and puts what failed back for later. Lanes are in memory; at the start they are made for whoever has rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_wire::{AwsError, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use kv::{Direction, Span};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use crate::Ctx;
use crate::delivery_policy::DeliveryPolicy;
use crate::endpoint::{Endpoint, Refused, Tls};
use crate::envelope::{self, Confirmation, Sender};
use crate::keys::{Id, LETTERS, SUBSCRIPTIONS, TOPICS};
use crate::message::Message;
use crate::outbox::{Dead, bury};
use crate::signing::SignatureVersion;
use crate::subscription::{self, Subscription};
use crate::topic::{self, Topic};

/// Requests under way for one subscription.
const LANE_AT_ONCE: usize = 8;
/// Requests under way for all of them.
const AT_ONCE: usize = 512;
/// After a failure of the store, and for dead letters whose queue does not take them at the moment.
const PAUSE: Duration = Duration::from_secs(20);

/// A message on its way to an endpoint; its subscription is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// `host:port` by which the publisher reached the platform.
    pub host: String,
    pub message: Message,
    #[serde(default)]
    pub signature_version: SignatureVersion,
    /// What the endpoint is asked to confirm, if this is no notification.
    #[serde(default)]
    pub confirmation: Option<Confirmation>,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u64,
}

/// What a question to an endpoint is made of; drawn before a transaction.
pub(crate) struct Draft {
    pub row: Id,
    host: String,
    message_id: String,
    now_ms: i64,
}

impl Draft {
    pub(crate) fn draw(cx: &Ctx) -> Self {
        Self {
            row: cx.env.uuid().into_bytes(),
            host: cx.host.to_string(),
            message_id: cx.env.uuid().to_string(),
            now_ms: cx.env.now().as_millis(),
        }
    }

    pub(crate) fn letter(&self, topic: &Topic, confirmation: Confirmation) -> Letter {
        Letter {
            host: self.host.clone(),
            message: Message::empty(self.message_id.clone(), self.now_ms),
            signature_version: topic.signature_version(),
            confirmation: Some(confirmation),
            tries: 0,
        }
    }
}

/// Where a letter lies: its subscription's ARN, when it is due in microseconds, which it is.
pub(crate) type LetterKey = (String, i64, Id);

/// What tells the job of new letters, and what it sends with.
pub(crate) struct Courier {
    /// The earliest row that was added since the job last looked, by subscription.
    added: Mutex<BTreeMap<String, i64>>,
    arrivals: watch::Sender<()>,
    at_once: Semaphore,
    tls: Tls,
}

impl Default for Courier {
    fn default() -> Self {
        Self {
            added: Mutex::default(),
            arrivals: watch::channel(()).0,
            at_once: Semaphore::new(AT_ONCE),
            tls: Tls::default(),
        }
    }
}

impl Courier {
    /// Letters of this moment or later were committed.
    pub(crate) fn added(&self, subscription_arn: &str, at: i64) {
        let mut added = self.added.lock().expect("no panic while held");
        let earliest = added.entry(subscription_arn.to_owned()).or_insert(at);
        *earliest = at.min(*earliest);
        drop(added);
        self.arrivals.send_replace(());
    }

    fn take(&self) -> BTreeMap<String, i64> {
        std::mem::take(&mut *self.added.lock().expect("no panic while held"))
    }
}

/// How a lane that runs is told of new rows.
struct Bell {
    rung: Notify,
    /// The earliest row added; `i64::MAX` for none.
    earliest: AtomicI64,
}

/// The lanes that run.
struct Lanes {
    running: HashMap<String, (Arc<Bell>, bool)>,
    tasks: JoinSet<String>,
}

impl Lanes {
    fn ring(&mut self, cx: &Ctx, arn: String, at: i64) {
        if let Some((bell, again)) = self.running.get_mut(&arn) {
            bell.earliest.fetch_min(at, Ordering::SeqCst);
            bell.rung.notify_one();
            // It may be about to end, having seen nothing: then another begins.
            *again = true;
            return;
        }
        let bell = Arc::new(Bell { rung: Notify::new(), earliest: AtomicI64::new(i64::MAX) });
        self.running.insert(arn.clone(), (Arc::clone(&bell), false));
        let cx = cx.clone();
        self.tasks.spawn(async move {
            Lane::new(cx, arn.clone(), bell).run().await;
            arn
        });
    }

    fn ended(&mut self, cx: &Ctx, arn: String) {
        if let Some((_, true)) = self.running.remove(&arn) {
            self.ring(cx, arn, i64::MIN);
        }
    }
}

/// Delivers until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut arrivals = cx.state.courier.arrivals.subscribe();
    let mut lanes = Lanes { running: HashMap::new(), tasks: JoinSet::new() };
    let known = loop {
        match with_letters(&cx).await {
            Ok(known) => break known,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "look for letters");
                cx.env.sleep(PAUSE).await;
            }
        }
    };
    known.into_iter().for_each(|arn| lanes.ring(&cx, arn, i64::MIN));
    loop {
        cx.state.courier.take().into_iter().for_each(|(arn, at)| lanes.ring(&cx, arn, at));
        tokio::select! {
            _ = arrivals.changed() => {}
            Some(ended) = lanes.tasks.join_next() => match ended {
                Ok(arn) => lanes.ended(&cx, arn),
                Err(error) => tracing::error!(%error, "a lane of deliveries broke"),
            },
        }
    }
}

/// The subscriptions that have letters.
async fn with_letters(cx: &Ctx) -> Result<Vec<String>> {
    let snapshot = cx.kv.snapshot().await?;
    let (mut found, mut rest) = (Vec::new(), Span::all());
    while let Some(((arn, ..), _)) = LETTERS.scan(&snapshot, &rest, 1, Direction::Forward)?.pop() {
        rest = Span::all().after_prefix(&(arn.as_str(),));
        found.push(arn);
    }
    Ok(found)
}

/// One subscription's deliveries, while there are any.
struct Lane {
    cx: Ctx,
    arn: String,
    bell: Arc<Bell>,
    /// No row lies before.
    from: i64,
    under_way: BTreeSet<(i64, Id)>,
    tasks: JoinSet<(i64, Id)>,
    /// When the delivery policy allows the next request, in microseconds.
    open_at: i64,
}

impl Lane {
    fn new(cx: Ctx, arn: String, bell: Arc<Bell>) -> Self {
        Self {
            cx,
            arn,
            bell,
            from: i64::MIN,
            under_way: BTreeSet::new(),
            tasks: JoinSet::new(),
            open_at: i64::MIN,
        }
    }

    async fn run(mut self) {
        loop {
            let next = match self.send_due().await {
                Ok(None) if self.tasks.is_empty() => return,
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, cause = ?error.cause, subscription = self.arn, "deliver");
                    Some(self.cx.env.now().after(PAUSE).as_micros())
                }
            };
            self.wait(next).await;
        }
    }

    /// Sends what is due and allowed; gives when to look again, if anything waits for its time.
    async fn send_due(&mut self) -> Result<Option<i64>> {
        let added = self.bell.earliest.swap(i64::MAX, Ordering::SeqCst);
        self.from = self.from.min(added);
        let snapshot = self.cx.kv.snapshot().await?;
        let span = Span::prefix(&(self.arn.as_str(),)).from(&(self.arn.as_str(), self.from, [0; 16]));
        let limit = LANE_AT_ONCE + self.under_way.len();
        let rows = LETTERS.scan(&snapshot, &span, limit, Direction::Forward)?;
        self.from = rows.first().map_or(i64::MAX, |((_, at, _), _)| *at);
        let recipient = Recipient::find(&snapshot, &self.arn)?.map(Arc::new);
        for ((_, at, id), letter) in rows {
            if self.under_way.contains(&(at, id)) {
                continue;
            }
            let now = self.cx.env.now().as_micros();
            if at.max(self.open_at) > now {
                return Ok(Some(at.max(self.open_at)));
            }
            if self.tasks.len() >= LANE_AT_ONCE {
                break;
            }
            if let Some(spacing) = recipient.as_ref().and_then(|recipient| recipient.policy.spacing()) {
                self.open_at = self.cx.env.now().after(spacing).as_micros();
            }
            self.under_way.insert((at, id));
            let (cx, key, recipient) = (self.cx.clone(), (self.arn.clone(), at, id), recipient.clone());
            self.tasks.spawn(async move {
                if let Err(error) = deliver(&cx, &key, letter, recipient).await {
                    tracing::error!(%error, cause = ?error.cause, subscription = key.0, "deliver");
                    // Tried at once, it would fail at once.
                    cx.env.sleep(PAUSE).await;
                }
                (at, id)
            });
        }
        Ok(None)
    }

    async fn wait(&mut self, next: Option<i64>) {
        let now = self.cx.env.now().as_micros();
        let pause = next.map(|next| Duration::from_micros(u64::try_from(next - now).unwrap_or(0)));
        let asleep = async {
            match pause {
                Some(pause) => self.cx.env.sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = self.tasks.join_next() => match done {
                Ok(row) => {
                    self.under_way.remove(&row);
                }
                Err(error) => tracing::error!(%error, subscription = self.arn, "a delivery broke"),
            },
            () = self.bell.rung.notified() => {}
            () = asleep => {}
        }
    }
}

/// Whom a lane sends to, as it is now.
struct Recipient {
    subscription: Subscription,
    topic_arn: String,
    policy: DeliveryPolicy,
}

impl Recipient {
    fn find(reader: &impl kv::Read, arn: &str) -> Result<Option<Self>> {
        let Some(key) = subscription::key_of_arn(arn) else { return Ok(None) };
        let topic_key = (key.0.clone(), key.1.clone(), key.2.clone());
        let topic: Option<Topic> = TOPICS.get(reader, &topic_key)?;
        let Some((topic, subscription)) = topic.zip(SUBSCRIPTIONS.get(reader, &key)?) else {
            return Ok(None);
        };
        let policy = DeliveryPolicy::effective(
            topic.attribute("DeliveryPolicy"),
            subscription.attribute("DeliveryPolicy"),
        );
        Ok(Some(Self { subscription, topic_arn: topic::arn(&topic_key), policy }))
    }
}

/// Sends one letter, and stores what follows: it is gone, comes again, or is dead.
async fn deliver(cx: &Ctx, key: &LetterKey, mut letter: Letter, to: Option<Arc<Recipient>>) -> Result<()> {
    // Whoever has unsubscribed gets nothing more, but for the question whether that was meant.
    let wanted = |to: &Arc<Recipient>| letter.confirmation.is_some() || to.subscription.is_confirmed();
    let Some(to) = to.filter(wanted) else { return settle(cx, key, None).await };
    let sent = {
        let Ok(_permit) = cx.state.courier.at_once.acquire().await else { return Ok(()) };
        send(cx, &key.0, &letter, &to).await?
    };
    let Err(refused) = sent else { return settle(cx, key, None).await };
    letter.tries += 1;
    let pause = to.policy.pause(letter.tries).filter(|_| refused.is_worth_another_try());
    if let Some(pause) = pause {
        return settle(cx, key, Some((pause, letter))).await;
    }
    let dead = Dead {
        topic_arn: &to.topic_arn,
        host: &letter.host,
        message: &letter.message,
        signature_version: letter.signature_version,
        subscription_arn: &key.0,
        // A question that nobody heard is no message.
        dead_letters: to.subscription.dead_letters().filter(|_| letter.confirmation.is_none()),
    };
    let buried = bury(cx, &dead, &refused.code(), &refused.reason).await;
    settle(cx, key, (!buried).then_some((PAUSE, letter))).await
}

/// Takes a letter away; one that is to come again, after a pause, is put back.
async fn settle(cx: &Ctx, key: &LetterKey, again: Option<(Duration, Letter)>) -> Result<()> {
    let again = again.map(|(pause, letter)| (cx.env.now().after(pause).as_micros(), letter));
    cx.kv
        .transact(|tx| {
            LETTERS.delete(tx, key)?;
            if let Some((at, letter)) = &again {
                LETTERS.put(tx, &(key.0.as_str(), *at, key.2), letter)?;
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    if let Some((at, _)) = again {
        cx.state.courier.added(&key.0, at);
    }
    Ok(())
}

async fn send(
    cx: &Ctx,
    arn: &str,
    letter: &Letter,
    to: &Recipient,
) -> Result<std::result::Result<(), Refused>> {
    let (protocol, message) = (to.subscription.protocol.as_str(), &letter.message);
    let Some(endpoint) = Endpoint::parse(protocol, &to.subscription.endpoint) else {
        let reason = "its address is none".to_owned();
        return Ok(Err(Refused { status: Some(400), reason }));
    };
    let sender = Sender { topic_arn: &to.topic_arn, subscription_arn: arn, host: &letter.host };
    let raw = letter.confirmation.is_none() && to.subscription.is_raw();
    let signer = &cx.state.signer;
    let (kind, body) = match &letter.confirmation {
        Some(confirmation) => {
            let text = envelope::confirmation_to_sign(message, confirmation, &sender);
            let seal = signer.sign(cx, letter.signature_version, text).await?;
            (confirmation.kind(), envelope::of_confirmation(message, confirmation, &sender, &seal))
        }
        None if raw => ("Notification", envelope::raw(message, protocol).to_owned()),
        None => {
            let text = envelope::text_to_sign(message, protocol, &to.topic_arn);
            let seal = signer.sign(cx, letter.signature_version, text).await?;
            ("Notification", envelope::of_text(message, protocol, &sender, &seal))
        }
    };
    let subscribed = !matches!(letter.confirmation, Some(Confirmation::Subscribing { .. }));
    let headers = [
        ("x-amz-sns-message-type", Some(kind)),
        ("x-amz-sns-message-id", Some(message.id.as_str())),
        ("x-amz-sns-topic-arn", Some(to.topic_arn.as_str())),
        ("x-amz-sns-subscription-arn", subscribed.then_some(arn)),
        ("x-amz-sns-rawdelivery", raw.then_some("true")),
        (header::CONTENT_TYPE.as_str(), Some(to.policy.content_type())),
    ];
    let headers = headers.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value?).ok()?))
    });
    let headers = headers.collect::<HeaderMap>();
    Ok(endpoint.post(&cx.env, &cx.state.courier.tls, &headers, Bytes::from(body)).await)
}
