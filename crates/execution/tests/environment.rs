//! One environment: how invocations end, what their callers get, and what the log says.

use std::sync::Arc;
use std::time::Duration;

use execution::{LOG_TAIL_BYTES, Options, Outcome, Pools, Version};
use sandbox::{Error, Exit};
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
    let pools: Options = options(&ground.env, &sandboxes, Arc::new(records.clone()));
    Kit { pools: Pools::new(pools), ground, sandboxes, records }
}

impl Kit {
    fn invoke(&self, version: Version, id: &str) -> JoinHandle<Outcome> {
        let (pools, version, invocation) =
            (self.pools.clone(), Arc::new(version), invocation(id, "\"asked\""));
        tokio::spawn(async move { pools.invoke(&version, invocation).await.expect("not refused") })
    }

    async fn outcome(&self, handler: &str, id: &str) -> Outcome {
        soon("an outcome", self.invoke(version(handler), id)).await.expect("no panic")
    }

    /// Waits until the environment waits for work again.
    async fn idle(&self) {
        let wait = async {
            while self.pools.idle() == 0 {
                tokio::task::yield_now().await;
            }
        };
        soon("the environment to wait for work", wait).await;
    }

    fn starts(&self) -> usize {
        self.sandboxes.count(|event| matches!(event, Event::Started(_)))
    }
}

fn payload(outcome: &Outcome) -> &str {
    std::str::from_utf8(&outcome.payload).expect("text")
}

const INIT_START: &str = "INIT_START Runtime Version: python:3.13\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:python:3.13";

fn report(id: &str, duration: &str, rest: &str) -> String {
    format!(
        "REPORT RequestId: {id}\tDuration: {duration}\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t{rest}"
    )
}

#[tokio::test]
async fn a_cold_and_a_warm_call_report_themselves() {
    let kit = kit();
    let clock = Arc::clone(&kit.ground.clock);
    kit.sandboxes.on("timed", move |mut runtime: Runtime| {
        let clock = Arc::clone(&clock);
        async move {
            clock.advance(Duration::from_micros(110_100));
            loop {
                let work = runtime.next().await;
                runtime.write("hello\nand more");
                clock.advance(Duration::from_micros(3_010));
                runtime.respond(&work.id, &work.payload).await;
            }
        }
    });
    let cold = kit.outcome("timed", "one").await;
    assert_eq!((payload(&cold), cold.failed), ("\"asked\"", false));
    kit.idle().await;
    let warm = kit.outcome("timed", "two").await;
    let lines = |id: &str, duration: &str, rest: &str| {
        [
            format!("START RequestId: {id} Version: $LATEST"),
            "hello".to_owned(),
            "and more".to_owned(),
            format!("END RequestId: {id}"),
            report(id, duration, rest),
        ]
    };
    let cold_lines = lines("one", "3.01 ms\tBilled Duration: 114 ms", "Init Duration: 110.10 ms\t");
    let warm_lines = lines("two", "3.01 ms\tBilled Duration: 4 ms", "");
    let mut expected = vec![INIT_START.to_owned()];
    expected.extend(cold_lines.clone());
    expected.extend(warm_lines.clone());
    assert_eq!(kit.records.messages(), expected);
    assert_eq!(String::from_utf8_lossy(&cold.log_tail), cold_lines.join("\n") + "\n");
    assert_eq!(String::from_utf8_lossy(&warm.log_tail), warm_lines.join("\n") + "\n");
    let stream = kit.records.stream();
    assert_eq!((&*stream.group, stream.name.split_at(19).0), ("/aws/lambda/f", "2026/11/23/[$LATEST"));
    assert_eq!(kit.starts(), 1);
}

#[tokio::test]
async fn the_log_tail_is_the_last_four_kilobytes_of_the_invocation() {
    let kit = kit();
    kit.sandboxes.on("writes", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            for line in 0..100 {
                runtime.write(format!("{line:099}\n"));
            }
            runtime.respond(&work.id, b"1").await;
        }
    });
    for id in ["one", "two"] {
        let outcome = kit.outcome("writes", id).await;
        kit.idle().await;
        let tail = String::from_utf8(outcome.log_tail).expect("text");
        assert_eq!(tail.len(), LOG_TAIL_BYTES);
        assert!(tail.ends_with('\n') && tail.contains(&format!("\nEND RequestId: {id}\n")));
        assert!(tail.contains(&format!("\n{:099}\n", 99)) && !tail.contains("START"));
    }
}

#[tokio::test]
async fn an_error_of_the_functions_own_is_its_payload() {
    let kit = kit();
    let outcome = kit.outcome("raise", "one").await;
    assert_eq!(
        (payload(&outcome), outcome.failed),
        (r#"{"errorType":"ValueError","errorMessage":"bad"}"#, true)
    );
    let last = kit.records.messages().pop().expect("a line");
    let failed = "Init Duration: 0.00 ms\tStatus: error\tError Type: ValueError";
    assert_eq!(last, report("one", "0.00 ms\tBilled Duration: 0 ms", failed));
    kit.idle().await;
    kit.outcome("raise", "two").await;
    assert_eq!(kit.starts(), 1, "the environment lives on");
}

#[tokio::test]
async fn a_timeout_kills() {
    let kit = kit();
    let invoked = kit.invoke(version("hang"), "one");
    kit.sandboxes.until(Event::Works(1)).await;
    kit.ground.clock.advance(Duration::from_millis(2999));
    tokio::task::yield_now().await;
    assert!(!invoked.is_finished());
    kit.ground.clock.advance(Duration::from_millis(1));
    let outcome = soon("an outcome", invoked).await.expect("no panic");
    assert_eq!(
        payload(&outcome),
        r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: one Error: Task timed out after 3.00 seconds"}"#
    );
    kit.sandboxes.until(Event::Killed(1)).await;
    let messages = kit.records.messages();
    let timed_out = "Init Duration: 0.00 ms\tStatus: timeout";
    assert_eq!(
        messages[2..],
        [
            "2026-11-23T10:11:15.345Z one Task timed out after 3.00 seconds".to_owned(),
            "END RequestId: one".to_owned(),
            report("one", "3000.00 ms\tBilled Duration: 3000 ms", timed_out),
        ]
    );
    let again = kit.invoke(version("hang"), "two");
    kit.sandboxes.until(Event::Works(2)).await;
    again.abort();
}

#[tokio::test]
async fn exits_are_told_in_awss_words() {
    for (handler, error_type, message) in [
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("out-of-memory", "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
    ] {
        let kit = kit();
        let outcome = kit.outcome(handler, "one").await;
        let expected =
            format!(r#"{{"errorType":"{error_type}","errorMessage":"RequestId: one Error: {message}"}}"#);
        assert_eq!((payload(&outcome), outcome.failed), (expected.as_str(), true));
        let messages = kit.records.messages();
        assert!(messages.contains(&format!("RequestId: one Error: {message}")), "{messages:?}");
        let used = if handler == "exit" { "36" } else { "128" };
        let last = messages.last().expect("a line");
        assert!(
            last.contains(&format!("Max Memory Used: {used} MB")) && last.ends_with(error_type),
            "{last}"
        );
        kit.outcome(handler, "two").await;
        assert_eq!(kit.starts(), 2, "what has ended is not used again");
    }
}

#[tokio::test]
async fn an_environment_that_ends_while_idle_is_forgotten() {
    let kit = kit();
    kit.sandboxes.on("once", |mut runtime: Runtime| async move {
        let work = runtime.next().await;
        runtime.respond(&work.id, b"1").await;
        // It asks for more, and dies while it waits.
        tokio::select! {
            _ = runtime.next() => unreachable!("nobody asks twice"),
            () = async { runtime_waits().await } => Exit::Code(0),
        }
    });
    for id in ["one", "two", "three"] {
        let outcome = kit.outcome("once", id).await;
        assert!(!outcome.failed, "{}", payload(&outcome));
        let number = kit.starts();
        kit.sandboxes.until(Event::Killed(number)).await;
    }
    assert_eq!(kit.starts(), 3);
}

/// Long enough for a call over a socket to have arrived.
async fn runtime_waits() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn too_large_an_answer_is_refused_on_both_sides() {
    let kit = kit();
    let outcome = kit.outcome("big", "one").await;
    assert_eq!(
        payload(&outcome),
        r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#
    );
}

#[tokio::test]
async fn an_init_that_fails_is_repeated_within_the_invocation() {
    let kit = kit();
    let outcome = kit.outcome("init-raise", "one").await;
    let reported = r#"{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}"#;
    assert_eq!((payload(&outcome), outcome.failed), (reported, true));
    assert_eq!(kit.starts(), 2, "once before the invocation and once in it");
    let messages = kit.records.messages();
    let reports = messages.iter().filter(|line| line.starts_with("INIT_REPORT")).collect::<Vec<_>>();
    assert_eq!(
        reports,
        [
            "INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError",
            "INIT_REPORT Init Duration: 0.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError",
        ]
    );
}

#[tokio::test]
async fn a_second_init_that_succeeds_serves_the_invocation() {
    let kit = kit();
    kit.sandboxes.on("second", |mut runtime: Runtime| async move {
        if runtime.number == 1 {
            return Exit::Code(7);
        }
        loop {
            let work = runtime.next().await;
            runtime.respond(&work.id, b"\"second\"").await;
        }
    });
    let outcome = kit.outcome("second", "one").await;
    assert_eq!((payload(&outcome), outcome.failed), ("\"second\"", false));
    kit.idle().await;
    kit.outcome("second", "two").await;
    assert_eq!(kit.starts(), 2);
}

#[tokio::test]
async fn an_init_has_ten_seconds_and_its_repetition_the_functions_timeout() {
    let kit = kit();
    let invoked = kit.invoke(version("init-hang"), "one");
    kit.sandboxes.until(Event::Started(1)).await;
    kit.ground.clock.advance(Duration::from_secs(10));
    kit.sandboxes.until(Event::Started(2)).await;
    kit.ground.clock.advance(Duration::from_millis(2_999));
    tokio::task::yield_now().await;
    assert!(!invoked.is_finished());
    kit.ground.clock.advance(Duration::from_millis(1));
    let outcome = soon("an outcome", invoked).await.expect("no panic");
    assert_eq!(
        payload(&outcome),
        r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: one Error: Task timed out after 3.00 seconds"}"#
    );
    let messages = kit.records.messages();
    assert!(
        messages.contains(&"INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout".to_owned())
    );
    assert!(
        messages
            .contains(&"INIT_REPORT Init Duration: 3000.00 ms\tPhase: invoke\tStatus: timeout".to_owned())
    );
}

#[tokio::test]
async fn a_timeout_after_a_repeated_init_names_the_functions_whole_timeout() {
    let kit = kit();
    let clock = Arc::clone(&kit.ground.clock);
    kit.sandboxes.on("slow-second", move |mut runtime: Runtime| {
        let clock = Arc::clone(&clock);
        async move {
            if runtime.number == 1 {
                return Exit::Code(7);
            }
            clock.advance(Duration::from_secs(1));
            runtime.next().await;
            runtime.tell(Event::Works(runtime.number));
            std::future::pending().await
        }
    });
    let invoked = kit.invoke(version("slow-second"), "one");
    kit.sandboxes.until(Event::Works(2)).await;
    kit.ground.clock.advance(Duration::from_secs(2));
    let outcome = soon("an outcome", invoked).await.expect("no panic");
    assert!(payload(&outcome).ends_with(r#"Task timed out after 3.00 seconds"}"#), "{}", payload(&outcome));
    let last = kit.records.messages().pop().expect("a line");
    assert!(last.contains("\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"), "{last}");
}

#[tokio::test]
async fn a_bootstrap_that_cannot_be_executed_is_the_functions_fault() {
    let kit = kit();
    let source = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    kit.sandboxes.fail_start(Error::Execute { program: "/var/task/bootstrap".to_owned(), source: source() });
    let outcome = kit.outcome("echo", "one").await;
    assert_eq!(
        payload(&outcome),
        r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: one Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}"#
    );
}

#[tokio::test]
async fn the_share_of_the_processor_is_given_soon_after_the_first_call_began() {
    let kit = kit();
    kit.outcome("echo", "one").await;
    assert_eq!(kit.sandboxes.count(|event| *event == Event::SharesCpu(1)), 0);
    kit.ground.clock.advance(Duration::from_millis(50));
    kit.sandboxes.until(Event::SharesCpu(1)).await;
    kit.idle().await;
    kit.outcome("echo", "two").await;
    kit.ground.clock.advance(Duration::from_millis(50));
    tokio::task::yield_now().await;
    assert_eq!(kit.sandboxes.count(|event| *event == Event::SharesCpu(1)), 1);
}
