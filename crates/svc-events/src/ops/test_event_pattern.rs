//! `TestEventPattern`: whether an event matches, without a bus.

use api_events::{TestEventPatternInput, TestEventPatternOutput};
use aws_wire::Result;
use serde_json::Value as Json;

use crate::refusal::not_valid;
use crate::{Ctx, rule};

/// What an event must have to be tested.
const MEMBERS: [&str; 7] = ["id", "account", "source", "time", "region", "resources", "detail-type"];

pub(crate) async fn test_event_pattern(
    _: Ctx,
    input: TestEventPatternInput,
) -> Result<TestEventPatternOutput> {
    let event = serde_json::from_str::<Json>(&input.event).ok();
    let event = event.filter(Json::is_object).ok_or_else(|| not_valid("Event"))?;
    if MEMBERS.iter().any(|member| event.get(member).is_none()) {
        return Err(not_valid("Event"));
    }
    let pattern = rule::parse_pattern(&input.event_pattern)?;
    Ok(TestEventPatternOutput { result: Some(pattern.matches(&event)) })
}
