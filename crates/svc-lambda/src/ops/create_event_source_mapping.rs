//! `CreateEventSourceMapping`: a source whose records a function is to be invoked with.

use api_lambda::{CreateEventSourceMappingInput, EventSourceMappingConfiguration, errors};
use aws_wire::{AwsError, Result};
use kv::Tx;

use crate::Ctx;
use crate::event_source::SourceKind;
use crate::event_source_mapping::{EventSourceMapping, MappingState, Source};
use crate::function::FORMAT;
use crate::keys::{EVENT_SOURCE_MAPPINGS, MAPPING_IDENTITIES};
use crate::mapping_settings::MappingSettings;
use crate::name::FunctionName;
use crate::published::{Found, find_qualified};
use crate::settings;

const BOOTSTRAP_SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

pub(crate) async fn create_event_source_mapping(
    cx: Ctx,
    input: CreateEventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration> {
    let source = source(&input)?;
    let settings = MappingSettings::of_create(&input)?;
    settings.check(&source)?;
    let tags = input.tags.unwrap_or_default();
    settings::check_tags(&tags)?;
    let name = FunctionName::parse(&cx.caller, &input.function_name, None)?;
    let function = function(&cx, &name).await?;
    let uuid = cx.env.uuid().to_string();
    let mapping = EventSourceMapping {
        format: FORMAT,
        arn: cx.caller.arn("lambda", &format!("event-source-mapping:{uuid}")),
        uuid,
        function_arn: name.qualified_arn(),
        source,
        settings,
        enabled: input.enabled.unwrap_or(true),
        state: MappingState::Creating,
        problem: None,
        last_modified_us: cx.env.now().as_micros(),
        tags,
    };
    cx.state.mappings.check_source(&cx, &mapping, &function).await?;
    cx.kv
        .transact(|tx| {
            claim_identity(tx, &mapping)?;
            Ok::<_, AwsError>(EVENT_SOURCE_MAPPINGS.put(tx, &mapping.key(), &mapping)?)
        })
        .await?;
    cx.state.mappings.changed(mapping.key()).await?;
    Ok(cx.state.mappings.shown(&mapping))
}

/// # Errors
/// 400 without the function, where other operations say 404.
pub(super) async fn function(cx: &Ctx, name: &FunctionName) -> Result<Found> {
    find_qualified(cx, name).await.map_err(|error| match error.status {
        404 => errors::invalid_parameter_value_exception("Function does not exist"),
        _ => error,
    })
}

/// # Errors
/// 409 when there is another mapping of the same source and function.
pub(super) fn claim_identity(tx: &mut Tx, mapping: &EventSourceMapping) -> Result<()> {
    match MAPPING_IDENTITIES.get(tx, &mapping.identity())? {
        Some(uuid) => Err(mapping.exists(&uuid)),
        None => Ok(MAPPING_IDENTITIES.put(tx, &mapping.identity(), &mapping.uuid)?),
    }
}

/// What the mapping is to read.
///
/// # Errors
/// 400 for what is no source, and for a part that is missing or that this kind has not.
fn source(input: &CreateEventSourceMappingInput) -> Result<Source> {
    let invalid = |message: String| errors::invalid_parameter_value_exception(message);
    let endpoints = input.self_managed_event_source.as_ref().map(|source| source.endpoints.as_ref());
    let kind = match (&input.event_source_arn, &endpoints) {
        (Some(arn), None) => SourceKind::of_arn(arn),
        (None, Some(_)) => Some(SourceKind::SelfManagedKafka),
        _ => None,
    };
    let kind = kind.ok_or_else(|| invalid("Unrecognized event source.".to_owned()))?;
    let endpoints = endpoints.flatten().and_then(|endpoints| endpoints.get(BOOTSTRAP_SERVERS)).cloned();
    let (topics, queues) =
        (input.topics.clone().unwrap_or_default(), input.queues.clone().unwrap_or_default());
    let checks = [
        ("selfManagedEventSource", endpoints.is_some(), kind == SourceKind::SelfManagedKafka),
        ("topics", !topics.is_empty(), kind.is_kafka()),
        ("queues", !queues.is_empty(), kind == SourceKind::Mq),
    ];
    for (parameter, given, wanted) in checks {
        if wanted && !given {
            return Err(invalid(format!("Required '{parameter}' parameter is missing.")));
        }
        if given && !wanted {
            let message = format!("Unsupported {parameter} parameter for given event source mapping type.");
            return Err(invalid(message));
        }
    }
    Ok(Source {
        kind,
        arn: input.event_source_arn.clone(),
        endpoints: endpoints.unwrap_or_default(),
        topics,
        queues,
    })
}
