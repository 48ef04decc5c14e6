//! Requests are finished, whether or not their client still waits.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_wire::Response;
use futures_util::FutureExt as _;
use tokio::runtime::Handle;

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Runs `answering` where it is awaited, which costs no change of task; from where it is given up it runs on in a task
/// of its own.
pub(crate) fn finished(answering: impl Future<Output = Response> + Send + 'static) -> Finished {
    // Panics of handlers are caught closer to them; one of our own ends this request alone.
    let answering = AssertUnwindSafe(answering).catch_unwind();
    Finished(Some(Box::pin(answering.map(|answer| answer.unwrap_or_else(|_| Response::empty(503))))))
}

pub(crate) struct Finished(Option<Answering>);

impl Future for Finished {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let answering = self.0.as_mut().expect("nobody polls what is done");
        let answer = answering.as_mut().poll(cx);
        if answer.is_ready() {
            self.0 = None;
        }
        answer
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        // Without a runtime the platform is down already.
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_given_up_is_finished_all_the_same() {
        let (go, wait) = oneshot::channel::<()>();
        let (done, seen) = oneshot::channel();
        let mut answering = finished(async move {
            let _ = wait.await;
            let _ = done.send(());
            Response::empty(200)
        });
        assert!((&mut answering).now_or_never().is_none());
        drop(answering);
        go.send(()).expect("it goes on without anybody");
        seen.await.expect("it was finished");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        assert_eq!(finished(async { panic!("a bug") }).await.status, 503);
    }
}
