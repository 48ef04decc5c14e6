//! Logs: what was put is found, all of a batch or none of it, in the order of time, and by a filter as by reading on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value as Json, json};

use crate::linear::{self, Done, Model};
use crate::world::{Door, Ground, World};

const STREAMS: u64 = 2;

/// A group as it should be: which batches each of its streams has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Group(BTreeSet<(u64, u64)>);

#[derive(Clone, Debug)]
enum Operation {
    Put {
        stream: u64,
        batch: u64,
    },
    /// The batches of one stream, or of all.
    Read {
        stream: Option<u64>,
        found: BTreeSet<(u64, u64)>,
    },
    /// Asked, and not answered.
    Nothing,
}

impl Model for Group {
    type Operation = Operation;

    fn apply(&mut self, operation: &Operation) -> bool {
        match operation {
            Operation::Put { stream, batch } => self.0.insert((*stream, *batch)),
            Operation::Read { stream, found } => {
                let wanted = |(of, _): &&(u64, u64)| stream.is_none_or(|stream| stream == *of);
                self.0.iter().filter(wanted).eq(found)
            }
            Operation::Nothing => true,
        }
    }
}

#[derive(Default)]
struct History {
    operations: Vec<Done<Operation>>,
    batches: u64,
}

type Shared = Arc<Mutex<History>>;

fn lock(shared: &Shared) -> MutexGuard<'_, History> {
    shared.lock().expect("no panic while held")
}

async fn call(door: &Door, operation: &str, body: Json) -> Option<Json> {
    let answer = door.json("logs", &format!("Logs_20140328.{operation}"), &body).await;
    match answer.status {
        200 => Some(answer.json()),
        500.. => None,
        _ => panic!("{} {}", answer.status, answer.text()),
    }
}

fn begin(door: &Door, shared: &Shared, operation: Operation) -> usize {
    let asked = door.world.moment();
    let mut history = lock(shared);
    history.operations.push(Done { operation, asked, answered: None });
    history.operations.len() - 1
}

fn end(door: &Door, shared: &Shared, place: usize, operation: Operation) {
    let answered = Some(door.world.moment());
    let mut history = lock(shared);
    let asked = history.operations[place].asked;
    history.operations[place] = Done { operation, asked, answered };
}

/// How many events a batch has.
fn size(batch: u64) -> u64 {
    1 + batch % 3
}

async fn client(door: Door, shared: Shared) {
    while door.more() {
        door.dawdle().await;
        let stream = door.world.dice.roll(STREAMS);
        match door.world.dice.roll(5) {
            0..=2 => put(&door, &shared, stream).await,
            3 => read(&door, &shared, Some(stream)).await,
            _ => read(&door, &shared, None).await,
        }
    }
}

async fn put(door: &Door, shared: &Shared, stream: u64) {
    let batch = {
        let mut history = lock(shared);
        history.batches += 1;
        history.batches
    };
    // Some of it earlier than what is there.
    let at = door.world.env.now().as_millis() - i64::try_from(door.world.dice.roll(2000)).expect("small");
    let event =
        |number: u64| json!({ "timestamp": at, "message": format!("{stream} {batch} {number} word") });
    let events = (0..size(batch)).map(event).collect::<Vec<_>>();
    let operation = Operation::Put { stream, batch };
    let place = begin(door, shared, operation.clone());
    let body = json!({ "logGroupName": "g", "logStreamName": format!("s{stream}"), "logEvents": events });
    if call(door, "PutLogEvents", body).await.is_some() {
        end(door, shared, place, operation);
    }
}

async fn read(door: &Door, shared: &Shared, stream: Option<u64>) {
    let place = begin(door, shared, Operation::Nothing);
    let answer = match stream {
        Some(stream) => {
            let stream = format!("s{stream}");
            let body = json!({ "logGroupName": "g", "logStreamName": stream, "startFromHead": true });
            call(door, "GetLogEvents", body).await
        }
        None => call(door, "FilterLogEvents", json!({ "logGroupName": "g", "filterPattern": "word" })).await,
    };
    let Some(answer) = answer else { return };
    let events = answer["events"].as_array().expect("an answer has events");
    let times = events.iter().map(|event| event["timestamp"].as_i64());
    assert!(times.is_sorted(), "events come in the order of time: {events:?}");
    let read = |event: &Json| {
        let text = event["message"].as_str().expect("a message").split(' ');
        text.filter_map(|word| word.parse::<u64>().ok()).collect::<Vec<_>>()
    };
    let events = events.iter().map(read).collect::<Vec<_>>();
    let found = events.iter().map(|event| (event[0], event[1])).collect::<BTreeSet<_>>();
    for (stream, batch) in &found {
        let numbers = events.iter().filter(|event| event[..2] == [*stream, *batch]).map(|event| event[2]);
        assert!(numbers.eq(0..size(*batch)), "batch {batch} is there by half, or twice: {events:?}");
    }
    end(door, shared, place, Operation::Read { stream, found });
}

/// One run.
///
/// # Panics
/// When something does not hold.
pub fn run(world: &Arc<World>) {
    let shared = Shared::default();
    let services = |_: Ground| vec![svc_logs::service()];
    let prepare = |door: Door| async move {
        call(&door, "CreateLogGroup", json!({ "logGroupName": "g" })).await;
        for stream in 0..STREAMS {
            let body = json!({ "logGroupName": "g", "logStreamName": format!("s{stream}") });
            call(&door, "CreateLogStream", body).await;
        }
    };
    let clients = |door: Door| client(door, Arc::clone(&shared));
    let closing = |door: Door| {
        let shared = Arc::clone(&shared);
        async move {
            read(&door, &shared, None).await;
            for stream in 0..STREAMS {
                read(&door, &shared, Some(stream)).await;
            }
        }
    };
    world.run(&services, prepare, clients, closing);
    let history = lock(&shared);
    let fits = linear::check(Group::default(), &history.operations, |asked| world.end_of_life(asked));
    assert!(fits.is_ok(), "no order explains what clients saw: {fits:?}");
}
