//! `DescribeConfigurationSet`. Event buses are not shown: this API does not know them.

use api_ses::{
    ConfigurationSet, ConfigurationSetAttribute, DeliveryOptions, DescribeConfigurationSetInput,
    DescribeConfigurationSetOutput, EventDestination, EventType, ReputationOptions, SNSDestination,
    TlsPolicy,
};
use aws_wire::Result;

use super::matching;
use crate::refusal::Refusal;
use crate::{Ctx, account, configuration_set};

/// Those that a destination here may have.
const EVENTS: [EventType; 6] = [
    EventType::Send,
    EventType::Reject,
    EventType::Bounce,
    EventType::Complaint,
    EventType::Delivery,
    EventType::RenderingFailure,
];

pub(crate) async fn describe_configuration_set(
    cx: Ctx,
    input: DescribeConfigurationSetInput,
) -> Result<DescribeConfigurationSetOutput> {
    let (snapshot, name) = (cx.kv.snapshot().await?, input.configuration_set_name);
    let set = configuration_set::named(&snapshot, &account::key(&cx.caller), &name).map_err(Refusal::v1)?;
    let asked = input.configuration_set_attribute_names.unwrap_or_default();
    let destinations = set.destinations.into_iter().filter(|(_, one)| !one.is_bus()).map(|(name, one)| {
        let events = EVENTS.into_iter().filter(|event| one.events.contains(matching(*event)));
        EventDestination {
            name,
            enabled: Some(one.enabled),
            matching_event_types: events.collect(),
            kinesis_firehose_destination: None,
            cloud_watch_destination: None,
            sns_destination: Some(SNSDestination { topic_arn: one.arn }),
        }
    });
    let wants = |attribute| asked.contains(&attribute);
    let reputation = ReputationOptions {
        sending_enabled: Some(set.sending),
        reputation_metrics_enabled: Some(false),
        last_fresh_start: None,
    };
    Ok(DescribeConfigurationSetOutput {
        configuration_set: Some(ConfigurationSet { name }),
        event_destinations: wants(ConfigurationSetAttribute::EventDestinations)
            .then(|| destinations.collect()),
        tracking_options: None,
        delivery_options: wants(ConfigurationSetAttribute::DeliveryOptions)
            .then_some(DeliveryOptions { tls_policy: Some(TlsPolicy::Optional) }),
        reputation_options: wants(ConfigurationSetAttribute::ReputationOptions).then_some(reputation),
    })
}
