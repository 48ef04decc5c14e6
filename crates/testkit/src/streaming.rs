//! A scripted runtime that answers piece by piece.

use crate::Runtime;
use crate::http1::{Connection, Reply};

/// A response that has begun, on a connection of its own.
pub struct Answering(Connection);

impl Runtime {
    /// Begins to answer an invocation.
    pub async fn begin(&self, id: &str, content_type: Option<&str>) -> Answering {
        let content_type = content_type.map(|text| format!("content-type: {text}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: localhost\r\n\
             lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n\
             trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n{content_type}\r\n"
        );
        let mut connection = self.connect().await;
        connection.write(head.as_bytes()).await.expect("the Runtime API listens");
        Answering(connection)
    }
}

impl Answering {
    /// Writes a chunk; waits while the platform takes no more.
    ///
    /// # Panics
    /// When the platform has closed the connection.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.0.write(&chunk).await.expect("the platform reads");
    }

    /// Ends the body.
    ///
    /// # Panics
    /// When the platform does not answer.
    pub async fn end(mut self) -> Reply {
        self.0.write(b"0\r\n\r\n").await.expect("the platform reads");
        self.0.read().await.expect("the platform answers")
    }

    /// Ends the body with the trailers of an error, `body` in base64.
    ///
    /// # Panics
    /// When the platform does not answer.
    pub async fn fail(mut self, error_type: &str, body: &str) -> Reply {
        let end = format!(
            "0\r\nLambda-Runtime-Function-Error-Type: {error_type}\r\n\
             Lambda-Runtime-Function-Error-Body: {body}\r\n\r\n"
        );
        self.0.write(end.as_bytes()).await.expect("the platform reads");
        self.0.read().await.expect("the platform answers")
    }
}
