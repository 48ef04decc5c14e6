//! `UpdateStreamRecordDistributionStrategy`: whether partition keys place records, or chance.

use api_kinesis::{RecordDistributionStrategy, UpdateStreamRecordDistributionStrategyInput};
use aws_wire::Result;

use crate::Ctx;
use crate::keys::StreamKey;
use crate::refusal::invalid;
use crate::stream::{self, Asked, Stream};

pub(crate) async fn update_stream_record_distribution_strategy(
    cx: Ctx,
    input: UpdateStreamRecordDistributionStrategyInput,
) -> Result<()> {
    let asked = Asked {
        operation: "UpdateStreamRecordDistributionStrategy",
        name: None,
        arn: Some(&input.stream_arn),
        id: input.stream_id.as_deref(),
    };
    let set = |_: &StreamKey, stream: &mut Stream| {
        if !stream.is_on_demand() {
            return Err(invalid(
                "RecordDistributionStrategy is only supported for streams in On-Demand mode.",
            ));
        }
        stream.places_itself = input.record_distribution_strategy == RecordDistributionStrategy::Auto;
        Ok(())
    };
    stream::change(&cx, asked, set).await.map(drop)
}
