//! `GetSendStatistics`: two weeks in quarters of an hour.

use api_ses::{GetSendStatisticsInput, GetSendStatisticsOutput, SendDataPoint};
use aws_wire::Result;
use env::Timestamp;

use crate::{Ctx, account, statistics};

pub(crate) async fn get_send_statistics(
    cx: Ctx,
    _input: GetSendStatisticsInput,
) -> Result<GetSendStatisticsOutput> {
    let (snapshot, now) = (cx.kv.snapshot().await?, cx.env.now().as_micros());
    let count = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
    let points = statistics::points(&snapshot, &account::key(&cx.caller), now)?;
    let points = points.into_iter().map(|(start, counts)| SendDataPoint {
        timestamp: Some(Timestamp::from_micros(start)),
        delivery_attempts: count(counts.attempts),
        bounces: count(counts.bounces),
        complaints: count(counts.complaints),
        rejects: count(counts.rejects),
    });
    Ok(GetSendStatisticsOutput { send_data_points: Some(points.collect()) })
}
