//! SNS: what was published comes to every queue whose subscription wants it and to no other; through a FIFO topic it comes
//! once, and a group's messages in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::world::{Door, Ground, World};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";
/// Longer than the outbox waits between two tries.
const QUIET: Duration = Duration::from_secs(45);
/// Rounds without a message after which no more are expected.
const QUIET_ROUNDS: usize = 3;

#[derive(Clone, Debug)]
struct Published {
    text: String,
    /// What subscriptions filter by.
    kind: &'static str,
    /// Of a FIFO topic.
    group: Option<String>,
    asked: u64,
    answered: Option<u64>,
    is_acknowledged: bool,
}

#[derive(Default)]
struct History {
    published: Vec<Published>,
    /// What came to each queue, in order.
    came: BTreeMap<&'static str, Vec<String>>,
}

type Shared = Arc<Mutex<History>>;

fn lock(shared: &Shared) -> MutexGuard<'_, History> {
    shared.lock().expect("no panic while held")
}

async fn form(door: &Door, form: &str) -> testkit::Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    door.ask("sns", ("POST", "/"), &headers, format!("{form}&Version=2010-03-31")).await
}

async fn sqs(door: &Door, operation: &str, body: Json) -> Json {
    door.json("sqs", &format!("AmazonSQS.{operation}"), &body).await.ok()
}

/// Queues with what their subscriptions want.
const QUEUES: [(&str, &str, &[&str]); 3] =
    [("all", "", &["x", "y"]), ("some", "", &["x"]), ("q.fifo", ".fifo", &[])];

async fn prepare(door: Door) {
    form(&door, "Action=CreateTopic&Name=t").await.is_good();
    let fifo = "Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true";
    form(&door, &format!("Action=CreateTopic&Name=t.fifo&{fifo}")).await.is_good();
    for (name, suffix, kinds) in QUEUES {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
        }] });
        let mut attributes = json!({ "Policy": policy.to_string() });
        if !suffix.is_empty() {
            attributes["FifoQueue"] = json!("true");
        }
        sqs(&door, "CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await;
        let endpoint = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let mut subscribe = format!(
            "Action=Subscribe&TopicArn={TOPIC}{suffix}&Protocol=sqs&Endpoint={endpoint}\
             &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true"
        );
        if kinds.len() == 1 {
            let filter = "%7B%22kind%22%3A%5B%22x%22%5D%7D";
            subscribe += &format!("&Attributes.entry.2.key=FilterPolicy&Attributes.entry.2.value={filter}");
        }
        form(&door, &subscribe).await.is_good();
    }
}

async fn client(door: Door, shared: Shared) {
    while door.more() {
        door.dawdle().await;
        publish(&door, &shared).await;
        if door.world.dice.once_in(6) {
            door.pass(Duration::from_secs(door.world.dice.roll(30))).await;
        }
    }
}

/// Publishes something new; to a FIFO topic sometimes what had no answer.
async fn publish(door: &Door, shared: &Shared) {
    let dice = &door.world.dice;
    let place = {
        let mut history = lock(shared);
        let number = history.published.len();
        let mut unknown =
            history.published.iter().filter(|one| one.group.is_some() && one.answered.is_none());
        let again = unknown.next().filter(|_| dice.once_in(2)).cloned();
        let asked = door.world.moment();
        let new = || Published {
            text: format!("m{number}"),
            kind: dice.pick::<&str>(&["x", "y"]),
            group: dice.once_in(2).then(|| format!("g{}", dice.roll(2))),
            asked,
            answered: None,
            is_acknowledged: false,
        };
        let one = again.map_or_else(new, |one| Published { asked, ..one });
        history.published.push(one);
        number
    };
    let one = lock(shared).published[place].clone();
    let kind = format!(
        "MessageAttributes.entry.1.Name=kind&MessageAttributes.entry.1.Value.DataType=String\
         &MessageAttributes.entry.1.Value.StringValue={}",
        one.kind
    );
    let text = &one.text;
    let answer = match &one.group {
        None => form(door, &format!("Action=Publish&TopicArn={TOPIC}&Message={text}&{kind}")).await,
        Some(group) => {
            let order = format!("MessageGroupId={group}&MessageDeduplicationId={text}");
            form(door, &format!("Action=Publish&TopicArn={TOPIC}.fifo&Message={text}&{kind}&{order}")).await
        }
    };
    assert!(answer.status == 200 || answer.status >= 500, "{}", answer.text());
    let answered = door.world.moment();
    let mut history = lock(shared);
    history.published[place].answered = Some(answered);
    history.published[place].is_acknowledged = answer.status == 200;
}

/// Waits until nothing more comes to any queue.
async fn close(door: Door, shared: Shared) {
    let mut quiet = 0;
    while quiet < QUIET_ROUNDS {
        quiet += 1;
        for (name, _, _) in QUEUES {
            let url = format!("http://localhost:4566/000000000000/{name}");
            loop {
                let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 43_200 });
                let answer = sqs(&door, "ReceiveMessage", body).await;
                let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                quiet = 0;
                for message in messages {
                    let text = message["Body"].as_str().expect("a body").to_owned();
                    lock(&shared).came.entry(name).or_default().push(text);
                    let handle = &message["ReceiptHandle"];
                    let body = json!({ "QueueUrl": url, "ReceiptHandle": handle });
                    door.json("sqs", "AmazonSQS.DeleteMessage", &body).await.is_good();
                }
            }
        }
        door.sleep(QUIET).await;
    }
}

impl History {
    fn of(&self, queue: &str) -> &[String] {
        self.came.get(queue).map(Vec::as_slice).unwrap_or_default()
    }

    fn check(&self) {
        for (queue, suffix, kinds) in QUEUES {
            let fifo = !suffix.is_empty();
            let wanted =
                |one: &&Published| one.group.is_some() == fifo && (fifo || kinds.contains(&one.kind));
            let wanted = self.published.iter().filter(wanted).collect::<Vec<_>>();
            for text in self.of(queue) {
                assert!(wanted.iter().any(|one| one.text == *text), "{text} is not for {queue}");
            }
            for one in wanted.iter().filter(|one| one.is_acknowledged) {
                assert!(self.of(queue).contains(&one.text), "{one:?} did not come to {queue}");
            }
        }
        // What came to one of the two came to the other, when it wanted it.
        for one in self.published.iter().filter(|one| one.group.is_none() && one.kind == "x") {
            let [all, some] = ["all", "some"].map(|queue| self.of(queue).contains(&one.text));
            assert_eq!(all, some, "{one:?}");
        }
        self.check_order();
    }

    fn check_order(&self) {
        let came = self.of("q.fifo");
        assert_eq!(
            came.iter().collect::<BTreeSet<_>>().len(),
            came.len(),
            "twice through a FIFO topic: {came:?}"
        );
        let at = |text: &String| came.iter().position(|other| other == text);
        // What was asked for once: of what was asked twice nobody knows which time it was.
        let once = |text: &String| self.published.iter().filter(|one| one.text == *text).count() == 1;
        let ordered = self.published.iter().filter(|one| one.group.is_some() && once(&one.text));
        for one in ordered.clone().filter(|one| one.is_acknowledged) {
            let later = ordered.clone().filter(|other| other.group == one.group);
            for other in later.filter(|other| one.answered.is_some_and(|answered| answered < other.asked)) {
                let Some(place) = at(&other.text) else { continue };
                assert!(at(&one.text) < Some(place), "{} came before {}", other.text, one.text);
            }
        }
    }
}

/// One run.
///
/// # Panics
/// When something does not hold.
pub fn run(world: &Arc<World>) {
    let shared = Shared::default();
    let services = |_: Ground| vec![svc_sns::service(), svc_sqs::service()];
    let clients = |door: Door| client(door, Arc::clone(&shared));
    world.run(&services, prepare, clients, |door| close(door, Arc::clone(&shared)));
    lock(&shared).check();
}
