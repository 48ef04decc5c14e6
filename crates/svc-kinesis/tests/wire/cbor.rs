//! The same operations in CBOR, as the SDKs for Java speak them: times are milliseconds, data are bytes.

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use testkit::{Answer, EPOCH_MS, Kinesis, request};

async fn call(kinesis: &Kinesis, operation: &str, body: Vec<u8>) -> Answer {
    let target = format!("Kinesis_20131202.{operation}");
    let headers = [("content-type", "application/x-amz-cbor-1.1"), ("x-amz-target", target.as_str())];
    kinesis.send(request("POST", "/", "kinesis", &headers, body)).await
}

/// A body of an indefinite map, as Jackson writes it.
fn body(write: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.begin_map().expect("memory");
    write(&mut encoder);
    encoder.end().expect("memory");
    encoder.into_writer()
}

fn text(encoder: &mut Encoder<Vec<u8>>, key: &str, value: &str) {
    encoder.str(key).and_then(|encoder| encoder.str(value)).expect("memory");
}

/// What stands under a key of the body's map, wherever it nests.
fn find<'b>(answer: &'b Answer, key: &str) -> Decoder<'b> {
    let mut decoder = Decoder::new(&answer.body);
    loop {
        match decoder.datatype().expect("more of the body") {
            Type::Map => drop(decoder.map().expect("a map")),
            Type::Array => drop(decoder.array().expect("a list")),
            Type::String if decoder.str().expect("text") == key => return decoder,
            Type::String => {}
            _ => decoder.skip().expect("a value"),
        }
    }
}

#[tokio::test]
async fn java_speaks_cbor() {
    let kinesis = Kinesis::with_stream(1).await;
    let put = body(|encoder| {
        text(encoder, "StreamName", "s");
        text(encoder, "PartitionKey", "a");
        encoder.str("Data").and_then(|encoder| encoder.bytes(&[0, 255])).expect("memory");
    });
    let put = call(&kinesis, "PutRecord", put).await;
    assert_eq!((put.status, put.header("content-type")), (200, "application/x-amz-cbor-1.1"));
    assert_eq!(find(&put, "ShardId").str().expect("text"), "shardId-000000000000");
    let iterator = body(|encoder| {
        text(encoder, "StreamName", "s");
        text(encoder, "ShardId", "shardId-000000000000");
        text(encoder, "ShardIteratorType", "AT_TIMESTAMP");
        let at = encoder.str("Timestamp").and_then(|encoder| encoder.tag(Tag::new(1)));
        at.and_then(|encoder| encoder.i64(EPOCH_MS)).expect("memory");
    });
    let iterator = call(&kinesis, "GetShardIterator", iterator).await;
    let iterator = find(&iterator, "ShardIterator").str().expect("text").to_owned();
    let page = call(&kinesis, "GetRecords", body(|encoder| text(encoder, "ShardIterator", &iterator))).await;
    assert_eq!(find(&page, "Data").bytes().expect("bytes"), [0, 255]);
    let mut at = find(&page, "ApproximateArrivalTimestamp");
    assert_eq!(at.tag().expect("a time's tag"), Tag::new(1));
    assert_eq!(at.i64().expect("a number"), EPOCH_MS);
    let refused = call(&kinesis, "DescribeStream", body(|encoder| text(encoder, "StreamName", "none"))).await;
    assert_eq!((refused.status, refused.header("content-type")), (400, "application/x-amz-cbor-1.1"));
    assert_eq!(find(&refused, "__type").str().expect("text"), "ResourceNotFoundException");
    assert_eq!(
        find(&refused, "message").str().expect("text"),
        "Stream none under account 000000000000 not found."
    );
    let tags = body(|encoder| {
        text(encoder, "StreamName", "s");
        let map = encoder.str("Tags").and_then(|encoder| encoder.map(1));
        map.and_then(|encoder| encoder.str("a")).and_then(|encoder| encoder.str("1")).expect("memory");
    });
    assert_eq!(call(&kinesis, "AddTagsToStream", tags).await.body[..], [0xa0]);
}
