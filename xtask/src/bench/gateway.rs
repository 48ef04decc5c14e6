//! What an API of API Gateway adds to a warm call of the function behind it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::{
    HEADING, Platform, Samples, WARM_SAMPLES, build, deploy, invoke_path, pin_clients, python_runtime, row,
    start,
};
use crate::Error;

/// An answer that both kinds of APIs take for one.
const HANDLER: &str =
    "ANSWER = {'statusCode': 200, 'body': 'hello'}\ndef lambda_handler(event, context):\n    return ANSWER\n";
const FUNCTION: &str = "behind-python";
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/apigateway/aws4_request, \
                      SignedHeaders=host, Signature=00\r\n";

/// These rows alone.
pub fn run(root: &Path) -> Result<(), Error> {
    let lambent = build(root)?;
    let work = root.join("target/bench-gateway");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let data = work.join("data");
    drop(start(&lambent, &data, true, false)?);
    pin_clients()?;
    let platform = start(&lambent, &data, false, true)?;
    let mut table = HEADING.to_owned();
    measure(&platform, &lambent, &work, &mut table)?;
    print!("{table}");
    Ok(())
}

/// Calls through an HTTP API and through a REST API, and in turn with each as many of the function itself.
pub(super) fn measure(
    platform: &Platform,
    lambent: &Path,
    work: &Path,
    table: &mut String,
) -> Result<(), Error> {
    let source = work.join("behind");
    fs::create_dir_all(&source)?;
    fs::write(source.join("lambda_function.py"), HANDLER)?;
    deploy(lambent, platform, FUNCTION, &source, &python_runtime()?)?;
    let mut connection = Connection::open(&platform.address)?;
    let permission = json!({
        "StatementId": "apis", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
    });
    let path = format!("/2015-03-31/functions/{FUNCTION}/policy");
    connection.expect("POST", &path, permission.to_string().as_bytes())?;
    let (http, rest) = (http_api(&mut connection)?, rest_api(&mut connection)?);
    for (kind, path) in [("an HTTP API", http), ("a REST API", rest)] {
        let (through, direct) = in_turn(&mut connection, &path)?;
        let direct = ("warm invoke of the function itself".to_owned(), direct);
        row(table, &format!("warm call through {kind}, Python"), &through, &direct, 1.25);
    }
    Ok(())
}

fn in_turn(connection: &mut Connection, path: &str) -> Result<(Samples, Samples), Error> {
    let direct = invoke_path(FUNCTION);
    for _ in 0..100 {
        connection.expect("GET", path, b"")?;
        connection.expect("POST", &direct, b"{}")?;
    }
    let mut beside = Vec::<Duration>::new();
    let through = Samples::take(WARM_SAMPLES, || {
        beside.push(connection.timed("POST", &direct, b"{}")?);
        connection.timed("GET", path, b"")
    })?;
    let mut beside = beside.into_iter();
    Ok((through, Samples::take(WARM_SAMPLES, || beside.next().ok_or_else(|| "one a sample".into()))?))
}

fn arn() -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}")
}

fn made(connection: &mut Connection, method: &str, path: &str, body: &Json) -> Result<Json, Error> {
    let (status, answer) = connection.call_with(method, path, SIGNED, body.to_string().as_bytes())?;
    if !(200..300).contains(&status) {
        return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)).into());
    }
    Ok(serde_json::from_slice(&answer)?)
}

fn id(made: &Json, name: &str) -> Result<String, Error> {
    Ok(made[name].as_str().ok_or("what is made has an id")?.to_owned())
}

/// Where an HTTP API answers with the function.
fn http_api(connection: &mut Connection) -> Result<String, Error> {
    let api = made(
        connection,
        "POST",
        "/v2/apis",
        &json!({ "name": "bench", "protocolType": "HTTP", "target": arn() }),
    )?;
    Ok(format!("/_aws/execute-api/{}/", id(&api, "apiId")?))
}

/// Where a REST API answers with the function.
fn rest_api(connection: &mut Connection) -> Result<String, Error> {
    let api = made(connection, "POST", "/restapis", &json!({ "name": "bench" }))?;
    let (api, root) = (id(&api, "id")?, id(&api, "rootResourceId")?);
    let method = format!("/restapis/{api}/resources/{root}/methods/ANY");
    made(connection, "PUT", &method, &json!({ "authorizationType": "NONE" }))?;
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations", arn());
    let integration = json!({ "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri });
    made(connection, "PUT", &format!("{method}/integration"), &integration)?;
    made(connection, "POST", &format!("/restapis/{api}/deployments"), &json!({ "stageName": "s" }))?;
    Ok(format!("/_aws/execute-api/{api}/s/"))
}
