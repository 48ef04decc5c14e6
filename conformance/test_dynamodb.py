"""DynamoDB and its Streams with boto3 (client, resource, paginators, waiters), the AWS CLI and Powertools, and after
`kill -9` under load."""
import decimal
import json
import os
import random
import subprocess
import sysconfig
import threading
import time

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import BotoCoreError, ClientError

from harness import REGION, eventually, folder_files

ROUNDS, WRITERS = int(os.environ.get("LAMBENT_KILL_ROUNDS", "5")), 16


def resource_of(platform):
    return boto3.resource("dynamodb", endpoint_url=platform.endpoint, region_name=REGION, aws_access_key_id="any",
                          aws_secret_access_key="any")


def make(api, name, hash_key="id", range_key=None, **more):
    parts = [(hash_key, "HASH")] + ([(range_key, "RANGE")] if range_key else [])
    definitions = more.pop("definitions", [])
    api.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": part.split(":")[0], "AttributeType": part.split(":")[-1]
                               if ":" in part else "S"} for part, _ in parts] + definitions,
        KeySchema=[{"AttributeName": part.split(":")[0], "KeyType": kind} for part, kind in parts], **more)
    api.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="module")
def api(platform):
    return platform.client("dynamodb")


def test_resource_round_trips(platform, api):
    make(api, "movies", "year:N", "title:S")
    table = resource_of(platform).Table("movies")
    table.load()
    assert table.table_status == "ACTIVE"
    with table.batch_writer() as batch:
        for year in range(1990, 2020):
            for number in range(3):
                batch.put_item(Item={"year": year, "title": f"film {number}", "info": {
                    "rating": decimal.Decimal("7.5") + number, "actors": {"a", "b"}, "raw": b"\x00\x01", "none": None,
                    "entries": [1, "two", True]}})
    item = table.get_item(Key={"year": 1995, "title": "film 1"})["Item"]
    assert item["info"]["rating"] == decimal.Decimal("8.5") and item["info"]["actors"] == {"a", "b"}
    assert item["info"]["raw"].value == b"\x00\x01" and item["info"]["entries"] == [1, "two", True]
    answer = table.update_item(
        Key={"year": 1995, "title": "film 1"}, UpdateExpression="SET info.rating = info.rating + :x, info.entries[3] = :y",
        ConditionExpression=Attr("info.rating").lt(9), ExpressionAttributeValues={":x": 1, ":y": "new"},
        ReturnValues="UPDATED_NEW")
    assert answer["Attributes"]["info"]["rating"] == decimal.Decimal("9.5")
    with pytest.raises(api.exceptions.ConditionalCheckFailedException):
        platform_api = table.meta.client
        platform_api.put_item(TableName="movies", Item={"year": 1995, "title": "film 1"},
                              ConditionExpression="attribute_not_exists(title)")
    found = table.query(KeyConditionExpression=Key("year").eq(2000) & Key("title").begins_with("film"),
                        FilterExpression=Attr("info.rating").between(8, 9), ProjectionExpression="title")
    assert found["Items"] == [{"title": "film 1"}] and found["ScannedCount"] == 3
    total = sum(page["Count"] for page in api.get_paginator("scan").paginate(
        TableName="movies", PaginationConfig={"PageSize": 7}))
    assert total == 90
    table.delete()
    api.get_waiter("table_not_exists").wait(TableName="movies", WaiterConfig={"Delay": 1})


def test_numbers_keep_their_digits(api):
    make(api, "numbers", "id", "n:N")
    texts = ["-1E125", "-99999999999999999999999999999999999999", "-2", "-1.5", "-1E-130", "0", "1E-130", "0.1", "1.5", "9",
             "10", "12345678901234567890123456789012345678", "9.9E125"]
    for text in random.Random(1).sample(texts, len(texts)):
        api.put_item(TableName="numbers", Item={"id": {"S": "a"}, "n": {"N": text}})
    items = api.query(TableName="numbers", KeyConditionExpression="id = :a",
                      ExpressionAttributeValues={":a": {"S": "a"}})["Items"]
    assert [decimal.Decimal(item["n"]["N"]) for item in items] == [decimal.Decimal(text) for text in texts]


def test_indexes_and_paginators(api):
    make(api, "indexed", "id", definitions=[{"AttributeName": "kind", "AttributeType": "S"},
                                            {"AttributeName": "at", "AttributeType": "N"}],
         GlobalSecondaryIndexes=[{"IndexName": "by-kind", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
             {"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]}])
    for number in range(50):
        api.put_item(TableName="indexed", Item={"id": {"S": str(number)}, "kind": {"S": "even" if number % 2 == 0 else "odd"},
                                                "at": {"N": str(100 - number // 4)}})
    pages = api.get_paginator("query").paginate(
        TableName="indexed", IndexName="by-kind", KeyConditionExpression="kind = :k", ScanIndexForward=False,
        ExpressionAttributeValues={":k": {"S": "even"}}, PaginationConfig={"PageSize": 4})
    found = [item for page in pages for item in page["Items"]]
    times = [int(item["at"]["N"]) for item in found]
    assert len({item["id"]["S"] for item in found}) == 25 and times == sorted(times, reverse=True)


def test_item_collections_tell_their_size(api):
    api.create_table(
        TableName="collections", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("h", "r", "l")],
        KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[{
            "IndexName": "by-l", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "l", "KeyType": "RANGE"}]}])
    api.get_waiter("table_exists").wait(TableName="collections", WaiterConfig={"Delay": 1})
    item = {name: {"S": name} for name in ("h", "r", "l")}
    told = {"ItemCollectionKey": {"h": {"S": "h"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    put = api.put_item(TableName="collections", Item=item, ReturnItemCollectionMetrics="SIZE")
    assert put["ItemCollectionMetrics"] == told
    written = api.transact_write_items(
        TransactItems=[{"Delete": {"TableName": "collections", "Key": {"h": {"S": "h"}, "r": {"S": "r"}}}}],
        ReturnItemCollectionMetrics="SIZE")
    assert written["ItemCollectionMetrics"] == {"collections": [told]}
    api.delete_table(TableName="collections")


def test_transactions(api):
    make(api, "accounts")
    for name, money in (("a", "100"), ("b", "0")):
        api.put_item(TableName="accounts", Item={"id": {"S": name}, "money": {"N": money}})

    def move(amount):
        change = lambda name, sign: {"Update": {
            "TableName": "accounts", "Key": {"id": {"S": name}}, "UpdateExpression": f"SET money = money {sign} :x",
            "ConditionExpression": "money >= :least",
            "ExpressionAttributeValues": {":x": {"N": str(amount)}, ":least": {"N": str(amount if sign == "-" else 0)}}}}
        return api.transact_write_items(TransactItems=[change("a", "-"), change("b", "+")])

    move(70)
    with pytest.raises(api.exceptions.TransactionCanceledException) as refused:
        move(70)
    reasons = refused.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed", "None"]
    assert str(refused.value).endswith("specific reasons [ConditionalCheckFailed, None]")


def test_writers_of_one_item_all_succeed(platform, api):
    make(api, "hot", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    failures = []

    def count(client):
        for _ in range(10):
            try:
                client.update_item(TableName="hot", Key={"id": {"S": "one"}}, UpdateExpression="ADD n :one",
                                   ExpressionAttributeValues={":one": {"N": "1"}})
            except ClientError as error:
                failures.append(error)

    clients = platform.client("dynamodb")
    threads = [threading.Thread(target=count, args=(clients,)) for _ in range(48)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert failures == []
    assert api.get_item(TableName="hot", Key={"id": {"S": "one"}})["Item"]["n"]["N"] == "480"


def test_partiql(platform):
    client = resource_of(platform).meta.client
    make(client, "statements", "id", "n:N")
    for number in range(4):
        client.execute_statement(Statement="INSERT INTO statements VALUE {'id': ?, 'n': ?, 'tags': <<'a'>>}",
                                 Parameters=["x", number])
    found = client.execute_statement(Statement='SELECT n FROM "statements" WHERE id = ? AND n > ? ORDER BY n DESC',
                                     Parameters=["x", 1])["Items"]
    assert [item["n"] for item in found] == [3, 2]
    with pytest.raises(client.exceptions.DuplicateItemException):
        client.execute_statement(Statement="INSERT INTO statements VALUE {'id': 'x', 'n': 1}")


def test_a_stream_is_read(platform, api):
    make(api, "streamed", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    arn = api.describe_table(TableName="streamed")["Table"]["LatestStreamArn"]
    streams = platform.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    for number in range(10):
        api.put_item(TableName="streamed", Item={"id": {"S": "a"}, "n": {"N": str(number)}})
    start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = streams.get_records(ShardIterator=start)["Records"]
    assert [record["dynamodb"]["NewImage"]["n"]["N"] for record in records] == [str(number) for number in range(10)]
    assert records[0]["eventName"] == "INSERT" and records[1]["dynamodb"]["OldImage"]["n"]["N"] == "0"


def test_time_to_live_really_expires(api):
    make(api, "sessions")
    api.update_time_to_live(TableName="sessions", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    api.put_item(TableName="sessions", Item={"id": {"S": "a"}, "until": {"N": str(int(time.time()) + 1)}})
    api.put_item(TableName="sessions", Item={"id": {"S": "b"}, "until": {"N": str(int(time.time()) + 1000)}})
    eventually(lambda: api.scan(TableName="sessions")["Count"] == 1, "the item to expire", 40)


def test_aws_cli(platform):
    aws = os.path.join(sysconfig.get_path("scripts"), "aws")

    def run(*arguments):
        done = subprocess.run([aws, "dynamodb", *arguments], env=platform.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    run("create-table", "--table-name", "music", "--billing-mode", "PAY_PER_REQUEST", "--attribute-definitions",
        "AttributeName=artist,AttributeType=S", "--key-schema", "AttributeName=artist,KeyType=HASH")
    run("wait", "table-exists", "--table-name", "music")
    run("put-item", "--table-name", "music", "--item", '{"artist": {"S": "x"}, "plays": {"N": "1"}}')
    answer = run("update-item", "--table-name", "music", "--key", '{"artist": {"S": "x"}}', "--update-expression",
                 "ADD plays :p", "--expression-attribute-values", '{":p": {"N": "41"}}', "--return-values", "ALL_NEW")
    assert answer["Attributes"]["plays"]["N"] == "42"
    assert "music" in run("list-tables")["TableNames"]
    assert run("scan", "--table-name", "music")["Count"] == 1


class Writer:
    """Counts up its own items; knows for each what may be there."""

    def __init__(self, number):
        self.random = random.Random(number)
        self.number = number
        self.possible = {f"{number}-{index}": [0] for index in range(5)}
        self.acknowledged = 0

    def storm(self, api):
        while True:
            name = self.random.choice(list(self.possible))
            now = self.possible[name][0]
            self.possible[name] = [now, now + 1]
            try:
                change = {"TableName": "storm", "Key": {"id": {"S": name}}, "UpdateExpression": "ADD n :one SET w = :w",
                          "ExpressionAttributeValues": {":one": {"N": "1"}, ":w": {"S": str(self.number)}}}
                if self.random.random() < 0.3:
                    api.transact_write_items(TransactItems=[{"Update": change}])
                else:
                    api.update_item(**change)
            except (ClientError, BotoCoreError) as error:
                assert not isinstance(error, ClientError), error
                return
            self.possible[name] = [now + 1]
            self.acknowledged += 1


@pytest.mark.timeout(240)
def test_kill_under_load_loses_nothing(start):
    platform = start()
    api = platform.client("dynamodb")
    make(api, "storm", definitions=[{"AttributeName": "w", "AttributeType": "S"}],
         StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
         GlobalSecondaryIndexes=[{"IndexName": "by-w", "Projection": {"ProjectionType": "ALL"},
                                  "KeySchema": [{"AttributeName": "w", "KeyType": "HASH"}]}])
    writers = [Writer(number) for number in range(WRITERS)]
    for number in range(ROUNDS):
        before = sum(writer.acknowledged for writer in writers)
        threads = [threading.Thread(target=writer.storm, args=(platform.client("dynamodb"),)) for writer in writers]
        [thread.start() for thread in threads]
        eventually(lambda: sum(writer.acknowledged for writer in writers) - before >= 100 + 50 * number, "some writes")
        platform.kill()
        [thread.join() for thread in threads]
        platform.start()
        api = platform.client("dynamodb")
        counts = {item["id"]["S"]: int(item["n"]["N"]) for page in api.get_paginator("scan").paginate(
            TableName="storm", ConsistentRead=True) for item in page["Items"]}
        indexed = {item["id"]["S"]: int(item["n"]["N"]) for page in api.get_paginator("scan").paginate(
            TableName="storm", IndexName="by-w") for item in page["Items"]}
        assert indexed == counts, "the index is in line"
        for writer in writers:
            for name, possible in writer.possible.items():
                assert counts.get(name, 0) in possible, (name, counts.get(name, 0), possible)
                writer.possible[name] = [counts.get(name, 0)]
    # The stream has every change of every item, in its order.
    streams = platform.client("dynamodbstreams")
    arn = api.describe_table(TableName="storm")["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    seen = {}
    while True:
        answer = streams.get_records(ShardIterator=at)
        for record in answer["Records"]:
            image = record["dynamodb"]["NewImage"]
            assert int(image["n"]["N"]) == seen.get(image["id"]["S"], 0) + 1
            seen[image["id"]["S"]] = int(image["n"]["N"])
        if not answer["Records"]:
            break
        at = answer["NextShardIterator"]
    assert seen == counts


POWERTOOLS = """
import sys
sys.path.insert(0, "/var/task/packages")
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent
calls = []
@idempotent(persistence_store=DynamoDBPersistenceLayer(table_name="idempotency"),
            config=IdempotencyConfig(event_key_jmespath="id"))
def handler(event, context):
    calls.append(event)
    return {"calls": len(calls), "id": event["id"]}
"""


def test_powertools_idempotency_in_a_function(platform, api, functions):
    make(api, "idempotency")
    packages = sysconfig.get_path("purelib")
    files = {"app.py": POWERTOOLS}
    for name in ("aws_lambda_powertools", "jmespath", "typing_extensions.py", "boto3", "botocore", "s3transfer", "dateutil",
                 "six.py", "urllib3"):
        path = os.path.join(packages, name)
        if os.path.isdir(path):
            skip = ("botocore/data/",)
            keep = ("endpoints.json", "partitions.json", "sdk-default-configuration.json", "_retry.json", "dynamodb/", "sts/")
            files.update({key: value for key, value in folder_files(path, f"packages/{name}/").items()
                          if skip[0] not in key or any(part in key for part in keep)})
        else:
            with open(path, "rb") as module:
                files[f"packages/{name}"] = module.read()
    name = functions.create(files, Timeout=60, MemorySize=512)
    first = functions.ask(name, {"id": "order-1"})
    assert first == {"calls": 1, "id": "order-1"}
    assert functions.ask(name, {"id": "order-1"}) == first, "the answer that was kept"
    assert functions.ask(name, {"id": "order-2"})["calls"] == 2
    item = api.scan(TableName="idempotency")["Items"][0]
    assert item["status"]["S"] == "COMPLETED" and int(item["expiration"]["N"]) > time.time()
