//! The scripted program's side of a sandbox: a peer of the Runtime API, and the programs that many tests use.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use execution::RESPONSE_BYTES_MAX;
use sandbox::{Exit, Spec};
use tokio_util::sync::CancellationToken;

use crate::http1::{Connection, Reply};
use crate::scripted::{Event, Inner};

/// What a program in a scripted sandbox has at hand.
pub struct Runtime {
    /// Counts sandboxes from 1, in the order of their starts.
    pub number: usize,
    pub spec: Arc<Spec>,
    /// Whether it goes on from a snapshot.
    pub is_copy: bool,
    address: SocketAddr,
    connection: Option<Connection>,
    output: Arc<OwnedFd>,
    sandboxes: Arc<Inner>,
    /// Cancelled when the platform asks the program to end.
    pub terminated: CancellationToken,
}

/// What `next` gave.
#[derive(Clone, Debug)]
pub struct Work {
    pub id: String,
    pub payload: Vec<u8>,
    pub reply: Reply,
}

impl Runtime {
    pub(crate) fn new(
        number: usize,
        spec: Arc<Spec>,
        address: SocketAddr,
        output: Arc<OwnedFd>,
        sandboxes: Arc<Inner>,
    ) -> Self {
        let terminated = CancellationToken::new();
        Self { number, spec, is_copy: false, address, connection: None, output, sandboxes, terminated }
    }

    /// A variable of the environment that it was started with.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.spec.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Another connection to the Runtime API.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.address).await.expect("the Runtime API listens")
    }

    /// Calls the Runtime API. An environment that goes down meanwhile kills its program: then this never returns.
    pub async fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.request(method, &format!("/2018-06-01/runtime/{path}"), headers, body).await
    }

    /// Like [`Runtime::call`], of any API at the same place.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await,
        };
        match connection.send(method, path, headers, body).await {
            Ok(reply) => {
                self.connection = Some(connection);
                reply
            }
            Err(_) => pending().await,
        }
    }

    /// INIT is done. Returns in what starts from the snapshot, and where none is taken.
    pub async fn snapshot(&mut self) {
        if !self.is_copy {
            let reply = self.call("GET", "restore/next", &[], b"").await;
            if reply.status != 200 || reply.header("lambent-snapshot").is_some() {
                pending().await
            }
        }
    }

    /// Asks for work.
    pub async fn next(&mut self) -> Work {
        let reply = self.call("GET", "invocation/next", &[], b"").await;
        if reply.status != 200 {
            return pending().await;
        }
        let id = reply.header("lambda-runtime-aws-request-id").unwrap_or_default().to_owned();
        Work { id, payload: reply.body.clone(), reply }
    }

    pub async fn respond(&mut self, id: &str, body: &[u8]) -> Reply {
        self.call("POST", &format!("invocation/{id}/response"), &[], body).await
    }

    pub async fn fail(&mut self, id: &str, error_type: &str, body: &str) -> Reply {
        let headers = [("lambda-runtime-function-error-type", error_type)];
        self.call("POST", &format!("invocation/{id}/error"), &headers, body.as_bytes()).await
    }

    /// Writes to the pipe behind descriptors 1, 2 and 3.
    ///
    /// # Panics
    /// When the pipe is full.
    pub fn write(&self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        assert_eq!(rustix::io::write(&*self.output, bytes), Ok(bytes.len()), "the pipe has room");
    }

    /// Tells the test.
    pub fn tell(&self, event: Event) {
        self.sandboxes.tell(event);
    }

    /// Waits until the test lets one program go on, see [`crate::Scripted::let_go_on`].
    pub async fn let_go_on(&self) {
        self.sandboxes.going_on.acquire().await.expect("never closed").forget();
    }
}

/// Answers with what it was asked.
pub(crate) async fn echo(mut runtime: Runtime) -> Exit {
    loop {
        let work = runtime.next().await;
        runtime.respond(&work.id, &work.payload).await;
    }
}

/// Says that it works, waits for the test, then answers with its own number.
pub(crate) async fn held(mut runtime: Runtime) -> Exit {
    loop {
        let work = runtime.next().await;
        runtime.tell(Event::Works(runtime.number));
        runtime.let_go_on().await;
        let number = runtime.number.to_string();
        runtime.respond(&work.id, number.as_bytes()).await;
    }
}

/// As `echo`, with SnapStart.
pub(crate) async fn snap(mut runtime: Runtime) -> Exit {
    runtime.snapshot().await;
    echo(runtime).await
}

/// Reports an error of the function's own.
pub(crate) async fn raise(mut runtime: Runtime) -> Exit {
    loop {
        let work = runtime.next().await;
        runtime.fail(&work.id, "ValueError", r#"{"errorType":"ValueError","errorMessage":"bad"}"#).await;
    }
}

/// Takes work and never answers.
pub(crate) async fn hang(mut runtime: Runtime) -> Exit {
    runtime.next().await;
    runtime.tell(Event::Works(runtime.number));
    pending().await
}

/// Ends while it works.
pub(crate) async fn exit(mut runtime: Runtime) -> Exit {
    runtime.next().await;
    Exit::Code(3)
}

/// Runs out of memory while it works.
pub(crate) async fn out_of_memory(mut runtime: Runtime) -> Exit {
    runtime.next().await;
    Exit::OutOfMemory
}

/// Answers more than an answer may have.
pub(crate) async fn big(mut runtime: Runtime) -> Exit {
    loop {
        let work = runtime.next().await;
        runtime.respond(&work.id, &vec![b'1'; RESPONSE_BYTES_MAX + 1]).await;
    }
}

/// Gives up before it asks for work.
pub(crate) async fn init_raise(mut runtime: Runtime) -> Exit {
    let headers = [("lambda-runtime-function-error-type", "Runtime.ImportModuleError")];
    let body = br#"{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}"#;
    runtime.call("POST", "init/error", &headers, body).await;
    Exit::Code(1)
}

/// Never asks for work.
pub(crate) fn init_hang(_: Runtime) -> impl Future<Output = Exit> {
    pending()
}
