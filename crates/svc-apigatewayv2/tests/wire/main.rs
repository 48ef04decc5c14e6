//! The service over the wire: raw requests in, answers out, a theme a file. One program for all: to link one for each
//! would take longer than to run them.

mod access;
mod behind;
mod connections;
mod control;
mod keys;
mod openapi;
mod serving;
mod sockets;
mod tokens;
mod websocket;

use std::sync::Arc;

use aws_wire::Request;
use serde_json::{Value as Json, json};
use testkit::{Answer, Lambda, Runtime, request};

/// A platform with functions and HTTP APIs, and one API on it.
struct Http {
    lambda: Lambda,
    id: String,
}

impl Http {
    /// With an API that has no route yet, and a stage `$default` that deploys by itself.
    async fn new() -> Self {
        let http = Self::create(&json!({ "name": "n", "protocolType": "HTTP" })).await;
        http.post("stages", &json!({ "stageName": "$default", "autoDeploy": true })).await.ok();
        http
    }

    async fn create(body: &Json) -> Self {
        Self::create_beside(svc_apigatewayv2::services(Arc::default()).into(), body).await
    }

    async fn create_beside(services: Vec<service::Service>, body: &Json) -> Self {
        let lambda = Lambda::beside(|options| options, services).await;
        let created = lambda.wire.rest("POST", "/v2/apis", "apigateway", body).await;
        assert_eq!(created.status, 201, "{}", created.text());
        let id = created.json()["apiId"].as_str().expect("an id").to_owned();
        Self { lambda, id }
    }

    async fn call(&self, method: &str, path: &str, body: &Json) -> Answer {
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        self.lambda.wire.rest(method, &format!("/v2/apis/{}{path}", self.id), "apigateway", body).await
    }

    async fn post(&self, path: &str, body: &Json) -> Answer {
        self.call("POST", path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Json::Null).await
    }

    /// A function that the API may invoke; the URI of an integration with it.
    async fn function(&self, name: &str, handler: &str) -> String {
        self.lambda.function(name, handler).await;
        self.permit(name, "*").await;
        uri(name)
    }

    /// Lets the API invoke a function for `what` of it.
    async fn permit(&self, name: &str, what: &str) {
        let permission = json!({
            "StatementId": format!("s{}", what.len()),
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": format!("arn:aws:execute-api:us-east-1:000000000000:{}/{what}", self.id),
        });
        self.lambda.call("POST", &format!("/2015-03-31/functions/{name}/policy"), &permission).await.ok();
    }

    /// A route to an integration of this body.
    async fn route_to(&self, key: &str, integration: &Json, more: &Json) {
        let created = self.post("integrations", integration).await.ok();
        let target = format!("integrations/{}", created["integrationId"].as_str().expect("an id"));
        let mut body = json!({ "routeKey": key, "target": target });
        body.as_object_mut().expect("made above").extend(more.as_object().cloned().unwrap_or_default());
        self.post("routes", &body).await.ok();
    }

    /// A route to a function.
    async fn route(&self, key: &str, uri: &str, format: &str) {
        self.route_to(key, &integration(uri, format), &Json::Null).await;
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Request {
        let host = format!("{}.execute-api.localhost:4566", self.id);
        request(method, path, "", &[&[("host", host.as_str())], headers].concat(), body)
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        self.lambda.send(self.request(method, path, headers, body)).await
    }

    async fn visit(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Functions with this handler answer so, whatever they are asked.
    fn answering(&self, handler: &str, payload: impl Into<String>) {
        let payload = payload.into();
        self.lambda.sandboxes.on(handler, move |mut runtime: Runtime| {
            let payload = payload.clone();
            async move {
                loop {
                    let work = runtime.next().await;
                    runtime.respond(&work.id, payload.as_bytes()).await;
                }
            }
        });
    }
}

fn uri(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

fn integration(uri: &str, format: &str) -> Json {
    json!({ "integrationType": "AWS_PROXY", "integrationUri": uri, "payloadFormatVersion": format })
}
