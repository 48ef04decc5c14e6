//! `TestInvokeMethod`: runs a method as it is configured now, whoever may call it once it is deployed.

use std::collections::BTreeMap;

use api_apigateway::{TestInvokeMethodInput, TestInvokeMethodOutput};
use aws_wire::rest::insert_header;
use aws_wire::{AwsError, Request, Result};
use http::{HeaderMap, Method};
use http_event::Arrival;

use crate::deployment::Deployment;
use crate::refusal::{no_part, not_honoured};
use crate::resource;
use crate::site::{self, Passage, Seen, TESTER};
use crate::{Ctx, api};

const STAGE: &str = "test-invoke-stage";

pub(crate) async fn test_invoke_method(
    cx: Ctx,
    input: TestInvokeMethodInput,
) -> Result<TestInvokeMethodOutput> {
    not_honoured("TestInvokeMethod", &[("clientCertificateId", input.client_certificate_id.is_some())])?;
    let snapshot = cx.kv.snapshot().await?;
    let (key, api) = api::find(&cx, &snapshot, &input.rest_api_id)?;
    let deployment = Deployment::of(&snapshot, &key, &api, None, cx.env.now())?;
    let found = deployment.resources.get_key_value(&input.resource_id).ok_or_else(|| no_part("Resource"))?;
    let method = found.1.methods.get_key_value(&input.http_method).ok_or_else(|| no_part("Method"))?;
    let wanted = input.path_with_query_string.clone().unwrap_or_else(|| found.1.path.clone());
    let (path, query) = wanted.split_once('?').unwrap_or((&wanted, ""));
    let request = request(&input, path, query)?;
    // What the path says of this resource alone, whatever other would be chosen for it.
    let only = BTreeMap::from([(found.0.clone(), found.1.clone())]);
    let variables = input.stage_variables.unwrap_or_default();
    let trace_id = execute_api::trace_id(None, &cx.env);
    let began = cx.env.monotonic();
    let passage = Passage {
        request: &request,
        signer: None,
        api: &key,
        stage_name: STAGE,
        variables: &variables,
        canary: None,
        deployment_id: "",
        deployment: &deployment,
        resource_id: found.0,
        resource: found.1,
        method_name: method.0,
        method: method.1,
        path_parameters: resource::choose(&only, path).map(|chosen| chosen.2).unwrap_or_default(),
        path,
        seen: Seen { path: path.to_owned(), stage_path: path.to_owned() },
        arrival: Arrival {
            domain_name: "testPrefix.testDomainName",
            request_id: &cx.request_id,
            trace_id: &trace_id,
            port: 443,
            peer: TESTER,
            now: cx.env.now(),
        },
        access: site::access_of_tester(),
    };
    let response = match site::run(&cx, &passage).await {
        Ok(response) => response,
        Err(refusal) => refusal.answer(&deployment.responses, &passage.context()),
    };
    let latency = i64::try_from((cx.env.monotonic() - began).as_millis()).unwrap_or(i64::MAX);
    let body = response.body.collect().await.map_err(AwsError::internal)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let mut multi = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in &response.headers {
        let name = http_event::parts::title_case(name.as_str());
        multi.entry(name).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let log = format!(
        "Execution log for request {id}\nStarting execution for request: {id}\nHTTP Method: {method}, Resource Path: {path}\n\
         Method request body before transformations: {sent}\nMethod response body after transformations: {body}\n\
         Method completed with status: {status}\n",
        id = cx.request_id,
        method = request.method,
        sent = String::from_utf8_lossy(&request.body),
        status = response.status,
    );
    Ok(TestInvokeMethodOutput {
        status: Some(i32::from(response.status)),
        body: Some(body),
        headers: Some(multi.iter().map(|(name, values)| (name.clone(), values.join(","))).collect()),
        multi_value_headers: Some(multi),
        log: Some(log),
        latency: Some(latency),
    })
}

/// The request that is as if it had come.
fn request(input: &TestInvokeMethodInput, path: &str, query: &str) -> Result<Request> {
    let mut headers = HeaderMap::new();
    for (name, value) in input.headers.iter().flatten() {
        insert_header(&mut headers, &name.to_ascii_lowercase(), value);
    }
    for (name, values) in input.multi_value_headers.iter().flatten() {
        insert_header(&mut headers, &name.to_ascii_lowercase(), &values.join(","));
    }
    // A method for any is tested as GET.
    let name = if input.http_method == "ANY" { "GET" } else { &input.http_method };
    Ok(Request {
        method: Method::from_bytes(name.as_bytes()).map_err(|_| no_part("Method"))?,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: input.body.clone().unwrap_or_default().into(),
    })
}
