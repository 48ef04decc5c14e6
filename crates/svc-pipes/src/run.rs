//! A batch on its way: enriched, made what the target is to have, and sent. Records that were handled are the source's
//! matter (`event-sources`), and so is what becomes of the others.

use std::sync::Arc;

use api_lambda::InvokeInput;
use aws_wire::AwsError;
use event_sources::{Batch, BoxFuture, GivenUp, Handler, Invoked, Outcome, SourceKind};
use serde_json::{Map, Value as Json, json};
use service::{Ctx, Sender};

use crate::event::{Event, Known};
use crate::pipe::Pipe;
use crate::send;

/// A pipe at work.
pub(crate) struct Run {
    /// Of the pipe's account and region.
    pub cx: Ctx,
    pub arn: String,
    pub name: String,
    pub pipe: Arc<Pipe>,
}

/// Why a batch goes no further.
pub(crate) enum Halt {
    /// Not for now.
    NotRun,
    Failed,
}

impl Handler for Run {
    fn handle<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Invoked> {
        Box::pin(async move {
            let request_id = self.cx.env.uuid().to_string();
            let cx = self.cx.clone().with_request_id(request_id.as_str().into());
            let cx = cx.with_trace(batch.trace.map(Into::into));
            let outcome = self.take_through(&cx, batch).await.unwrap_or_else(|halt| match halt {
                Halt::NotRun => Outcome::NotRun,
                Halt::Failed => Outcome::Failed { executed_version: None },
            });
            Invoked { request_id, outcome }
        })
    }

    fn sender(&self) -> Sender {
        Sender {
            service: "pipes.amazonaws.com".to_owned(),
            source_arn: self.arn.clone(),
            source_account: self.cx.caller.account.to_string(),
            role: Some(self.pipe.role.clone()),
        }
    }

    /// As AWS's records of failures of pipes have it; they are public in bug reports.
    fn context(&self, given_up: &GivenUp<'_>) -> Map<String, Json> {
        let context = json!({ "partnerResourceArn": self.arn, "condition": given_up.cause.name() });
        Map::from_iter([("context".to_owned(), context)])
    }
}

impl Run {
    pub(crate) fn known(&self) -> Known<'_> {
        Known {
            arn: &self.arn,
            name: &self.name,
            source: &self.pipe.source,
            enrichment: self.pipe.enrichment.as_ref().map_or("", |enrichment| &enrichment.arn),
            target: &self.pipe.target.arn,
            taken: self.cx.env.now(),
        }
    }

    /// Events as a function has them: one list.
    pub(crate) fn list(&self, events: &[Event], template: Option<&str>) -> String {
        let known = self.known();
        let items = events.iter().map(|event| event.item(template, &known)).collect::<Vec<_>>();
        format!("[{}]", items.join(","))
    }

    /// What the pipe's source is called in events.
    pub(crate) fn event_source(&self) -> &'static str {
        match self.pipe.kind {
            SourceKind::Sqs => "aws:sqs",
            SourceKind::Kinesis => "aws:kinesis",
            _ => "aws:dynamodb",
        }
    }

    async fn take_through(&self, cx: &Ctx, batch: &Batch<'_>) -> Result<Outcome, Halt> {
        let records = batch.records.iter().map(|record| Event::of_record(self.pipe.kind, record));
        let records = records.collect::<Vec<_>>();
        let Some(enrichment) = &self.pipe.enrichment else {
            return send::send(self, cx, &records).await;
        };
        let asked = self.list(&records, enrichment.template.as_deref());
        let answer = self.invoke(cx, &enrichment.arn, asked).await?;
        let events = match serde_json::from_slice::<Json>(&answer).unwrap_or_default() {
            // Nothing, in whichever form, is how an enrichment keeps events from the target.
            Json::Null => Vec::new(),
            Json::String(text) if text.is_empty() => Vec::new(),
            Json::Object(fields) if fields.is_empty() => Vec::new(),
            Json::Array(events) => events.into_iter().map(Event::made).collect(),
            event => vec![Event::made(event)],
        };
        if events.is_empty() {
            return Ok(Outcome::Partly(Vec::new()));
        }
        match send::send(self, cx, &events).await? {
            // Which records they were made of the enrichment alone knows.
            Outcome::Partly(failed) if !failed.is_empty() => Err(Halt::Failed),
            outcome => Ok(outcome),
        }
    }

    /// Invokes a function and waits for what it returns.
    pub(crate) async fn invoke(&self, cx: &Ctx, arn: &str, event: String) -> Result<bytes::Bytes, Halt> {
        let input = InvokeInput {
            function_name: arn.to_owned(),
            payload: Some(event.into()),
            ..InvokeInput::default()
        };
        match cx.call(input).await {
            Ok(answer) if answer.function_error.is_some() => Err(Halt::Failed),
            Ok(answer) => Ok(answer.payload.unwrap_or_default()),
            Err(error) => Err(self.not_invoked(arn, &error)),
        }
    }

    /// A function that is throttled, or not ready yet, may be invoked a little later.
    pub(crate) fn not_invoked(&self, arn: &str, error: &AwsError) -> Halt {
        tracing::warn!(%error, pipe = self.arn, function = arn, "a pipe's function was not invoked");
        let is_moment = matches!(error.status, 409 | 429) || error.status >= 500 && error.status != 501;
        if is_moment { Halt::NotRun } else { Halt::Failed }
    }
}
