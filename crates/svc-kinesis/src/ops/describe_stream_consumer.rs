//! `DescribeStreamConsumer`

use api_kinesis::{
    ConsumerDescription, ConsumerStatus, DescribeStreamConsumerInput, DescribeStreamConsumerOutput,
};
use aws_wire::Result;
use env::Timestamp;

use crate::Ctx;
use crate::consumer::{self, Asked};
use crate::stream;

pub(crate) async fn describe_stream_consumer(
    cx: Ctx,
    input: DescribeStreamConsumerInput,
) -> Result<DescribeStreamConsumerOutput> {
    stream::refuse_id("DescribeStreamConsumer", input.stream_id.as_deref())?;
    let asked = Asked {
        stream_arn: input.stream_arn.as_deref(),
        name: input.consumer_name.as_deref(),
        arn: input.consumer_arn.as_deref(),
    };
    let found = consumer::find(&cx, &cx.kv.snapshot().await?, &asked, "DescribeStreamConsumer")?;
    Ok(DescribeStreamConsumerOutput {
        consumer_description: ConsumerDescription {
            consumer_arn: found.arn(),
            consumer_status: ConsumerStatus::Active,
            consumer_creation_timestamp: Timestamp::from_millis(found.consumer.created_ms),
            stream_arn: found.stream.arn(),
            consumer_name: found.name,
        },
    })
}
