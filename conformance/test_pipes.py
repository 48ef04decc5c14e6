"""EventBridge Pipes with real clients: sources, enrichment, templates and targets, in order, at least once, through kill -9."""
import json

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, Functions, eventually, wait

ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipes"


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


@pytest.fixture(scope="module")
def pipes(platform):
    return platform.client("pipes")


def arn(url):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}"


def function_arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def running(pipes, name, source, target, **more):
    pipes.create_pipe(Name=name, Source=source, Target=target, RoleArn=ROLE, **more)
    reached(pipes, name, "RUNNING")


def reached(pipes, name, state):
    eventually(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == state, f"a pipe to be {state}")


def received(sqs, queue, count):
    """So many messages' bodies; each is deleted, so that a FIFO group goes on."""
    found = []

    def look():
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", ()):
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count
    eventually(look, f"{count} messages")
    return found


def test_a_pipes_life(pipes, functions, sqs):
    queue = sqs.create_queue(QueueName="life")["QueueUrl"]
    function = functions.create("def handler(event, context): print('GOT', [r['body'] for r in event])")
    running(pipes, "life", arn(queue), function_arn(function), Description="d", Tags={"a": "b"},
            SourceParameters={"SqsQueueParameters": {"BatchSize": 1}})
    shown = pipes.describe_pipe(Name="life")
    assert shown["SourceParameters"]["SqsQueueParameters"] == {"BatchSize": 1, "MaximumBatchingWindowInSeconds": 0}
    assert shown["TargetParameters"]["LambdaFunctionParameters"] == {"InvocationType": "REQUEST_RESPONSE"}
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    functions.lines(function, "GOT .*hello")
    with pytest.raises(ClientError) as refused:
        pipes.create_pipe(Name="life", Source=arn(queue), Target=function_arn(function), RoleArn=ROLE)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    pipes.tag_resource(resourceArn=shown["Arn"], tags={"c": "d"})
    assert pipes.list_tags_for_resource(resourceArn=shown["Arn"])["tags"] == {"a": "b", "c": "d"}
    assert [pipe["Name"] for pipe in pipes.list_pipes(NamePrefix="li")["Pipes"]] == ["life"]
    pipes.stop_pipe(Name="life")
    reached(pipes, "life", "STOPPED")
    pipes.delete_pipe(Name="life")

    def gone():
        try:
            pipes.describe_pipe(Name="life")
        except pipes.exceptions.NotFoundException:
            return True
    eventually(gone, "no pipe")


def test_what_is_not_served_is_refused(pipes, sqs):
    queue = arn(sqs.create_queue(QueueName="refused")["QueueUrl"])
    for more in ({"Target": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:s"},
                 {"Target": queue, "LogConfiguration": {"Level": "INFO"}}):
        with pytest.raises(ClientError) as refused:
            pipes.create_pipe(Name="refused", Source=queue, RoleArn=ROLE, **more)
        assert refused.value.response["Error"]["Code"] == "NotImplementedException"


def test_filter_enrichment_and_template(pipes, functions, sqs):
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    out = sqs.create_queue(QueueName="priced")["QueueUrl"]
    price = functions.create("def handler(event, context): return [{**order, 'price': order['n'] * 3} for order in event]")
    running(pipes, "orders", arn(queue), arn(out),
            SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]}},
            Enrichment=function_arn(price), EnrichmentParameters={"InputTemplate": '{"n": <$.body.n>}'},
            TargetParameters={"InputTemplate": '{"pays": <$.price>, "by": "<aws.pipes.pipe-name>"}'})
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"kind": "order", "n": 5}))
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"kind": "other", "n": 6}))
    [found] = received(sqs, out, 1)
    assert json.loads(found) == {"pays": 15, "by": "orders"}


def test_a_table_tells_a_bus(platform, pipes, sqs):
    dynamodb, events = platform.client("dynamodb"), platform.client("events")
    made = dynamodb.create_table(
        TableName="tasks", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "h", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    dynamodb.get_waiter("table_exists").wait(TableName="tasks", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    out = sqs.create_queue(QueueName="tasks-told")["QueueUrl"]
    bus = events.create_event_bus(Name="tasks")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="tasks", EventPattern=json.dumps({"source": ["Pipe tasks"]}))
    events.put_targets(Rule="all", EventBusName="tasks", Targets=[{"Id": "q", "Arn": arn(out)}])
    sqs.set_queue_attributes(QueueUrl=out, Attributes={"Policy": json.dumps({
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn(out)}]})})
    running(pipes, "tasks", made["TableDescription"]["LatestStreamArn"], bus,
            SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON"}},
            TargetParameters={"InputTemplate": '{"task": <$.dynamodb.NewImage.h.S>}'})
    dynamodb.put_item(TableName="tasks", Item={"h": {"S": "wash up"}})
    [event] = [json.loads(body) for body in received(sqs, out, 1)]
    assert event["detail-type"] == "Event from aws:dynamodb" and event["detail"] == {"task": "wash up"}


def test_a_kill_amid_records_loses_none_and_keeps_their_order(start):
    """From a stream's shards to a FIFO queue: half before a kill -9 in the middle of the flow, half after."""
    count = 200
    platform = start()
    kinesis, sqs, pipes = (platform.client(name) for name in ("kinesis", "sqs", "pipes"))
    kinesis.create_stream(StreamName="source", ShardCount=2)
    wait(kinesis, "stream_exists", StreamName="source")
    out = sqs.create_queue(QueueName="out.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    running(pipes, "flow", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/source", arn(out),
            SourceParameters={"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 10}},
            TargetParameters={"InputTemplate": "<$.partitionKey> <$.data>",
                              "SqsQueueParameters": {"MessageGroupId": "$.partitionKey"}})

    def put(first, last):
        for number in range(first, last):
            kinesis.put_record(StreamName="source", PartitionKey=f"k{number % 4}", Data=str(number).encode())
    put(0, count // 2)
    found = received(sqs, out, 5)
    platform.kill()
    platform.start()
    kinesis, sqs, pipes = (platform.client(name) for name in ("kinesis", "sqs", "pipes"))
    put(count // 2, count)
    out = f"{platform.endpoint}/{ACCOUNT}/out.fifo"
    found += received(sqs, out, count - len(found))
    keys = {}
    for key, number in (body.split() for body in found):
        # What is repeated comes within what was not stored as handled.
        if int(number) not in keys.setdefault(key, []):
            keys[key].append(int(number))
    assert keys == {f"k{key}": list(range(key, count, 4)) for key in range(4)}
    assert pipes.describe_pipe(Name="flow")["CurrentState"] == "RUNNING"


def test_a_function_that_fails_sends_records_to_the_dead_letters(start):
    platform = start()
    kinesis, sqs, pipes = (platform.client(name) for name in ("kinesis", "sqs", "pipes"))
    functions = Functions(platform)
    kinesis.create_stream(StreamName="source", ShardCount=1)
    wait(kinesis, "stream_exists", StreamName="source")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    function = functions.create("""
import base64
def handler(event, context):
    data = [base64.b64decode(record["data"]).decode() for record in event]
    if "bad" in data:
        raise ValueError(data)
    print("GOT", *data)
""")
    running(pipes, "p", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/source", function_arn(function),
            SourceParameters={"KinesisStreamParameters": {
                "StartingPosition": "TRIM_HORIZON", "MaximumRetryAttempts": 1,
                "OnPartialBatchItemFailure": "AUTOMATIC_BISECT", "DeadLetterConfig": {"Arn": arn(dead)}}})
    for data in ("one", "bad", "two"):
        kinesis.put_record(StreamName="source", PartitionKey="k", Data=data.encode())
    [letter] = received(sqs, dead, 1)
    letter = json.loads(letter)
    assert letter["context"] == {"partnerResourceArn": f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/p",
                                 "condition": "RetryAttemptsExhausted"}
    assert letter["KinesisBatchInfo"]["batchSize"] == 1
    functions.lines(function, "two")
