"""Kinesis with boto3 and the AWS CLI: streams, records, readers that follow shards, pushes, and writers under kill -9."""
import base64
import json
import pathlib
import subprocess
import sys
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness import ACCOUNT, REGION, eventually, wait

HALF = 2**127


@pytest.fixture(scope="module")
def kinesis(platform):
    return platform.client("kinesis")


@pytest.fixture
def stream(kinesis, request):
    """A stream of one shard; gives its name."""
    name = request.node.name
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait(kinesis, "stream_exists", StreamName=name)
    return name


def arn(stream):
    return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"


class Reader:
    """Reads a stream as the Kinesis Client Library does: a shard's children once all its parents are read."""

    def __init__(self, kinesis, stream):
        self.kinesis, self.stream = kinesis, stream
        self.iterators, self.over, self.records = {}, set(), []
        for shard in kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_TRIM_HORIZON"})["Shards"]:
            self.begin(shard["ShardId"])

    def begin(self, shard):
        self.iterators[shard] = self.kinesis.get_shard_iterator(
            StreamName=self.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def round(self):
        """Looks at each shard once; whether there was anything."""
        found = False
        for shard, iterator in list(self.iterators.items()):
            page = self.kinesis.get_records(ShardIterator=iterator, Limit=100)
            self.records += page["Records"]
            found = found or bool(page["Records"]) or page["MillisBehindLatest"] > 0
            if page.get("NextShardIterator"):
                self.iterators[shard] = page["NextShardIterator"]
                continue
            found = True
            del self.iterators[shard]
            self.over.add(shard)
            for child in page["ChildShards"]:
                if set(child["ParentShards"]) <= self.over and child["ShardId"] not in self.iterators:
                    self.begin(child["ShardId"])
        return found

    def all(self):
        while self.round():
            pass
        return self.records


def in_order(records):
    """Every partition key's data are 0, 1, 2 and so on; gives how many there were of each."""
    counts = {}
    for record in records:
        expected = counts.get(record["PartitionKey"], 0)
        assert int(record["Data"]) == expected, f"{record['PartitionKey']}: {record['Data']}, not {expected}"
        counts[record["PartitionKey"]] = expected + 1
    return counts


def test_records_go_in_and_come_out(kinesis, stream):
    latest = kinesis.get_shard_iterator(StreamName=stream, ShardId="shardId-000000000000",
                                        ShardIteratorType="LATEST")["ShardIterator"]
    first = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"one")
    put = kinesis.put_records(StreamARN=arn(stream), Records=[
        {"PartitionKey": "k", "Data": bytes([number] * 1000)} for number in range(200)])
    assert put["FailedRecordCount"] == 0 and len(put["Records"]) == 200
    page = kinesis.get_records(ShardIterator=latest)
    assert page["Records"][0]["Data"] == b"one" and page["Records"][0]["SequenceNumber"] == first["SequenceNumber"]
    assert [record["Data"][0] for record in page["Records"][1:]] == list(range(200))
    numbers = [int(record["SequenceNumber"]) for record in page["Records"]]
    assert numbers == sorted(set(numbers)) and page["MillisBehindLatest"] == 0
    after = kinesis.get_shard_iterator(StreamName=stream, ShardId="shardId-000000000000", StartingSequenceNumber=str(numbers[99]),
                                       ShardIteratorType="AFTER_SEQUENCE_NUMBER")["ShardIterator"]
    assert len(kinesis.get_records(ShardIterator=after)["Records"]) == 101
    at = kinesis.get_shard_iterator(StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="AT_TIMESTAMP",
                                    Timestamp=page["Records"][0]["ApproximateArrivalTimestamp"])["ShardIterator"]
    assert len(kinesis.get_records(ShardIterator=at)["Records"]) == 201


def test_streams_are_described_and_refused(kinesis, stream):
    described = kinesis.describe_stream(StreamName=stream)["StreamDescription"]
    assert described["StreamStatus"] == "ACTIVE" and described["RetentionPeriodHours"] == 24
    assert stream in [name for page in kinesis.get_paginator("list_streams").paginate() for name in page["StreamNames"]]
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"a": "1"})
    assert kinesis.list_tags_for_resource(ResourceARN=arn(stream))["Tags"] == [{"Key": "a", "Value": "1"}]
    summary = kinesis.describe_stream_summary(StreamARN=arn(stream))["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (1, 48)
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.create_stream(StreamName=stream, ShardCount=1)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException) as refused:
        kinesis.put_record(StreamName="none", PartitionKey="k", Data=b"")
    assert refused.value.response["Error"]["Message"] == f"Stream none under account {ACCOUNT} not found."
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.get_records(ShardIterator="AAAA")
    with pytest.raises(ClientError, match="NotImplementedException"):
        kinesis.start_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    kinesis.delete_stream(StreamName=stream)
    wait(kinesis, "stream_not_exists", StreamName=stream)


def test_a_reader_follows_splits_and_merges(kinesis, stream):
    """Eight writers, six reshardings; each key is read in order and nothing is lost."""
    done, failures = threading.Event(), []
    counts = {f"k{number}": 0 for number in range(8)}

    def write(key):
        try:
            while not done.is_set():
                kinesis.put_record(StreamName=stream, PartitionKey=key, Data=str(counts[key]).encode())
                counts[key] += 1
        except Exception as error:  # Told below, in the test's own thread.
            failures.append(error)

    threads = [threading.Thread(target=write, args=(key,)) for key in counts]
    [thread.start() for thread in threads]
    reader = Reader(kinesis, stream)

    def rounds(number):
        for _ in range(number):
            reader.round()

    try:
        for target in (2, 3, 6, 4, 2):
            rounds(10)
            kinesis.update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        rounds(10)
        [first, second] = sorted(kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"],
                                 key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        kinesis.merge_shards(StreamName=stream, ShardToMerge=first["ShardId"], AdjacentShardToMerge=second["ShardId"])
        rounds(10)
    finally:
        done.set()
        [thread.join() for thread in threads]
    assert not failures, failures[0]
    assert all(counts.values())
    assert in_order(reader.all()) == counts


def test_a_subscription_is_pushed_to(kinesis, stream):
    consumer = kinesis.register_stream_consumer(StreamARN=arn(stream), ConsumerName="c")["Consumer"]
    assert kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"before")
    answer = kinesis.subscribe_to_shard(ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000",
                                        StartingPosition={"Type": "TRIM_HORIZON"})
    events = (event["SubscribeToShardEvent"] for event in answer["EventStream"])
    assert [record["Data"] for record in next(events)["Records"]] == [b"before"]
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.subscribe_to_shard(ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000",
                                   StartingPosition={"Type": "LATEST"})
    # Each put comes at once: without polling there is nothing to wait for but the network.
    for number in range(20):
        kinesis.put_record(StreamName=stream, PartitionKey="k", Data=str(number).encode())
        began = time.monotonic()
        assert [record["Data"] for record in next(events)["Records"]] == [str(number).encode()]
        assert time.monotonic() - began < 4, "a quiet subscription looks again after five seconds; a put must wake it"
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(HALF))
    last = next(events)
    assert [child["ShardId"] for child in last["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]
    assert next(events, None) is None, "the end of a shard ends its subscription"
    # One whose consumer goes away ends with an exception.
    answer = kinesis.subscribe_to_shard(ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000001",
                                        StartingPosition={"Type": "LATEST"})
    kinesis.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        for _ in answer["EventStream"]:
            pass


def test_large_records(kinesis, stream):
    with pytest.raises(ClientError):
        kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"x" * 2**20)
    kinesis.update_max_record_size(StreamARN=arn(stream), MaxRecordSizeInKiB=10240)
    large = bytes(range(256)) * 4096 * 9
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=large)
    [record] = Reader(kinesis, stream).all()
    assert record["Data"] == large


def test_the_command_line(platform):
    def aws(*arguments):
        command = [str(pathlib.Path(sys.executable).parent / "aws"), "kinesis", *arguments]
        ran = subprocess.run(command, env=platform.environment(), capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout) if ran.stdout.strip() else None

    aws("create-stream", "--stream-name", "cli", "--stream-mode-details", "StreamMode=ON_DEMAND")
    aws("wait", "stream-exists", "--stream-name", "cli")
    put = aws("put-record", "--stream-name", "cli", "--partition-key", "k", "--data", "hello")
    iterator = aws("get-shard-iterator", "--stream-name", "cli", "--shard-id", put["ShardId"],
                   "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    [record] = aws("get-records", "--shard-iterator", iterator)["Records"]
    assert base64.b64decode(record["Data"]) == b"hello"
    assert len(aws("list-shards", "--stream-name", "cli")["Shards"]) == 4
    aws("delete-stream", "--stream-name", "cli")
    aws("wait", "stream-not-exists", "--stream-name", "cli")


def test_a_table_replicates_to_a_stream(platform, kinesis, stream):
    """Sixty changes of six items, by six writers; each item's come in their order."""
    dynamodb = platform.client("dynamodb")
    dynamodb.create_table(TableName="replicated", BillingMode="PAY_PER_REQUEST",
                          AttributeDefinitions=[{"AttributeName": "h", "AttributeType": "S"}],
                          KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}])
    wait(dynamodb, "table_exists", TableName="replicated")
    dynamodb.enable_kinesis_streaming_destination(TableName="replicated", StreamArn=arn(stream))
    [destination] = dynamodb.describe_kinesis_streaming_destination(TableName="replicated")["KinesisDataStreamDestinations"]
    assert destination["DestinationStatus"] == "ACTIVE"

    def write(key):
        for number in range(10):
            dynamodb.put_item(TableName="replicated", Item={"h": {"S": key}, "n": {"N": str(number)}})

    threads = [threading.Thread(target=write, args=(f"item{number}",)) for number in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    reader = Reader(kinesis, stream)
    eventually(lambda: len(reader.all()) >= 60, "sixty records")
    changes = [json.loads(record["Data"]) for record in reader.records]
    numbers = {}
    for change in changes:
        assert change["eventSource"] == "aws:dynamodb" and change["tableName"] == "replicated"
        numbers.setdefault(change["dynamodb"]["Keys"]["h"]["S"], []).append(int(change["dynamodb"]["NewImage"]["n"]["N"]))
    assert numbers == {f"item{number}": list(range(10)) for number in range(6)}


def test_throttling(start):
    kinesis = start("--throttle").client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    records = [{"PartitionKey": "k", "Data": b"x" * 700_000}] * 3
    put = kinesis.put_records(StreamName="s", Records=records)
    assert put["FailedRecordCount"] == 2
    assert put["Records"][2]["ErrorCode"] == "ProvisionedThroughputExceededException"
    with pytest.raises(kinesis.exceptions.ProvisionedThroughputExceededException):
        for _ in range(5):
            kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"x" * 700_000)


@pytest.mark.timeout(240)
def test_kill_under_writers(start):
    """Killed five times under six writers and reshardings: what was acknowledged is read, each key in order."""
    platform = start()
    stream, keys = "storm", [f"k{number}" for number in range(6)]
    platform.client("kinesis").create_stream(StreamName=stream, ShardCount=2)
    told = {key: [] for key in keys}
    tried = dict.fromkeys(keys, 0)

    def write(key):
        """Until the platform is gone. What had no answer may have been stored, and is not sent again."""
        kinesis = platform.client("kinesis")
        while True:
            number, tried[key] = tried[key], tried[key] + 1
            try:
                put = kinesis.put_record(StreamName=stream, PartitionKey=key, Data=str(number).encode())
            except (ClientError, BotoCoreError) as error:
                assert not isinstance(error, ClientError), error
                return
            told[key].append((number, put["ShardId"], put["SequenceNumber"]))

    for target in (3, 4, 2, 4, 3):
        threads = [threading.Thread(target=write, args=(key,)) for key in keys]
        [thread.start() for thread in threads]
        before = sum(map(len, told.values()))
        eventually(lambda: sum(map(len, told.values())) > before + 50, "some records")
        platform.client("kinesis").update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        eventually(lambda: sum(map(len, told.values())) > before + 200, "some records")
        platform.kill()
        [thread.join() for thread in threads]
        platform.start()
    found = {key: [] for key in keys}
    for record in Reader(platform.client("kinesis"), stream).all():
        found[record["PartitionKey"]].append((int(record["Data"]), record["SequenceNumber"]))
    for key in keys:
        numbers = [number for number, _ in found[key]]
        assert numbers == sorted(set(numbers)), f"{key} is read in order, nothing twice"
        assert set(numbers) <= set(range(tried[key])), "nothing from nowhere"
        assert set(found[key]) >= {(number, sequence) for number, _, sequence in told[key]}, "nothing acknowledged is lost"
