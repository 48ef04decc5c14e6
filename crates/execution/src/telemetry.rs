//! An environment's telemetry: what happens in it, kept for each subscriber until it is delivered.
//!
//! Writing never waits: a subscriber that does not take its events loses some, and is told how many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use env::{Env, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use crate::dates::iso8601;
use crate::subscription::{Api, Category, Subscription};

/// Events of INIT, kept for whoever subscribes before it is over.
const BACKLOG_MAX: usize = 1_000;
const BACKLOG_BYTES_MAX: usize = 256 * 1024;
/// Subscriptions in one INIT, those that later ones replaced among them: each has a queue and a task.
const SUBSCRIPTIONS_MAX: usize = 32;
/// What is kept for one subscriber, as a multiple of its own largest batch.
const BATCHES_MAX: usize = 4;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub category: Category,
    pub at: Timestamp,
    pub kind: &'static str,
    pub record: Json,
}

#[derive(Default)]
pub(crate) struct Telemetry {
    /// INIT is over: nobody subscribes any more.
    is_closed: bool,
    backlog: VecDeque<Event>,
    backlog_bytes: usize,
    subscribers: Vec<Arc<Subscriber>>,
    subscriptions: usize,
}

impl Telemetry {
    /// Whether anybody would get an event of this category, now or later.
    pub(crate) fn wants(&self, category: Category) -> bool {
        !self.is_closed || self.subscribers.iter().any(|one| one.asked.categories.contains(&category))
    }

    pub(crate) fn publish(&mut self, event: Event, now: Duration) {
        for subscriber in &self.subscribers {
            subscriber.push(&event, now);
        }
        if !self.is_closed {
            self.backlog_bytes += size(&event.record);
            self.backlog.push_back(event);
            while self.backlog.len() > BACKLOG_MAX || self.backlog_bytes > BACKLOG_BYTES_MAX {
                let Some(oldest) = self.backlog.pop_front() else { break };
                self.backlog_bytes -= size(&oldest.record);
            }
        }
    }

    /// Adds a subscriber, which gets what happened before too; `None` once INIT is over, or after too many.
    pub(crate) fn subscribe(
        &mut self,
        name: &str,
        asked: Subscription,
        now: Duration,
    ) -> Option<Arc<Subscriber>> {
        if self.is_closed || self.subscriptions >= SUBSCRIPTIONS_MAX {
            return None;
        }
        self.subscriptions += 1;
        let subscriber = Arc::new(Subscriber {
            name: name.to_owned(),
            asked,
            queue: Mutex::default(),
            added: Notify::new(),
            settled: Notify::new(),
        });
        for event in &self.backlog {
            subscriber.push(event, now);
        }
        // A second subscription of the same extension takes the place of its first.
        for earlier in self.subscribers.extract_if(.., |one| one.name == name) {
            earlier.close();
        }
        self.subscribers.push(Arc::clone(&subscriber));
        Some(subscriber)
    }

    /// The API with which `name` has subscribed.
    pub(crate) fn api_of(&self, name: &str) -> Option<Api> {
        self.subscribers.iter().find(|one| one.name == name).map(|one| one.asked.api)
    }

    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.backlog = VecDeque::new();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.subscribers.clone()
    }
}

fn size(record: &Json) -> usize {
    match record {
        Json::String(line) => line.len() + 64,
        // Platform events: small, and of one size or so.
        _ => 512,
    }
}

/// What waits for one subscriber.
pub(crate) struct Subscriber {
    pub name: String,
    pub asked: Subscription,
    queue: Mutex<Queue>,
    added: Notify,
    settled: Notify,
}

#[derive(Default)]
struct Queue {
    /// Events as they are sent.
    items: VecDeque<String>,
    bytes: usize,
    /// When the oldest came, by the monotonic clock.
    since: Duration,
    dropped_records: u64,
    dropped_bytes: u64,
    is_flushing: bool,
    is_sending: bool,
    is_closed: bool,
}

impl Subscriber {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no panic while held")
    }

    fn push(&self, event: &Event, now: Duration) {
        if !self.asked.categories.contains(&event.category) {
            return;
        }
        let mut queue = self.queue();
        for (kind, record) in as_asked(event, &self.asked) {
            let text = render(event.at, kind, &record);
            let bytes_max = BATCHES_MAX * self.asked.buffering.bytes_max;
            let items_max = BATCHES_MAX * self.asked.buffering.items_max;
            if queue.items.len() >= items_max || queue.bytes + text.len() > bytes_max {
                queue.dropped_records += 1;
                queue.dropped_bytes += text.len() as u64;
                continue;
            }
            self.tell_dropped(&mut queue, event.at);
            if queue.items.is_empty() {
                queue.since = now;
            }
            queue.bytes += text.len();
            queue.items.push_back(text);
        }
        drop(queue);
        self.added.notify_one();
    }

    /// Says how much was lost, as soon as there is room to say it.
    fn tell_dropped(&self, queue: &mut Queue, at: Timestamp) {
        if queue.dropped_records == 0 {
            return;
        }
        let record = json!({
            "reason": "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
            "droppedRecords": std::mem::take(&mut queue.dropped_records),
            "droppedBytes": std::mem::take(&mut queue.dropped_bytes),
        });
        let text = render(at, "platform.logsDropped", &record);
        queue.bytes += text.len();
        queue.items.push_back(text);
    }

    /// Waits until something is to be sent, and takes it; `None` when the subscriber is gone.
    pub(crate) async fn batch(&self, env: &Env) -> Option<Vec<String>> {
        loop {
            let wait = {
                let mut queue = self.queue();
                if queue.is_closed {
                    return None;
                }
                let buffering = &self.asked.buffering;
                let age = env.monotonic().saturating_sub(queue.since);
                let is_full = queue.items.len() >= buffering.items_max || queue.bytes >= buffering.bytes_max;
                if !queue.items.is_empty() && (is_full || queue.is_flushing || age >= buffering.timeout) {
                    queue.is_sending = true;
                    return Some(self.take(&mut queue, env));
                }
                (!queue.items.is_empty()).then(|| buffering.timeout - age)
            };
            match wait {
                None => self.added.notified().await,
                Some(wait) => tokio::select! {
                    () = env.sleep(wait) => {}
                    () = self.added.notified() => {}
                },
            }
        }
    }

    fn take(&self, queue: &mut Queue, env: &Env) -> Vec<String> {
        let buffering = &self.asked.buffering;
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < buffering.items_max
            && let Some(next) = queue.items.front()
            && (taken.is_empty() || bytes + next.len() <= buffering.bytes_max)
        {
            bytes += next.len();
            taken.extend(queue.items.pop_front());
        }
        queue.bytes -= bytes;
        queue.since = env.monotonic();
        taken
    }

    /// A batch has arrived, or could not be delivered.
    pub(crate) fn sent(&self, batch: &[String], arrived: bool, at: Timestamp) {
        let mut queue = self.queue();
        queue.is_sending = false;
        if !arrived {
            queue.dropped_records += batch.len() as u64;
            queue.dropped_bytes += batch.iter().map(|item| item.len() as u64).sum::<u64>();
        } else {
            self.tell_dropped(&mut queue, at);
        }
        drop(queue);
        self.settled.notify_waiters();
    }

    /// Resolves when everything so far was sent, or was tried to be.
    pub(crate) async fn flush(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let mut queue = self.queue();
                if queue.is_closed || (queue.items.is_empty() && !queue.is_sending) {
                    queue.is_flushing = false;
                    return;
                }
                queue.is_flushing = true;
            }
            self.added.notify_one();
            settled.await;
        }
    }

    fn close(&self) {
        self.queue().is_closed = true;
        self.added.notify_one();
        self.settled.notify_waiters();
    }
}

fn render(at: Timestamp, kind: &str, record: &Json) -> String {
    json!({ "time": iso8601(at), "type": kind, "record": record }).to_string()
}

/// The event as the subscriber's API and schema have it: the old one has fewer, and one more.
fn as_asked(event: &Event, asked: &Subscription) -> Vec<(&'static str, Json)> {
    if asked.api == Api::Telemetry {
        let record = match &event.record {
            // The first schema knows lines of text only.
            Json::Object(_) if event.category != Category::Platform && asked.schema == "2022-07-01" => {
                event.record.to_string().into()
            }
            record => record.clone(),
        };
        let is_theirs = event.kind != "platform.logsSubscription";
        return if is_theirs { vec![(event.kind, record)] } else { Vec::new() };
    }
    let pick = |names: &[&str]| {
        let mut kept = event.record.clone();
        if let Some(fields) = kept.as_object_mut() {
            fields.retain(|name, _| names.contains(&name.as_str()));
        }
        kept
    };
    match event.kind {
        "platform.start" => vec![(event.kind, pick(&["requestId", "version"]))],
        "platform.runtimeDone" if asked.schema == "2021-03-18" => {
            vec![(event.kind, pick(&["requestId", "status"]))]
        }
        "platform.report" => {
            vec![("platform.end", pick(&["requestId"])), (event.kind, pick(&["requestId", "metrics"]))]
        }
        "platform.extension" | "platform.logsSubscription" => vec![(event.kind, event.record.clone())],
        "function" | "extension" => {
            let line = event.record.as_str().map_or_else(|| event.record.to_string(), str::to_owned);
            vec![(event.kind, line.into())]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::parse;

    fn asked(api: Api, schema: &str) -> Subscription {
        let body = json!({
            "schemaVersion": schema,
            "types": ["platform", "function"],
            "destination": { "protocol": "TCP", "port": 1234 },
            "buffering": { "maxItems": 1000 },
        });
        parse(api, body.to_string().as_bytes(), 9001).expect("valid")
    }

    fn event(category: Category, kind: &'static str, record: Json) -> Event {
        Event { category, at: Timestamp::from_micros(0), kind, record }
    }

    fn line(text: &str) -> Event {
        event(Category::Function, "function", text.into())
    }

    fn waiting(subscriber: &Subscriber) -> Vec<String> {
        subscriber.queue().items.iter().cloned().collect()
    }

    #[test]
    fn whoever_subscribes_in_init_gets_what_was_before() {
        let mut telemetry = Telemetry::default();
        telemetry.publish(line("early"), Duration::ZERO);
        telemetry.publish(event(Category::Extension, "extension", "not asked for".into()), Duration::ZERO);
        let subscriber = telemetry.subscribe("e", asked(Api::Telemetry, "2022-12-13"), Duration::ZERO);
        let subscriber = subscriber.expect("INIT is not over");
        telemetry.close();
        telemetry.publish(line("late"), Duration::ZERO);
        let lines = ["early", "late"];
        let expected = lines.map(|text| {
            format!(r#"{{"time":"1970-01-01T00:00:00.000Z","type":"function","record":"{text}"}}"#)
        });
        assert_eq!(waiting(&subscriber), expected);
        assert!(telemetry.subscribe("other", asked(Api::Telemetry, "2022-12-13"), Duration::ZERO).is_none());
        assert!(!telemetry.wants(Category::Extension) && telemetry.wants(Category::Function));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told() {
        let mut telemetry = Telemetry::default();
        let subscriber = telemetry.subscribe("e", asked(Api::Telemetry, "2022-12-13"), Duration::ZERO);
        let subscriber = subscriber.expect("INIT is not over");
        telemetry.close();
        for _ in 0..BATCHES_MAX * 1000 + 7 {
            telemetry.publish(line("x"), Duration::ZERO);
        }
        assert_eq!(subscriber.queue().items.len(), BATCHES_MAX * 1000);
        subscriber.queue().items.drain(..2);
        telemetry.publish(line("y"), Duration::ZERO);
        let last = waiting(&subscriber).split_off(BATCHES_MAX * 1000 - 2);
        assert!(last[0].contains(r#""type":"platform.logsDropped""#), "{last:?}");
        assert!(last[0].contains(r#""droppedRecords":7"#), "{last:?}");
        assert!(last[1].contains(r#""record":"y""#), "{last:?}");
    }

    #[test]
    fn nobody_subscribes_without_end() {
        let mut telemetry = Telemetry::default();
        let mut subscribe =
            || telemetry.subscribe("e", asked(Api::Telemetry, "2022-12-13"), Duration::ZERO).is_some();
        assert!((0..SUBSCRIPTIONS_MAX).all(|_| subscribe()));
        assert!(!subscribe());
        assert_eq!(telemetry.subscribers().len(), 1, "the last takes the place of the others");
    }

    #[test]
    fn each_schema_has_its_own_events() {
        let report = event(
            Category::Platform,
            "platform.report",
            json!({ "requestId": "id", "status": "success", "metrics": { "durationMs": 1.0 } }),
        );
        let done = event(
            Category::Platform,
            "platform.runtimeDone",
            json!({ "requestId": "id", "status": "success" }),
        );
        let object = event(Category::Function, "function", json!({ "level": "INFO" }));
        let kinds = |event: &Event, api, schema| {
            as_asked(event, &asked(api, schema))
                .into_iter()
                .map(|(kind, record)| format!("{kind} {record}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            kinds(&report, Api::Logs, "2020-08-15"),
            [
                r#"platform.end {"requestId":"id"}"#,
                r#"platform.report {"requestId":"id","metrics":{"durationMs":1.0}}"#
            ]
        );
        assert_eq!(kinds(&done, Api::Logs, "2020-08-15"), [""; 0]);
        assert_eq!(kinds(&done, Api::Logs, "2021-03-18").len(), 1);
        assert_eq!(kinds(&object, Api::Telemetry, "2022-12-13"), [r#"function {"level":"INFO"}"#]);
        assert_eq!(kinds(&object, Api::Telemetry, "2022-07-01"), [r#"function "{\"level\":\"INFO\"}""#]);
        assert_eq!(kinds(&object, Api::Logs, "2021-03-18"), [r#"function "{\"level\":\"INFO\"}""#]);
    }
}
