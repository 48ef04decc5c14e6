//! Enhanced fan-out: a shard's records pushed to one consumer, for five minutes a subscription.
//!
//! A subscription sleeps until a put, a split or a merge wakes it, or until it is time to say that nothing came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api_kinesis::{
    InternalFailureException, ResourceInUseException, ResourceNotFoundException, SubscribeToShardEvent,
    SubscribeToShardEventStream, errors,
};
use aws_wire::{AwsError, EventStream, Result};
use futures_util::stream;
use tokio::sync::watch;

use crate::keys::Id;
use crate::stream::Named;
use crate::{Ctx, read, sequence, shard};

const LASTS: Duration = Duration::from_secs(300);
/// Who subscribes again sooner is refused.
const TAKE_OVER_AFTER: Duration = Duration::from_secs(5);
/// How often a subscription without records says how far it is.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The same for a caller of this process who waits for records alone. Once within the time that a subscription lasts, so
/// that he knows where the next begins.
const HEARTBEAT_OF_PATIENT: Duration = Duration::from_secs(240);
/// Records and bytes of one event.
const RECORDS_MAX: usize = 10_000;
const BYTES_MAX: usize = 1 << 20;

/// A consumer's subscription to a shard.
type Key = (Id, String, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Not,
    TakenOver,
    Deregistered,
}

/// The subscriptions under way. They end with the process, as connections do.
#[derive(Clone, Default)]
pub(crate) struct Subscriptions(Arc<Mutex<HashMap<Key, Held>>>);

struct Held {
    begun: Duration,
    serial: u64,
    ended: watch::Sender<Ended>,
}

/// One subscription; dropped when the client has gone or its time is over.
struct Subscription {
    all: Subscriptions,
    key: Key,
    serial: u64,
    ended: watch::Receiver<Ended>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().expect("no panic while held");
        if all.get(&self.key).is_some_and(|held| held.serial == self.serial) {
            all.remove(&self.key);
        }
    }
}

impl Subscriptions {
    /// Begins a subscription, and ends the one that was before it.
    fn begin(&self, key: Key, now: Duration) -> Result<Subscription> {
        let mut all = self.0.lock().expect("no panic while held");
        let mut serial = 0;
        if let Some(before) = all.get(&key) {
            if now.saturating_sub(before.begun) < TAKE_OVER_AFTER {
                return Err(errors::resource_in_use_exception(format!(
                    "Another active subscription exists for this consumer: {} on {}",
                    key.1,
                    shard::name(key.2)
                )));
            }
            before.ended.send_replace(Ended::TakenOver);
            serial = before.serial + 1;
        }
        let (sender, ended) = watch::channel(Ended::Not);
        all.insert(key.clone(), Held { begun: now, serial, ended: sender });
        Ok(Subscription { all: self.clone(), key, serial, ended })
    }

    /// Ends all of a consumer's.
    pub(crate) fn deregister(&self, stream: Id, consumer: &str) {
        let all = self.0.lock().expect("no panic while held");
        for (_, held) in all.iter().filter(|((id, name, _), _)| *id == stream && name == consumer) {
            held.ended.send_replace(Ended::Deregistered);
        }
    }
}

/// What a subscription is at.
struct Push {
    cx: Ctx,
    named: Named,
    shard: u32,
    from: u64,
    until: Duration,
    news: watch::Receiver<()>,
    subscription: Subscription,
}

/// Subscribes a consumer to a shard from a number on.
///
/// # Errors
/// `ResourceInUseException` within five seconds of another subscription.
pub(crate) async fn subscribe(
    cx: &Ctx,
    named: Named,
    consumer: &str,
    shard: u32,
    from: u64,
) -> Result<EventStream<SubscribeToShardEventStream>> {
    let id = named.stream.id;
    let news = cx.state.lanes.of(id).news(cx, id, shard).await?;
    let now = cx.env.monotonic();
    let subscription = cx.state.subscriptions.begin((id, consumer.to_owned(), shard), now)?;
    let push = Push { cx: cx.clone(), named, shard, from, until: now + LASTS, news, subscription };
    Ok(EventStream::new(stream::unfold(Some(push), |push| async move {
        let mut push = push?;
        match push.next().await {
            Ok(Some((event, true))) => Some((event, None)),
            Ok(Some((event, false))) => Some((event, Some(push))),
            Ok(None) => None,
            Err(error) => Some((failure(&error), None)),
        }
    })))
}

impl Push {
    /// The next event, and whether it is the last; none when the time is over.
    async fn next(&mut self) -> Result<Option<(SubscribeToShardEventStream, bool)>> {
        let heartbeat = if self.cx.is_patient { HEARTBEAT_OF_PATIENT } else { HEARTBEAT };
        let quiet_until = self.cx.env.monotonic() + heartbeat;
        loop {
            match *self.subscription.ended.borrow_and_update() {
                Ended::Not => {}
                Ended::TakenOver => {
                    return Err(errors::resource_in_use_exception("Another subscription has taken over."));
                }
                Ended::Deregistered => {
                    return Err(errors::resource_not_found_exception("The consumer was deregistered."));
                }
            }
            self.news.borrow_and_update();
            let page =
                read::page(&self.cx, &self.named, self.shard, self.from, RECORDS_MAX, BYTES_MAX).await?;
            let now = self.cx.env.monotonic();
            if now >= self.until {
                return Ok(None);
            }
            if !page.records.is_empty() || page.over || now >= quiet_until {
                return self.event(page).await.map(Some);
            }
            self.from = page.next;
            let pause = quiet_until.min(self.until).saturating_sub(now);
            tokio::select! {
                // Without a sender the shard is gone, which the next read says.
                _ = self.news.changed() => {}
                _ = self.subscription.ended.changed() => {}
                () = self.cx.env.sleep(pause) => {}
            }
        }
    }

    async fn event(&mut self, page: read::Page) -> Result<(SubscribeToShardEventStream, bool)> {
        let id = self.named.stream.id;
        self.from = page.next;
        let children = match page.over {
            true => Some(shard::children(&shard::all(&self.cx.kv.snapshot().await?, id)?, self.shard)),
            false => None,
        };
        // What a client goes on after: the last number that was looked at.
        let seen = sequence::shown(id, self.shard, page.next.saturating_sub(1));
        let last = page.records.last().map(|record| record.sequence_number.clone());
        let event = SubscribeToShardEvent {
            records: page.records,
            continuation_sequence_number: last.unwrap_or(seen),
            millis_behind_latest: page.behind_ms,
            child_shards: children,
        };
        let event = SubscribeToShardEventStream {
            subscribe_to_shard_event: Some(event),
            ..SubscribeToShardEventStream::default()
        };
        Ok((event, page.over))
    }
}

/// The exception that ends the events.
fn failure(error: &AwsError) -> SubscribeToShardEventStream {
    let message = error.message.clone();
    let none = SubscribeToShardEventStream::default();
    match &*error.code {
        "ResourceInUseException" => SubscribeToShardEventStream {
            resource_in_use_exception: Some(ResourceInUseException { message }),
            ..none
        },
        "ResourceNotFoundException" => SubscribeToShardEventStream {
            resource_not_found_exception: Some(ResourceNotFoundException { message }),
            ..none
        },
        _ => {
            tracing::error!(%error, cause = ?error.cause, "push records");
            let message = Some("Internal service failure.".to_owned());
            SubscribeToShardEventStream {
                internal_failure_exception: Some(InternalFailureException { message }),
                ..none
            }
        }
    }
}
