//! `UpdateMaxRecordSize` over the wire.

#[test]
fn update_max_record_size_answers() {
    panic!("write what UpdateMaxRecordSize answers, as in the tests beside this one");
}
