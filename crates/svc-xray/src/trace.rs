//! A trace: its segments, and what they come to.

use std::collections::BTreeMap;

use api_xray as api;
use aws_wire::Result;
use env::Timestamp;
use kv::{Read, Span};
use serde_json::Value as Json;

use crate::document::{Document, HttpPart};
use crate::keys::{SEGMENTS, SegmentKey};

/// A trace's documents in order of their begin, with their text.
pub(crate) struct Trace {
    pub id: String,
    pub documents: Vec<(Document, String)>,
}

impl Trace {
    /// # Errors
    /// Those of the store.
    pub(crate) fn find(
        reader: &impl Read,
        (account, region): (&str, &str),
        id: &str,
    ) -> Result<Option<Self>> {
        let rows = SEGMENTS.all(reader, &Span::prefix(&(account, region, id)))?;
        Ok(Self::of_rows(rows).pop())
    }

    /// The traces that rows in key order are of.
    pub(crate) fn of_rows(rows: impl IntoIterator<Item = (SegmentKey, crate::keys::Segment)>) -> Vec<Self> {
        let mut traces = Vec::<Self>::new();
        for ((.., id, _), segment) in rows {
            // Only what could be read was stored.
            let Ok(document) = Document::read(&segment.document) else { continue };
            match traces.last_mut().filter(|trace| trace.id == id) {
                Some(trace) => trace.documents.push((document, segment.document)),
                None => traces.push(Self { id, documents: vec![(document, segment.document)] }),
            }
        }
        for trace in &mut traces {
            trace.documents.sort_by(|(a, _), (b, _)| a.start_time.total_cmp(&b.start_time));
        }
        traces
    }

    /// As `BatchGetTraces` shows it.
    pub(crate) fn shown(&self) -> api::Trace {
        let segments = self.documents.iter().map(|(document, text)| api::Segment {
            id: Some(document.id.clone()),
            document: Some(text.clone()),
        });
        api::Trace {
            id: Some(self.id.clone()),
            duration: Some(self.duration()),
            limit_exceeded: Some(false),
            segments: Some(segments.collect()),
        }
    }

    /// Seconds, from the first begin to the last end.
    pub(crate) fn duration(&self) -> f64 {
        let end = self.documents().map(Document::end).fold(f64::MIN, f64::max);
        (end - self.start()).max(0.0)
    }

    /// Seconds that whoever began the trace waited: its root's.
    pub(crate) fn response_time(&self) -> f64 {
        self.root().map_or_else(|| self.duration(), |root| root.end() - root.start_time)
    }

    fn start(&self) -> f64 {
        self.documents().map(|document| document.start_time).fold(f64::MAX, f64::min)
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().map(|(document, _)| document)
    }

    /// The segment that has no parent here.
    pub(crate) fn root(&self) -> Option<&Document> {
        let known = |id: &str| self.documents().any(|document| document.id == id);
        self.documents().find(|document| !document.parent_id.as_deref().is_some_and(known))
    }

    /// The first of its segments that tells about HTTP: the one nearest to the client.
    pub(crate) fn http(&self) -> Option<&HttpPart> {
        let tells = |http: &&HttpPart| http.request.url.is_some() || http.response.status.is_some();
        self.documents().map(|document| &document.http).find(tells)
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.documents().any(|document| document.in_progress)
    }

    /// As `GetTraceSummaries` shows it.
    pub(crate) fn summary(&self) -> api::TraceSummary {
        let http = self.http();
        let mut annotations = BTreeMap::<String, Vec<api::ValueWithServiceIds>>::new();
        for document in self.documents() {
            for (key, value) in document.annotations() {
                annotations.entry(key.to_owned()).or_default().push(api::ValueWithServiceIds {
                    annotation_value: Some(annotation(value)),
                    service_ids: Some(vec![service_id(document)]),
                });
            }
        }
        let segments = || self.documents().filter(|document| document.r#type.is_none());
        let users = self.documents().filter_map(|document| {
            document.user.as_ref().map(|user| api::TraceUser {
                user_name: Some(user.clone()),
                service_ids: Some(vec![service_id(document)]),
            })
        });
        let arns = self.documents().filter_map(|document| document.resource_arn.clone());
        let start_time = at(self.start());
        api::TraceSummary {
            id: Some(self.id.clone()),
            start_time: Some(start_time),
            duration: Some(self.duration()),
            response_time: Some(self.response_time()),
            has_fault: Some(self.documents().any(|document| document.fault)),
            has_error: Some(self.documents().any(|document| document.error)),
            has_throttle: Some(self.documents().any(|document| document.throttle)),
            is_partial: Some(self.is_partial()),
            http: Some(api::Http {
                http_url: http.and_then(|http| http.request.url.clone()),
                http_status: http.and_then(|http| http.response.status),
                http_method: http.and_then(|http| http.request.method.clone()),
                user_agent: http.and_then(|http| http.request.user_agent.clone()),
                client_ip: http.and_then(|http| http.request.client_ip.clone()),
            }),
            annotations: Some(annotations),
            users: Some(users.collect()),
            service_ids: Some(segments().map(service_id).collect()),
            resource_ar_ns: Some(arns.map(|arn| api::ResourceARNDetail { arn: Some(arn) }).collect()),
            entry_point: self.root().map(service_id),
            revision: i32::try_from(self.documents.len()).ok(),
            matched_event_time: Some(start_time),
            ..api::TraceSummary::default()
        }
    }
}

fn service_id(document: &Document) -> api::ServiceId {
    api::ServiceId {
        name: Some(document.name.clone()),
        names: Some(vec![document.name.clone()]),
        account_id: None,
        r#type: document.origin.clone(),
    }
}

fn annotation(value: &Json) -> api::AnnotationValue {
    api::AnnotationValue {
        number_value: value.as_f64(),
        boolean_value: value.as_bool(),
        string_value: value.as_str().map(str::to_owned),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "documents with times beyond the year 5138 are rejected")]
fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6) as i64)
}
