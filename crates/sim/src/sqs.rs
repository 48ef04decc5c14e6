//! SQS: nothing acknowledged is lost, nothing comes from nowhere, a message is with one receiver at a time; in a FIFO
//! queue a group's messages come in order and a duplicate does not come at all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::world::{Door, Ground, World};

/// Deduplication ids are remembered for five minutes, in microseconds.
const REMEMBERED: i64 = 300 * 1_000_000;
/// The longest visibility timeout in use, and more.
const ALL_VISIBLE: Duration = Duration::from_secs(130);

/// When something was asked and answered: by the order of moments, and by the clock.
#[derive(Clone, Copy, Debug)]
struct When {
    asked: u64,
    asked_us: i64,
    /// `None` when there was no answer.
    answered: Option<(u64, i64)>,
    life: u64,
}

#[derive(Clone, Debug)]
struct Send {
    body: String,
    group: String,
    deduplication: String,
    when: When,
    /// What an acknowledgement said.
    sequence: Option<u128>,
    is_known: bool,
}

#[derive(Clone, Debug)]
struct Receive {
    when: When,
    visibility_us: i64,
    /// `None` when nobody knows what it took.
    messages: Option<Vec<Message>>,
}

#[derive(Clone, Debug)]
struct Message {
    id: String,
    body: String,
    handle: String,
    sequence: u128,
}

/// A deletion, or a change of visibility to so many microseconds.
#[derive(Clone, Debug)]
struct Change {
    body: String,
    handle: String,
    when: When,
    visibility_us: Option<i64>,
    is_done: bool,
}

#[derive(Debug, Default)]
struct History {
    sends: Vec<Send>,
    receives: Vec<Receive>,
    changes: Vec<Change>,
}

type Shared = Arc<Mutex<History>>;

fn queue(fifo: bool) -> &'static str {
    if fifo { "q.fifo" } else { "q" }
}

fn begin(door: &Door) -> When {
    let (asked, asked_us) = (door.world.moment(), door.world.env.now().as_micros());
    When { asked, asked_us, answered: None, life: door.number }
}

fn end(door: &Door) -> Option<(u64, i64)> {
    Some((door.world.moment(), door.world.env.now().as_micros()))
}

async fn call(door: &Door, fifo: bool, operation: &str, mut body: Json) -> Option<Json> {
    body["QueueUrl"] = format!("http://localhost:4566/000000000000/{}", queue(fifo)).into();
    let answer = door.json("sqs", &format!("AmazonSQS.{operation}"), &body).await;
    match answer.status {
        200 if answer.body.is_empty() => Some(Json::Null),
        200 => Some(answer.json()),
        // A handle whose time is over, or a failure.
        _ => None,
    }
}

async fn client(door: Door, fifo: bool, shared: Shared) {
    while door.more() {
        door.dawdle().await;
        match door.world.dice.roll(20) {
            0..=7 => send(&door, fifo, &shared).await,
            8..=13 => receive(&door, fifo, &shared, *door.world.dice.pick(&[0, 2, 20, 120])).await,
            14..=17 => change(&door, fifo, &shared, None).await,
            18 => change(&door, fifo, &shared, Some(*door.world.dice.pick(&[0, 1, 60]))).await,
            _ => door.pass(Duration::from_secs(*door.world.dice.pick(&[1, 3, 25, 305]))).await,
        }
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, History> {
    shared.lock().expect("no panic while held")
}

/// Sends something new, or once more what had no answer.
async fn send(door: &Door, fifo: bool, shared: &Shared) {
    let dice = &door.world.dice;
    let position = {
        let mut history = lock(shared);
        let number = history.sends.len();
        let unknown = history.sends.iter().find(|send| fifo && !send.is_known && dice.once_in(2)).cloned();
        let new = || Send {
            body: format!("m{number}"),
            group: format!("g{}", dice.roll(2)),
            deduplication: if dice.once_in(6) { format!("d{}", dice.roll(2)) } else { format!("d-{number}") },
            when: begin(door),
            sequence: None,
            is_known: false,
        };
        let send = unknown.map_or_else(new, |send| Send { when: begin(door), ..send });
        history.sends.push(send);
        number
    };
    let send = lock(shared).sends[position].clone();
    let mut body = json!({ "MessageBody": send.body });
    if fifo {
        body["MessageGroupId"] = send.group.into();
        body["MessageDeduplicationId"] = send.deduplication.into();
    } else if dice.once_in(5) {
        body["DelaySeconds"] = json!(2);
    }
    let answer = call(door, fifo, "SendMessage", body).await;
    let mut history = lock(shared);
    let send = &mut history.sends[position];
    send.when.answered = end(door);
    send.is_known = answer.is_some();
    send.sequence = answer.and_then(|answer| answer["SequenceNumber"].as_str()?.parse().ok());
}

async fn receive(door: &Door, fifo: bool, shared: &Shared, visibility_s: i64) {
    let position = {
        let mut history = lock(shared);
        let visibility_us = visibility_s * 1_000_000;
        history.receives.push(Receive { when: begin(door), visibility_us, messages: None });
        history.receives.len() - 1
    };
    let dice = &door.world.dice;
    let body = json!({
        "MaxNumberOfMessages": 1 + dice.roll(4), "VisibilityTimeout": visibility_s, "AttributeNames": ["All"],
        "WaitTimeSeconds": dice.pick(&[0, 0, 1]),
    });
    let answer = call(door, fifo, "ReceiveMessage", body).await;
    let mut history = lock(shared);
    let receive = &mut history.receives[position];
    receive.when.answered = end(door);
    receive.messages = answer.map(|answer| {
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let message = |message: Json| Message {
            id: text(&message["MessageId"]),
            body: text(&message["Body"]),
            handle: text(&message["ReceiptHandle"]),
            sequence: text(&message["Attributes"]["SequenceNumber"]).parse().unwrap_or(0),
        };
        messages.into_iter().map(message).collect()
    });
}

/// Deletes a message that was received, or changes when it is visible.
async fn change(door: &Door, fifo: bool, shared: &Shared, visibility_s: Option<i64>) {
    let message = {
        let history = lock(shared);
        let received = history.receives.iter().filter_map(|receive| receive.messages.as_ref()).flatten();
        let received = received.collect::<Vec<_>>();
        // Mostly one of the last.
        let recent = &received[received.len().saturating_sub(4)..];
        if recent.is_empty() {
            return;
        }
        (*door.world.dice.pick(recent)).clone()
    };
    let position = {
        let mut history = lock(shared);
        let visibility_us = visibility_s.map(|seconds| seconds * 1_000_000);
        let (body, handle) = (message.body, message.handle.clone());
        history.changes.push(Change { body, handle, when: begin(door), visibility_us, is_done: false });
        history.changes.len() - 1
    };
    let handle = message.handle;
    let answer = match visibility_s {
        None => call(door, fifo, "DeleteMessage", json!({ "ReceiptHandle": handle })).await,
        Some(seconds) => {
            let body = json!({ "ReceiptHandle": handle, "VisibilityTimeout": seconds });
            call(door, fifo, "ChangeMessageVisibility", body).await
        }
    };
    let mut history = lock(shared);
    history.changes[position].when.answered = end(door);
    history.changes[position].is_done = answer.is_some();
}

/// Takes out everything that is left.
async fn drain(door: Door, fifo: bool, shared: Shared) {
    door.pass(ALL_VISIBLE).await;
    let mut empty = 0;
    while empty < 2 {
        let before = lock(&shared).receives.len();
        receive(&door, fifo, &shared, 120).await;
        let messages = lock(&shared).receives[before].messages.clone().expect("all is calm");
        empty = if messages.is_empty() { empty + 1 } else { 0 };
        for message in messages {
            let when = begin(&door);
            let deleted =
                call(&door, fifo, "DeleteMessage", json!({ "ReceiptHandle": message.handle })).await;
            assert!(deleted.is_some(), "all is calm");
            let when = When { answered: end(&door), ..when };
            let Message { body, handle, .. } = message;
            lock(&shared).changes.push(Change { body, handle, when, visibility_us: None, is_done: true });
        }
    }
}

impl History {
    fn received(&self) -> impl Iterator<Item = (&Receive, usize, &Message)> {
        self.receives.iter().flat_map(|receive| {
            receive.messages.iter().flatten().enumerate().map(move |(at, message)| (receive, at, message))
        })
    }

    fn deletions<'a>(&'a self, body: &'a str) -> impl Iterator<Item = &'a Change> {
        self.changes.iter().filter(move |change| change.visibility_us.is_none() && change.body == body)
    }

    fn check(&self, fifo: bool) {
        for (_, _, message) in self.received() {
            assert!(self.sends.iter().any(|send| send.body == message.body), "{} from nowhere", message.body);
        }
        self.nothing_is_lost(fifo);
        self.one_receiver_at_a_time();
        self.what_is_deleted_stays_so();
        if fifo {
            self.groups_are_in_order();
            self.duplicates_are_dropped();
        }
    }

    fn nothing_is_lost(&self, fifo: bool) {
        for send in self.sends.iter().filter(|send| send.is_known) {
            // Of duplicates the one that was first comes.
            let same = self
                .sends
                .iter()
                .filter(|other| other.body == send.body || fifo && other.deduplication == send.deduplication);
            let bodies = same.map(|other| other.body.as_str()).collect::<Vec<_>>();
            let comes = self.received().any(|(_, _, message)| bodies.contains(&message.body.as_str()));
            assert!(comes, "lost: {send:?}");
        }
        // What came once and was never deleted came once more at the end, for there everything is deleted.
        for (_, _, message) in self.received() {
            assert!(
                self.deletions(&message.body).next().is_some(),
                "{} came once and was lost",
                message.body
            );
        }
    }

    /// Two receives of one message are as far apart as the first of them said.
    fn one_receiver_at_a_time(&self) {
        let received = self.received().collect::<Vec<_>>();
        // When a message may be visible again at the earliest.
        let again = |receive: &Receive, message: &Message| {
            let changed = self.changes.iter().filter(|change| change.handle == message.handle);
            let changed = changed.filter_map(|change| Some(change.when.asked_us + change.visibility_us?));
            changed.fold(receive.when.asked_us + receive.visibility_us, i64::min)
        };
        for (at, (one, _, message)) in received.iter().enumerate() {
            for (other, _, twin) in received[at + 1..].iter().filter(|(_, _, twin)| twin.id == message.id) {
                let until = |receive: &Receive| receive.when.answered.map_or(i64::MAX, |(_, us)| us);
                let apart = again(one, message) <= until(other) || again(other, twin) <= until(one);
                assert!(apart, "two have {}: {:?} and {:?}", message.body, one.when, other.when);
            }
        }
    }

    /// A deletion with the latest handle is for good.
    fn what_is_deleted_stays_so(&self) {
        for (receive, _, message) in self.received() {
            let deletions = self.changes.iter().filter(|change| {
                change.handle == message.handle && change.visibility_us.is_none() && change.is_done
            });
            for deletion in deletions {
                let Some((deleted, _)) = deletion.when.answered else { continue };
                // Somebody else may have had it meanwhile: then the handle was an old one.
                let meanwhile = self.receives.iter().filter(|other| other.when.asked != receive.when.asked);
                let has = |other: &Receive| {
                    other.messages.as_ref().is_none_or(|all| all.iter().any(|twin| twin.id == message.id))
                };
                let mut others = meanwhile.filter(|other| has(other));
                let stale = others.clone().any(|other| other.when.asked < deleted);
                let came = others.any(|other| other.messages.is_some() && other.when.asked > deleted);
                assert!(stale || !came, "{} was deleted and came again", message.body);
            }
        }
    }

    fn groups_are_in_order(&self) {
        let group = |body: &str| self.sends.iter().find(|send| send.body == body).map(|send| &send.group);
        // What was sent twice has the number of the first time.
        let once = |send: &&Send| {
            let same = self.sends.iter().filter(|other| other.deduplication == send.deduplication);
            send.sequence.is_some() && same.count() == 1
        };
        for one in self.sends.iter().filter(once) {
            let Some((answered, _)) = one.when.answered else { continue };
            let later = self.sends.iter().filter(once).filter(|send| answered < send.when.asked);
            for other in later.filter(|other| other.group == one.group) {
                assert!(one.sequence < other.sequence, "{one:?} was sent before {other:?}");
            }
        }
        let all = self.received().collect::<Vec<_>>();
        for (receive, place, message) in &all {
            let earlier = all.iter().filter(|(_, _, other)| {
                other.sequence < message.sequence && group(&other.body) == group(&message.body)
            });
            for (_, _, other) in earlier {
                let mut batch = receive.messages.iter().flatten().take(*place);
                let in_batch = batch.any(|before| before.id == other.id);
                let (answered, _) = receive.when.answered.unwrap_or((u64::MAX, 0));
                let deleted = self.deletions(&other.body).any(|deletion| deletion.when.asked < answered);
                assert!(in_batch || deleted, "{} came before {}", message.body, other.body);
            }
        }
    }

    fn duplicates_are_dropped(&self) {
        for (at, one) in self.sends.iter().enumerate() {
            for other in self.sends[at + 1..].iter().filter(|send| send.deduplication == one.deduplication) {
                let both = [one, other].map(|send| send.when);
                // A process that died may have stored it at any time of its life.
                let until = both.iter().filter_map(|when| when.answered).map(|(_, us)| us).max();
                let bounded =
                    both.iter().all(|when| when.answered.is_some()) || one.when.life < other.when.life;
                let Some(until) = until.filter(|_| bounded && other.when.answered.is_some()) else {
                    continue;
                };
                if until - one.when.asked_us.min(other.when.asked_us) >= REMEMBERED {
                    continue;
                }
                let came = self
                    .received()
                    .filter(|(_, _, message)| [&one.body, &other.body].contains(&&message.body));
                let mut ids = came.map(|(_, _, message)| message.id.as_str()).collect::<Vec<_>>();
                ids.sort_unstable();
                ids.dedup();
                // The same body may have been sent a third time, long after.
                let sent = self.sends.iter().filter(|send| send.deduplication == one.deduplication).count();
                assert!(ids.len() <= 1 || sent > 2, "duplicates: {one:?} and {other:?}");
            }
        }
    }
}

/// One run.
///
/// # Panics
/// When something does not hold.
pub fn run(world: &Arc<World>) {
    let fifo = world.dice.once_in(2);
    let shared = Shared::default();
    let services = |_: Ground| vec![svc_sqs::service()];
    let prepare = |door: Door| async move {
        let attributes = if fifo { json!({ "FifoQueue": "true" }) } else { json!({}) };
        let body = json!({ "QueueName": queue(fifo), "Attributes": attributes });
        door.json("sqs", "AmazonSQS.CreateQueue", &body).await.ok();
    };
    let clients = |door: Door| client(door, fifo, Arc::clone(&shared));
    world.run(&services, prepare, clients, |door| drain(door, fifo, Arc::clone(&shared)));
    lock(&shared).check(fifo);
}
