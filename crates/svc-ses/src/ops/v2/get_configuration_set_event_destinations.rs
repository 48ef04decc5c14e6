//! `GetConfigurationSetEventDestinations`

use api_sesv2::{
    EventBridgeDestination, EventDestination, GetConfigurationSetEventDestinationsInput,
    GetConfigurationSetEventDestinationsOutput, SnsDestination,
};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, account, configuration_set};

pub(crate) async fn get_configuration_set_event_destinations(
    cx: Ctx,
    input: GetConfigurationSetEventDestinationsInput,
) -> Result<GetConfigurationSetEventDestinationsOutput> {
    let (snapshot, owner) = (cx.kv.snapshot().await?, account::key(&cx.caller));
    let set =
        configuration_set::named(&snapshot, &owner, &input.configuration_set_name).map_err(Refusal::v2)?;
    let destinations = set.destinations.into_iter().map(|(name, one)| {
        let bus = one.is_bus();
        let events = one.events.iter().filter_map(|event| event.parse().ok());
        EventDestination {
            name,
            enabled: Some(one.enabled),
            matching_event_types: events.collect(),
            sns_destination: (!bus).then(|| SnsDestination { topic_arn: one.arn.clone() }),
            event_bridge_destination: bus.then(|| EventBridgeDestination { event_bus_arn: one.arn.clone() }),
            ..EventDestination::default()
        }
    });
    Ok(GetConfigurationSetEventDestinationsOutput { event_destinations: Some(destinations.collect()) })
}
