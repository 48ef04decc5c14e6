//! Tags of streams and consumers, by the older and the newer operations.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::Kinesis;

#[tokio::test]
async fn streams_have_tags() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.on("AddTagsToStream", json!({ "Tags": { "a": "1", "b": "2" } })).await.is(200, "{}");
    let more = json!({ "ResourceARN": Kinesis::arn(), "Tags": { "c": "3", "a": "4" } });
    kinesis.call("TagResource", more).await.is(200, "{}");
    let listed = kinesis.on("ListTagsForStream", json!({ "Limit": 2 })).await;
    listed.is_json(
        200,
        &json!({ "Tags": [{ "Key": "a", "Value": "4" }, { "Key": "b", "Value": "2" }], "HasMoreTags": true }),
    );
    let rest = kinesis.on("ListTagsForStream", json!({ "ExclusiveStartTagKey": "b" })).await;
    rest.is_json(200, &json!({ "Tags": [{ "Key": "c", "Value": "3" }], "HasMoreTags": false }));
    kinesis.on("RemoveTagsFromStream", json!({ "TagKeys": ["a", "none"] })).await.is(200, "{}");
    let gone = json!({ "ResourceARN": Kinesis::arn(), "TagKeys": ["b"] });
    kinesis.call("UntagResource", gone).await.is(200, "{}");
    let left = kinesis.call("ListTagsForResource", json!({ "ResourceARN": Kinesis::arn() })).await;
    left.is_json(200, &json!({ "Tags": [{ "Key": "c", "Value": "3" }] }));
}

#[tokio::test]
async fn consumers_have_tags() {
    let kinesis = Kinesis::with_stream(1).await;
    let body = json!({ "StreamARN": Kinesis::arn(), "ConsumerName": "c", "Tags": { "a": "1" } });
    let consumer = kinesis.call("RegisterStreamConsumer", body).await.ok()["Consumer"]["ConsumerARN"].clone();
    kinesis.call("TagResource", json!({ "ResourceARN": consumer, "Tags": { "b": "2" } })).await.ok();
    kinesis.call("UntagResource", json!({ "ResourceARN": consumer, "TagKeys": ["a"] })).await.ok();
    let tags = kinesis.call("ListTagsForResource", json!({ "ResourceARN": consumer })).await;
    tags.is_json(200, &json!({ "Tags": [{ "Key": "b", "Value": "2" }] }));
}

#[tokio::test]
async fn what_is_no_tag_is_refused() {
    let kinesis = Kinesis::with_stream(1).await;
    let add = async |tags| kinesis.on("AddTagsToStream", json!({ "Tags": tags })).await;
    let invalid = "InvalidArgumentException";
    let letters = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - @ :.";
    add(json!({ "a;b": "1" })).await.refuses(400, invalid, letters);
    add(json!({ "aws:x": "1" })).await.refuses(
        400,
        invalid,
        "The tag key aws:x begins with aws:, which is reserved.",
    );
    let many = (0..51).map(|number| (number.to_string(), "v")).collect::<BTreeMap<_, _>>();
    add(json!(many)).await.refuses(
        400,
        invalid,
        "A resource cannot have more than 50 tags associated with it.",
    );
    let other = json!({ "ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/none" });
    kinesis.call("ListTagsForResource", other).await.refuses(
        400,
        "ResourceNotFoundException",
        "Stream none under account 000000000000 not found.",
    );
}
