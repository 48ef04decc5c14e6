"""Subscription filters of CloudWatch Logs with boto3: log events on their way to real functions, and filter patterns."""
import gzip
import json
import time

import pytest

from harness import ACCOUNT, REGION, Functions, eventually, wait

# What it was sent, a line for each log event, to its own log.
COLLECTOR = """
import base64, gzip, json
def handler(event, context):
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for one in data.pop("logEvents"):
        print("heard", json.dumps({**data, **one}))
"""
# The same, to a queue, which keeps what a killed platform's logs would not.
FORWARDER = """
import base64, gzip, json, os, urllib.request
def handler(event, context):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for one in json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))["logEvents"]:
        body = json.dumps({"QueueUrl": endpoint + "/000000000000/kept", "MessageBody": one["message"]}).encode()
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}
        urllib.request.urlopen(urllib.request.Request(endpoint + "/", body, headers)).read()
"""
CHATTY = "def handler(event, context):\n    print('said', event['word'])\n"
LOOP = "def handler(event, context):\n    print('round')\n"


@pytest.fixture(scope="module")
def logs(platform):
    return platform.client("logs")


def let_in(functions, name, group, principal="logs.amazonaws.com"):
    """Lets a group's events in; gives the function's ARN."""
    functions.api.add_permission(FunctionName=name, StatementId="logs", Action="lambda:InvokeFunction", Principal=principal,
                                 SourceArn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*")
    return functions.api.get_function_configuration(FunctionName=name)["FunctionArn"]


def heard(functions, name, until):
    lines = functions.lines(name, until)
    return [json.loads(line.split("heard ", 1)[1]) for line in lines if line.startswith("heard ")]


def put(logs, group, *messages):
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s",
                        logEvents=[{"timestamp": now, "message": message} for message in messages])


def test_a_function_hears_what_matches(logs, functions):
    group = "/orders"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    collector = functions.create(COLLECTOR)
    arn = functions.api.get_function_configuration(FunctionName=collector)["FunctionArn"]
    filter = {"logGroupName": group, "filterName": "large", "filterPattern": "{ $.total > 100 && $.state = pa* }",
              "destinationArn": arn}
    with pytest.raises(logs.exceptions.InvalidParameterException) as refused:
        logs.put_subscription_filter(**filter)
    assert "Could not execute the lambda function" in str(refused.value)
    let_in(functions, collector, group)
    logs.put_subscription_filter(**filter)
    [shown] = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert shown["destinationArn"] == arn and shown["distribution"] == "ByLogStream" and shown["creationTime"] > 0
    put(logs, group, '{"total": 99, "state": "paid"}', '{"total": 101, "state": "paid"}', "no JSON",
        '{"total": 500, "state": "open"}', '{"total": 102, "state": "packed"}')
    found = heard(functions, collector, "packed")
    assert [json.loads(one["message"])["total"] for one in found] == [101, 102]
    for one in found:
        assert (one["messageType"], one["owner"], one["logGroup"]) == ("DATA_MESSAGE", ACCOUNT, group)
        assert one["logStream"] == "s" and one["subscriptionFilters"] == ["large"] and len(one["id"]) == 56
    stored = logs.filter_log_events(logGroupName=group, filterPattern="{ $.total > 100 && $.state = pa* }")["events"]
    assert [event["eventId"] for event in stored] == [one["id"] for one in found]
    logs.delete_subscription_filter(logGroupName=group, filterName="large")
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.delete_subscription_filter(logGroupName=group, filterName="large")


def test_a_stream_is_asked_and_then_gets_what_matches(platform, logs):
    kinesis = platform.client("kinesis")
    kinesis.create_stream(StreamName="lines", ShardCount=1)
    wait(kinesis, "stream_exists", StreamName="lines")
    logs.create_log_group(logGroupName="/streamed")
    logs.create_log_stream(logGroupName="/streamed", logStreamName="s")
    filter = {"logGroupName": "/streamed", "filterName": "all", "filterPattern": "",
              "destinationArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/lines"}
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.put_subscription_filter(**filter)
    logs.put_subscription_filter(**filter, roleArn=f"arn:aws:iam::{ACCOUNT}:role/logs")
    put(logs, "/streamed", "one", "two")
    [shard] = kinesis.list_shards(StreamName="lines")["Shards"]
    start = kinesis.get_shard_iterator(StreamName="lines", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")

    def look():
        records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
        return records if len(records) == 2 else None

    question, data = [json.loads(gzip.decompress(record["Data"])) for record in eventually(look, "two records")]
    assert question["messageType"] == "CONTROL_MESSAGE" and "Kinesis stream" in question["logEvents"][0]["message"]
    assert data["messageType"] == "DATA_MESSAGE" and data["logGroup"] == "/streamed"
    assert [event["message"] for event in data["logEvents"]] == ["one", "two"]


def test_a_functions_own_lines_go_to_another(logs, functions):
    chatty, collector = functions.create(CHATTY), functions.create(COLLECTOR)
    functions.ask(chatty, {"word": "before"})
    functions.lines(chatty, "said before")
    group = f"/aws/lambda/{chatty}"
    arn = let_in(functions, collector, group, f"logs.{REGION}.amazonaws.com")
    logs.put_subscription_filter(logGroupName=group, filterName="a", filterPattern="said", destinationArn=arn)
    logs.put_subscription_filter(logGroupName=group, filterName="b", filterPattern="[kind=REPORT, ...]", destinationArn=arn)
    with pytest.raises(logs.exceptions.LimitExceededException):
        logs.put_subscription_filter(logGroupName=group, filterName="c", filterPattern="", destinationArn=arn)
    functions.ask(chatty, {"word": "after"})
    eventually(lambda: {one["subscriptionFilters"][0] for one in heard(functions, collector, "heard")} == {"a", "b"},
               "lines of both filters")
    found = heard(functions, collector, "said after")
    assert not any("before" in one["message"] for one in found)


def test_a_function_that_hears_itself_does_not_go_on_for_ever(platform, logs, functions):
    name = functions.create(LOOP)
    functions.ask(name)
    functions.lines(name, "round")
    group = f"/aws/lambda/{name}"
    arn = let_in(functions, name, group)
    logs.put_subscription_filter(logGroupName=group, filterName="self", filterPattern="", destinationArn=arn)
    functions.ask(name)
    eventually(lambda: "goes round in a loop" in platform.log(), "the loop to be seen", 120)
    rounds = sum("round" in line for line in functions.lines(name, "round"))
    assert 3 < rounds < 300
    logs.delete_subscription_filter(logGroupName=group, filterName="self")


@pytest.mark.parametrize("pattern, expected", [
    ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", [0]),
    ("[..., status_code = 200 || status_code = 404, bytes > 1600]", [1]),
    ("%10[.]0[.]0[.][0-9]+%", [1]),
    ('{ $.a[*].b = "x*" }', [2]),
    ("{ ($.n >= 1.5e1) || ($.missing NOT EXISTS && $.flag IS TRUE) }", [2, 3]),
    ("?frank ?ann -404", [1]),
])
def test_patterns(logs, pattern, expected):
    group = "/patterns"
    lines = ['127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
             '10.0.0.7 Prod ann [10/Oct/2000:13:25:16 -0700] "GET /pic.png HTTP/1.0" 200 9000',
             '{"a": [{"b": "y"}, {"b": "xyz"}], "n": 15}', '{"flag": true, "n": 1}']
    try:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        put(logs, group, *lines)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    found = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
    assert [lines.index(event["message"]) for event in found] == expected


def test_what_matched_survives_kill(start):
    platform = start()
    functions, logs, sqs = Functions(platform), platform.client("logs"), platform.client("sqs")
    sqs.create_queue(QueueName="kept")
    forwarder = functions.create(FORWARDER)
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    arn = let_in(functions, forwarder, "g")
    logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=arn)
    for number in range(60):
        put(logs, "g", f"line {number}")
        if number % 20 == 19:
            platform.kill()
            platform.start()
            logs = platform.client("logs")
    sqs, expected, found = platform.client("sqs"), {f"line {number}" for number in range(60)}, set()

    def look():
        url = f"{platform.endpoint}/{ACCOUNT}/kept"
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.update(message["Body"] for message in answer.get("Messages", []))
        return found >= expected

    eventually(look, "every line", 120)
    assert found == expected
