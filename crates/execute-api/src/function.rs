//! Functions behind an API or a load balancer: how integrations name them, and how they are invoked.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use api_lambda::{InvocationType, InvokeInput};
use aws_wire::AwsError;
use bytes::Bytes;
use futures_util::FutureExt as _;
use service::{Ctx, Sender};

/// API Gateway, for the policies of functions.
pub const PRINCIPAL: &str = "apigateway.amazonaws.com";

/// The ARN of the function that an integration's or authorizer's URI names: API Gateway's own form,
/// `arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations`, or the function's ARN itself.
pub fn arn_of_uri(uri: &str) -> Option<&str> {
    if uri.starts_with("arn:") && uri.split(':').nth(2) == Some("lambda") {
        return Some(uri);
    }
    let (service, path) = uri.split_once(":lambda:path/")?;
    if !service.starts_with("arn:") || service.split(':').nth(2) != Some("apigateway") {
        return None;
    }
    let arn = path.split_once("/functions/")?.1.strip_suffix("/invocations")?;
    (arn.starts_with("arn:") && arn.split(':').nth(2) == Some("lambda")).then_some(arn)
}

/// A text with the stage's variables in it: `${stageVariables.name}`. An unknown one is empty.
pub fn with_variables(text: &str, variables: &BTreeMap<String, String>) -> String {
    const BEGIN: &str = "${stageVariables.";
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            filled.push_str(BEGIN);
            rest = after;
            continue;
        };
        filled.push_str(variables.get(name).map_or("", String::as_str));
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

/// One invocation.
pub struct Call {
    /// The service that invokes.
    pub principal: &'static str,
    /// The function's, a version's or an alias'.
    pub arn: String,
    /// What the function's policy is asked about.
    pub source_arn: String,
    /// With which the API has a right of its own.
    pub role: Option<String>,
    pub payload: Bytes,
    pub timeout: Duration,
    /// As an event that nobody waits for.
    pub is_event: bool,
}

/// What a function returned.
pub struct Returned {
    pub payload: Bytes,
    /// The payload is then what it failed with.
    pub failed: bool,
}

/// Why a function returned nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the function was not invoked: {0}")]
    Refused(AwsError),
    #[error("the function took longer than the integration waits")]
    TimedOut,
}

/// Invokes a function on behalf of an API or a load balancer; `cx.caller` is its owner. A function that takes too long
/// runs on, as on AWS.
///
/// # Errors
/// When it returned nothing.
pub async fn invoke<S>(cx: &Ctx<S>, call: Call) -> Result<Returned, Failure> {
    let sender = Sender {
        service: call.principal.to_owned(),
        source_arn: call.source_arn,
        source_account: cx.caller.account.to_string(),
        role: call.role,
    };
    let own = cx.stateless().as_service(sender).with_request_id(cx.env.uuid().to_string().into());
    let input = InvokeInput {
        function_name: call.arn,
        invocation_type: call.is_event.then_some(InvocationType::Event),
        log_type: None,
        client_context: None,
        durable_execution_name: None,
        payload: Some(call.payload),
        qualifier: None,
        tenant_id: None,
    };
    // In this task: another would cost two switches on each request, to be there for the few that take too long.
    let mut invoked = Box::pin(AssertUnwindSafe(async move { own.call(input).await }).catch_unwind());
    let output = tokio::select! {
        output = &mut invoked => output,
        () = cx.env.sleep(call.timeout) => {
            tokio::spawn(invoked);
            return Err(Failure::TimedOut);
        }
    };
    // A handler that panics is a failure of ours.
    let output = output.unwrap_or_else(|_| Err(AwsError::internal("invoking a function panicked")));
    let output = output.map_err(Failure::Refused)?;
    Ok(Returned { payload: output.payload.unwrap_or_default(), failed: output.function_error.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_two_ways() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(arn_of_uri(arn), Some(arn));
        let path = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions";
        assert_eq!(arn_of_uri(&format!("{path}/{arn}:live/invocations")), Some(&*format!("{arn}:live")));
        for uri in [
            "http://localhost",
            "arn:aws:sqs:us-east-1:000000000000:q",
            &format!("{path}/{arn}"),
            &format!("{path}/f/invocations"),
            "arn:aws:apigateway:us-east-1:sqs:path/x/functions/y/invocations",
        ] {
            assert_eq!(arn_of_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn variables_are_filled_in() {
        let variables = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let check = |text: &str, expected: &str| assert_eq!(with_variables(text, &variables), expected);
        check("x", "x");
        check("f:${stageVariables.a}/${stageVariables.a}", "f:1/1");
        check("${stageVariables.b}!", "!");
        check("${stageVariables.a", "${stageVariables.a");
    }
}
