//! An event source mapping: its record, its states, how it is shown and told from others.

use std::collections::BTreeMap;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::AwsError;
use env::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::event_source::SourceKind;
use crate::keys::MappingKey;
use crate::mapping_settings::MappingSettings;

/// A mapping as it is stored, and as its poller sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventSourceMapping {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub uuid: String,
    pub arn: String,
    /// With the qualifier that was given, if one was.
    pub function_arn: String,
    pub source: Source,
    pub settings: MappingSettings,
    /// Whether it is to be polled.
    pub enabled: bool,
    pub state: MappingState,
    /// Why it is disabled, when nobody asked for that.
    pub problem: Option<String>,
    /// Microseconds since the epoch.
    pub last_modified_us: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub kind: SourceKind,
    /// Of all but Kafka of one's own.
    pub arn: Option<String>,
    /// `host:port` of Kafka's brokers.
    pub endpoints: Vec<String>,
    /// A Kafka topic.
    pub topics: Vec<String>,
    /// A broker's queue.
    pub queues: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MappingState {
    Creating,
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    Updating,
    Deleting,
}

impl MappingState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Enabled | Self::Disabled)
    }
}

impl Source {
    fn event_source(&self) -> String {
        self.arn.clone().unwrap_or_else(|| self.endpoints.join(","))
    }
}

impl EventSourceMapping {
    pub(crate) fn key(&self) -> MappingKey {
        let (account, region) = self.owner();
        (account.to_owned(), region.to_owned(), self.uuid.clone())
    }

    /// Account and region.
    pub(crate) fn owner(&self) -> (&str, &str) {
        let mut parts = self.arn.split(':').skip(3);
        let region = parts.next().unwrap_or_default();
        (parts.next().unwrap_or_default(), region)
    }

    /// The key under which it is the only mapping of its source and function.
    pub(crate) fn identity(&self) -> MappingKey {
        let (account, region) = self.owner();
        let parts = [self.source.event_source(), self.source.topics.join(","), self.function_arn.clone()];
        let digest = Sha256::digest(parts.join("\n"));
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (account.to_owned(), region.to_owned(), digest)
    }

    /// 409: there is one of the same source and function.
    pub(crate) fn exists(&self, uuid: &str) -> AwsError {
        let function = self.function_arn.split(':').nth(6).unwrap_or_default();
        let source = self.source.event_source();
        let advice = format!("Please update or delete the existing mapping with UUID {uuid}");
        errors::resource_conflict_exception(match self.source.kind {
            SourceKind::Sqs => format!(
                "An event source mapping with SQS arn (\" {source} \") and function (\" {function} \") already exists. \
                 {advice}"
            ),
            SourceKind::ManagedKafka | SourceKind::SelfManagedKafka => format!(
                "An event source mapping with event source (\"{source}\"), function (\"{function}\"), topics (\"{}\") \
                 already exists. {advice}",
                self.source.topics.join(",")
            ),
            _ => format!(
                "The event source arn (\" {source} \") and function (\" {function} \") provided mapping already exists. \
                 {advice}"
            ),
        })
    }

    /// As the API shows it; `result` is what came of its last batch.
    pub(crate) fn shown(&self, result: Option<&str>) -> api::EventSourceMappingConfiguration {
        let (source, kind) = (&self.source, self.source.kind);
        let reason = if kind.is_stream() { "User action" } else { "USER_INITIATED" };
        let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        api::EventSourceMappingConfiguration {
            uuid: Some(self.uuid.clone()),
            event_source_mapping_arn: Some(self.arn.clone()),
            event_source_arn: source.arn.clone(),
            function_arn: Some(self.function_arn.clone()),
            topics: some(&source.topics),
            queues: some(&source.queues),
            self_managed_event_source: some(&source.endpoints).map(|endpoints| api::SelfManagedEventSource {
                endpoints: Some([("KAFKA_BOOTSTRAP_SERVERS".to_owned(), endpoints)].into()),
            }),
            state: Some(self.state.as_str().to_owned()),
            state_transition_reason: Some(self.problem.clone().unwrap_or_else(|| reason.to_owned())),
            last_modified: Some(Timestamp::from_micros(self.last_modified_us)),
            last_processing_result: (kind.is_stream() || kind.is_kafka())
                .then(|| result.unwrap_or("No records processed").to_owned()),
            ..self.settings.shown(kind, &self.uuid)
        }
    }
}

/// 404: of whom the UUID is unknown.
pub(crate) fn not_found() -> AwsError {
    errors::resource_not_found_exception("The resource you requested does not exist.")
}

/// 501: a mapping that is polled by nobody must not say that it is.
pub(crate) fn not_polled(kind: SourceKind) -> AwsError {
    let message = format!(
        "Lambent does not poll {} yet, so an event source mapping of it can be created with Enabled false only.",
        kind.name()
    );
    AwsError::common("NotImplementedException", 501, message)
}
