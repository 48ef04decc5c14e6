//! The function of a mapping, invoked with a batch.

use api_lambda::{GetFunctionConfigurationInput, InvokeInput};
use serde_json::{Map, Value as Json, json};
use service::{Ctx, Sender};

use crate::failure::GivenUp;
use crate::handler::{Batch, Handler, Invoked, Outcome};
use crate::{BoxFuture, Results};

/// What mappings show as their last result.
const OK: &str = "OK";
const FAILED: &str = "PROBLEM: Function call failed";
const THROTTLED: &str = "PROBLEM: Function throttled";
const UNAVAILABLE: &str = "PROBLEM: Function could not be invoked";

pub(crate) struct Function {
    /// Of the mapping's account and region.
    pub cx: Ctx,
    /// With the mapping's qualifier.
    pub arn: String,
    /// Its execution role; empty where the function is gone.
    pub role: String,
    /// The mapping's UUID.
    pub mapping: String,
    pub results: Results,
}

impl Handler for Function {
    fn handle<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Invoked> {
        Box::pin(self.invoke(batch))
    }

    fn reading(&self, problem: Option<&'static str>) {
        self.results.read(&self.mapping, problem);
    }

    fn sender(&self) -> Sender {
        Sender {
            service: "lambda.amazonaws.com".to_owned(),
            source_arn: self.arn.clone(),
            source_account: self.cx.caller.account.to_string(),
            role: Some(self.role.clone()),
        }
    }

    fn context(&self, given_up: &GivenUp<'_>) -> Map<String, Json> {
        let request_id = given_up.last.map(|invoked| invoked.request_id.clone());
        let mut context = Map::new();
        let request = json!({
            "requestId": request_id.unwrap_or_else(|| self.cx.env.uuid().to_string()),
            "functionArn": self.arn,
            "condition": given_up.cause.name(),
            "approximateInvokeCount": given_up.tries,
        });
        context.insert("requestContext".to_owned(), request);
        let executed = given_up.last.map(|invoked| match &invoked.outcome {
            Outcome::Answered { executed_version, .. } => (executed_version.as_deref(), None),
            Outcome::Failed { executed_version } => (executed_version.as_deref(), Some("Unhandled")),
            Outcome::Partly(_) | Outcome::NotRun | Outcome::Recursive => (None, None),
        });
        if let Some((version, error)) = executed {
            let mut response = json!({ "statusCode": 200, "executedVersion": version.unwrap_or("$LATEST") });
            if let Some(error) = error {
                response["functionError"] = error.into();
            }
            context.insert("responseContext".to_owned(), response);
        }
        context
    }
}

impl Function {
    /// The execution role of a function; empty where it is gone.
    pub(crate) async fn role(cx: &Ctx, arn: &str) -> String {
        let input = GetFunctionConfigurationInput { function_name: arn.to_owned(), qualifier: None };
        cx.call(input).await.ok().and_then(|configuration| configuration.role).unwrap_or_default()
    }

    /// Invokes the function and waits for its answer.
    async fn invoke(&self, batch: &Batch<'_>) -> Invoked {
        let request_id = self.cx.env.uuid().to_string();
        let cx = self.cx.clone().with_request_id(request_id.as_str().into());
        let input = InvokeInput {
            function_name: self.arn.clone(),
            payload: Some(batch.event().into()),
            ..InvokeInput::default()
        };
        let outcome = match cx.with_trace(batch.trace.map(Into::into)).call(input).await {
            Ok(answer) if answer.function_error.is_some() => {
                Outcome::Failed { executed_version: answer.executed_version }
            }
            Ok(answer) => Outcome::Answered {
                payload: answer.payload.unwrap_or_default(),
                executed_version: answer.executed_version,
            },
            Err(error) if error.code == "RecursiveInvocationException" => Outcome::Recursive,
            Err(error) if matches!(error.status, 400 | 413) => {
                tracing::warn!(%error, mapping = self.mapping, "a function refused a batch");
                Outcome::Failed { executed_version: None }
            }
            Err(error) => {
                tracing::debug!(%error, mapping = self.mapping, "a batch can't be handed to its function now");
                let throttled = error.status == 429;
                self.results.tell(&self.mapping, if throttled { THROTTLED } else { UNAVAILABLE });
                return Invoked { request_id, outcome: Outcome::NotRun };
            }
        };
        let answered = matches!(outcome, Outcome::Answered { .. });
        self.results.tell(&self.mapping, if answered { OK } else { FAILED });
        Invoked { request_id, outcome }
    }
}
