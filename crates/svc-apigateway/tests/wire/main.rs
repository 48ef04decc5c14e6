//! The service over the wire: raw requests in, answers out, a theme a file. One program for all: to link one for each
//! would take longer than to run them.

mod access;
mod canary;
mod control;
mod domains;
mod openapi;
mod plans;
mod pools;
mod proxy;
mod templates;

use std::sync::Arc;

use execute_api::Front;
use serde_json::{Value as Json, json};
use testkit::{Answer, Lambda, Runtime, request};

/// A platform with functions and both kinds of APIs, and one REST API on it.
struct Rest {
    lambda: Lambda,
    id: String,
    root: String,
}

impl Rest {
    async fn new() -> Self {
        Self::create(&json!({ "name": "n" })).await
    }

    async fn create(body: &Json) -> Self {
        Self::behind(Front::default(), body).await
    }

    async fn behind(front: Front, body: &Json) -> Self {
        let front = Arc::new(front);
        let mut services = vec![svc_apigateway::service(Arc::clone(&front))];
        services.extend(svc_apigatewayv2::services(front));
        let lambda = Lambda::beside(|options| options, services).await;
        let created = lambda.wire.rest("POST", "/restapis", "apigateway", body).await;
        assert_eq!(created.status, 201, "{}", created.text());
        let text = |name: &str| created.json()[name].as_str().expect("an id").to_owned();
        Self { id: text("id"), root: text("rootResourceId"), lambda }
    }

    async fn at(&self, method: &str, path: &str, body: &Json) -> Answer {
        self.lambda.wire.rest(method, path, "apigateway", body).await
    }

    async fn call(&self, method: &str, path: &str, body: &Json) -> Answer {
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        self.at(method, &format!("/restapis/{}{path}", self.id), body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Json::Null).await
    }

    async fn patch(&self, path: &str, op: &str, at: &str, value: &str) -> Answer {
        let patch = json!({ "patchOperations": [{ "op": op, "path": at, "value": value }] });
        self.call("PATCH", path, &patch).await
    }

    /// A resource below another; its id.
    async fn below(&self, parent: &str, part: &str) -> String {
        let created =
            self.call("POST", &format!("resources/{parent}"), &json!({ "pathPart": part })).await.ok();
        created["id"].as_str().expect("an id").to_owned()
    }

    /// A method without authorization, and what is behind it.
    async fn method(&self, resource: &str, name: &str, more: Json, integration: &Json) {
        let mut method = json!({ "authorizationType": "NONE" });
        method.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
        let path = format!("resources/{resource}/methods/{name}");
        self.call("PUT", &path, &method).await.ok();
        self.call("PUT", &format!("{path}/integration"), integration).await.ok();
    }

    async fn deploy(&self) {
        self.call("POST", "deployments", &json!({ "stageName": "dev" })).await.ok();
    }

    /// A function that the API may invoke.
    async fn function(&self, name: &str, handler: &str) {
        self.lambda.function(name, handler).await;
        self.permit(name, "*").await;
    }

    async fn permit(&self, name: &str, what: &str) {
        let permission = json!({
            "StatementId": format!("s{}", what.len()),
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": format!("arn:aws:execute-api:us-east-1:000000000000:{}/{what}", self.id),
        });
        self.lambda.call("POST", &format!("/2015-03-31/functions/{name}/policy"), &permission).await.ok();
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let host = format!("{}.execute-api.localhost:4566", self.id);
        let headers = [&[("host", host.as_str())], headers].concat();
        self.lambda.send(request(method, path, "", &headers, body)).await
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

    /// Functions with the handler `wrap` answer with their event as the body.
    fn wrapping(&self) {
        self.lambda.sandboxes.on("wrap", |mut runtime: Runtime| async move {
            loop {
                let work = runtime.next().await;
                let event = String::from_utf8(work.payload.clone()).expect("text");
                let answer = json!({ "statusCode": 200, "body": event }).to_string();
                runtime.respond(&work.id, answer.as_bytes()).await;
            }
        });
    }
}

fn uri(function: &str) -> String {
    format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:\
         {function}/invocations"
    )
}

fn proxy(function: &str) -> Json {
    json!({ "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri(function) })
}
