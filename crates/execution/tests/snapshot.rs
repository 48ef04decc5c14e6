//! SnapStart: one INIT, and environments that go on from it.

use std::sync::Arc;
use std::time::Duration;

use execution::{Outcome, Pools, Prepared, RESTORE_TIMEOUT, Refused, RestoreFailure, Version};
use sandbox::Exit;
use testkit::{Event, Ground, Records, Runtime, Scripted, invocation, options, soon, version};
use tokio::task::JoinHandle;

struct Kit {
    ground: Ground,
    sandboxes: Scripted,
    records: Records,
    pools: Pools,
}

fn kit() -> Kit {
    let (ground, sandboxes, records) = (Ground::new(), Scripted::new(), Records::default());
    let options = options(&ground.env, &sandboxes, Arc::new(records.clone()));
    Kit { pools: Pools::new(options), ground, sandboxes, records }
}

fn snapped(handler: &str) -> Arc<Version> {
    Arc::new(Version { version: "1".to_owned(), snap_start: true, ..version(handler) })
}

impl Kit {
    fn invoke(&self, version: &Arc<Version>, id: &str) -> JoinHandle<Result<Outcome, Refused>> {
        let (pools, version, invocation) = (self.pools.clone(), Arc::clone(version), invocation(id, "1"));
        tokio::spawn(async move { pools.invoke(&version, invocation).await })
    }

    async fn outcome(&self, version: &Arc<Version>, id: &str) -> Result<Outcome, Refused> {
        soon("an outcome", self.invoke(version, id)).await.expect("no panic")
    }

    fn lines(&self, start: &str) -> Vec<String> {
        let messages = self.records.messages();
        messages.into_iter().filter(|message| message.starts_with(start)).collect()
    }
}

#[tokio::test]
async fn a_restore_reports_itself() {
    let kit = kit();
    let clock = Arc::clone(&kit.ground.clock);
    kit.sandboxes.on("timed", move |mut runtime: Runtime| {
        let clock = Arc::clone(&clock);
        async move {
            let init = if runtime.is_copy { 7_060 } else { 1_110_100 };
            clock.advance(Duration::from_micros(init));
            runtime.snapshot().await;
            loop {
                let work = runtime.next().await;
                clock.advance(Duration::from_micros(3_010));
                runtime.respond(&work.id, &work.payload).await;
            }
        }
    });
    let version = snapped("timed");
    assert_eq!(kit.pools.prepare(&version).await.expect("prepared"), Prepared::Snapshot);
    let outcome = kit.outcome(&version, "one").await.expect("not refused");
    assert_eq!((&*outcome.payload, outcome.failed), (b"1".as_slice(), false));
    let running =
        "Runtime Version: python:3.13\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python:3.13";
    assert_eq!(
        kit.records.messages(),
        [
            format!("INIT_START {running}").as_str(),
            "INIT_REPORT Init Duration: 1110.10 ms\tPhase: init\tStatus: success",
            format!("RESTORE_START {running}").as_str(),
            "RESTORE_REPORT Restore Duration: 7.06 ms",
            "START RequestId: one Version: 1",
            "END RequestId: one",
            "REPORT RequestId: one\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 36 MB\tRestore Duration: 7.06 ms\tBilled Restore Duration: 8 ms\t",
        ]
    );
}

#[tokio::test]
async fn a_snapshot_is_taken_when_first_needed_and_once() {
    let kit = kit();
    let version = snapped("snap");
    let calls = [kit.invoke(&version, "one"), kit.invoke(&version, "two")];
    for call in calls {
        assert!(!soon("an outcome", call).await.expect("no panic").expect("not refused").failed);
    }
    assert_eq!(kit.lines("INIT_START").len(), 1);
    assert_eq!(kit.pools.prepare(&version).await.expect("prepared"), Prepared::Snapshot);
    assert_eq!(kit.lines("INIT_START").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_copied_runs_its_own_init() {
    let kit = kit();
    kit.sandboxes.refuse_snapshots("it has 2 threads");
    let version = snapped("snap");
    let prepared = kit.pools.prepare(&version).await.expect("prepared");
    assert_eq!(prepared, Prepared::NoSnapshot("it has 2 threads".to_owned()));
    assert!(!kit.outcome(&version, "one").await.expect("not refused").failed);
    assert_eq!(kit.lines("INIT_START").len(), 2);
    assert_eq!(kit.lines("RESTORE_START"), Vec::<String>::new());
    let said =
        "SnapStart: no snapshot can be taken of this function: it has 2 threads. Each environment runs INIT.";
    assert_eq!(kit.lines("SnapStart"), [said, said]);
    assert!(kit.lines("REPORT")[0].contains("\tInit Duration: "));
}

#[tokio::test]
async fn a_template_that_died_is_made_anew() {
    let kit = kit();
    kit.sandboxes.on("dies", |mut runtime: Runtime| async move {
        if runtime.is_copy {
            let work = runtime.next().await;
            runtime.respond(&work.id, b"1").await;
            return Exit::Code(0);
        }
        runtime.call("GET", "restore/next", &[], b"").await;
        runtime.let_go_on().await;
        Exit::Signal(9)
    });
    let version = snapped("dies");
    kit.outcome(&version, "one").await.expect("not refused");
    kit.sandboxes.let_go_on(1);
    kit.sandboxes.until(Event::Killed(1)).await;
    kit.outcome(&version, "two").await.expect("not refused");
    assert_eq!(kit.lines("INIT_START").len(), 2);
}

#[tokio::test]
async fn a_restore_that_fails_is_not_repeated() {
    let kit = kit();
    kit.sandboxes.on("hooks-fail", |mut runtime: Runtime| async move {
        runtime.snapshot().await;
        let headers = [("lambda-runtime-function-error-type", "Runtime.AfterRestoreError")];
        let reply = runtime.call("POST", "restore/error", &headers, b"{}").await;
        assert_eq!(reply.status, 202);
        Exit::Code(65)
    });
    kit.sandboxes.on("hooks-exit", |mut runtime: Runtime| async move {
        runtime.snapshot().await;
        Exit::Code(1)
    });
    for (handler, error_type) in
        [("hooks-fail", "Runtime.AfterRestoreError"), ("hooks-exit", "Runtime.ExitError")]
    {
        let refused = kit.outcome(&snapped(handler), "one").await.expect_err("refused");
        let expected = RestoreFailure::Failed(error_type.to_owned());
        assert!(matches!(refused, Refused::Restore(failure) if failure == expected), "{handler}");
        let line =
            format!("RESTORE_REPORT Restore Duration: 0.00 ms\tStatus: error\tError Type: {error_type}");
        assert_eq!(kit.lines("RESTORE_REPORT").pop(), Some(line));
    }
}

#[tokio::test]
async fn a_restore_has_ten_seconds() {
    let kit = kit();
    kit.sandboxes.on("hooks-hang", |mut runtime: Runtime| async move {
        runtime.snapshot().await;
        runtime.tell(Event::Works(runtime.number));
        std::future::pending().await
    });
    let call = kit.invoke(&snapped("hooks-hang"), "one");
    kit.sandboxes.until(Event::Works(2)).await;
    kit.ground.clock.advance(RESTORE_TIMEOUT);
    let refused = soon("a refusal", call).await.expect("no panic").expect_err("refused");
    assert!(matches!(refused, Refused::Restore(RestoreFailure::TimedOut)));
    assert_eq!(
        kit.lines("RESTORE_REPORT"),
        ["RESTORE_REPORT Restore Duration: 10000.00 ms\tStatus: timeout"]
    );
}

#[tokio::test]
async fn an_init_that_fails_gives_no_snapshot() {
    let kit = kit();
    for (handler, error_type) in
        [("init-raise", "Runtime.ImportModuleError"), ("init-exit", "Runtime.ExitError")]
    {
        let failure = kit.pools.prepare(&snapped(handler)).await.expect_err("failed");
        assert_eq!(failure.error_type(), error_type);
    }
}

#[tokio::test]
async fn a_template_lives_as_long_as_somebody_works_on_it() {
    let kit = kit();
    kit.sandboxes.on("held-snap", |mut runtime: Runtime| async move {
        runtime.snapshot().await;
        let work = runtime.next().await;
        runtime.tell(Event::Works(runtime.number));
        runtime.let_go_on().await;
        runtime.respond(&work.id, b"1").await;
        runtime.next().await;
        Exit::Code(0)
    });
    let version = snapped("held-snap");
    let call = kit.invoke(&version, "one");
    kit.sandboxes.until(Event::Works(2)).await;
    kit.pools.retire(&version.function_arn, None, None);
    assert_eq!(kit.sandboxes.count(|event| matches!(event, Event::Killed(_))), 0);
    kit.sandboxes.let_go_on(1);
    assert!(!soon("an outcome", call).await.expect("no panic").expect("not refused").failed);
    kit.sandboxes.until(Event::Killed(1)).await;
}

#[tokio::test]
async fn keys_are_for_whoever_has_the_token() {
    let kit = kit();
    kit.sandboxes.on("asks", |mut runtime: Runtime| async move {
        runtime.snapshot().await;
        assert_eq!(runtime.variable("AWS_ACCESS_KEY_ID"), None);
        assert_eq!(runtime.variable("AWS_LAMBDA_INITIALIZATION_TYPE"), Some("snap-start"));
        let token = runtime.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").expect("a token").to_owned();
        let door = runtime.spec.doors.iter().find(|door| door.name == "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        assert_eq!(door.expect("a door").suffix, "/2021-04-23/credentials");
        let work = runtime.next().await;
        let mut connection = runtime.connect().await;
        let path = "/2021-04-23/credentials";
        let wrong =
            connection.send("GET", path, &[("authorization", "guess")], b"").await.expect("an answer");
        assert_eq!(wrong.status, 401);
        let right = connection.send("GET", path, &[("authorization", &token)], b"").await.expect("an answer");
        runtime.respond(&work.id, &right.body).await;
        runtime.next().await;
        Exit::Code(0)
    });
    let outcome = kit.outcome(&snapped("asks"), "one").await.expect("not refused");
    let keys: serde_json::Value = serde_json::from_slice(&outcome.payload).expect("JSON");
    assert_eq!(keys["AccessKeyId"], "ASIAEXAMPLE");
    assert_eq!(keys["Token"], "token");
    // Good for as long as an environment lives; the test's day begins at midnight.
    assert!(keys["Expiration"].as_str().expect("a time").ends_with("Z"));
}
