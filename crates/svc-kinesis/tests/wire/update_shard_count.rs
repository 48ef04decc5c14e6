//! `UpdateShardCount` over the wire.

#[test]
fn update_shard_count_answers() {
    panic!("write what UpdateShardCount answers, as in the tests beside this one");
}
