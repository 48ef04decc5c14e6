//! Telemetry: what subscribers get, how, and that nobody waits for one that does not listen.

use std::sync::Arc;
use std::time::Duration;

use execution::{Level, Logging, Options, Pools, Version};
use sandbox::Exit;
use serde_json::{Value as Json, json};
use testkit::{Event, Ground, Records, Runtime, Scripted, invocation, options, soon, version};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

struct Kit {
    ground: Ground,
    sandboxes: Scripted,
    records: Records,
    pools: Pools,
    listener: TcpListener,
}

async fn kit() -> Kit {
    kit_that_freezes(Duration::from_millis(100)).await
}

async fn kit_that_freezes(freeze_after: Duration) -> Kit {
    let (ground, sandboxes, records) = (Ground::new(), Scripted::new(), Records::default());
    let options = Options { freeze_after, ..options(&ground.env, &sandboxes, Arc::new(records.clone())) };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    Kit { pools: Pools::new(options), ground, sandboxes, records, listener }
}

impl Kit {
    fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    /// A function whose own internal extension subscribes so; it echoes and writes a line.
    fn subscribes(&self, api: &'static str, body: &Json) {
        let body = body.to_string();
        self.sandboxes.on("subscribes", move |mut runtime: Runtime| {
            let body = body.clone();
            async move {
                let named = [("lambda-extension-name", "inside")];
                let path = "/2020-01-01/extension/register";
                let reply = runtime.request("POST", path, &named, br#"{"events":["INVOKE"]}"#).await;
                let id = reply.header("lambda-extension-identifier").expect("registered").to_owned();
                let own = [("lambda-extension-identifier", id.as_str())];
                let reply = runtime.request("PUT", api, &own, body.as_bytes()).await;
                assert_eq!((reply.status, reply.text().as_str()), (200, "\"OK\""));
                let mut events = runtime.connect().await;
                let id = id.clone();
                tokio::spawn(async move {
                    let own = [("lambda-extension-identifier", id.as_str())];
                    let next = "/2020-01-01/extension/event/next";
                    while events.send("GET", next, &own, b"").await.is_ok() {}
                });
                loop {
                    let work = runtime.next().await;
                    runtime.write("a line\n");
                    runtime.respond(&work.id, &work.payload).await;
                }
            }
        });
    }

    async fn invoke(&self, version: Version, id: &str) {
        let outcome = soon("an outcome", self.pools.invoke(&Arc::new(version), invocation(id, "1"))).await;
        assert!(!outcome.expect("not refused").failed);
    }

    async fn until_idle(&self) {
        let wait = async {
            while self.pools.idle() == 0 {
                tokio::task::yield_now().await;
            }
        };
        soon("the environment to wait for work", wait).await;
    }

    async fn while_time_passes<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::pin!(future);
        let passing = async {
            loop {
                tokio::select! {
                    biased;
                    done = &mut future => return done,
                    () = tokio::task::yield_now() => self.ground.clock.advance(Duration::from_millis(1)),
                }
            }
        };
        soon("something that takes time", passing).await
    }
}

fn http(port: u16, types: &[&str]) -> Json {
    json!({
        "schemaVersion": "2022-12-13",
        "types": types,
        "buffering": { "timeoutMs": 25 },
        "destination": { "protocol": "HTTP", "URI": format!("http://sandbox.localdomain:{port}/in") },
    })
}

/// The body of one request; answers it.
async fn take(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<Json>)> {
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).await.ok().filter(|count| *count > 0)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK").await.ok()?;
    Some((first.trim_end().to_owned(), serde_json::from_slice(&body).ok()?))
}

/// Events until one of the type `last`, and the first line of the last request.
async fn events_until(listener: &TcpListener, last: &str) -> (String, Vec<Json>) {
    let mut all = Vec::new();
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut stream = BufReader::new(stream);
    loop {
        let (line, events) = take(&mut stream).await.expect("one connection is enough");
        all.extend(events);
        if all.iter().any(|event| event["type"] == last) {
            return (line, all);
        }
    }
}

fn types(events: &[Json]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn everything_that_happens_is_told_in_order() {
    let kit = kit().await;
    kit.subscribes("/2022-07-01/telemetry", &http(kit.port(), &["platform", "function"]));
    kit.invoke(version("subscribes"), "one").await;
    let (line, events) = kit.while_time_passes(events_until(&kit.listener, "platform.report")).await;
    assert_eq!(line, "POST /in HTTP/1.1");
    let seen = types(&events);
    let expected = [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initRuntimeDone",
        "platform.extension",
        "platform.initReport",
        "platform.start",
        "function",
        "platform.runtimeDone",
        "platform.report",
    ];
    // The runtime and the extension ask for work in any order.
    let mut sorted = (seen.clone(), expected.to_vec());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1, "{seen:?}");
    assert_eq!((seen[..2].to_vec(), seen[4..].to_vec()), (expected[..2].to_vec(), expected[4..].to_vec()));
    let record = |kind: &str| &events.iter().find(|event| event["type"] == kind).expect(kind)["record"];
    assert_eq!(record("function"), "a line");
    assert_eq!(record("platform.start"), &json!({ "requestId": "one", "version": "$LATEST" }));
    let done = record("platform.runtimeDone");
    assert_eq!((&done["status"], &done["metrics"]["producedBytes"]), (&json!("success"), &json!(1)));
    assert_eq!(done["spans"].as_array().map(Vec::len), Some(3));
    let report = &record("platform.report")["metrics"];
    assert_eq!((&report["memorySizeMB"], &report["maxMemoryUsedMB"]), (&json!(128), &json!(36)));
    assert!(report["initDurationMs"].is_number());
    assert_eq!(record("platform.initStart")["functionName"], "f");
}

#[tokio::test]
async fn lines_over_tcp_and_the_logs_api() {
    let kit = kit().await;
    let body = json!({
        "schemaVersion": "2021-03-18",
        "types": ["platform", "function"],
        "buffering": { "timeoutMs": 25 },
        "destination": { "protocol": "TCP", "port": kit.port() },
    });
    kit.subscribes("/2020-08-15/logs", &body);
    kit.invoke(version("subscribes"), "one").await;
    let read = async {
        let (stream, _) = kit.listener.accept().await.expect("a connection");
        let mut lines = BufReader::new(stream).lines();
        let mut events = Vec::new();
        while types(&events).last() != Some(&"platform.report") {
            let line = lines.next_line().await.expect("readable").expect("one more line");
            events.push(serde_json::from_str::<Json>(&line).expect("JSON"));
        }
        events
    };
    let events = kit.while_time_passes(read).await;
    let seen = types(&events);
    let expected = ["platform.start", "function", "platform.runtimeDone", "platform.end", "platform.report"];
    assert_eq!(seen[seen.len() - expected.len()..], expected);
    assert!(seen.contains(&"platform.logsSubscription") && !seen.contains(&"platform.initStart"), "{seen:?}");
}

#[tokio::test]
async fn whoever_does_not_listen_holds_nothing_up_and_is_told_what_was_lost() {
    // Only time that it is awake counts.
    let kit = kit_that_freezes(Duration::from_secs(3600)).await;
    kit.subscribes("/2022-07-01/telemetry", &http(kit.port(), &["function"]));
    kit.invoke(version("subscribes"), "one").await;
    // It accepts and never answers: three attempts of five seconds, in which calls go on.
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(kit.while_time_passes(kit.listener.accept()).await.expect("a connection"));
        kit.until_idle().await;
        kit.invoke(version("subscribes"), "more").await;
    }
    drop(held);
    kit.until_idle().await;
    let (_, events) = kit.while_time_passes(events_until(&kit.listener, "platform.logsDropped")).await;
    let dropped = events.iter().find(|event| event["type"] == "platform.logsDropped").expect("told");
    assert_eq!(dropped["record"]["droppedRecords"], 1);
}

#[tokio::test]
async fn a_frozen_environment_gets_its_telemetry_when_it_is_thawed() {
    let kit = kit().await;
    let mut body = http(kit.port(), &["platform"]);
    body["buffering"]["timeoutMs"] = json!(30_000);
    kit.subscribes("/2022-07-01/telemetry", &body);
    kit.invoke(version("subscribes"), "one").await;
    kit.until_idle().await;
    kit.while_time_passes(kit.sandboxes.until(Event::Frozen(1))).await;
    kit.ground.clock.advance(Duration::from_secs(60));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let accepted = tokio::select! {
        biased;
        _ = kit.listener.accept() => true,
        () = tokio::task::yield_now() => false,
    };
    assert!(!accepted, "nobody could answer");
    kit.invoke(version("subscribes"), "two").await;
    let (_, events) = kit.while_time_passes(events_until(&kit.listener, "platform.report")).await;
    assert_eq!(events[0]["type"], "platform.initStart");
}

/// Runs one call of a function that writes these lines; what the log then has of the platform and of the function.
async fn logged(logging: Logging, lines: &'static str, fails: bool) -> Vec<String> {
    let kit = kit().await;
    kit.sandboxes.on("writes", move |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            runtime.write(lines);
            if fails {
                return Exit::Code(1);
            }
            runtime.respond(&work.id, b"1").await;
        }
    });
    let version = Version { logging, ..version("writes") };
    let outcome = soon("an outcome", kit.pools.invoke(&Arc::new(version), invocation("one", "1"))).await;
    let outcome = outcome.expect("not refused");
    let messages = kit.records.messages();
    let tail = String::from_utf8(outcome.log_tail).expect("text");
    assert!(messages.join("\n").contains(tail.trim_end()), "the tail is of the same log: {tail}");
    messages
}

#[tokio::test]
async fn json_logs_have_records_of_their_level() {
    let json = |application, system| Logging::Json { application, system };
    let kinds = |messages: &[String]| {
        let kind = |message: &String| match serde_json::from_str::<Json>(message) {
            Ok(event) if event["type"].is_string() => event["type"].as_str().unwrap_or_default().to_owned(),
            _ => message.clone(),
        };
        messages.iter().map(kind).collect::<Vec<_>>()
    };
    let lines = "{\"level\":\"DEBUG\"}\n{\"level\":\"ERROR\"}\nplain\n";
    let messages = logged(json(Level::Info, Level::Info), lines, false).await;
    let expected =
        ["platform.initStart", "platform.start", "{\"level\":\"ERROR\"}", "plain", "platform.report"];
    assert_eq!(kinds(&messages), expected);
    let report = serde_json::from_str::<Json>(messages.last().expect("a report")).expect("JSON");
    assert_eq!(
        (&report["record"]["requestId"], &report["record"]["status"]),
        (&json!("one"), &json!("success"))
    );
    assert!(report["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{report}");

    let messages = logged(json(Level::Trace, Level::Debug), lines, false).await;
    let expected = [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "{\"level\":\"DEBUG\"}",
        "{\"level\":\"ERROR\"}",
        "plain",
        "platform.runtimeDone",
        "platform.report",
    ];
    let mut seen = kinds(&messages);
    // Whether the runtime's next call or the answer's way back is first is nobody's business.
    let done = seen.iter().position(|kind| kind == "platform.runtimeDone").expect("told");
    let done = seen.remove(done);
    seen.insert(7, done);
    assert_eq!(seen, expected);

    let messages = logged(json(Level::Fatal, Level::Warn), lines, false).await;
    assert_eq!(kinds(&messages), ["plain"]);
    let messages = logged(json(Level::Fatal, Level::Warn), lines, true).await;
    assert_eq!(kinds(&messages), ["plain", "platform.runtimeDone", "platform.report"]);
}
