//! What can be set on an event source mapping: as it is given, stored and shown. `mapping_checks.rs` holds it to a source.

use api_lambda as api;
use aws_wire::Result;
use env::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event_source::SourceKind;
use crate::mapping_checks::unsupported;
use crate::settings::refuse_asked;

/// As they were given; what was not has the default of its kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MappingSettings {
    pub batch_size: Option<i32>,
    pub batching_window_s: Option<i32>,
    pub parallelization_factor: Option<i32>,
    /// `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.
    pub starting_position: Option<String>,
    /// Microseconds since the epoch.
    pub starting_at_us: Option<i64>,
    /// Where records go that could not be handled; empty is nowhere.
    pub on_failure: Option<String>,
    /// -1 is without end.
    pub record_age_max_s: Option<i32>,
    pub bisect_on_error: Option<bool>,
    /// -1 is without end.
    pub retries_max: Option<i32>,
    pub tumbling_window_s: Option<i32>,
    pub reports_item_failures: Option<bool>,
    /// 0 is without a bound of its own.
    pub concurrency_max: Option<i32>,
    /// Patterns, of which one must match; none lets everything pass.
    pub filters: Option<Vec<String>>,
    /// Kinds of access and what they refer to.
    pub access: Option<Vec<(String, String)>>,
    pub consumer_group: Option<String>,
    /// `Stream` or `Queue`.
    pub consumption_mode: Option<String>,
    pub document_db: Option<DocumentDb>,
    pub pollers: Option<Pollers>,
}

/// What is read of a DocumentDB cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentDb {
    pub database: Option<String>,
    pub collection: Option<String>,
    /// `UpdateLookup` or `Default`.
    pub full_document: Option<String>,
}

/// Event pollers kept ready; all absent is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pollers {
    pub min: Option<i32>,
    pub max: Option<i32>,
    pub group: Option<String>,
}

impl Pollers {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The members that create and update have in common.
macro_rules! common {
    ($input:expr) => {
        MappingSettings {
            batch_size: $input.batch_size,
            batching_window_s: $input.maximum_batching_window_in_seconds,
            parallelization_factor: $input.parallelization_factor,
            starting_position: None,
            starting_at_us: None,
            on_failure: $input.destination_config.as_ref().map(|config| {
                config.on_failure.as_ref().and_then(|to| to.destination.clone()).unwrap_or_default()
            }),
            record_age_max_s: $input.maximum_record_age_in_seconds,
            bisect_on_error: $input.bisect_batch_on_function_error,
            retries_max: $input.maximum_retry_attempts,
            tumbling_window_s: $input.tumbling_window_in_seconds,
            reports_item_failures: $input.function_response_types.as_ref().map(|types| !types.is_empty()),
            concurrency_max: $input.scaling_config.as_ref().map(|c| c.maximum_concurrency.unwrap_or(0)),
            filters: $input.filter_criteria.as_ref().map(filters),
            access: $input.source_access_configurations.as_deref().map(access),
            consumer_group: {
                let managed = $input.amazon_managed_kafka_event_source_config.as_ref();
                let own = $input.self_managed_kafka_event_source_config.as_ref();
                let own = own.and_then(|config| config.consumer_group_id.clone());
                managed.and_then(|config| config.consumer_group_id.clone()).or(own)
            },
            consumption_mode: {
                let own = $input.self_managed_kafka_event_source_config.as_ref();
                own.and_then(|config| config.consumption_mode).map(|mode| mode.as_str().to_owned())
            },
            document_db: $input.document_db_event_source_config.as_ref().map(document_db),
            pollers: $input.provisioned_poller_config.as_ref().map(|config| Pollers {
                min: config.minimum_pollers,
                max: config.maximum_pollers,
                group: config.poller_group_name.clone(),
            }),
        }
    };
}

/// Refuses what no mapping is served with here, whoever polls.
macro_rules! check_honoured {
    ($operation:expr, $input:expr) => {{
        let managed = $input.amazon_managed_kafka_event_source_config.as_ref();
        let own = $input.self_managed_kafka_event_source_config.as_ref();
        let metrics = $input.metrics_config.as_ref().and_then(|config| config.metrics.as_ref());
        refuse_asked(
            $operation,
            &[
                ("KMSKeyArn", $input.kms_key_arn.as_ref().is_some_and(|arn| !arn.is_empty())),
                ("MetricsConfig", metrics.is_some_and(|metrics| !metrics.is_empty())),
                ("LoggingConfig", $input.logging_config.is_some()),
                (
                    "SchemaRegistryConfig",
                    managed.is_some_and(|config| config.schema_registry_config.is_some())
                        || own.is_some_and(|config| config.schema_registry_config.is_some()),
                ),
            ],
        )?;
        let destination = $input.destination_config.as_ref();
        if destination
            .is_some_and(|config| config.on_success.as_ref().is_some_and(|to| to.destination.is_some()))
        {
            return Err(unsupported("DestinationConfig"));
        }
        if managed.is_some() && own.is_some() {
            return Err(unsupported("SelfManagedKafkaEventSourceConfig"));
        }
    }};
}

impl MappingSettings {
    /// # Errors
    /// 501 for what is not honoured here, 400 for what no mapping has.
    pub(crate) fn of_create(input: &api::CreateEventSourceMappingInput) -> Result<Self> {
        check_honoured!("CreateEventSourceMapping", input);
        Ok(Self {
            starting_position: input.starting_position.map(|position| position.as_str().to_owned()),
            starting_at_us: input.starting_position_timestamp.map(Timestamp::as_micros),
            ..common!(input)
        })
    }

    /// # Errors
    /// As [`MappingSettings::of_create`].
    pub(crate) fn of_update(input: &api::UpdateEventSourceMappingInput) -> Result<Self> {
        check_honoured!("UpdateEventSourceMapping", input);
        Ok(common!(input))
    }

    /// With what `newer` gives in its place.
    #[must_use]
    pub fn updated(self, newer: Self) -> Self {
        Self {
            batch_size: newer.batch_size.or(self.batch_size),
            batching_window_s: newer.batching_window_s.or(self.batching_window_s),
            parallelization_factor: newer.parallelization_factor.or(self.parallelization_factor),
            starting_position: newer.starting_position.or(self.starting_position),
            starting_at_us: newer.starting_at_us.or(self.starting_at_us),
            on_failure: newer.on_failure.or(self.on_failure),
            record_age_max_s: newer.record_age_max_s.or(self.record_age_max_s),
            bisect_on_error: newer.bisect_on_error.or(self.bisect_on_error),
            retries_max: newer.retries_max.or(self.retries_max),
            tumbling_window_s: newer.tumbling_window_s.or(self.tumbling_window_s),
            reports_item_failures: newer.reports_item_failures.or(self.reports_item_failures),
            concurrency_max: newer.concurrency_max.or(self.concurrency_max),
            filters: newer.filters.or(self.filters),
            access: newer.access.or(self.access),
            consumer_group: newer.consumer_group.or(self.consumer_group),
            consumption_mode: newer.consumption_mode.or(self.consumption_mode),
            document_db: newer.document_db.or(self.document_db),
            pollers: newer.pollers.or(self.pollers),
        }
    }

    /// As the API shows them, with the defaults of a kind.
    pub(crate) fn shown(&self, kind: SourceKind, uuid: &str) -> api::EventSourceMappingConfiguration {
        let (queue, stream, kafka) = (kind == SourceKind::Sqs, kind.is_stream(), kind.is_kafka());
        let of_stream =
            |value: Option<i32>, default| if stream { Some(value.unwrap_or(default)) } else { value };
        let position = self.starting_position.as_deref().or(kafka.then_some("TRIM_HORIZON"));
        let reports = self.reports_item_failures == Some(true);
        let types = reports.then_some(api::FunctionResponseType::ReportBatchItemFailures);
        let group = || Some(self.consumer_group.clone().unwrap_or_else(|| uuid.to_owned()));
        let filters = self.filters.as_ref().filter(|filters| !filters.is_empty());
        let to = self.on_failure.clone().filter(|to| !to.is_empty());
        api::EventSourceMappingConfiguration {
            batch_size: Some(self.batch_size.unwrap_or(if queue { 10 } else { 100 })),
            maximum_batching_window_in_seconds: self.batching_window_s.or((queue || stream).then_some(0)),
            parallelization_factor: of_stream(self.parallelization_factor, 1),
            starting_position: position.and_then(|position| position.parse().ok()),
            starting_position_timestamp: self.starting_at_us.map(Timestamp::from_micros),
            destination_config: (stream || kafka).then_some(api::DestinationConfig {
                on_success: None,
                on_failure: Some(api::OnFailure { destination: to }),
            }),
            maximum_record_age_in_seconds: of_stream(self.record_age_max_s, -1),
            maximum_retry_attempts: of_stream(self.retries_max, -1),
            bisect_batch_on_function_error: self.bisect_on_error.or(stream.then_some(false)),
            tumbling_window_in_seconds: of_stream(self.tumbling_window_s, 0),
            function_response_types: (queue || stream || reports).then(|| types.into_iter().collect()),
            scaling_config: self
                .concurrency_max
                .filter(|max| *max > 0)
                .map(|max| api::ScalingConfig { maximum_concurrency: Some(max) }),
            filter_criteria: filters.map(|filters| api::FilterCriteria {
                filters: Some(filters.iter().map(|p| api::Filter { pattern: Some(p.clone()) }).collect()),
            }),
            source_access_configurations: self.access.as_ref().map(|access| {
                let shown = |(kind, uri): &(String, String)| api::SourceAccessConfiguration {
                    r#type: kind.parse().ok(),
                    uri: Some(uri.clone()),
                };
                access.iter().map(shown).collect()
            }),
            amazon_managed_kafka_event_source_config: (kind == SourceKind::ManagedKafka).then(|| {
                api::AmazonManagedKafkaEventSourceConfig {
                    consumer_group_id: group(),
                    schema_registry_config: None,
                }
            }),
            self_managed_kafka_event_source_config: (kind == SourceKind::SelfManagedKafka).then(|| {
                api::SelfManagedKafkaEventSourceConfig {
                    consumer_group_id: group(),
                    schema_registry_config: None,
                    consumption_mode: self.consumption_mode.as_ref().and_then(|mode| mode.parse().ok()),
                }
            }),
            document_db_event_source_config: self.document_db.as_ref().map(|config| {
                api::DocumentDBEventSourceConfig {
                    database_name: config.database.clone(),
                    collection_name: config.collection.clone(),
                    full_document: config.full_document.as_ref().and_then(|mode| mode.parse().ok()),
                }
            }),
            provisioned_poller_config: self.pollers.as_ref().filter(|pollers| !pollers.is_none()).map(
                |pollers| {
                    let (min, max) = if queue { (2, 200) } else { (1, 200) };
                    api::ProvisionedPollerConfig {
                        minimum_pollers: Some(pollers.min.unwrap_or(min)),
                        maximum_pollers: Some(pollers.max.unwrap_or(max)),
                        poller_group_name: pollers.group.clone(),
                    }
                },
            ),
            ..api::EventSourceMappingConfiguration::default()
        }
    }
}

fn filters(criteria: &api::FilterCriteria) -> Vec<String> {
    let filters = criteria.filters.iter().flatten();
    filters.map(|filter| filter.pattern.clone().unwrap_or_default()).collect()
}

fn access(list: &[api::SourceAccessConfiguration]) -> Vec<(String, String)> {
    let text = |one: &api::SourceAccessConfiguration| {
        let kind = one.r#type.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
        (kind, one.uri.clone().unwrap_or_default())
    };
    list.iter().map(text).collect()
}

fn document_db(config: &api::DocumentDBEventSourceConfig) -> DocumentDb {
    DocumentDb {
        database: config.database_name.clone(),
        collection: config.collection_name.clone(),
        full_document: config.full_document.map(|mode| mode.as_str().to_owned()),
    }
}
