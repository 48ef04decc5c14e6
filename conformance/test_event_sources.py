"""Event source mappings with real clients: queues and streams invoke functions, in order, at least once, through kill -9."""
import concurrent.futures
import json
import os

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, Functions, eventually, wait

# Events that a crash meets; the issue of record is ten thousand, which takes minutes.
EVENTS = int(os.environ.get("LAMBENT_EVENTS", "1000"))

# Writes what it sees into a table, by the platform's own wire, so that nothing needs to be packed with it. A record's
# name is its message id or its sequence number; `seen` counts how often it came.
RECORD = '''
import base64, json, os, urllib.request
def call(operation, body):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), {
        "content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810." + operation})
    return json.load(urllib.request.urlopen(request))
def handler(event, context):
    for record in event["Records"]:
        if "kinesis" in record:
            name, key = record["kinesis"]["sequenceNumber"], record["kinesis"]["partitionKey"]
            value = base64.b64decode(record["kinesis"]["data"]).decode()
        elif "body" in record:
            name, key, value = record["messageId"], record["attributes"].get("MessageGroupId", "-"), record["body"]
        else:
            image = record["dynamodb"]["NewImage"]
            name, key, value = record["dynamodb"]["SequenceNumber"], image["h"]["S"], image["n"]["N"]
        if value == os.environ.get("POISON"):
            raise ValueError(value)
        call("UpdateItem", {"TableName": os.environ["TABLE"], "Key": {"h": {"S": name}},
            "UpdateExpression": "ADD seen :one SET k = :k, v = :v, b = :b",
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":k": {"S": key}, ":v": {"S": value},
                                          ":b": {"N": str(len(event["Records"]))}}})
'''


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


@pytest.fixture(scope="module")
def dynamodb(platform):
    return platform.client("dynamodb")


def arn(url):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}"


def table(dynamodb, name, **more):
    made = dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "h", "AttributeType": "S"}], **more)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    return made["TableDescription"].get("LatestStreamArn")


def streamed(dynamodb, name):
    return table(dynamodb, name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})


def seen(dynamodb, name):
    pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def recorder(functions, dynamodb, name, **environment):
    table(dynamodb, name)
    variables = {"TABLE": name, **environment}
    return functions.create(RECORD, Environment={"Variables": variables}, Timeout=20)


def mapped(api, function, source, **settings):
    made = api.create_event_source_mapping(FunctionName=function, EventSourceArn=source, **settings)
    reached(api, made["UUID"], "Enabled")
    return made["UUID"]


def reached(api, uuid, state):
    eventually(lambda: api.get_event_source_mapping(UUID=uuid)["State"] == state, f"a mapping to be {state}")


def left(sqs, url):
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(attributes[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed"))


def test_messages_reach_a_function_and_leave_the_queue(functions, sqs, dynamodb):
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    function = recorder(functions, dynamodb, "orders-seen")
    uuid = mapped(functions.api, function, arn(queue), BatchSize=5)
    sent = {sqs.send_message(QueueUrl=queue, MessageBody=f"order {number}")["MessageId"] for number in range(12)}
    eventually(lambda: len(seen(dynamodb, "orders-seen")) == 12, "twelve orders")
    assert {item["h"]["S"] for item in seen(dynamodb, "orders-seen")} == sent
    eventually(lambda: left(sqs, queue) == 0, "an empty queue")
    functions.api.delete_event_source_mapping(UUID=uuid)
    eventually(lambda: not functions.api.list_event_source_mappings(FunctionName=function)["EventSourceMappings"],
               "no mapping")


def test_a_fifo_queue_keeps_each_groups_order(functions, sqs, dynamodb):
    queue = sqs.create_queue(QueueName="steps.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    function = functions.create("""
def handler(event, context):
    for record in event["Records"]:
        print("STEP", record["attributes"]["MessageGroupId"], record["body"])
""")
    for number in range(20):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number), MessageGroupId=f"g{number % 3}",
                         MessageDeduplicationId=str(number))
    mapped(functions.api, function, arn(queue))
    eventually(lambda: left(sqs, queue) == 0, "an empty queue")

    def steps():
        lines = [line.split() for line in functions.lines(function, "STEP") if "STEP" in line]
        return lines if len(lines) == 20 else None
    steps = eventually(steps, "twenty steps")
    for group in range(3):
        order = [int(number) for _, name, number in steps if name == f"g{group}"]
        assert order == sorted(order) and len(order) == len(range(group, 20, 3))


def test_what_a_report_names_comes_back(functions, sqs):
    """And ends in the dead-letter queue, as the redrive policy says."""
    dead = sqs.create_queue(QueueName="parts-dead")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 2})
    queue = sqs.create_queue(QueueName="parts", Attributes={"VisibilityTimeout": "4", "RedrivePolicy": redrive})
    function = functions.create("""
def handler(event, context):
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}
                                  for record in event["Records"] if record["body"] == "bad"]}
""", Timeout=4)
    functions.ask(function, {"Records": []})
    mapped(functions.api, function, arn(queue["QueueUrl"]), FunctionResponseTypes=["ReportBatchItemFailures"])
    entries = [{"Id": body, "MessageBody": body} for body in ("good", "bad", "fine")]
    sqs.send_message_batch(QueueUrl=queue["QueueUrl"], Entries=entries)
    found = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"), "a dead letter")
    assert [message["Body"] for message in found] == ["bad"]
    assert left(sqs, queue["QueueUrl"]) == 0


def test_a_streams_changes_reach_a_function_in_order(functions, dynamodb):
    stream = streamed(dynamodb, "scores")
    function = recorder(functions, dynamodb, "scores-seen")
    dynamodb.put_item(TableName="scores", Item={"h": {"S": "before"}, "n": {"N": "0"}})
    uuid = mapped(functions.api, function, stream, StartingPosition="LATEST")
    eventually(lambda: "No records" in functions.api.get_event_source_mapping(UUID=uuid)["LastProcessingResult"],
               "a mapping")
    for number in range(30):
        dynamodb.put_item(TableName="scores", Item={"h": {"S": f"k{number % 4}"}, "n": {"N": str(number)}})
    eventually(lambda: len(seen(dynamodb, "scores-seen")) >= 30, "thirty changes")
    found = sorted(seen(dynamodb, "scores-seen"), key=lambda item: int(item["h"]["S"]))
    assert [int(item["v"]["S"]) for item in found] == list(range(30))
    assert functions.api.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK"


def test_a_poisoned_record_is_isolated_and_told_of(functions, sqs, dynamodb):
    stream = streamed(dynamodb, "sums")
    failures = sqs.create_queue(QueueName="sums-failed")["QueueUrl"]
    function = recorder(functions, dynamodb, "sums-seen", POISON="7")
    for number in range(16):
        dynamodb.put_item(TableName="sums", Item={"h": {"S": "k"}, "n": {"N": str(number)}})
    mapped(functions.api, function, stream, StartingPosition="TRIM_HORIZON", BisectBatchOnFunctionError=True,
           MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn(failures)}})
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=failures).get("Messages"), "a failure's record")
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST",
                                         "functionError": "Unhandled"}
    info = record["DDBStreamBatchInfo"]
    assert info["batchSize"] == 1 and info["startSequenceNumber"] == info["endSequenceNumber"]
    assert info["streamArn"] == stream
    eventually(lambda: len(seen(dynamodb, "sums-seen")) == 15, "all the others")


def test_a_bucket_gets_what_was_given_up_whole(platform, functions, dynamodb):
    """From a mapping with the records, from the queue of events as their failure's record."""
    s3 = platform.client("s3")
    s3.create_bucket(Bucket="failures")
    stream = streamed(dynamodb, "broken")
    function = functions.create("def handler(event, context): raise ValueError(event)")
    dynamodb.put_item(TableName="broken", Item={"h": {"S": "k"}, "n": {"N": "7"}})
    to_bucket = {"OnFailure": {"Destination": "arn:aws:s3:::failures"}}
    uuid = mapped(functions.api, function, stream, StartingPosition="TRIM_HORIZON", MaximumRetryAttempts=0,
                  DestinationConfig=to_bucket)
    functions.api.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0,
                                                   DestinationConfig=to_bucket)
    functions.api.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"n": 1}')

    def objects(prefix):
        found = s3.list_objects_v2(Bucket="failures", Prefix=prefix).get("Contents")
        return [json.load(s3.get_object(Bucket="failures", Key=item["Key"])["Body"]) for item in found or ()]
    [record] = eventually(lambda: objects(f"aws/lambda/{uuid}/shardId-"), "records of a mapping")
    [given_up] = json.loads(record["payload"])["Records"]
    assert given_up["dynamodb"]["NewImage"]["n"] == {"N": "7"}
    [record] = eventually(lambda: objects(f"aws/lambda/async/{function}/"), "the record of an event")
    assert record["requestPayload"] == {"n": 1} and record["requestContext"]["condition"] == "RetriesExhausted"


def test_a_switched_off_mapping_leaves_everything_where_it_is(functions, sqs, dynamodb):
    queue = sqs.create_queue(QueueName="paused")["QueueUrl"]
    function = recorder(functions, dynamodb, "paused-seen")
    uuid = mapped(functions.api, function, arn(queue))
    functions.api.update_event_source_mapping(UUID=uuid, Enabled=False)
    reached(functions.api, uuid, "Disabled")
    sqs.send_message(QueueUrl=queue, MessageBody="later")
    [message] = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0, WaitTimeSeconds=1,
                                    AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1", "nobody else received it"
    functions.api.update_event_source_mapping(UUID=uuid, Enabled=True)
    eventually(lambda: seen(dynamodb, "paused-seen"), "the message")


def test_a_consumer_has_records_pushed_to_its_function(platform, functions, dynamodb):
    kinesis = platform.client("kinesis")
    kinesis.create_stream(StreamName="pushed", ShardCount=2)
    wait(kinesis, "stream_exists", StreamName="pushed")
    stream = kinesis.describe_stream_summary(StreamName="pushed")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="c")["Consumer"]["ConsumerARN"]
    function = recorder(functions, dynamodb, "pushed-seen")
    mapped(functions.api, function, consumer, StartingPosition="TRIM_HORIZON")
    for number in range(30):
        kinesis.put_record(StreamName="pushed", PartitionKey=f"k{number % 4}", Data=str(number).encode())
    eventually(lambda: len(seen(dynamodb, "pushed-seen")) >= 30, "thirty records")
    found = sorted(seen(dynamodb, "pushed-seen"), key=lambda item: item["h"]["S"])
    for key in range(4):
        of_key = [int(item["v"]["S"]) for item in found if item["k"]["S"] == f"k{key}"]
        assert of_key == list(range(key, 30, 4))


def test_what_is_not_polled_is_refused(functions):
    function = functions.create("def handler(event, context): pass")
    with pytest.raises(ClientError) as refused:
        functions.api.create_event_source_mapping(
            FunctionName=function, Queues=["q"], EventSourceArn=f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:b-1",
            SourceAccessConfigurations=[{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:r:a:secret:s"}])
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"
    with pytest.raises(ClientError) as refused:
        functions.api.create_event_source_mapping(FunctionName=function,
                                                  EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:nowhere")
    assert "NonExistentQueue" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("source", ["queue", "fifo", "stream", "kinesis"])
def test_a_kill_amid_events_loses_none(start, source):
    """Half of the events are sent before a kill -9 in the middle of their handling, half after."""
    platform = start()
    dynamodb, sqs = platform.client("dynamodb"), platform.client("sqs")
    function = recorder(Functions(platform), dynamodb, "seen")
    if source == "kinesis":
        kinesis = platform.client("kinesis")
        kinesis.create_stream(StreamName="source", ShardCount=3)
        wait(kinesis, "stream_exists", StreamName="source")
        source_arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/source"
        settings = {"StartingPosition": "TRIM_HORIZON", "BatchSize": 20, "ParallelizationFactor": 2}
    elif source == "stream":
        source_arn, settings = streamed(dynamodb, "source"), {"StartingPosition": "TRIM_HORIZON", "BatchSize": 20}
    else:
        fifo = {"FifoQueue": "true"} if source == "fifo" else {}
        name = "source.fifo" if fifo else "source"
        queue = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "20", **fifo})["QueueUrl"]
        source_arn, settings = arn(queue), {}
    mapped(platform.client("lambda"), function, source_arn, **settings)

    def send(numbers):
        dynamodb, sqs, kinesis = (platform.client(name) for name in ("dynamodb", "sqs", "kinesis"))
        for number in numbers:
            key = f"k{number % 8}"
            if source == "kinesis":
                kinesis.put_record(StreamName="source", PartitionKey=key, Data=str(number).encode())
            elif source == "stream":
                dynamodb.put_item(TableName="source", Item={"h": {"S": key}, "n": {"N": str(number)}})
            elif source == "fifo":
                sqs.send_message(QueueUrl=queue_at(platform, name), MessageBody=str(number), MessageGroupId=key,
                                 MessageDeduplicationId=str(number))
            else:
                sqs.send_message(QueueUrl=queue_at(platform, name), MessageBody=str(number))

    def send_all(first, last):
        with concurrent.futures.ThreadPoolExecutor(8) as senders:
            # Each sender has a key of its own, so that its order is known.
            list(senders.map(send, [range(first + sender, last, 8) for sender in range(8)]))

    send_all(0, EVENTS // 2)
    eventually(lambda: len(seen(dynamodb, "seen")) >= EVENTS // 10, "some events")
    platform.kill()
    platform.start()
    dynamodb = platform.client("dynamodb")
    send_all(EVENTS // 2, EVENTS)
    eventually(lambda: len(seen(dynamodb, "seen")) == EVENTS, "every event", 60 + EVENTS / 20)
    found = seen(dynamodb, "seen")
    assert sorted(int(item["v"]["S"]) for item in found) == list(range(EVENTS))
    twice = sum(int(item["seen"]["N"]) > 1 for item in found)
    assert twice < EVENTS / 2, f"{twice} of {EVENTS} were handled more than once"


def queue_at(platform, name):
    return f"{platform.endpoint}/{ACCOUNT}/{name}"
