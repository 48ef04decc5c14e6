//! Runs one file of cases: builds each suite's schema, and takes each case through the wire.

mod compare;
mod schema;

use std::path::Path;

use aws_model::{Model, Operation};
use aws_wire::protocol::{self, Routed, encode_error};
use aws_wire::schema::{Protocol, Service};
use aws_wire::{AwsError, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Json;

use compare::{same_body, same_value};
use schema::Schemas;

/// Cases of a file that fail, and may.
pub struct Known {
    pub file: &'static str,
    pub reason: &'static str,
    pub ids: &'static [&'static str],
}

/// Runs every case of a file, and demands that exactly those that are `known` fail.
pub fn run_file(folder: &Path, file: &str, known: &[Known]) {
    let text = std::fs::read_to_string(folder.join(file)).expect("the file is there");
    let suites: Vec<Json> = serde_json::from_str(&text).expect("a list of suites");
    let known = known.iter().filter(|known| known.file == file);
    let mut known =
        known.flat_map(|known| known.ids.iter().map(|id| (*id, known.reason))).collect::<Vec<_>>();
    let (mut ran, mut wrong) = (0, Vec::new());
    for suite in &suites {
        let model = Model::parse(&suite.to_string()).expect("a suite is a model");
        let mut schemas = Schemas::new(&model);
        for case in suite["cases"].as_array().expect("cases") {
            ran += 1;
            let id = case["id"].as_str().expect("an id");
            let outcome = if file.starts_with("input") {
                run_request(&mut schemas, case)
            } else {
                run_response(&mut schemas, case)
            };
            let position = known.iter().position(|(known, _)| *known == id);
            let known = position.map(|position| known.swap_remove(position));
            match (outcome, known) {
                (Ok(()), None) | (Err(_), Some(_)) => {}
                (Err(difference), None) => wrong.push(format!("{id}: {difference}")),
                (Ok(()), Some((_, reason))) => {
                    wrong.push(format!("{id} passes, so it is no longer known to fail: {reason}"));
                }
            }
        }
    }
    wrong.extend(known.iter().map(|(id, _)| format!("{id} is known to fail, but there is no such case")));
    assert!(ran > 0, "{file} has no case");
    assert!(wrong.is_empty(), "{} of {ran} cases of {file}:\n\n{}\n", wrong.len(), wrong.join("\n\n"));
}

fn run_request(schemas: &mut Schemas<'_>, case: &Json) -> Result<(), String> {
    let given = given(case);
    let service = schemas.service(&given, None);
    let serialized = &case["serialized"];
    let protocol = service.protocols[0];
    let uri = serialized["uri"].as_str().unwrap_or("/");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let body = serialized["body"].as_str().ok_or("the case does not tell the body")?;
    let request = Request {
        method: serialized["method"].as_str().unwrap_or("POST").parse().expect("a method"),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers(&serialized["headers"]),
        body: bytes(protocol, body),
    };
    let routed = protocol::route(service, &request).map_err(|error| format!("route: {error}"))?;
    if routed.protocol != protocol {
        return Err(format!("taken for {:?}", routed.protocol));
    }
    let io = service.operations[0].io.expect("built with its shapes");
    let decoded = routed.decode(io, &request).map_err(|error| format!("decode: {error}"))?;
    same_value(&decoded, &schema::value(io.input, &case["params"])?)
}

fn run_response(schemas: &mut Schemas<'_>, case: &Json) -> Result<(), String> {
    let given = given(case);
    // The answer does not depend on the request, so any will do that finds the operation.
    let service = schemas.service(&given, Some("/"));
    let expected = &case["response"];
    let protocol = service.protocols[0];
    let request_id = headers(&expected["headers"]).get("x-amzn-requestid").cloned();
    let request_id = request_id.as_ref().map_or("foo-id", |id| id.to_str().expect("text"));
    let (response, named_root) = if case.get("error").is_some() {
        (encode_error(protocol, service, &error(schemas, &given, case)?, request_id), true)
    } else {
        let io = service.operations[0].io.expect("built with its shapes");
        let output = schema::value(io.output, case.get("result").unwrap_or(&Json::Null))?;
        let response = any_routed(service, protocol).encode(service, io, output, request_id);
        // botocore renames the shapes of outputs, so a root is named as on the wire only where the model says how.
        let structure = io.output.structure().expect("an output is a structure");
        let payload = structure.payload.map(|payload| &structure.members[payload]);
        let named = match payload {
            Some(member) => member.shape.structure().is_some_and(|inner| inner.xml_name.is_some()),
            None => structure.xml_name.is_some(),
        };
        (response, named || protocol == Protocol::Query)
    };
    compare_response(protocol, &response, expected, named_root)
}

fn compare_response(
    protocol: Protocol,
    response: &Response,
    expected: &Json,
    named_root: bool,
) -> Result<(), String> {
    let status = expected["status_code"].as_u64().expect("a status");
    if u64::from(response.status) != status {
        return Err(format!("status {}, not {status}", response.status));
    }
    for (name, value) in headers(&expected["headers"]) {
        let name = name.expect("each name once");
        // The listener writes the length.
        if name == "content-length" {
            continue;
        }
        let ours = response.headers.get(&name);
        if ours != Some(&value) {
            return Err(format!("header {name}: {ours:?}, not {value:?}"));
        }
    }
    match expected["body"].as_str() {
        Some(body) => {
            let body = if response.status < 300 || protocol == Protocol::RpcCbor {
                bytes(protocol, body)
            } else {
                Bytes::copy_from_slice(body.as_bytes())
            };
            let content_type = response.headers.get("content-type").and_then(|value| value.to_str().ok());
            same_body(
                content_type.unwrap_or_default(),
                response.body.whole().unwrap_or(&Bytes::new()),
                &body,
                named_root,
            )
        }
        None => Ok(()),
    }
}

fn given(case: &Json) -> Operation {
    serde_json::from_value(case["given"].clone()).expect("an operation")
}

fn any_routed(service: &'static Service, protocol: Protocol) -> Routed {
    let name = service.operations[0].name;
    let mut request = Request {
        method: service.operations[0].method.parse().expect("a method"),
        path: "/".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::AwsCbor11 => {
            let target = HeaderValue::try_from(format!("Any.{name}")).expect("a name");
            request.headers.insert("x-amz-target", target);
        }
        Protocol::RpcCbor => {
            request.headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
            request.path = format!("/service/Any/operation/{name}");
        }
        Protocol::Query => request.query = format!("Action={name}"),
        Protocol::RestJson | Protocol::RestXml => {}
    }
    protocol::route(service, &request).expect("it was made to be found")
}

fn error(schemas: &mut Schemas<'_>, given: &Operation, case: &Json) -> Result<AwsError, String> {
    let code = case["errorCode"].as_str().expect("a code");
    let shape = given.errors.iter().map(|error| schemas.error(&error.shape));
    let shape = shape.into_iter().find(|error| error.code == code || error.query_code == Some(code));
    let shape = shape.ok_or_else(|| format!("the operation has no error {code}"))?;
    let mut error = AwsError::modelled(shape, "");
    error.message = case["errorMessage"].as_str().map(str::to_owned);
    for (name, value) in case["error"].as_object().expect("members") {
        if name.eq_ignore_ascii_case("message") {
            continue;
        }
        let member = shape.shape.structure().expect("an error is a structure").members;
        let member = member.iter().find(|member| member.name == name).ok_or("no such member")?;
        error = error.with(member.name, schema::value(member.shape, value)?);
    }
    Ok(error)
}

fn headers(json: &Json) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name).expect("a name");
        let value = HeaderValue::try_from(value.as_str().expect("text")).expect("a value");
        headers.append(name, value);
    }
    headers
}

/// A body as the cases write it: CBOR in base64.
fn bytes(protocol: Protocol, body: &str) -> Bytes {
    if protocol == Protocol::RpcCbor {
        BASE64.decode(body).expect("base64").into()
    } else {
        Bytes::copy_from_slice(body.as_bytes())
    }
}
