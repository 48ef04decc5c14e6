//! `UpdateStreamRecordDistributionStrategy` over the wire.

#[test]
fn update_stream_record_distribution_strategy_answers() {
    panic!("write what UpdateStreamRecordDistributionStrategy answers, as in the tests beside this one");
}
