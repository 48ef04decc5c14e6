//! `UpdateStreamMode` over the wire.

#[test]
fn update_stream_mode_answers() {
    panic!("write what UpdateStreamMode answers, as in the tests beside this one");
}
