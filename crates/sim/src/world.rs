//! What outlives processes, and the lives of the processes in it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_auth::{Authenticator, DEFAULT_ACCOUNT, DEFAULT_REGION, Mode, NoKeys, SessionKeys};
use blob::Blobs;
use env::{Env, ManualClock, Timestamp};
use gateway::Gateway;
use kv::Kv;
use kv_mem::MemEngine;
use service::{Caller, Platform, Service};
use testkit::{Answer, request};
use tokio::task::JoinSet;

use crate::dice::Dice;
use crate::disk::{Disk, Faults};
use crate::life::Life;
use crate::shelf::{Keeper, Shelf};

/// When every run begins: 2026-11-23T10:11:12Z.
const EPOCH_S: i64 = 1_795_428_672;
/// Clients at work at the same time.
const CLIENTS: u64 = 4;
/// What all clients of a run do together, at most.
const OPERATIONS: u64 = 48;
/// Crashes of a run, at most.
const CRASHES_MAX: u64 = 3;
/// Sides of commits that a process lives to see before it crashes, at most.
const STEPS_MAX: u64 = 70;
/// Polls of every task before time goes on.
const POLLS: usize = 4;
/// So far time goes on at once while clients are at work: a stretch that a slow machine could take.
const MOMENT: Duration = Duration::from_millis(50);
/// The same while nobody but the services' own work is waited for.
const STRETCH: Duration = Duration::from_secs(5);
/// Between two moments.
const TICK: Duration = Duration::from_micros(1);
/// More turns than any life takes; one that takes more has hung.
const TURNS_MAX: usize = 40_000;

/// Everything but the processes: what is durable, time, chance, and the outside's count of moments.
pub struct World {
    pub seed: u64,
    pub dice: Dice,
    pub clock: Arc<ManualClock>,
    pub env: Env,
    engine: MemEngine,
    shelf: Shelf,
    operations_left: AtomicU64,
    moment: AtomicU64,
    crashes: AtomicU64,
    /// When each process began.
    births: Mutex<Vec<u64>>,
    /// Nothing goes wrong, and time goes on faster.
    is_calm: Arc<AtomicBool>,
    /// Whether commits fail for no reason of a client's: else no answer may say that something failed.
    may_fail: AtomicBool,
    log: Mutex<Vec<String>>,
}

/// What services stand on, beside the store.
pub struct Ground {
    pub blobs: Arc<dyn Blobs>,
}

/// A client's way to one process.
#[derive(Clone)]
pub struct Door {
    pub world: Arc<World>,
    gateway: Gateway,
    life: Arc<Life>,
    /// Which process it is.
    pub number: u64,
}

/// How a process ended.
enum Ended {
    Done,
    Died,
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(EPOCH_S)));
        let env = Env::manual(Arc::clone(&clock), seed);
        Arc::new(Self {
            seed,
            dice: Dice::new(seed),
            clock,
            env,
            engine: MemEngine::new(),
            shelf: Shelf::default(),
            operations_left: AtomicU64::new(OPERATIONS),
            moment: AtomicU64::new(0),
            crashes: AtomicU64::new(0),
            births: Mutex::default(),
            is_calm: Arc::new(AtomicBool::new(true)),
            may_fail: AtomicBool::new(false),
            log: Mutex::default(),
        })
    }

    /// A number above all that were given before: what has a lower one was before it, by the clock too.
    pub fn moment(&self) -> u64 {
        self.clock.advance(TICK);
        self.moment.fetch_add(1, Ordering::Relaxed)
    }

    /// When the process was dead that was asked something at this moment; never while it lives.
    ///
    /// # Panics
    /// Never.
    pub fn end_of_life(&self, asked: u64) -> u64 {
        let births = self.births.lock().expect("no panic while held");
        births.iter().copied().find(|birth| *birth > asked).unwrap_or(u64::MAX)
    }

    pub fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::Relaxed)
    }

    /// How many blobs there are.
    pub fn blobs(&self) -> usize {
        self.shelf.len()
    }

    /// Everything that clients asked and were answered, for comparing two runs.
    ///
    /// # Panics
    /// Never.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic while held").clone()
    }

    fn disk(&self, life: &Arc<Life>, faults: Faults) -> Disk {
        let (engine, dice, env) = (self.engine.clone(), self.dice.clone(), self.env.clone());
        Disk { engine, life: Arc::clone(life), dice, env, faults, is_calm: Arc::clone(&self.is_calm) }
    }

    /// One process: opens what is durable, runs `work` beside the services' jobs, and ends with it or dies before. All
    /// that it had in memory goes with it.
    fn live<F: Future<Output = ()>>(
        self: &Arc<Self>,
        services: &dyn Fn(Ground) -> Vec<Service>,
        (steps, faults): (u64, Faults),
        work: impl FnOnce(Door) -> F,
    ) -> Ended {
        let life = Arc::new(Life::of(steps));
        let number = {
            let mut births = self.births.lock().expect("no panic while held");
            births.push(self.moment());
            births.len() as u64 - 1
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let kv = Kv::new(Arc::new(self.disk(&life, faults)), self.env.clone());
            let keeper = Keeper { shelf: self.shelf.clone(), disk: self.disk(&life, faults) };
            let services = services(Ground { blobs: Arc::new(keeper) });
            let platform = Platform::new(kv, self.env.clone(), services);
            let sessions = SessionKeys::new([0; 32]);
            let authenticator = Authenticator::new(Mode::Open, Arc::new(NoKeys), sessions);
            let gateway = Gateway::new(platform.clone(), authenticator);
            let _jobs = platform.start_jobs(&Caller::root(DEFAULT_ACCOUNT, DEFAULT_REGION));
            let work = work(Door { world: Arc::clone(self), gateway, life: Arc::clone(&life), number });
            tokio::pin!(work);
            for _ in 0..TURNS_MAX {
                for _ in 0..POLLS {
                    if std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await.is_ready() {
                        return Ended::Done;
                    }
                    tokio::task::yield_now().await;
                }
                if life.is_over() {
                    return Ended::Died;
                }
                if let Some(due) = self.clock.next_due() {
                    let stretch = if self.is_calm.load(Ordering::Relaxed) { STRETCH } else { MOMENT };
                    self.clock.advance(due.min(stretch));
                }
            }
            panic!("it hangs");
        })
    }

    /// A run: `prepare` in calm; then clients at work while disks are slow, commits fail and processes die; then, in the
    /// last of those processes, all is calm again and `closing` looks at what there is.
    ///
    /// # Panics
    /// When one of them does, or it hangs.
    pub fn run<P, C, E>(
        self: &Arc<Self>,
        services: &dyn Fn(Ground) -> Vec<Service>,
        prepare: impl FnOnce(Door) -> P,
        client: impl Fn(Door) -> C,
        closing: impl Fn(Door) -> E,
    ) where
        P: Future<Output = ()>,
        C: Future<Output = ()> + Send + 'static,
        E: Future<Output = ()>,
    {
        self.live(services, (u64::MAX, Faults::NONE), prepare);
        let faults = Faults {
            slow: *self.dice.pick(&[None, Some(2), Some(5)]),
            conflict: *self.dice.pick(&[None, Some(4), Some(12)]),
            failed: *self.dice.pick(&[None, None, Some(15), Some(40)]),
        };
        self.may_fail.store(faults.failed.is_some(), Ordering::Relaxed);
        let storm = async |door: Door| {
            let mut clients = JoinSet::new();
            for _ in 0..CLIENTS {
                clients.spawn(client(door.clone()));
            }
            while let Some(done) = clients.join_next().await {
                if let Err(panic) = done {
                    std::panic::resume_unwind(panic.into_panic());
                }
            }
            self.is_calm.store(true, Ordering::Relaxed);
            closing(door).await;
        };
        for _ in 0..self.dice.roll(CRASHES_MAX + 1) {
            let steps = 1 + self.dice.roll(STEPS_MAX);
            self.is_calm.store(false, Ordering::Relaxed);
            match self.live(services, (steps, faults), storm) {
                Ended::Done => return,
                Ended::Died => self.crashes.fetch_add(1, Ordering::Relaxed),
            };
        }
        self.is_calm.store(false, Ordering::Relaxed);
        self.live(services, (u64::MAX, faults), storm);
    }
}

impl Door {
    /// Whether another operation may begin; counts it.
    pub fn more(&self) -> bool {
        let left = &self.world.operations_left;
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok() && !self.life.is_over()
    }

    /// Waits while others go on.
    pub async fn dawdle(&self) {
        for _ in 0..self.world.dice.roll(6) {
            tokio::task::yield_now().await;
        }
    }

    /// Asks and waits for the whole answer; a process that dies meanwhile gives none.
    pub async fn ask(
        &self,
        service: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let asked = request(method, path, service, headers, body);
        let moment = self.world.moment();
        let mut line = format!("{moment} {method} {path} {} bytes", asked.body.len());
        if service == "sns" {
            line = format!("{line} {}", String::from_utf8_lossy(&asked.body));
        }
        if let Some(target) = headers.iter().find(|(name, _)| *name == "x-amz-target") {
            line = format!("{line} {} {}", target.1, String::from_utf8_lossy(&asked.body));
        }
        let response = self.gateway.answer(asked).await;
        let body = response.body.collect().await.unwrap_or_else(|error| {
            panic!("seed {}: an answer breaks off: {error}; {line}", self.world.seed)
        });
        self.life.go_on().await;
        let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
        assert!(
            self.world.may_fail.load(Ordering::Relaxed) || ![500, 502].contains(&response.status),
            "{line} -> {} {text}",
            response.status
        );
        let said = format!("{line} -> {} {} {text}", self.world.moment(), response.status);
        self.world.log.lock().expect("no panic while held").push(said);
        Answer { status: response.status, headers: response.headers, body }
    }

    /// An operation of a service that speaks awsJson, by its target's prefix.
    pub async fn json(&self, service: &str, target: &str, body: &serde_json::Value) -> Answer {
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
        self.ask(service, ("POST", "/"), &headers, body.to_string()).await
    }

    /// Lets time go on; services work meanwhile.
    pub async fn pass(&self, duration: Duration) {
        self.world.clock.advance(duration);
        tokio::task::yield_now().await;
    }

    /// Waits by the world's clock.
    pub async fn sleep(&self, duration: Duration) {
        self.world.env.sleep(duration).await;
    }
}
