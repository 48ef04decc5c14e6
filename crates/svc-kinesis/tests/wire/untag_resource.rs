//! `UntagResource` over the wire.

#[test]
fn untag_resource_answers() {
    panic!("write what UntagResource answers, as in the tests beside this one");
}
