//! Extensions: when they start and end, what they are told, and what becomes of invocations meanwhile.

use std::sync::Arc;
use std::time::Duration;

use execution::{Outcome, Pools, Version};
use sandbox::Exit;
use serde_json::Value as Json;
use testkit::{Event, Ground, Layer, Records, Reply, Runtime, Scripted, invocation, options, soon, version};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

struct Kit {
    ground: Ground,
    sandboxes: Scripted,
    records: Records,
    pools: Pools,
    layer: Layer,
}

fn kit(extensions: &[&str]) -> Kit {
    let (ground, sandboxes, records) = (Ground::new(), Scripted::new(), Records::default());
    let options = options(&ground.env, &sandboxes, Arc::new(records.clone()));
    Kit { pools: Pools::new(options), ground, sandboxes, records, layer: Layer::with_extensions(extensions) }
}

impl Kit {
    fn version(&self, handler: &str) -> Version {
        Version { opt_dirs: vec![self.layer.path()], ..version(handler) }
    }

    fn invoke(&self, version: Version, id: &str) -> JoinHandle<Outcome> {
        let (pools, version, invocation) = (self.pools.clone(), Arc::new(version), invocation(id, "1"));
        tokio::spawn(async move { pools.invoke(&version, invocation).await.expect("not refused") })
    }

    async fn outcome(&self, handler: &str, id: &str) -> Outcome {
        soon("an outcome", self.invoke(self.version(handler), id)).await.expect("no panic")
    }

    async fn until_idle(&self, count: usize) {
        let wait = async {
            while self.pools.idle() != count {
                tokio::task::yield_now().await;
            }
        };
        soon("environments to be idle", wait).await;
    }

    async fn until_logged(&self, part: &str) {
        let wait = async {
            while !self.records.messages().iter().any(|message| message.contains(part)) {
                tokio::task::yield_now().await;
            }
        };
        soon(&format!("{part:?} in the log"), wait).await;
    }

    /// Lets time pass until something is over.
    async fn while_time_passes<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        let passing = async {
            loop {
                tokio::select! {
                    biased;
                    done = &mut future => return done,
                    () = tokio::task::yield_now() => self.ground.clock.advance(Duration::from_millis(5)),
                }
            }
        };
        soon("something that takes time", passing).await
    }
}

async fn register(runtime: &mut Runtime, name: &str, events: &str) -> Reply {
    let body = format!(r#"{{"events":[{events}]}}"#);
    let headers = [("lambda-extension-name", name)];
    runtime.request("POST", "/2020-01-01/extension/register", &headers, body.as_bytes()).await
}

/// Registers and gives the identifier.
async fn registered(runtime: &mut Runtime, name: &str, events: &str) -> String {
    let reply = register(runtime, name, events).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("lambda-extension-identifier").expect("an identifier").to_owned()
}

async fn next_event(runtime: &mut Runtime, id: &str) -> Json {
    let headers = [("lambda-extension-identifier", id)];
    let reply = runtime.request("GET", "/2020-01-01/extension/event/next", &headers, b"").await;
    serde_json::from_slice(&reply.body).expect("an event")
}

const BOTH: &str = r#""INVOKE","SHUTDOWN""#;

/// An extension that tells of its events and ends with SHUTDOWN; it works on an invocation until it may go on.
fn tells(kit: &Kit, name: &'static str, events: mpsc::UnboundedSender<Json>, go_on: &Arc<Semaphore>) {
    let go_on = Arc::clone(go_on);
    kit.sandboxes.on_extension(name, move |mut runtime: Runtime| {
        let (events, go_on) = (events.clone(), Arc::clone(&go_on));
        async move {
            let id = registered(&mut runtime, name, BOTH).await;
            loop {
                let event = next_event(&mut runtime, &id).await;
                let is_end = event["eventType"] == "SHUTDOWN";
                let _ = events.send(event);
                if is_end {
                    return Exit::Code(0);
                }
                go_on.acquire().await.expect("never closed").forget();
            }
        }
    });
}

#[tokio::test]
async fn an_extension_hears_of_calls_and_of_the_end() {
    let kit = kit(&["e"]);
    let (events, mut told) = mpsc::unbounded_channel();
    tells(&kit, "e", events, &Arc::new(Semaphore::new(100)));
    let outcome = kit.outcome("echo", "one").await;
    assert_eq!((outcome.failed, &outcome.payload[..]), (false, &b"1"[..]));
    kit.until_idle(1).await;
    let event = soon("an event", told.recv()).await.expect("it is there");
    assert_eq!((&event["eventType"], &event["requestId"]), (&"INVOKE".into(), &"one".into()));
    let (pools, shutdown) = (
        kit.pools.clone(),
        tokio::spawn({
            let pools = kit.pools.clone();
            async move { pools.shutdown().await }
        }),
    );
    kit.sandboxes.until(Event::Terminated(1)).await;
    // The runtime takes no notice and has its share of the time.
    kit.while_time_passes(shutdown).await.expect("no panic");
    let event = soon("an event", told.recv()).await.expect("it is there");
    assert_eq!((&event["eventType"], &event["shutdownReason"]), (&"SHUTDOWN".into(), &"SPINDOWN".into()));
    let order = [
        Event::Started(1),
        Event::Thawed(1),
        Event::Terminated(1),
        Event::ProgramKilled(1),
        Event::Killed(1),
    ];
    let seen = kit.sandboxes.events();
    let mut seen = seen.iter().filter(|event| order.contains(event) && **event != Event::Thawed(1));
    assert!(
        order.iter().filter(|event| **event != Event::Thawed(1)).all(|event| seen.next() == Some(event)),
        "{:?}",
        kit.sandboxes.events()
    );
    drop(pools);
    let messages = kit.records.messages();
    assert!(
        messages.contains(&"EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE, SHUTDOWN]".to_owned()),
        "{messages:?}"
    );
}

#[tokio::test]
async fn the_runtime_starts_when_the_extensions_have_registered() {
    let kit = kit(&["late"]);
    let go_on = Arc::new(Semaphore::new(0));
    let may = Arc::clone(&go_on);
    kit.sandboxes.on_extension("late", move |mut runtime: Runtime| {
        let may = Arc::clone(&may);
        async move {
            may.acquire().await.expect("never closed").forget();
            let id = registered(&mut runtime, "late", "").await;
            may.acquire().await.expect("never closed").forget();
            next_event(&mut runtime, &id).await;
            Exit::Code(0)
        }
    });
    let (starts, mut started) = mpsc::unbounded_channel();
    kit.sandboxes.on("tells", move |mut runtime: Runtime| {
        let starts = starts.clone();
        async move {
            let _ = starts.send(());
            let work = runtime.next().await;
            runtime.respond(&work.id, b"2").await;
            std::future::pending().await
        }
    });
    let call = kit.invoke(kit.version("tells"), "one");
    kit.sandboxes.until(Event::Started(1)).await;
    assert!(started.try_recv().is_err(), "the extension has not registered");
    go_on.add_permits(1);
    soon("the runtime to start", started.recv()).await.expect("it starts");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!call.is_finished(), "the extension is not ready");
    go_on.add_permits(1);
    assert_eq!(soon("an outcome", call).await.expect("no panic").payload, "2");
}

#[tokio::test]
async fn the_answer_does_not_wait_for_extensions_and_the_report_does() {
    let kit = kit(&["slow"]);
    let (events, mut told) = mpsc::unbounded_channel();
    let go_on = Arc::new(Semaphore::new(0));
    tells(&kit, "slow", events, &go_on);
    let outcome = kit.outcome("echo", "one").await;
    assert_eq!(outcome.payload, "1");
    soon("an event", told.recv()).await.expect("it is there");
    kit.ground.clock.advance(Duration::from_millis(700));
    assert!(
        !kit.records.messages().iter().any(|line| line.starts_with("REPORT")),
        "{:?}",
        kit.records.messages()
    );
    assert_eq!(kit.pools.idle(), 0);
    go_on.add_permits(1);
    kit.until_idle(1).await;
    let report =
        kit.records.messages().into_iter().find(|line| line.starts_with("REPORT")).expect("a report");
    assert!(report.contains("Duration: 700.00 ms\tBilled Duration: 700 ms"), "{report}");
}

#[tokio::test]
async fn an_extension_that_takes_too_long_ends_with_its_environment() {
    let kit = kit(&["slow"]);
    let (events, mut told) = mpsc::unbounded_channel();
    let go_on = Arc::new(Semaphore::new(0));
    tells(&kit, "slow", events, &go_on);
    assert!(!kit.outcome("echo", "one").await.failed);
    soon("an event", told.recv()).await.expect("it is there");
    kit.ground.clock.advance(Duration::from_secs(3));
    kit.until_logged("Status: timeout").await;
    go_on.add_permits(1);
    let event = kit.while_time_passes(told.recv()).await.expect("it is there");
    assert_eq!((&event["eventType"], &event["shutdownReason"]), (&"SHUTDOWN".into(), &"TIMEOUT".into()));
    kit.sandboxes.until(Event::Killed(1)).await;
}

#[tokio::test]
async fn an_extension_that_does_not_end_is_ended() {
    let kit = kit(&["stays"]);
    kit.sandboxes.on_extension("stays", |mut runtime: Runtime| async move {
        let id = registered(&mut runtime, "stays", r#""SHUTDOWN""#).await;
        next_event(&mut runtime, &id).await;
        std::future::pending().await
    });
    let pools = kit.pools.clone();
    kit.outcome("echo", "one").await;
    kit.until_idle(1).await;
    let began = kit.ground.env.monotonic();
    kit.while_time_passes(pools.shutdown()).await;
    let took = kit.ground.env.monotonic() - began;
    assert!((Duration::from_secs(2)..Duration::from_millis(2200)).contains(&took), "{took:?}");
    assert_eq!(kit.sandboxes.count(|event| *event == Event::Killed(1)), 1);
}

#[tokio::test]
async fn a_crashed_extension_fails_the_invocation() {
    let kit = kit(&["crashes"]);
    kit.sandboxes.on_extension("crashes", |mut runtime: Runtime| async move {
        let id = registered(&mut runtime, "crashes", BOTH).await;
        next_event(&mut runtime, &id).await;
        Exit::Code(1)
    });
    let outcome = kit.outcome("hang", "one").await;
    let payload = String::from_utf8_lossy(&outcome.payload).into_owned();
    assert_eq!(
        payload,
        r#"{"errorType":"Extension.Crash","errorMessage":"RequestId: one Error: exit code 1"}"#
    );
    kit.until_logged("Error Type: Extension.Crash").await;
    kit.while_time_passes(kit.sandboxes.until(Event::Killed(1))).await;
}

#[tokio::test]
async fn an_extension_may_give_up_in_init() {
    let kit = kit(&["gives-up"]);
    kit.sandboxes.on_extension("gives-up", |mut runtime: Runtime| async move {
        let id = registered(&mut runtime, "gives-up", BOTH).await;
        let headers = [
            ("lambda-extension-identifier", id.as_str()),
            ("lambda-extension-function-error-type", "Extension.NoConfig"),
        ];
        let reply = runtime.request("POST", "/2020-01-01/extension/init/error", &headers, b"{}").await;
        assert_eq!(reply.status, 202);
        std::future::pending().await
    });
    let call = kit.invoke(kit.version("echo"), "one");
    let outcome = kit.while_time_passes(call).await.expect("no panic");
    assert!(outcome.failed);
    let payload = String::from_utf8_lossy(&outcome.payload).into_owned();
    assert_eq!(
        payload,
        r#"{"errorType":"Extension.InitError","errorMessage":"RequestId: one Error: Extension.NoConfig"}"#
    );
}

#[tokio::test]
async fn an_internal_extension_lives_in_the_runtime() {
    let kit = kit(&[]);
    kit.sandboxes.on("inside", |mut runtime: Runtime| async move {
        let terminated = runtime.terminated.clone();
        let id = registered(&mut runtime, "inside", r#""INVOKE""#).await;
        let events = runtime.connect().await;
        tokio::spawn(async move {
            let mut connection = events;
            let headers = [("lambda-extension-identifier", id.as_str())];
            while connection.send("GET", "/2020-01-01/extension/event/next", &headers, b"").await.is_ok() {}
        });
        let work = async {
            loop {
                let work = runtime.next().await;
                runtime.respond(&work.id, b"2").await;
            }
        };
        tokio::select! {
            exit = work => exit,
            () = terminated.cancelled() => Exit::Code(0),
        }
    });
    assert_eq!(kit.outcome("inside", "one").await.payload, "2");
    kit.until_idle(1).await;
    let began = kit.ground.env.monotonic();
    soon("a quick end", kit.pools.shutdown()).await;
    assert_eq!(kit.ground.env.monotonic(), began, "a runtime that ends when it is asked is not waited for");
    assert_eq!(kit.sandboxes.count(|event| *event == Event::Terminated(1)), 1);
}

#[tokio::test]
async fn calls_that_are_wrong_are_refused() {
    let kit = kit(&[]);
    let (replies, mut told) = mpsc::unbounded_channel();
    kit.sandboxes.on("wrong", move |mut runtime: Runtime| {
        let replies = replies.clone();
        async move {
            let keep = |what: &'static str, reply: Reply| {
                let body = serde_json::from_slice::<Json>(&reply.body).unwrap_or_default();
                let _ = replies.send((what, reply.status, body["errorType"].as_str().map(str::to_owned)));
            };
            let (register_path, next) =
                ("/2020-01-01/extension/register", "/2020-01-01/extension/event/next");
            let named = [("lambda-extension-name", "x")];
            keep("no name", runtime.request("POST", register_path, &[], b"{}").await);
            keep("no JSON", runtime.request("POST", register_path, &named, b"{").await);
            keep("odd event", register(&mut runtime, "x", r#""OTHER""#).await);
            keep("internal shutdown", register(&mut runtime, "x", r#""SHUTDOWN""#).await);
            keep("no identifier", runtime.request("GET", next, &[], b"").await);
            let odd = [("lambda-extension-identifier", "odd")];
            keep("odd identifier", runtime.request("GET", next, &odd, b"").await);
            let unknown = [("lambda-extension-identifier", "00000000-0000-0000-0000-000000000000")];
            keep("unknown identifier", runtime.request("GET", next, &unknown, b"").await);
            let id = registered(&mut runtime, "x", r#""INVOKE""#).await;
            let own = [("lambda-extension-identifier", id.as_str())];
            let exit_error = "/2020-01-01/extension/exit/error";
            keep("no error type", runtime.request("POST", exit_error, &own, b"{}").await);
            keep("registered twice", register(&mut runtime, "x", r#""INVOKE""#).await);
            let telemetry = "/2022-07-01/telemetry";
            keep("no subscription", runtime.request("PUT", telemetry, &own, b"{}").await);
            let both = br#"{"types":["function"],"destination":{"protocol":"TCP","port":1}}"#;
            keep("subscribed", runtime.request("PUT", telemetry, &own, both).await);
            keep("with the other too", runtime.request("PUT", "/2020-08-15/logs", &own, both).await);
            for number in 1..10 {
                registered(&mut runtime, &format!("x{number}"), "").await;
            }
            keep("too many", register(&mut runtime, "x10", "").await);
            Exit::Code(1)
        }
    });
    let call = kit.invoke(kit.version("wrong"), "one");
    let forbidden = |error_type: &str| (403, Some(error_type.to_owned()));
    for (what, expected) in [
        ("no name", forbidden("Extension.InvalidExtensionName")),
        ("no JSON", forbidden("InvalidRequestFormat")),
        ("odd event", forbidden("Extension.InvalidEventType")),
        ("internal shutdown", forbidden("Extension.InvalidEventType")),
        ("no identifier", forbidden("Extension.MissingExtensionIdentifier")),
        ("odd identifier", forbidden("Extension.InvalidExtensionIdentifier")),
        ("unknown identifier", forbidden("Extension.UnknownExtensionIdentifier")),
        ("no error type", forbidden("Extension.MissingHeader")),
        ("registered twice", forbidden("Extension.InvalidExtensionState")),
        ("no subscription", (400, Some("ValidationError".to_owned()))),
        ("subscribed", (200, None)),
        ("with the other too", (400, Some("ValidationError".to_owned()))),
        ("too many", forbidden("Extension.TooManyExtensions")),
    ] {
        let (asked, status, error_type) = soon("a reply", told.recv()).await.expect("one more");
        assert_eq!((asked, (status, error_type)), (what, expected));
    }
    call.abort();
}
