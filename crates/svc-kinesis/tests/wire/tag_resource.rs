//! `TagResource` over the wire.

#[test]
fn tag_resource_answers() {
    panic!("write what TagResource answers, as in the tests beside this one");
}
