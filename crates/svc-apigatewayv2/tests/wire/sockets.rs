//! What tests of WebSocket APIs have in common: an API, functions that tell what they were asked, clients.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use testkit::{Answer, Runtime, request, soon};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use crate::Http;

/// A WebSocket API behind a real listener.
pub struct Sockets {
    pub http: Http,
    pub address: SocketAddr,
    /// Makes the listener stop.
    pub stop: CancellationToken,
    /// Ends when it has.
    pub stopped: tokio::task::JoinHandle<()>,
}

/// A function that tells the test what it was asked.
pub struct Told(Mutex<mpsc::UnboundedReceiver<Json>>);

impl Told {
    pub async fn next(&self) -> Json {
        soon("an event", self.0.lock().await.recv()).await.expect("the function is there")
    }
}

impl Sockets {
    /// An API that reads `action`, with no route yet.
    pub async fn new() -> Self {
        Self::of(svc_apigatewayv2::services(Arc::default()).into()).await
    }

    /// The same beside REST APIs, whose keys and usage plans are for WebSocket APIs too.
    pub async fn with_rest() -> Self {
        let mut services = Vec::from(svc_apigatewayv2::services(Arc::default()));
        services.push(svc_apigateway::service(Arc::default()));
        Self::of(services).await
    }

    async fn of(services: Vec<service::Service>) -> Self {
        let body = json!({
            "name": "n",
            "protocolType": "WEBSOCKET",
            "routeSelectionExpression": "$request.body.action",
        });
        let http = Http::create_beside(services, &body).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (gateway, stop) = (http.lambda.wire.gateway.clone(), CancellationToken::new());
        let until = stop.clone().cancelled_owned();
        let serve = async move { gateway.serve(listener, until, std::future::pending()).await };
        Self { http, address, stop, stopped: tokio::spawn(serve) }
    }

    /// Makes what was configured so far the stage `dev`.
    pub async fn deploy(&self) {
        self.deploy_with(&json!({ "stageName": "dev" })).await;
    }

    pub async fn deploy_with(&self, stage: &Json) {
        self.http.post("stages", stage).await.ok();
        self.http.post("deployments", &json!({ "stageName": stage["stageName"] })).await.ok();
    }

    /// A function of this name that answers so to all its events, and tells them.
    pub async fn telling(&self, name: &str, answer: impl Into<String>) -> (String, Told) {
        let (tell, told) = mpsc::unbounded_channel();
        let answer = answer.into();
        self.http.lambda.sandboxes.on(name, move |mut runtime: Runtime| {
            let (tell, answer) = (tell.clone(), answer.clone());
            async move {
                loop {
                    let work = runtime.next().await;
                    let event = serde_json::from_slice(&work.payload).expect("JSON");
                    // A test that is over hears nothing.
                    let _ = tell.send(event);
                    runtime.respond(&work.id, answer.as_bytes()).await;
                }
            }
        });
        (self.http.function(name, name).await, Told(Mutex::new(told)))
    }

    /// As [`Sockets::telling`], behind these routes.
    pub async fn told_of(&self, routes: &[&str]) -> Told {
        let (uri, told) = self.telling("tell", r#"{"statusCode":200}"#).await;
        for key in routes {
            self.http.route(key, &uri, "1.0").await;
        }
        told
    }

    /// A handshake; `path` may have a query.
    pub async fn try_connect(&self, path: &str, headers: &[(&str, &str)]) -> Result<Client, (u16, String)> {
        self.try_connect_to(&format!("{}.execute-api.localhost", self.http.id), path, headers).await
    }

    /// The same by another host.
    pub async fn try_connect_to(
        &self,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Client, (u16, String)> {
        let url = format!("ws://{host}{path}");
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).expect("a name");
            request.headers_mut().append(name, HeaderValue::try_from(*value).expect("a value"));
        }
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        match soon("a handshake", client_async(request, stream)).await {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
                Ok(Client { stream, protocol })
            }
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8(body).expect("text")))
            }
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    pub async fn connect(&self) -> Client {
        self.try_connect("/dev", &[]).await.expect("a connection")
    }

    /// A request to `@connections` below `dev`.
    pub async fn connections(&self, method: &str, id: &str, data: &[u8]) -> Answer {
        self.connections_of("dev", method, id, data).await
    }

    pub async fn connections_of(&self, stage: &str, method: &str, id: &str, data: &[u8]) -> Answer {
        let host = format!("{}.execute-api.localhost:4566", self.http.id);
        let path = format!("/{stage}/@connections/{}", id.replace('=', "%3D"));
        self.http.lambda.send(request(method, &path, "execute-api", &[("host", &host)], data)).await
    }
}

pub struct Client {
    pub stream: WebSocketStream<TcpStream>,
    pub protocol: Option<String>,
}

impl Client {
    pub async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("the other side reads");
    }

    /// The next message of text.
    pub async fn hear(&mut self) -> String {
        match soon("a message", self.stream.next()).await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("no message: {other:?}"),
        }
    }

    pub async fn hear_json(&mut self) -> Json {
        serde_json::from_str(&self.hear().await).expect("JSON")
    }

    /// The status and reason that the other side closes with.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match soon("the end", self.stream.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    // Only who goes on reading answers it.
                    let after = soon("nothing more", self.stream.next()).await;
                    assert!(!matches!(after, Some(Ok(_))), "{after:?} after the end");
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("no end: {other:?}"),
            }
        }
    }
}
