//! A small client of the platform's AWS endpoint.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::TcpStream;

use crate::{Common, Error};

/// Keeps one connection and opens another when it is gone.
pub(crate) struct Client {
    endpoint: String,
    /// `host:port`
    address: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// The user's, as every AWS client finds them; without any, requests go unsigned.
    credentials: Option<Credentials>,
    region: String,
}

pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub(crate) fn new(common: &Common) -> Result<Self, Error> {
        let endpoint = common.endpoint.trim_end_matches('/').to_owned();
        let address = endpoint.strip_prefix("http://").ok_or_else(|| {
            Error::Said(format!("--endpoint {endpoint} is no http:// address of a Lambent"))
        })?;
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let credentials = credentials.map(|(id, secret)| {
            Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment")
        });
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        Ok(Self { endpoint, address, connection: None, credentials, region })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let unreachable = |source| Error::Unreachable { endpoint: self.endpoint.clone(), source };
        let stream = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::failed("speak HTTP", error))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let failed = |error| Error::failed("talk to the platform", error);
        let mut connection = match self.connection.take() {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        // A kept connection may have ended; what it does not send goes out on another.
        let _ = connection.ready().await;
        let response = match connection.try_send_request(request).await {
            Ok(response) => response,
            Err(mut unsent) => {
                let Some(request) = unsent.take_message() else { return Err(failed(unsent.into_error())) };
                connection = self.connect().await?;
                connection.send_request(request).await.map_err(failed)?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        self.connection = Some(connection);
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    fn sign(&self, service: &str, mut request: Request<Bytes>) -> Result<Request<Full<Bytes>>, Error> {
        if let Some(credentials) = &self.credentials {
            let failed =
                |error: Box<dyn std::error::Error + Send + Sync>| Error::failed("sign a request", error);
            let identity = credentials.clone().into();
            let params = v4::SigningParams::builder()
                .identity(&identity)
                .region(&self.region)
                .name(service)
                .time(SystemTime::now())
                .settings(SigningSettings::default())
                .build()
                .map_err(|error| failed(error.into()))?;
            let uri = format!("{}{}", self.endpoint, request.uri());
            let headers = request
                .headers()
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            let signable = SignableRequest::new(
                request.method().as_str(),
                uri,
                headers,
                SignableBody::Bytes(request.body()),
            );
            let signed = sign(signable.map_err(|error| failed(error.into()))?, &params.into());
            let (instructions, _) = signed.map_err(|error| failed(error.into()))?.into_parts();
            instructions.apply_to_request_http1x(&mut request);
        }
        Ok(request.map(Full::from))
    }

    async fn call(
        &mut self,
        service: &str,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Answer, Error> {
        let answer = self.send(self.sign(service, request)?).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(operation, &answer)) }
    }

    /// A restJson call of Lambda's.
    ///
    /// # Errors
    /// The platform's refusal, or that it can't be reached.
    pub(crate) async fn lambda(
        &mut self,
        operation: &'static str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).map_err(|error| Error::failed(operation, error))?;
        self.call("lambda", operation, request).await
    }

    /// A request to S3, or to an address that a service has beside its API.
    ///
    /// # Errors
    /// The platform's refusal, or that it can't be reached.
    pub(crate) async fn visit(
        &mut self,
        service: &str,
        operation: &'static str,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, Error> {
        let request = Request::builder().method(method).uri(path).header("host", &self.address);
        let request = request.body(body.into()).map_err(|error| Error::failed(operation, error))?;
        self.call(service, operation, request).await
    }

    /// A call of a service that speaks awsJson.
    ///
    /// # Errors
    /// The platform's refusal, or that it can't be reached.
    pub(crate) async fn json(
        &mut self,
        service: JsonService,
        operation: &'static str,
        input: &Json,
    ) -> Result<Json, Error> {
        let JsonService { name, target, version } = service;
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("host", &self.address)
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", format!("{target}.{operation}"))
            .body(Bytes::from(input.to_string()))
            .map_err(|error| Error::failed(operation, error))?;
        let answer = self.call(name, operation, request).await?;
        if answer.body.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|error| Error::failed(operation, error))
    }
}

/// A service that speaks awsJson, as its API model names it.
#[derive(Clone, Copy)]
pub(crate) struct JsonService {
    name: &'static str,
    target: &'static str,
    version: &'static str,
}

pub(crate) const LOGS: JsonService = JsonService { name: "logs", target: "Logs_20140328", version: "1.1" };
pub(crate) const SQS: JsonService = JsonService { name: "sqs", target: "AmazonSQS", version: "1.0" };
pub(crate) const DYNAMODB: JsonService =
    JsonService { name: "dynamodb", target: "DynamoDB_20120810", version: "1.0" };

fn refusal(operation: &'static str, answer: &Answer) -> Error {
    let body = serde_json::from_slice::<Json>(&answer.body).unwrap_or_default();
    let xml = String::from_utf8_lossy(&answer.body);
    let element = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.to_owned())
    };
    let text = |names: &[&str]| names.iter().find_map(|name| body[*name].as_str()).map(str::to_owned);
    let header =
        answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Error::Refused {
        operation,
        code: header
            .or_else(|| text(&["__type"]))
            .or_else(|| element("Code"))
            .unwrap_or_else(|| answer.status.to_string()),
        message: text(&["message", "Message"]).or_else(|| element("Message")).unwrap_or_default(),
    }
}
