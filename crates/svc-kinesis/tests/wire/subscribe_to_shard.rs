//! `SubscribeToShard` over the wire.

#[test]
fn subscribe_to_shard_answers() {
    panic!("write what SubscribeToShard answers, as in the tests beside this one");
}
