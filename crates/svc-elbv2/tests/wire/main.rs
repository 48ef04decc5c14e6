//! The service over the wire: raw requests in, answers out, a theme a file. One program for all: to link one for each
//! would take longer than to run them.

mod control;
mod health;
mod listeners;
mod ports;
mod servers;
mod serving;

use std::sync::{Arc, OnceLock};

use gateway::Gateway;
use serde_json::{Value as Json, json};
use svc_elbv2::{Config, Ports};
use testkit::{Answer, Lambda, Runtime, request};

/// A platform with functions and load balancers.
struct Elb {
    lambda: Lambda,
}

impl Elb {
    /// One whose load balancers are called by name alone.
    async fn new() -> Self {
        Self::with(None).await.0
    }

    /// With ports, and where those find the gateway.
    async fn with(ports: Option<Arc<dyn Ports>>) -> (Self, Arc<OnceLock<Gateway>>) {
        let lambda = Lambda::beside(|options| options, vec![svc_elbv2::service(Config { ports })]).await;
        let gateway = Arc::new(OnceLock::from(lambda.wire.gateway.clone()));
        (Self { lambda }, gateway)
    }

    async fn call(&self, action: &str, parameters: &str) -> Answer {
        let form = format!("Action={action}&Version=2015-12-01&{parameters}");
        self.lambda.wire.form("elasticloadbalancing", &form).await
    }

    #[track_caller]
    fn ok(&self, action: &'static str, parameters: impl Into<String>) -> impl Future<Output = String> {
        let parameters = parameters.into();
        async move {
            let answer = self.call(action, &parameters).await;
            assert_eq!(answer.status, 200, "{action} {parameters}: {}", answer.text());
            answer.text().to_owned()
        }
    }

    async fn refused(&self, action: &str, parameters: &str, code: &str, message: &str) {
        let answer = self.call(action, parameters).await;
        let expected = format!("<Code>{code}</Code><Message>");
        assert!(
            answer.text().contains(&expected) && answer.text().contains(message),
            "{action} {parameters}: {code} {message} in {}",
            answer.text()
        );
        let status = match code {
            "AccessDenied" => 403,
            "NotImplementedException" => 501,
            _ => 400,
        };
        assert_eq!(answer.status, status);
    }

    /// A load balancer; its ARN and its host.
    async fn balancer(&self, name: &str) -> (String, String) {
        let made = self.ok("CreateLoadBalancer", format!("Name={name}&{SUBNETS}")).await;
        (inner(&made, "LoadBalancerArn"), inner(&made, "DNSName"))
    }

    async fn group(&self, name: &str) -> String {
        let made = self.ok("CreateTargetGroup", format!("Name={name}&TargetType=lambda")).await;
        inner(&made, "TargetGroupArn")
    }

    /// A target group with a function of this handler.
    async fn group_of(&self, name: &str, handler: &str) -> String {
        let group = self.group(name).await;
        self.lambda.function(name, handler).await;
        self.permit(name, &group).await;
        self.ok("RegisterTargets", format!("TargetGroupArn={group}&Targets.member.1.Id={}", function(name)))
            .await;
        group
    }

    async fn permit(&self, name: &str, group: &str) {
        let permission = json!({
            "StatementId": "elb",
            "Action": "lambda:InvokeFunction",
            "Principal": "elasticloadbalancing.amazonaws.com",
            "SourceArn": group,
        });
        self.lambda.call("POST", &format!("/2015-03-31/functions/{name}/policy"), &permission).await.ok();
    }

    /// A listener that does this with every request; its ARN.
    async fn listener(&self, balancer: &str, port: u16, actions: &str) -> String {
        let made = self.ok("CreateListener", listening(balancer, port, actions)).await;
        inner(&made, "ListenerArn")
    }

    async fn send(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let headers = [&[("host", host)], headers].concat();
        self.lambda.send(request(method, path, "", &headers, body)).await
    }

    async fn visit(&self, host: &str, path: &str) -> Answer {
        self.send(host, "GET", path, &[], "").await
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

    /// Functions with this handler answer with the event that they are given.
    fn telling(&self, handler: &str, headers: &'static str) {
        self.lambda.sandboxes.on(handler, move |mut runtime: Runtime| async move {
            loop {
                let work = runtime.next().await;
                let event = String::from_utf8(work.payload.clone()).expect("text");
                let mut answer = json!({ "statusCode": 200, "body": event });
                answer[headers] = match headers {
                    "headers" => json!({ "content-type": "application/json" }),
                    _ => json!({ "content-type": ["application/json"] }),
                };
                runtime.respond(&work.id, answer.to_string().as_bytes()).await;
            }
        });
    }
}

const SUBNETS: &str = "Subnets.member.1=subnet-1&Subnets.member.2=subnet-2";

fn listening(balancer: &str, port: u16, actions: &str) -> String {
    format!("LoadBalancerArn={balancer}&Protocol=HTTP&Port={port}&{actions}")
}

/// The only action of a listener (`DefaultActions`) or a rule (`Actions`), with these parameters.
fn action(list: &str, kind: &str, parameters: &[(&str, &str)]) -> String {
    let parameters = parameters.iter().map(|(name, value)| format!("&{list}.member.1.{name}={value}"));
    format!("{list}.member.1.Type={kind}{}", parameters.collect::<String>())
}

fn forward(list: &str, group: &str) -> String {
    action(list, "forward", &[("TargetGroupArn", group)])
}

fn fixed(list: &str, text: &str) -> String {
    let config = [("FixedResponseConfig.StatusCode", "200"), ("FixedResponseConfig.MessageBody", text)];
    action(list, "fixed-response", &config)
}

fn condition(number: usize, field: &str, value: &str) -> String {
    format!("Conditions.member.{number}.Field={field}&Conditions.member.{number}.Values.member.1={value}")
}

fn function(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

/// The text of the first element of this name.
#[track_caller]
fn inner(xml: &str, element: &str) -> String {
    let found = xml.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once("</"));
    found.unwrap_or_else(|| panic!("{element} in {xml}")).0.to_owned()
}

/// The event that a function of [`Elb::telling`] was given.
#[track_caller]
fn event(answer: &Answer) -> Json {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}
