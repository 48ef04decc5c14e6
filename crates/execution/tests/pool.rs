//! Pools: who gets which environment, how many there are, and when they end.

use std::sync::Arc;
use std::time::Duration;

use execution::{KeepAlive, Options, Outcome, Pools, Refused, Throttled, Version};
use sandbox::Error;
use testkit::{Event, Ground, Records, Scripted, invocation, options, soon, version};
use tokio::task::JoinHandle;

struct Kit {
    ground: Ground,
    sandboxes: Scripted,
    pools: Pools,
}

fn kit(change: impl FnOnce(Options) -> Options) -> Kit {
    let ground = Ground::new();
    let sandboxes = Scripted::new();
    let pools = Pools::new(change(options(&ground.env, &sandboxes, Arc::new(Records::default()))));
    Kit { ground, sandboxes, pools }
}

type Invoked = JoinHandle<Result<Outcome, Refused>>;

impl Kit {
    fn invoke(&self, version: &Arc<Version>) -> Invoked {
        let (pools, version) = (self.pools.clone(), Arc::clone(version));
        tokio::spawn(async move { pools.invoke(&version, invocation("id", "{}")).await })
    }

    async fn started(&self, count: usize) {
        self.sandboxes.until(Event::Started(count)).await;
    }

    fn starts(&self) -> usize {
        self.sandboxes.count(|event| matches!(event, Event::Started(_)))
    }

    /// Waits until so many environments wait for work.
    async fn idle(&self, count: usize) {
        let wait = async {
            while self.pools.idle() != count {
                tokio::task::yield_now().await;
            }
            // Timers of those that wait are set.
            tokio::task::yield_now().await;
        };
        soon("environments to wait for work", wait).await;
    }
}

async fn answer(invoked: Invoked) -> String {
    let outcome = soon("an outcome", invoked).await.expect("no panic").expect("not refused");
    String::from_utf8(outcome.payload.to_vec()).expect("text")
}

fn named(name: &str, handler: &str) -> Arc<Version> {
    let function_arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    Arc::new(Version { function_arn, ..version(handler) })
}

#[tokio::test]
async fn a_burst_starts_one_environment_each_and_no_more() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    let first = (0..3).map(|_| kit.invoke(&version)).collect::<Vec<_>>();
    for number in 1..=3 {
        kit.sandboxes.until(Event::Works(number)).await;
    }
    kit.sandboxes.let_go_on(3);
    let mut answers = Vec::new();
    for invoked in first {
        answers.push(answer(invoked).await);
    }
    answers.sort();
    assert_eq!(answers, ["1", "2", "3"], "one invocation at a time in each");
    kit.idle(3).await;

    let again = (0..3).map(|_| kit.invoke(&version)).collect::<Vec<_>>();
    for number in 1..=3 {
        kit.sandboxes.until_times(Event::Works(number), 2).await;
    }
    kit.sandboxes.let_go_on(3);
    for invoked in again {
        answer(invoked).await;
    }
    assert_eq!((kit.starts(), kit.sandboxes.asked()), (3, 3));
}

#[tokio::test]
async fn the_most_recently_used_is_used_again() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    let first = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    let second = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(2)).await;
    kit.sandboxes.let_go_on(1);
    assert_eq!(answer(first).await, "1");
    kit.idle(1).await;
    kit.sandboxes.let_go_on(1);
    assert_eq!(answer(second).await, "2");
    kit.idle(2).await;
    for times in 2..5 {
        let invoked = kit.invoke(&version);
        kit.sandboxes.until_times(Event::Works(2), times).await;
        kit.sandboxes.let_go_on(1);
        assert_eq!(answer(invoked).await, "2");
        kit.idle(2).await;
    }
}

#[tokio::test]
async fn a_freed_environment_serves_a_waiter_before_its_own_start_is_ready() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    let first = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    kit.sandboxes.hold_starts();
    let second = kit.invoke(&version);
    kit.sandboxes.until_asked(2).await;
    kit.sandboxes.let_go_on(2);
    assert_eq!((answer(first).await, answer(second).await), ("1".to_owned(), "1".to_owned()));
    assert_eq!(kit.starts(), 1);
    kit.idle(1).await;
    // The start that nobody waits for serves the next, so another is not asked for.
    let third = kit.invoke(&version);
    let fourth = kit.invoke(&version);
    kit.sandboxes.until_times(Event::Works(1), 3).await;
    kit.sandboxes.let_start(1);
    kit.started(2).await;
    kit.sandboxes.let_go_on(2);
    let mut answers = [answer(third).await, answer(fourth).await];
    answers.sort();
    assert_eq!((answers.map(|a| a.parse::<usize>().expect("a number")), kit.sandboxes.asked()), ([1, 2], 2));
}

#[tokio::test]
async fn callers_of_a_quick_function_wait_for_those_at_work_while_some_come_back() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    // By the test's clock, none takes any time.
    for _ in 0..64 {
        let invoked = kit.invoke(&version);
        kit.sandboxes.let_go_on(1);
        answer(invoked).await;
        kit.idle(1).await;
    }
    let processors = std::thread::available_parallelism().map_or(2, |found| found.get().max(2));
    let mut working = vec![kit.invoke(&version)];
    kit.sandboxes.until_times(Event::Works(1), 65).await;
    for number in 2..=processors {
        working.push(kit.invoke(&version));
        kit.sandboxes.until(Event::Works(number)).await;
    }
    let works = || kit.sandboxes.count(|event| matches!(event, Event::Works(_)));
    let before = works();
    let waiting = (0..3).map(|_| kit.invoke(&version)).collect::<Vec<_>>();
    for served in 1..=2 {
        kit.sandboxes.let_go_on(1);
        let wait = async {
            while works() < before + served {
                tokio::task::yield_now().await;
            }
        };
        soon("one of those who wait to be served", wait).await;
    }
    assert_eq!((kit.starts(), kit.sandboxes.asked()), (processors, processors));

    // Then none comes back for a while.
    let wait = async {
        while works() < before + 3 {
            kit.ground.clock.advance(Duration::from_millis(5));
            tokio::task::yield_now().await;
        }
    };
    soon("the last to have an environment of its own", wait).await;
    assert_eq!(kit.starts(), processors + 1);
    kit.sandboxes.let_go_on(processors + 1);
    for invoked in working.into_iter().chain(waiting) {
        answer(invoked).await;
    }
}

#[tokio::test]
async fn beyond_the_concurrency_limit_is_throttled() {
    let kit = kit(|options| Options { concurrency_max: 1, ..options });
    let (version, other) = (named("f", "held"), named("other", "held"));
    let first = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    for version in [&version, &other] {
        let refused = soon("an answer", kit.invoke(version)).await.expect("no panic");
        let Err(Refused::Throttled(Throttled(reason))) = refused else { panic!("{refused:?}") };
        assert_eq!(reason.as_str(), "ConcurrentInvocationLimitExceeded");
    }
    let function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:f".to_owned();
    let elsewhere =
        Arc::new(Version { region: "eu-west-1".into(), function_arn, ..testkit::version("echo") });
    answer(kit.invoke(&elsewhere)).await;
    kit.sandboxes.let_go_on(2);
    answer(first).await;
    kit.idle(2).await;
    answer(kit.invoke(&version)).await;
}

#[tokio::test]
async fn idle_is_frozen_then_ended_and_work_thaws() {
    let kit = kit(|options| options);
    let version = named("f", "echo");
    answer(kit.invoke(&version)).await;
    kit.idle(1).await;
    kit.ground.clock.advance(Duration::from_millis(99));
    kit.idle(1).await;
    assert_eq!(kit.sandboxes.count(|event| *event == Event::Frozen(1)), 0);
    kit.ground.clock.advance(Duration::from_millis(1));
    kit.sandboxes.until(Event::Frozen(1)).await;

    kit.ground.clock.advance(Duration::from_secs(599));
    answer(kit.invoke(&version)).await;
    assert_eq!(kit.sandboxes.count(|event| *event == Event::Thawed(1)), 1);
    kit.idle(1).await;
    // What was due before it was used again counts no more.
    kit.ground.clock.advance(Duration::from_secs(1));
    kit.sandboxes.until_times(Event::Frozen(1), 2).await;
    kit.idle(1).await;
    assert_eq!(kit.sandboxes.count(|event| *event == Event::Killed(1)), 0);
    kit.ground.clock.advance(Duration::from_secs(600));
    kit.sandboxes.until(Event::Killed(1)).await;
    answer(kit.invoke(&version)).await;
    assert_eq!(kit.starts(), 2);
}

#[tokio::test]
async fn who_comes_by_the_hour_finds_an_environment_that_was_away() {
    let otherwise = Duration::from_secs(600);
    let kit = kit(|options| Options { keep_alive: KeepAlive::Learned { otherwise }, ..options });
    let version = named("f", "echo");
    for _ in 0..8 {
        answer(kit.invoke(&version)).await;
        kit.idle(1).await;
        kit.ground.clock.advance(Duration::from_secs(60 * 60));
        kit.idle(0).await;
    }
    // From here on the hour is known.
    answer(kit.invoke(&version)).await;
    kit.idle(1).await;
    let before = kit.starts();
    kit.ground.clock.advance(Duration::from_secs(11));
    kit.sandboxes.until(Event::Killed(before)).await;
    kit.ground.clock.advance(Duration::from_secs(54 * 60));
    kit.idle(1).await;
    assert_eq!(kit.starts(), before + 1, "it was started before anybody asked");
    answer(kit.invoke(&version)).await;
    assert_eq!(kit.starts(), before + 1);
}

#[tokio::test]
async fn retired_at_work_finishes_first() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    let working = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    kit.pools.retire(&version.function_arn, None, Some("2"));
    kit.sandboxes.let_go_on(1);
    assert_eq!(answer(working).await, "1");
    kit.sandboxes.until(Event::Killed(1)).await;
    let newer = Arc::new(Version { generation: "2".to_owned(), ..testkit::version("echo") });
    answer(kit.invoke(&newer)).await;
    kit.idle(1).await;
    kit.pools.retire(&version.function_arn, None, Some("2"));
    kit.idle(1).await;
    assert_eq!(kit.sandboxes.count(|event| *event == Event::Killed(2)), 0, "the one to keep is kept");
    kit.pools.retire(&version.function_arn, None, None);
    kit.sandboxes.until(Event::Killed(2)).await;
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_made_is_our_failure() {
    let kit = kit(|options| options);
    let version = named("f", "echo");
    kit.sandboxes.fail_start(Error::Spawner("gone".to_owned()));
    let refused = soon("an answer", kit.invoke(&version)).await.expect("no panic");
    let Err(Refused::Sandbox(cause)) = refused else { panic!("{refused:?}") };
    assert_eq!(cause, "talk to the spawner: gone");
    assert_eq!(answer(kit.invoke(&version)).await, "{}", "the next is served");
}

#[tokio::test]
async fn an_idle_environment_makes_room_for_another_function() {
    let kit = kit(|options| Options { environments_max: 1, ..options });
    answer(kit.invoke(&named("f", "echo"))).await;
    kit.idle(1).await;
    assert_eq!(answer(kit.invoke(&named("g", "echo"))).await, "{}");
    kit.sandboxes.until(Event::Killed(1)).await;
}

#[tokio::test]
async fn an_environment_that_becomes_idle_makes_room_for_who_waits() {
    let kit = kit(|options| Options { environments_max: 1, ..options });
    let working = kit.invoke(&named("f", "held"));
    kit.sandboxes.until(Event::Works(1)).await;
    let waiting = kit.invoke(&named("g", "echo"));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(kit.sandboxes.asked(), 1, "there is no room yet");
    kit.sandboxes.let_go_on(1);
    answer(working).await;
    assert_eq!(answer(waiting).await, "{}");
}
