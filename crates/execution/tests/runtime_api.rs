//! The Runtime API: what a runtime that behaves gets, and how one that does not is refused.

use std::sync::{Arc, Mutex};

use execution::{Invocation, Outcome, Pools};
use sandbox::Exit;
use testkit::{EPOCH_MS, Ground, Records, Reply, Runtime, Scripted, invocation, options, soon, version};

type Replies = Arc<Mutex<Vec<Reply>>>;

/// Runs one invocation of `program`, which may keep replies for the test.
async fn run<F: Future<Output = Exit> + Send + 'static>(
    asked: Invocation,
    program: impl Fn(Runtime, Replies) -> F + Send + Sync + 'static,
) -> (Outcome, Vec<Reply>) {
    let (ground, sandboxes, replies) = (Ground::new(), Scripted::new(), Replies::default());
    let kept = Arc::clone(&replies);
    sandboxes.on("own", move |runtime| program(runtime, Arc::clone(&kept)));
    let pools = Pools::new(options(&ground.env, &sandboxes, Arc::new(Records::default())));
    let version = Arc::new(version("own"));
    let outcome = soon("an outcome", pools.invoke(&version, asked)).await.expect("not refused");
    let replies = replies.lock().expect("no panic while held").clone();
    (outcome, replies)
}

fn keep(replies: &Replies, reply: Reply) {
    replies.lock().expect("no panic while held").push(reply);
}

fn statuses(replies: &[Reply]) -> Vec<(u16, String)> {
    replies.iter().map(|reply| (reply.status, reply.text())).collect()
}

fn refusal(status: u16, message: &str, error_type: &str) -> (u16, String) {
    (status, format!(r#"{{"errorMessage":"{message}","errorType":"{error_type}"}}"#))
}

#[tokio::test]
async fn next_hands_out_the_invocation_and_its_headers() {
    let asked = Invocation {
        client_context: Some(r#"{"custom":{"a":1}}"#.to_owned()),
        trace_id: Some("Root=1-00000000-000000000000000000000000".to_owned()),
        ..invocation("id-1", "[1]")
    };
    let (outcome, replies) = run(asked, |mut runtime, replies| async move {
        let work = runtime.next().await;
        keep(&replies, work.reply);
        let accepted = runtime.respond(&work.id, b"[2]").await;
        keep(&replies, accepted);
        std::future::pending().await
    })
    .await;
    let deadline = (EPOCH_MS + 3000).to_string();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "id-1"),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000"),
        ("lambda-runtime-client-context", r#"{"custom":{"a":1}}"#),
        ("content-type", "application/json"),
    ] {
        assert_eq!(replies[0].header(name), Some(value), "{name}");
    }
    assert_eq!((replies[0].status, replies[0].text()), (200, "[1]".to_owned()));
    assert_eq!(outcome.payload, "[2]");
}

#[tokio::test]
async fn a_client_context_on_many_lines_arrives() {
    let asked = Invocation { client_context: Some("{\n\"a\": 1}".to_owned()), ..invocation("id-1", "1") };
    let (_, replies) = run(asked, |mut runtime, replies| async move {
        let work = runtime.next().await;
        keep(&replies, work.reply);
        runtime.respond(&work.id, b"1").await;
        std::future::pending().await
    })
    .await;
    let context = replies[0].header("lambda-runtime-client-context").expect("the header is there");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(context).expect("JSON"),
        serde_json::json!({ "a": 1 })
    );
}

#[tokio::test]
async fn a_poll_that_depends_on_an_answer_is_refused_with_it() {
    let (outcome, replies) = run(invocation("id-1", "1"), |mut runtime, replies| async move {
        let work = runtime.next().await;
        let of_another = runtime.respond("id-2", b"1").await;
        keep(&replies, of_another);
        let depends = [("lambent-if-accepted", "1")];
        let poll = runtime.call("GET", "invocation/next", &depends, b"").await;
        keep(&replies, poll);
        runtime.respond(&work.id, b"\"right\"").await;
        std::future::pending().await
    })
    .await;
    assert_eq!(outcome.payload, "\"right\"");
    let wrong_id = refusal(400, "Invalid request ID", "InvalidRequestID");
    let refused = refusal(403, "The answer before was refused", "AnswerRefused");
    assert_eq!(statuses(&replies), [wrong_id, refused]);
}

#[tokio::test]
async fn calls_out_of_order_are_refused_and_do_no_harm() {
    let (outcome, replies) = run(invocation("id-1", "1"), |mut runtime, replies| async move {
        let early = runtime.respond("id-1", b"early").await;
        keep(&replies, early);
        let work = runtime.next().await;
        for (method, path) in [
            ("GET", "invocation/next"),
            ("POST", "invocation/id-2/response"),
            ("POST", "invocation/id-2/error"),
            ("POST", "init/error"),
            ("POST", "restore/error"),
            ("PUT", "invocation/id-1/response"),
            ("GET", "nothing"),
        ] {
            let refused = runtime.call(method, path, &[], b"{}").await;
            keep(&replies, refused);
        }
        let streamed = [("lambda-runtime-function-response-mode", "chunky")];
        let refused = runtime.call("POST", "invocation/id-1/response", &streamed, b"1").await;
        keep(&replies, refused);
        let accepted = runtime.respond(&work.id, b"\"right\"").await;
        keep(&replies, accepted);
        std::future::pending().await
    })
    .await;
    assert_eq!(outcome.payload, "\"right\"");
    let transition = |from: &str, to: &str| {
        let message = format!(
            "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
        );
        refusal(403, &message, "InvalidStateTransition")
    };
    let wrong_id = refusal(400, "Invalid request ID", "InvalidRequestID");
    let missing = refusal(404, "404 page not found", "NotFound");
    let no_snapshot = refusal(
        403,
        "State transition from Running to RuntimeRestoreError failed for runtime. Error: State transition is not allowed",
        "InvalidStateTransition",
    );
    let no_mode = refusal(400, "A response is streaming or says no mode", "InvalidFunctionResponseMode");
    assert_eq!(
        statuses(&replies),
        [
            wrong_id.clone(),
            transition("Running", "Ready"),
            wrong_id.clone(),
            wrong_id,
            transition("Running", "RuntimeInitError"),
            no_snapshot,
            missing.clone(),
            missing,
            no_mode,
        ]
    );
}

#[tokio::test]
async fn an_answer_is_taken_once() {
    let (ground, sandboxes, replies) = (Ground::new(), Scripted::new(), Replies::default());
    let kept = Arc::clone(&replies);
    let (told, answered) = tokio::sync::mpsc::unbounded_channel();
    sandboxes.on("twice", move |mut runtime: Runtime| {
        let (kept, told) = (Arc::clone(&kept), told.clone());
        async move {
            let work = runtime.next().await;
            for body in [&b"\"first\""[..], b"\"second\""] {
                let reply = runtime.respond(&work.id, body).await;
                keep(&kept, reply);
            }
            told.send(()).expect("the test listens");
            std::future::pending().await
        }
    });
    let pools = Pools::new(options(&ground.env, &sandboxes, Arc::new(Records::default())));
    let version = Arc::new(version("twice"));
    let outcome = pools.invoke(&version, invocation("id-1", "1"));
    assert_eq!(soon("an outcome", outcome).await.expect("not refused").payload, "\"first\"");
    let mut answered = answered;
    soon("both answers", answered.recv()).await.expect("the program tells");
    let accepted = (202, "{\"status\":\"OK\"}\n".to_owned());
    let sent = "RuntimeInvocationResponseSent";
    let message = format!(
        "State transition from {sent} to {sent} failed for runtime. Error: State transition is not allowed"
    );
    let replies = replies.lock().expect("no panic while held").clone();
    assert_eq!(statuses(&replies), [accepted, refusal(403, &message, "InvalidStateTransition")]);
}

#[tokio::test]
async fn too_large_an_answer_is_refused_with_413() {
    let (ground, sandboxes) = (Ground::new(), Scripted::new());
    let (told, mut answered) = tokio::sync::mpsc::unbounded_channel();
    sandboxes.on("large", move |mut runtime: Runtime| {
        let told = told.clone();
        async move {
            let work = runtime.next().await;
            let fits = work.payload == b"\"fits\"";
            let length = execution::RESPONSE_BYTES_MAX + usize::from(!fits);
            let reply = runtime.respond(&work.id, &vec![b'1'; length]).await;
            told.send(reply).expect("the test listens");
            std::future::pending().await
        }
    });
    let pools = Pools::new(options(&ground.env, &sandboxes, Arc::new(Records::default())));
    let version = Arc::new(version("large"));
    for (payload, status, failed) in [("\"fits\"", 202, false), ("1", 413, true)] {
        let outcome = pools.invoke(&version, invocation("id-1", payload));
        let outcome = soon("an outcome", outcome).await.expect("not refused");
        let reply = soon("a reply", answered.recv()).await.expect("the program tells");
        assert_eq!((reply.status, outcome.failed), (status, failed), "{}", reply.text());
    }
}

#[tokio::test]
async fn work_whose_next_call_broke_is_handed_out_again() {
    let (ground, sandboxes) = (Ground::new(), Scripted::new());
    let (told, mut broken) = tokio::sync::mpsc::unbounded_channel();
    sandboxes.on("reconnects", move |mut runtime: Runtime| {
        let told = told.clone();
        async move {
            let work = runtime.next().await;
            runtime.respond(&work.id, b"1").await;
            // Asks for work, and loses the connection before there is any.
            let mut connection = runtime.connect().await;
            let call = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: a\r\n\r\n";
            connection.write(call).await.expect("the Runtime API listens");
            runtime.let_go_on().await;
            drop(connection);
            // Two round trips later the platform has seen that it is gone.
            for _ in 0..2 {
                let mut other = runtime.connect().await;
                other.send("GET", "/ping", &[], b"").await.expect("an answer");
            }
            told.send(()).expect("the test listens");
            runtime.let_go_on().await;
            let work = runtime.next().await;
            runtime.respond(&work.id, &work.payload).await;
            std::future::pending().await
        }
    });
    let pools = Pools::new(options(&ground.env, &sandboxes, Arc::new(Records::default())));
    let version = Arc::new(version("reconnects"));
    soon("the first", pools.invoke(&version, invocation("one", "1"))).await.expect("not refused");
    sandboxes.let_go_on(1);
    soon("the break", broken.recv()).await.expect("the program tells");
    let (second, ()) = tokio::join!(pools.invoke(&version, invocation("two", "\"again\"")), async {
        tokio::task::yield_now().await;
        sandboxes.let_go_on(1);
    });
    assert_eq!(second.expect("not refused").payload, "\"again\"");
    assert_eq!(sandboxes.asked(), 1);
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (_, replies) = run(invocation("id-1", "1"), |mut runtime, replies| async move {
        let mut connection = runtime.connect().await;
        let pong = connection.send("GET", "/ping", &[], b"").await.expect("an answer");
        keep(&replies, pong);
        let other = connection.send("GET", "/else", &[], b"").await.expect("an answer");
        keep(&replies, other);
        let work = runtime.next().await;
        runtime.respond(&work.id, b"1").await;
        std::future::pending().await
    })
    .await;
    let missing = refusal(404, "404 page not found", "NotFound");
    assert_eq!(statuses(&replies), [(200, "pong".to_owned()), missing]);
}
