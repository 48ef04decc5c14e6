//! Random operations against a plain model of queues, seed by seed, on a clock that the test moves.
//!
//! What must hold: a message is with one receiver while its visibility timeout runs, and comes again after it; a
//! duplicate in a FIFO queue's five minutes is dropped; a group's messages come in order, and none while one is in
//! flight; the counts add up; nothing is lost and nothing comes from nowhere. `SQS_MODEL_SEEDS` is how many seeds run,
//! `SQS_MODEL_SEED` replays one.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use testkit::Sqs;

const STEPS: usize = 60;

/// SplitMix64, so that a seed is a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % sides
    }
}

/// A message as the model has it.
#[derive(Clone, Debug)]
struct Message {
    body: String,
    group: String,
    /// Second at which it is visible.
    at: u64,
    receives: u64,
    handle: Json,
}

#[derive(Default)]
struct Model {
    now: u64,
    messages: Vec<Message>,
    /// Deduplication id to the second it is forgotten.
    sent: BTreeMap<String, u64>,
    bodies: u64,
}

impl Model {
    fn find(&mut self, body: &str) -> &mut Message {
        self.messages
            .iter_mut()
            .find(|message| message.body == body)
            .unwrap_or_else(|| panic!("{body} from nowhere"))
    }

    fn counts(&self) -> [String; 3] {
        let count = |wanted: &dyn Fn(&Message) -> bool| {
            self.messages.iter().filter(|m| wanted(m)).count().to_string()
        };
        [
            count(&|m| m.at <= self.now),
            count(&|m| m.at > self.now && m.receives > 0),
            count(&|m| m.at > self.now && m.receives == 0),
        ]
    }
}

async fn run(seed: u64, fifo: bool) {
    let queue = if fifo { "q.fifo" } else { "q" };
    let sqs = Sqs::with(&[queue]).await;
    let (mut dice, mut model) = (Dice(seed), Model::default());
    for _ in 0..STEPS {
        match dice.roll(10) {
            0..=3 => send(&sqs, queue, fifo, &mut dice, &mut model).await,
            4..=5 => receive(&sqs, queue, fifo, &mut dice, &mut model).await,
            6 => delete(&sqs, queue, fifo, &mut dice, &mut model).await,
            7 => change(&sqs, queue, &mut dice, &mut model).await,
            8 => {
                let seconds = [1, 5, 31, 245, 301][usize::try_from(dice.roll(5)).expect("small")];
                sqs.pass(seconds);
                model.now += seconds;
            }
            _ => assert_eq!(sqs.counts(queue).await, model.counts()),
        }
    }
    // Everything that is left comes, and then nothing does.
    sqs.pass(50_000);
    model.now += 50_000;
    for _ in 0..200 {
        for message in sqs.receive(queue).await {
            let body = message["Body"].as_str().expect("text").to_owned();
            let at = model.messages.iter().position(|message| message.body == body).expect("it was sent");
            let left = model.messages.remove(at);
            let earlier = model.messages[..at].iter().any(|message| message.group == left.group);
            assert!(!fifo || !earlier, "{body} came before what was sent before it");
            sqs.delete(queue, &message).await.ok();
        }
    }
    assert!(model.messages.is_empty(), "lost: {:?}", model.messages);
    for table in 401..=406 {
        assert_eq!(sqs.rows(table).await, 0, "rows of {table} are left");
    }
}

async fn send(sqs: &Sqs, queue: &str, fifo: bool, dice: &mut Dice, model: &mut Model) {
    let body = format!("m{}", model.bodies);
    model.bodies += 1;
    let mut message = Message { body, group: String::new(), at: model.now, receives: 0, handle: Json::Null };
    if !fifo {
        let delay = [0, 0, 3][usize::try_from(dice.roll(3)).expect("small")];
        message.at += delay;
        let body = json!({ "MessageBody": message.body, "DelaySeconds": delay });
        sqs.on(queue, "SendMessage", body).await.ok();
        model.messages.push(message);
        return;
    }
    message.group = format!("g{}", dice.roll(3));
    let id = format!("d{}", dice.roll(12));
    sqs.send_in(queue, &message.group, &id, &message.body).await;
    let known = model.sent.get(&id).is_some_and(|until| *until > model.now);
    if !known {
        model.sent.insert(id, model.now + 300);
        model.messages.push(message);
    }
}

async fn receive(sqs: &Sqs, queue: &str, fifo: bool, dice: &mut Dice, model: &mut Model) {
    let (count, timeout) = (1 + dice.roll(10), [0, 5, 30][usize::try_from(dice.roll(3)).expect("small")]);
    let body =
        json!({ "MaxNumberOfMessages": count, "VisibilityTimeout": timeout, "AttributeNames": ["All"] });
    let answer = sqs.on(queue, "ReceiveMessage", body).await.ok();
    let received = answer["Messages"].as_array().cloned().unwrap_or_default();
    let free = |model: &Model, group: &str| {
        model.messages.iter().filter(|m| m.group == group).all(|m| m.at <= model.now)
    };
    let visible = if fifo {
        model.messages.iter().filter(|m| free(model, &m.group)).count()
    } else {
        model.messages.iter().filter(|m| m.at <= model.now).count()
    };
    let wanted = usize::try_from(count).expect("small").min(visible);
    assert_eq!(received.len(), wanted, "of {visible} visible and {count} asked for");
    let busy = model.messages.iter().filter(|m| fifo && !free(model, &m.group)).map(|m| m.group.clone());
    let busy = busy.collect::<Vec<_>>();
    let mut next = BTreeMap::<String, usize>::new();
    for message in &received {
        let body = message["Body"].as_str().expect("text");
        let now = model.now;
        let group = model.find(body).group.clone();
        if fifo {
            assert!(!busy.contains(&group), "{body} of a group that is in flight");
            let place = next.entry(group.clone()).or_default();
            let expected =
                model.messages.iter().filter(|m| m.group == group).nth(*place).expect("it is there");
            assert_eq!(expected.body, body, "out of order");
            *place += 1;
        }
        let known = model.find(body);
        assert!(known.at <= now, "{body} is with another receiver");
        known.at = now + timeout;
        known.receives += 1;
        known.handle = message["ReceiptHandle"].clone();
        assert_eq!(message["Attributes"]["ApproximateReceiveCount"], known.receives.to_string());
    }
}

/// One of the messages that were received, whether or not it is still in flight.
fn any_received(dice: &mut Dice, model: &Model) -> Option<usize> {
    let received =
        (0..model.messages.len()).filter(|at| model.messages[*at].receives > 0).collect::<Vec<_>>();
    let pick = dice.roll(u64::try_from(received.len().max(1)).expect("small"));
    received.get(usize::try_from(pick).expect("small")).copied()
}

async fn delete(sqs: &Sqs, queue: &str, fifo: bool, dice: &mut Dice, model: &mut Model) {
    let Some(at) = any_received(dice, model) else { return };
    let message = model.messages[at].clone();
    let answer = sqs.on(queue, "DeleteMessage", json!({ "ReceiptHandle": message.handle })).await;
    if fifo && message.at <= model.now {
        assert_eq!(answer.status, 400, "its time is over");
        return;
    }
    answer.ok();
    model.messages.remove(at);
}

async fn change(sqs: &Sqs, queue: &str, dice: &mut Dice, model: &mut Model) {
    let Some(at) = any_received(dice, model) else { return };
    let timeout = [0, 10, 60][usize::try_from(dice.roll(3)).expect("small")];
    let now = model.now;
    let message = &mut model.messages[at];
    let body = json!({ "ReceiptHandle": message.handle, "VisibilityTimeout": timeout });
    let answer = sqs.on(queue, "ChangeMessageVisibility", body).await;
    if message.at <= now {
        assert_eq!(answer.status, 400, "it is not in flight");
        return;
    }
    answer.ok();
    message.at = now + timeout;
}

#[expect(clippy::disallowed_methods, reason = "a person says by the environment which seeds to run")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

async fn seeds(fifo: bool) {
    if let Some(seed) = number("SQS_MODEL_SEED") {
        return run(seed, fifo).await;
    }
    for seed in 0..number("SQS_MODEL_SEEDS").unwrap_or(1000) {
        let task = tokio::spawn(run(seed, fifo));
        assert!(task.await.is_ok(), "replay: SQS_MODEL_SEED={seed} cargo test -p svc-sqs --test model");
    }
}

#[tokio::test]
async fn standard_queues_are_as_their_model() {
    seeds(false).await;
}

#[tokio::test]
async fn fifo_queues_are_as_their_model() {
    seeds(true).await;
}
