"""Scores: DynamoDB stream → tally → totals in another table → SNS, exactly right though records come more than once.

    scores.py deploy            makes everything; again, it brings it up to date
    scores.py play [RESULTS]    writes so many random results (100), waits for the totals and compares

Where the platform is comes from the environment, as for any AWS client: eval "$(lambent env)".
"""
import collections
import io
import pathlib
import random
import sys
import time
import uuid
import zipfile

import boto3

HERE = pathlib.Path(__file__).resolve().parent
RESULTS, TOTALS, SEEN, FUNCTION = "results", "totals", "results-seen", "scores-tally"
PLAYERS = ["ada", "grace", "linus", "margaret"]


def deploy():
    stream = make_table(RESULTS, "id", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    make_table(TOTALS, "player")
    make_table(SEEN, "id")
    topic = boto3.client("sns").create_topic(Name="scores")["TopicArn"]
    make_function({"TOTALS": TOTALS, "SEEN": SEEN, "TOPIC": topic})
    functions = boto3.client("lambda")
    try:
        functions.create_event_source_mapping(
            FunctionName=FUNCTION, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", ParallelizationFactor=4,
            BisectBatchOnFunctionError=True, FunctionResponseTypes=["ReportBatchItemFailures"])
    except functions.exceptions.ResourceConflictException:
        pass


def make_table(name, key, **more):
    dynamodb = boto3.client("dynamodb")
    try:
        dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}], **more)
    except dynamodb.exceptions.ResourceInUseException:
        pass
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return dynamodb.describe_table(TableName=name)["Table"].get("LatestStreamArn")


def make_function(variables):
    functions, package = boto3.client("lambda"), io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as files:
        files.write(HERE / "tally/lambda_function.py", "lambda_function.py")
    try:
        functions.create_function(
            FunctionName=FUNCTION, Runtime="python%d.%d" % sys.version_info[:2], Timeout=30, MemorySize=512,
            Handler="lambda_function.lambda_handler", Role="arn:aws:iam::000000000000:role/scores",
            Environment={"Variables": variables}, Code={"ZipFile": package.getvalue()})
    except functions.exceptions.ResourceConflictException:
        functions.update_function_code(FunctionName=FUNCTION, ZipFile=package.getvalue())
        functions.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)


def totals():
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=TOTALS, ConsistentRead=True)
    items = (item for page in pages for item in page["Items"])
    return {item["player"]["S"]: (int(item["games"]["N"]), int(item["points"]["N"])) for item in items}


def play(count="100"):
    wanted = collections.defaultdict(lambda: (0, 0), totals())
    results = boto3.resource("dynamodb").Table(RESULTS)
    for _ in range(int(count)):
        player, points = random.choice(PLAYERS), random.randrange(1, 11)
        results.put_item(Item={"id": uuid.uuid4().hex, "player": player, "points": points})
        games, sum_of_points = wanted[player]
        wanted[player] = (games + 1, sum_of_points + points)
    deadline = time.monotonic() + 60
    while (found := totals()) != dict(wanted):
        if time.monotonic() > deadline:
            raise SystemExit(f"the totals are {found}, and should be {dict(wanted)}")
        time.sleep(0.1)
    for player, (games, points) in sorted(found.items()):
        print(f"{player:10} {games:5} games {points:6} points")


if __name__ == "__main__":
    try:
        {"deploy": deploy, "play": play}[sys.argv[1]](*sys.argv[2:])
    except (KeyError, IndexError):
        raise SystemExit(__doc__)
