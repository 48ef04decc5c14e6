//! Shares of concurrency and provisioned environments, on a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use execution::{
    LIFETIME_MAX, Options, Outcome, Pools, ProvisioningStatus, Rates, Refused, Throttled, Version,
};
use testkit::{Event, Ground, Records, Scripted, invocation, options, soon, version};
use tokio::task::JoinHandle;

struct Kit {
    ground: Ground,
    sandboxes: Scripted,
    records: Records,
    pools: Pools,
}

fn kit(change: impl FnOnce(Options) -> Options) -> Kit {
    let (ground, sandboxes, records) = (Ground::new(), Scripted::new(), Records::default());
    // Says how its environment was initialised.
    sandboxes.on("kind", |mut runtime| async move {
        let kind = format!("{:?}", runtime.variable("AWS_LAMBDA_INITIALIZATION_TYPE").unwrap_or_default());
        loop {
            let work = runtime.next().await;
            runtime.respond(&work.id, kind.as_bytes()).await;
        }
    });
    let pools = Pools::new(change(options(&ground.env, &sandboxes, Arc::new(records.clone()))));
    Kit { ground, sandboxes, records, pools }
}

type Invoked = JoinHandle<Result<Outcome, Refused>>;

impl Kit {
    fn invoke(&self, version: &Arc<Version>) -> Invoked {
        let (pools, version) = (self.pools.clone(), Arc::clone(version));
        tokio::spawn(async move { pools.invoke(&version, invocation("id", "{}")).await })
    }

    fn reserve(&self, version: &Version, reserved: Option<u32>) {
        self.pools.reserve((&version.account, &version.region), &version.function_arn, reserved);
    }

    fn status(&self, version: &Version) -> Option<(usize, usize, ProvisioningStatus)> {
        let provisioned = self.pools.provisioned(&version.function_arn);
        let found = provisioned.iter().find(|found| found.version.version == version.version)?;
        Some((found.target, found.ready, found.status))
    }

    async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let wait = async {
            while !reached() {
                tokio::task::yield_now().await;
            }
        };
        soon(what, wait).await;
    }

    /// Lets everybody do what they can do without the clock.
    async fn pause(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    async fn ready(&self, version: &Version, count: usize) {
        let ready = Some((count, count, ProvisioningStatus::Ready));
        self.until("environments to be provisioned", || self.status(version) == ready).await;
    }

    fn killed(&self) -> usize {
        self.sandboxes.count(|event| matches!(event, Event::Killed(_)))
    }
}

async fn answer(invoked: Invoked) -> String {
    let outcome = soon("an outcome", invoked).await.expect("no panic").expect("not refused");
    String::from_utf8(outcome.payload.to_vec()).expect("text")
}

async fn reason(invoked: Invoked) -> &'static str {
    match soon("an answer", invoked).await.expect("no panic") {
        Err(Refused::Throttled(Throttled(reason))) => reason.as_str(),
        other => panic!("{other:?} is not throttled"),
    }
}

fn named(name: &str, handler: &str) -> Arc<Version> {
    let function_arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    Arc::new(Version { function_arn, version: "1".to_owned(), ..version(handler) })
}

#[tokio::test]
async fn provisioned_environments_are_ready_before_any_call() {
    let kit = kit(|options| options);
    let version = named("f", "kind");
    kit.pools.provision(&version, 1);
    kit.ready(&version, 1).await;
    kit.until("it to be idle", || kit.pools.idle() == 1).await;
    assert_eq!(answer(kit.invoke(&version)).await, "\"provisioned-concurrency\"");
    assert_eq!(kit.sandboxes.asked(), 1);
    let lines = kit.records.messages();
    assert!(lines[0].starts_with("INIT_START Runtime Version: "), "{}", lines[0]);
    assert_eq!(lines[1], "INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: success");
    assert_eq!(lines[2], "START RequestId: id Version: 1");
    assert!(!lines[4].contains("Init Duration"), "{}", lines[4]);
}

#[tokio::test]
async fn what_is_too_much_for_them_spills_over() {
    let kit = kit(|options| Options { concurrency_max: 3, ..options });
    let version = named("f", "held");
    kit.pools.provision(&version, 1);
    kit.ready(&version, 1).await;
    kit.until("it to be idle", || kit.pools.idle() == 1).await;
    let first = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    let second = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(2)).await;
    // What is provisioned is set aside: others have two units, of which one is in use.
    let other = kit.invoke(&named("g", "held"));
    kit.sandboxes.until(Event::Works(3)).await;
    assert_eq!(reason(kit.invoke(&named("g", "held"))).await, "ConcurrentInvocationLimitExceeded");
    assert_eq!(reason(kit.invoke(&version)).await, "ConcurrentInvocationLimitExceeded");
    kit.sandboxes.let_go_on(3);
    for invoked in [first, second, other] {
        answer(invoked).await;
    }
}

#[tokio::test]
async fn all_of_a_reserved_share_may_be_provisioned() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    kit.reserve(&version, Some(1));
    kit.pools.provision(&version, 1);
    kit.ready(&version, 1).await;
    let function_arn = version.function_arn.clone();
    let latest = Arc::new(Version { function_arn, ..testkit::version("held") });
    let own = "ReservedFunctionConcurrentInvocationLimitExceeded";
    assert_eq!(reason(kit.invoke(&latest)).await, own, "nothing is left for what is not published");
    kit.until("it to be idle", || kit.pools.idle() == 1).await;
    let first = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    assert_eq!(reason(kit.invoke(&version)).await, own);
    kit.sandboxes.let_go_on(1);
    answer(first).await;
}

#[tokio::test]
async fn they_outlive_keep_alive_and_are_replaced_when_they_end() {
    let kit = kit(|options| options);
    let version = named("f", "exit");
    kit.pools.provision(&version, 1);
    kit.ready(&version, 1).await;
    kit.until("it to be idle", || kit.pools.idle() == 1).await;
    kit.ground.clock.advance(Duration::from_secs(1));
    kit.sandboxes.until(Event::Frozen(1)).await;
    for _ in 0..4 {
        kit.ground.clock.advance(Duration::from_secs(3600));
        kit.pause().await;
    }
    assert_eq!(kit.killed(), 0);
    // Its runtime ends.
    answer(kit.invoke(&version)).await;
    kit.sandboxes.until(Event::Started(2)).await;
    kit.ready(&version, 1).await;
    kit.until("the next to be idle", || kit.pools.idle() == 1).await;
    // It has lived long enough.
    kit.ground.clock.advance(Duration::from_millis(100));
    kit.sandboxes.until(Event::Frozen(2)).await;
    kit.until("its alarm to be set", || {
        kit.ground.clock.advance(LIFETIME_MAX);
        kit.sandboxes.count(|event| *event == Event::Killed(2)) == 1
    })
    .await;
    kit.sandboxes.until(Event::Started(3)).await;
}

#[tokio::test]
async fn targets_are_raised_lowered_and_dropped() {
    let kit = kit(|options| options);
    let version = named("f", "held");
    kit.pools.provision(&version, 3);
    kit.ready(&version, 3).await;
    kit.until("all to be idle", || kit.pools.idle() == 3).await;
    let working = kit.invoke(&version);
    let works = |event: &Event| matches!(event, Event::Works(_));
    kit.until("one to work", || kit.sandboxes.count(works) == 1).await;
    kit.pools.provision(&version, 1);
    kit.until("two to end", || kit.killed() == 2).await;
    kit.ready(&version, 1).await;
    kit.pools.provision(&version, 0);
    assert_eq!(kit.status(&version), None);
    assert_eq!(kit.killed(), 2, "who works is not disturbed");
    kit.sandboxes.let_go_on(1);
    answer(working).await;
    kit.until("the last to end", || kit.killed() == 3).await;
    assert_eq!(kit.sandboxes.asked(), 3);

    kit.pools.provision(&version, 1);
    kit.ready(&version, 1).await;
    kit.pools.retire(&version.function_arn, None, None);
    kit.until("it to end", || kit.killed() == 4).await;
    assert_eq!((kit.status(&version), kit.sandboxes.asked()), (None, 4));
}

#[tokio::test]
async fn init_that_fails_is_tried_again_ever_more_slowly() {
    let kit = kit(|options| options);
    let version = named("f", "init-raise");
    kit.pools.provision(&version, 2);
    // Both of the first fail at once; from then on one at a time tries.
    let failed = Some((2, 0, ProvisioningStatus::Failed("FUNCTION_ERROR_INIT_FAILURE")));
    kit.until("provisioning to fail", || {
        kit.ground.clock.advance(Duration::from_secs(1));
        kit.status(&version) == failed
    })
    .await;
    assert!(kit.sandboxes.asked() <= 4, "{}", kit.sandboxes.asked());
    kit.sandboxes.on("init-raise", |mut runtime| async move {
        runtime.next().await;
        std::future::pending().await
    });
    kit.pools.provision_again(&version.function_arn);
    kit.ready(&version, 2).await;
}

#[tokio::test]
async fn init_may_take_130_seconds() {
    let kit = kit(|options| options);
    let version = named("f", "init-hang");
    kit.pools.provision(&version, 1);
    kit.sandboxes.until(Event::Started(1)).await;
    kit.pause().await;
    kit.ground.clock.advance(Duration::from_secs(129));
    kit.pause().await;
    assert_eq!(kit.killed(), 0);
    kit.ground.clock.advance(Duration::from_secs(1));
    kit.sandboxes.until(Event::Killed(1)).await;
    let line = "INIT_REPORT Init Duration: 130000.00 ms\tPhase: init\tStatus: timeout";
    kit.until("a line", || kit.records.messages().iter().any(|message| message == line)).await;
}

#[tokio::test]
async fn a_function_grows_only_so_fast() {
    let rates = Rates { scaling_per_10_s: 2, requests_per_unit: None };
    let kit = kit(|options| Options { rates, ..options });
    let version = named("f", "held");
    let first = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(1)).await;
    let second = kit.invoke(&version);
    kit.sandboxes.until(Event::Works(2)).await;
    assert_eq!(reason(kit.invoke(&version)).await, "FunctionInvocationRateLimitExceeded");
    let other = kit.invoke(&named("g", "held"));
    kit.sandboxes.until(Event::Works(3)).await;
    kit.ground.clock.advance(Duration::from_secs(2));
    // The timeout of those that work is three seconds.
    kit.sandboxes.let_go_on(3);
    for invoked in [first, second, other] {
        answer(invoked).await;
    }
    kit.until("all to be idle", || kit.pools.idle() == 3).await;
    kit.ground.clock.advance(Duration::from_secs(3));
    let again = (0..3).map(|_| kit.invoke(&version)).collect::<Vec<_>>();
    kit.sandboxes.until(Event::Works(4)).await;
    kit.sandboxes.let_go_on(3);
    for invoked in again {
        answer(invoked).await;
    }
}

#[tokio::test]
async fn a_flood_keeps_no_reserved_function_from_its_environments() {
    let kit = kit(|options| Options { starting_max: 1, environments_max: 4, ..options });
    let (flood, own) = (named("flood", "held"), named("own", "kind"));
    kit.reserve(&own, Some(2));
    kit.sandboxes.hold_starts();
    let flooding = (0..20).map(|_| kit.invoke(&flood)).collect::<Vec<_>>();
    kit.sandboxes.until_asked(1).await;
    let mine = kit.invoke(&own);
    kit.pause().await;
    // The first of the flood has the only turn; the next is the reserved function's.
    kit.sandboxes.let_start(2);
    answer(mine).await;
    // There is room for four, of which two are the reserved function's own, whoever waits.
    kit.sandboxes.let_start(100);
    kit.sandboxes.until(Event::Works(3)).await;
    assert_eq!(kit.sandboxes.count(|event| matches!(event, Event::Works(_))), 2);
    assert_eq!(kit.sandboxes.asked(), 3);
    kit.sandboxes.let_go_on(20);
    for invoked in flooding {
        answer(invoked).await;
    }
}

#[tokio::test]
async fn an_init_that_hangs_keeps_its_turn_for_a_second() {
    let kit = kit(|options| Options { starting_max: 1, ..options });
    kit.pools.provision(&named("f", "init-hang"), 1);
    kit.sandboxes.until(Event::Started(1)).await;
    let waiting = kit.invoke(&named("g", "kind"));
    kit.pause().await;
    assert_eq!(kit.sandboxes.asked(), 1);
    kit.ground.clock.advance(Duration::from_secs(1));
    answer(waiting).await;
}

/// Whatever was reserved, provisioned and given back meanwhile: in the end every unit is there again, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counts_hold_while_shares_change() {
    let kit = kit(|options| Options { concurrency_max: 8, starting_max: 2, environments_max: 12, ..options });
    let versions = ["a", "b", "c"].map(|name| named(name, "kind"));
    let calling = (0..60).map(|number| {
        let (pools, version) = (kit.pools.clone(), Arc::clone(&versions[number % 3]));
        tokio::spawn(async move {
            for _ in 0..20 {
                // Throttled or answered: either is well.
                let _ = pools.invoke(&version, invocation("id", "{}")).await;
                tokio::task::yield_now().await;
            }
        })
    });
    let calling = calling.collect::<Vec<_>>();
    for round in 0..200_u32 {
        let version = &versions[round as usize % 3];
        kit.reserve(version, [None, Some(0), Some(2), Some(4)][round as usize / 3 % 4]);
        kit.pools.provision(version, round as usize / 5 % 3);
        tokio::task::yield_now().await;
    }
    for called in calling {
        soon("all calls to end", called).await.expect("no panic");
    }
    for version in &versions {
        kit.reserve(version, None);
        kit.pools.provision(version, 0);
    }
    kit.until("those that are not wanted any more to end", || {
        let started = kit.sandboxes.count(|event| matches!(event, Event::Started(_)));
        started == kit.sandboxes.asked() && started - kit.killed() == kit.pools.idle()
    })
    .await;
    let held = named("held", "held");
    let eight = (0..8).map(|_| kit.invoke(&held)).collect::<Vec<_>>();
    let works = |event: &Event| matches!(event, Event::Works(_));
    kit.until("all of the account to be used", || kit.sandboxes.count(works) == 8).await;
    assert_eq!(reason(kit.invoke(&held)).await, "ConcurrentInvocationLimitExceeded");
    kit.sandboxes.let_go_on(8);
    for invoked in eight {
        answer(invoked).await;
    }
}
