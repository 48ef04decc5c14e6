//! Thousands of runs with crashes at every boundary: no acknowledged event is lost, whatever the moment.
//!
//! A world outlives its processes: the store, the clock, and a ledger of what the outside has seen. Each process dies at
//! a step that the seed chooses (before or after a commit, before or after a function or a target did something)
//! and the next one begins with what is stored. The last one lives until nothing is left to do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use env::{Env, ManualClock, Timestamp};
use kv::{BoxFuture, Commit, CommitError, Engine, Kv, Read as _, View, Watches};
use kv_mem::MemEngine;
use service::Undelivered;
use tokio::task::JoinSet;

use crate::asynchronous::event::{Attempted, Event, Parcel, ParcelKind, Plan, Work, tests};
use crate::asynchronous::worker::{self, Doer, Fate};
use crate::asynchronous::{Queue, intake};
use crate::keys::{FunctionKey, WORK};

const SEEDS: u64 = 2000;
const EVENTS: usize = 12;
const PROCESSES_MAX: u64 = 6;
/// A process may take so many steps before it dies.
const STEPS_MAX: u64 = 60;
/// Polls of every task between two looks at the world.
const POLLS: usize = 4;
/// So long nothing must be left to do: a process that begins has not seen yet what there is.
const IDLE_TURNS: usize = 8;
/// More turns than any run takes; one that takes more has hung.
const TURNS_MAX: usize = 20_000;
const FUNCTIONS: [&str; 6] = ["succeeds", "fails", "flaky", "throttled", "drops", "gone"];

/// A process' life: it ends at its last step.
struct Life {
    steps_left: AtomicU64,
    is_over: AtomicBool,
}

impl Life {
    fn of(steps: u64) -> Arc<Self> {
        Arc::new(Self { steps_left: AtomicU64::new(steps), is_over: AtomicBool::new(false) })
    }

    /// Something is about to happen, or has just happened; it does not return when the process dies here.
    async fn step(&self) {
        if self.is_over() || self.steps_left.load(Ordering::Relaxed) == 0 {
            self.is_over.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        self.steps_left.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// The store as a process sees it: it may die on either side of a commit.
struct Mortal {
    engine: MemEngine,
    life: Arc<Life>,
}

impl Engine for Mortal {
    fn view(&self) -> BoxFuture<'_, kv::Result<Arc<dyn View>>> {
        Box::pin(async move {
            if self.life.is_over() {
                std::future::pending::<()>().await;
            }
            let view = self.engine.view().await;
            // So that others commit between a look and what follows from it.
            tokio::task::yield_now().await;
            view
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.life.step().await;
            let committed = self.engine.commit(commit).await;
            self.life.step().await;
            committed
        })
    }

    fn watches(&self) -> &Watches {
        self.engine.watches()
    }
}

/// What the outside has seen.
#[derive(Default)]
struct Ledger {
    acknowledged: Vec<String>,
    /// How often each event's end was seen: a success without a destination, a record that arrived, a line in the log.
    ends: BTreeMap<String, u32>,
}

struct World {
    env: Env,
    ledger: Mutex<Ledger>,
}

impl World {
    fn draw(&self, below: u64) -> u64 {
        let mut random = [0; 8];
        self.env.fill(&mut random);
        u64::from_le_bytes(random) % below
    }

    fn ended(&self, id: &str) {
        *self.ledger.lock().expect("no panic while held").ends.entry(id.to_owned()).or_default() += 1;
    }
}

/// Functions and targets, as one process sees them.
struct Hands {
    world: Arc<World>,
    life: Arc<Life>,
}

impl Doer for Hands {
    async fn plan(&self, function: &FunctionKey, _: &Event) -> Result<Option<Plan>, kv::Error> {
        let target = || Some("target".to_owned());
        Ok(match function.2.as_str() {
            "succeeds" => Some(tests::plan()),
            "fails" => Some(Plan { on_failure: target(), dead_letter: target(), ..tests::plan() }),
            "flaky" => Some(Plan { on_success: target(), dead_letter: target(), ..tests::plan() }),
            "throttled" => {
                Some(Plan { dead_letter: target(), age_max: Duration::from_secs(60), ..tests::plan() })
            }
            "drops" => Some(tests::plan()),
            _ => None,
        })
    }

    async fn attempt(&self, function: &FunctionKey, event: &Event) -> Attempted {
        self.life.step().await;
        let answered =
            |failed| Attempted::Answered { payload: "{}".into(), failed, executed_version: "1".to_owned() };
        let attempted = match function.2.as_str() {
            "succeeds" => {
                self.world.ended(&event.request_id);
                answered(false)
            }
            "fails" | "drops" => answered(true),
            "flaky" => match self.world.draw(4) {
                0 => Attempted::Throttled,
                1 => Attempted::Unavailable,
                draw => answered(draw == 2),
            },
            _ => Attempted::Throttled,
        };
        tokio::task::yield_now().await;
        self.life.step().await;
        attempted
    }

    async fn send(&self, _: &FunctionKey, parcel: &Parcel) -> Result<(), Undelivered> {
        self.life.step().await;
        match self.world.draw(4) {
            0 => return Err(Undelivered::Throttled),
            1 => return Err(Undelivered::Failed("for now".to_owned())),
            _ => self.world.ended(&format!("{}{}", parcel.request_id, suffix(parcel))),
        }
        self.life.step().await;
        Ok(())
    }

    fn tell(&self, _: &FunctionKey, id: &str, fate: &Fate<'_>) {
        if !self.life.is_over() && !matches!(fate, Fate::Handled | Fate::Recursive) {
            self.world.ended(id);
        }
    }
}

/// Of an event that ends in several records each must arrive.
fn suffix(parcel: &Parcel) -> &'static str {
    if parcel.kind == ParcelKind::OnFailure { " on-failure" } else { "" }
}

/// What a run came to.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: usize,
    lost: Vec<String>,
    left: usize,
    duplicates: u32,
    crashes: u64,
}

async fn run(seed: u64) -> Tally {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_000_000)));
    let world = Arc::new(World { env: Env::manual(Arc::clone(&clock), seed), ledger: Mutex::default() });
    let engine = MemEngine::new();
    let mut tally = Tally::default();
    let deaths = world.draw(PROCESSES_MAX);
    let mut wanted = EVENTS;
    for process in 0..=deaths {
        let is_last = process == deaths;
        let life = Life::of(if is_last { u64::MAX } else { world.draw(STEPS_MAX) });
        // The last process takes what the dead ones left of the events to send.
        let events = if is_last { wanted } else { world.draw(wanted as u64 + 1) as usize };
        wanted -= events;
        live(&world, &clock, &engine, &life, events, seed).await;
        tally.crashes += u64::from(!is_last);
    }
    let ledger = std::mem::take(&mut *world.ledger.lock().expect("no panic while held"));
    tally.acknowledged = ledger.acknowledged.len();
    let ends = |id: &String| ledger.ends.get(id).copied().unwrap_or(0);
    tally.lost = ledger.acknowledged.iter().filter(|id| ends(id) == 0).cloned().collect();
    tally.duplicates = ledger.ends.values().map(|ends| ends.saturating_sub(1)).sum();
    let kv = Kv::new(Arc::new(engine), world.env.clone());
    let snapshot = kv.snapshot().await.expect("memory has no failures");
    let rows = snapshot.scan_bytes(
        &kv::KeyRange::prefix(WORK.number().to_be_bytes().to_vec()),
        10_000,
        kv::Direction::Forward,
    );
    tally.left = rows.expect("memory has no failures").len();
    tally
}

/// One process, from its start to its death, or until nothing is left to do.
async fn live(
    world: &Arc<World>,
    clock: &ManualClock,
    engine: &MemEngine,
    life: &Arc<Life>,
    events: usize,
    seed: u64,
) {
    let kv = Kv::new(Arc::new(Mortal { engine: engine.clone(), life: Arc::clone(life) }), world.env.clone());
    let queue = Arc::new(Queue::new(4));
    let mut tasks = JoinSet::new();
    let mut senders = JoinSet::new();
    for _ in 0..events {
        senders.spawn(send_one(Arc::clone(world), Arc::clone(life), Arc::clone(&queue), kv.clone()));
    }
    tasks.spawn({
        let (queue, env) = (Arc::clone(&queue), world.env.clone());
        let hands = Arc::new(Hands { world: Arc::clone(world), life: Arc::clone(life) });
        async move { worker::run(&queue, &kv, &env, hands).await }
    });
    let mut idle = 0;
    for _ in 0..TURNS_MAX {
        for _ in 0..POLLS {
            tokio::task::yield_now().await;
        }
        while senders.try_join_next().is_some() {}
        idle = if senders.is_empty() && queue.is_empty() { idle + 1 } else { 0 };
        if life.is_over() || idle == IDLE_TURNS {
            tasks.shutdown().await;
            senders.shutdown().await;
            return;
        }
        if let Some(due) = queue.next_due() {
            clock.advance(due.since(world.env.now()).min(Duration::from_secs(30)));
        }
    }
    panic!("seed {seed}: it hangs");
}

async fn send_one(world: Arc<World>, life: Arc<Life>, queue: Arc<Queue>, kv: Kv) {
    for _ in 0..world.draw(8) {
        tokio::task::yield_now().await;
    }
    let function = FUNCTIONS[world.draw(FUNCTIONS.len() as u64) as usize];
    let (id, now) = (world.env.uuid().to_string(), world.env.now());
    let mut event = tests::event();
    event.request_id.clone_from(&id);
    event.accepted_us = now.as_micros();
    let key = ("a".to_owned(), "r".to_owned(), function.to_owned(), now, id.clone());
    // A refusal is no acknowledgement, nor is a process that died before it answered.
    let stored = intake::store(&queue, &kv, key, Work::Invoke(event)).await;
    if stored.is_ok() && !life.is_over() {
        let mut ledger = world.ledger.lock().expect("no panic while held");
        if function == "fails" {
            ledger.acknowledged.push(format!("{id} on-failure"));
        }
        ledger.acknowledged.push(id);
    }
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_process_dies() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut total = Tally::default();
    for seed in 0..SEEDS {
        let tally = runtime.block_on(run(seed));
        assert!(tally.lost.is_empty() && tally.left == 0, "seed {seed}: {tally:?}");
        assert!(tally.crashes > 0 || tally.duplicates == 0, "seed {seed} runs something twice: {tally:?}");
        total.acknowledged += tally.acknowledged;
        total.duplicates += tally.duplicates;
        total.crashes += tally.crashes;
    }
    println!(
        "{SEEDS} seeds: {} events acknowledged, {} crashes, 0 lost, {} ends seen again",
        total.acknowledged, total.crashes, total.duplicates
    );
    // Else it has not shown what it is for.
    assert!(total.crashes > SEEDS && total.acknowledged > 10_000 && total.duplicates > 0, "{total:?}");
}

#[test]
fn a_seed_repeats() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let once = || format!("{:?}", runtime.block_on(run(7)));
    assert_eq!(once(), once());
}
