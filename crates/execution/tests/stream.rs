//! Answers that the caller reads while the function writes them.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use execution::{AnswerStream, Options, Outcome, Pools, Streamed, Streaming};
use sandbox::Exit;
use testkit::{Ground, Records, Runtime, Scripted, invocation, options, soon, version};

struct Bench {
    ground: Ground,
    sandboxes: Scripted,
    pools: Pools,
}

/// Pools whose functions run `program`.
fn bench<F: Future<Output = Exit> + Send + 'static>(
    change: impl FnOnce(Options) -> Options,
    program: impl Fn(Runtime) -> F + Send + Sync + 'static,
) -> Bench {
    let (ground, sandboxes) = (Ground::new(), Scripted::new());
    sandboxes.on("own", program);
    let pools = Pools::new(change(options(&ground.env, &sandboxes, Arc::new(Records::default()))));
    Bench { ground, sandboxes, pools }
}

impl Bench {
    async fn stream(&self) -> Streamed {
        let version = Arc::new(version("own"));
        soon("an answer", self.pools.stream(&version, invocation("id-1", "1"))).await.expect("not refused")
    }

    async fn begun(&self) -> AnswerStream {
        match self.stream().await {
            Streamed::Begun(answer) => answer,
            Streamed::Whole(outcome) => panic!("it did not begin: {outcome:?}"),
        }
    }

    async fn invoke(&self) -> Outcome {
        let version = Arc::new(version("own"));
        soon("an outcome", self.pools.invoke(&version, invocation("id-1", "1"))).await.expect("not refused")
    }

    /// Waits until the environment waits for work.
    async fn idle(&self) {
        let wait = async {
            while self.pools.idle() == 0 {
                tokio::task::yield_now().await;
            }
        };
        soon("the environment to wait for work", wait).await;
    }

    /// Moves the clock until `future` is ready; gives by how much.
    async fn by_the_clock<T>(&self, what: &str, future: impl Future<Output = T>) -> (T, Duration) {
        let began = self.ground.env.monotonic();
        let moved = async {
            tokio::pin!(future);
            loop {
                tokio::select! {
                    biased;
                    ready = &mut future => return ready,
                    () = tokio::task::yield_now() => self.ground.clock.advance(Duration::from_millis(10)),
                }
            }
        };
        let ready = soon(what, moved).await;
        (ready, self.ground.env.monotonic() - began)
    }
}

async fn text(answer: &mut AnswerStream) -> String {
    let bytes = soon("a piece", answer.next()).await.expect("more to come");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn the_first_piece_is_there_while_the_function_still_writes() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            loop {
                let work = runtime.next().await;
                let mut answer = runtime.begin(&work.id, Some("text/html")).await;
                answer.write("first ").await;
                // Goes on only when its caller has read that.
                runtime.let_go_on().await;
                answer.write("second").await;
                assert_eq!(answer.end().await.status, 202);
            }
        },
    );
    for _ in 0..2 {
        let mut answer = bench.begun().await;
        assert_eq!(answer.content_type, "text/html");
        assert_eq!(text(&mut answer).await, "first ");
        bench.sandboxes.let_go_on(1);
        assert_eq!(text(&mut answer).await, "second");
        assert_eq!(soon("the end", answer.next()).await, None);
        let outcome = soon("the outcome", answer.outcome()).await;
        assert_eq!((outcome.failed, outcome.error_type, outcome.payload.len()), (false, None, 0));
        let log = String::from_utf8_lossy(&outcome.log_tail).into_owned();
        assert!(log.contains("REPORT RequestId: id-1"), "{log}");
        bench.idle().await;
    }
    assert_eq!(bench.sandboxes.asked(), 1, "the environment works again");
}

#[tokio::test]
async fn a_failure_halfway_comes_in_the_trailers() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("some").await;
            // {"a":1}
            answer.fail("TypeError", "eyJhIjoxfQ==").await;
            pending().await
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(answer.content_type, "application/octet-stream");
    assert_eq!(text(&mut answer).await, "some");
    let outcome = soon("the outcome", answer.outcome()).await;
    assert_eq!((outcome.error_type.as_deref(), &*outcome.payload), (Some("TypeError"), &br#"{"a":1}"#[..]));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("some").await;
            drop(answer);
            pending().await
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "some");
    let (outcome, waited) = bench.by_the_clock("the outcome", answer.outcome()).await;
    assert_eq!(outcome.error_type.as_deref(), Some("Runtime.TruncatedResponse"));
    assert!(waited >= Duration::from_secs(1), "an exit would have told more: {waited:?}");
}

#[tokio::test]
async fn a_process_that_ends_halfway_says_how() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("some").await;
            runtime.let_go_on().await;
            Exit::OutOfMemory
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "some");
    bench.sandboxes.let_go_on(1);
    let outcome = soon("the outcome", answer.outcome()).await;
    assert_eq!(outcome.error_type.as_deref(), Some("Runtime.OutOfMemory"));
}

#[tokio::test]
async fn a_caller_who_goes_away_stops_nothing() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            loop {
                let work = runtime.next().await;
                let mut answer = runtime.begin(&work.id, None).await;
                answer.write("first").await;
                runtime.let_go_on().await;
                for _ in 0..500 {
                    answer.write(vec![b'x'; 64 * 1024]).await;
                }
                assert_eq!(answer.end().await.status, 202);
            }
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "first");
    drop(answer);
    bench.sandboxes.let_go_on(1);
    // Thirty megabytes go nowhere, by no clock, and the environment asks for more work.
    bench.idle().await;
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "first");
    assert_eq!(bench.sandboxes.asked(), 1);
}

#[tokio::test]
async fn the_rest_goes_by_the_rate() {
    let streaming = Streaming { full_speed_bytes: 4, bytes_per_second: Some(2), ..Streaming::default() };
    let bench = bench(
        |options| Options { streaming, ..options },
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("1234").await;
            runtime.let_go_on().await;
            answer.write("5678").await;
            answer.end().await;
            pending().await
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "1234");
    bench.sandboxes.let_go_on(1);
    let (piece, waited) = bench.by_the_clock("the rest", answer.next()).await;
    assert_eq!(piece.as_deref(), Some(&b"5678"[..]));
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn an_answer_has_a_bound() {
    let streaming = Streaming { bytes_max: 10, ..Streaming::default() };
    let bench = bench(
        |options| Options { streaming, ..options },
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("0123456789").await;
            runtime.let_go_on().await;
            answer.write("more").await;
            answer.write("and more").await;
            let reply = answer.end().await;
            assert_eq!(reply.status, 413);
            assert!(reply.text().contains("Exceeded maximum allowed payload size (10 bytes)."));
            pending().await
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "0123456789");
    bench.sandboxes.let_go_on(1);
    assert_eq!(soon("the end", answer.next()).await, None);
    let outcome = soon("the outcome", answer.outcome()).await;
    assert_eq!(
        outcome.payload,
        r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (10 bytes)."}"#
    );
}

#[tokio::test]
async fn the_timeout_ends_an_answer_that_goes_on() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("some").await;
            pending().await
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "some");
    let (end, waited) = bench.by_the_clock("the end", answer.next()).await;
    assert!(end.is_none() && waited >= Duration::from_secs(3), "{waited:?}");
    assert_eq!(soon("the outcome", answer.outcome()).await.error_type.as_deref(), Some("Sandbox.Timedout"));
}

#[tokio::test]
async fn while_it_answers_a_runtime_can_do_nothing_else() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            let work = runtime.next().await;
            let mut answer = runtime.begin(&work.id, None).await;
            answer.write("some").await;
            runtime.let_go_on().await;
            let mut refusals = Vec::new();
            for (method, path) in [
                ("GET", "invocation/next"),
                ("POST", "invocation/id-1/response"),
                ("POST", "invocation/id-1/error"),
                ("POST", "invocation/id-2/response"),
            ] {
                refusals.push(runtime.call(method, path, &[], b"{}").await.status.to_string());
            }
            answer.write(refusals.join(" ")).await;
            answer.end().await;
            let late = runtime.call("POST", "invocation/id-1/response", &[], b"{}").await;
            assert_eq!(late.status, 403);
            pending().await
        },
    );
    let mut answer = bench.begun().await;
    assert_eq!(text(&mut answer).await, "some");
    bench.sandboxes.let_go_on(1);
    assert_eq!(text(&mut answer).await, "403 403 403 400");
}

#[tokio::test]
async fn who_waits_for_the_whole_gets_the_whole() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            loop {
                let work = runtime.next().await;
                let mut answer = runtime.begin(&work.id, None).await;
                answer.write("first ").await;
                answer.write("second").await;
                answer.end().await;
            }
        },
    );
    let outcome = bench.invoke().await;
    assert_eq!((outcome.failed, &*outcome.payload), (false, &b"first second"[..]));
}

#[tokio::test]
async fn a_whole_has_the_bound_of_a_whole() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            loop {
                let work = runtime.next().await;
                let mut answer = runtime.begin(&work.id, None).await;
                for _ in 0..10 {
                    answer.write(vec![b'x'; 1024 * 1024]).await;
                }
                assert_eq!(answer.end().await.status, 413);
            }
        },
    );
    assert_eq!(bench.invoke().await.error_type.as_deref(), Some("Function.ResponseSizeTooLarge"));
    bench.idle().await;
    assert_eq!(bench.invoke().await.error_type.as_deref(), Some("Function.ResponseSizeTooLarge"));
    assert_eq!(bench.sandboxes.asked(), 1, "the runtime lives on");
}

#[tokio::test]
async fn who_wants_a_stream_takes_an_answer_in_one_piece_too() {
    let bench = bench(
        |options| options,
        |mut runtime| async move {
            loop {
                let work = runtime.next().await;
                runtime.respond(&work.id, b"[1]").await;
            }
        },
    );
    match bench.stream().await {
        Streamed::Whole(outcome) => assert_eq!((outcome.failed, &*outcome.payload), (false, &b"[1]"[..])),
        Streamed::Begun(answer) => panic!("{answer:?}"),
    }
}
