"""EventBridge with boto3 and the AWS CLI: rules to queues, functions and other buses, schedules, and what feeds buses."""
import datetime
import http.server
import json
import pathlib
import queue as queue_of_requests
import subprocess
import sys
import threading

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, eventually

ECHO = "def handler(event, context):\n    print('heard', event)\n    return event\n"
# A rule of a schedule is due at whole minutes at the soonest.
SCHEDULED_S = 100


@pytest.fixture(scope="module")
def events(platform):
    return platform.client("events")


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


def make_queue(sqs, name):
    """A queue that lets EventBridge in; gives its URL and ARN."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
    return sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"], arn


@pytest.fixture
def queue(sqs, request):
    return make_queue(sqs, request.node.name[:70])


def received(sqs, url, seconds=30):
    """The next message of a queue."""
    look = lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MessageAttributeNames=["All"]).get("Messages")
    [message] = eventually(look, "a message", seconds)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def entry(detail, source="shop", kind="order", **more):
    return {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), **more}


def rule(events, name, pattern, *targets, bus="default"):
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
    put = events.put_targets(Rule=name, EventBusName=bus, Targets=list(targets))
    assert put["FailedEntryCount"] == 0
    return arn


def test_a_bus_its_rule_and_a_queue(events, sqs, queue):
    url, arn = queue
    bus = events.create_event_bus(Name="shop", Description="orders")["EventBusArn"]
    rule(events, "large", {"source": ["shop"], "detail": {"amount": [{"numeric": [">", 100]}]}}, {
        "Id": "1", "Arn": arn, "InputTransformer": {
            "InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"order": <id>, "rule": "<aws.events.rule-name>"}'}},
         bus="shop")
    answer = events.put_events(Entries=[entry({"id": 1, "amount": 5}, EventBusName="shop"),
                                        entry({"id": 2, "amount": 500}, EventBusName=bus),
                                        entry({"id": 3, "amount": 500}),
                                        {"Source": "shop", "EventBusName": "shop"}])
    assert answer["FailedEntryCount"] == 1 and answer["Entries"][3]["ErrorCode"] == "InvalidArgument"
    assert json.loads(received(sqs, url)["Body"]) == {"order": 2, "rule": "large"}
    assert [found["Name"] for found in events.list_rules(EventBusName="shop")["Rules"]] == ["large"]
    assert events.list_rule_names_by_target(TargetArn=arn, EventBusName="shop")["RuleNames"] == ["large"]
    with pytest.raises(ClientError) as refused:
        events.delete_rule(Name="large", EventBusName="shop")
    assert refused.value.response["Error"]["Message"] == "Rule can't be deleted since it has targets."
    events.remove_targets(Rule="large", EventBusName="shop", Ids=["1"])
    events.delete_rule(Name="large", EventBusName="shop")
    events.delete_event_bus(Name="shop")
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_event_bus(Name="shop")
    with pytest.raises(events.exceptions.InvalidEventPatternException):
        events.put_rule(Name="r", EventPattern='{"source": "shop"}')


def test_a_function_hears_a_rule_that_its_policy_lets_in(events, sqs, functions, queue):
    url, dead = queue
    name = functions.create(ECHO)
    arn = functions.api.get_function_configuration(FunctionName=name)["FunctionArn"]
    rule_arn = rule(events, "calls", {"source": ["phone"]}, {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": dead}})
    events.put_events(Entries=[entry({"said": "unheard"}, source="phone")])
    told = received(sqs, url)["MessageAttributes"]
    assert told["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS" and told["RULE_ARN"]["StringValue"] == rule_arn
    functions.api.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                                 Principal="events.amazonaws.com", SourceArn=rule_arn)
    events.put_events(Entries=[entry({"said": "hello"}, source="phone")])
    lines = functions.lines(name, "heard")
    assert any("'source': 'phone'" in line and "'said': 'hello'" in line for line in lines)
    assert not any("unheard" in line for line in lines)


def test_a_functions_destination_is_a_bus(events, sqs, functions, queue):
    url, arn = queue
    bus = events.describe_event_bus()["Arn"]
    name = functions.create(ECHO)
    rule(events, "ended", {"detail-type": [{"prefix": "Lambda Function Invocation Result"}]}, {"Id": "1", "Arn": arn})
    functions.api.put_function_event_invoke_config(FunctionName=name,
                                                   DestinationConfig={"OnSuccess": {"Destination": bus}})
    functions.api.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 7}')
    event = json.loads(received(sqs, url, 60)["Body"])
    assert event["source"] == "lambda" and event["detail-type"].endswith("- Success") and bus in event["resources"]
    assert event["detail"]["responsePayload"] == {"n": 7}


def test_buckets_tell_the_default_bus(platform, events, sqs, queue):
    url, arn = queue
    s3 = platform.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="told")
    s3.put_bucket_notification_configuration(Bucket="told", NotificationConfiguration={"EventBridgeConfiguration": {}})
    rule(events, "objects", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["told"]}}}, {"Id": "1", "Arn": arn})
    s3.put_object(Bucket="told", Key="a b", Body=b"text")
    event = json.loads(received(sqs, url)["Body"])
    assert event["detail-type"] == "Object Created" and event["resources"] == ["arn:aws:s3:::told"]
    assert event["detail"]["object"]["key"] == "a b" and event["detail"]["reason"] == "PutObject"
    s3.delete_object(Bucket="told", Key="a b")
    assert json.loads(received(sqs, url)["Body"])["detail-type"] == "Object Deleted"


def test_a_stream_is_a_target(platform, events):
    kinesis = platform.client("kinesis")
    kinesis.create_stream(StreamName="told", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="told", WaiterConfig={"Delay": 1})
    stream = kinesis.describe_stream(StreamName="told")["StreamDescription"]
    rule(events, "streamed", {"source": ["stream"]}, {
        "Id": "1", "Arn": stream["StreamARN"], "RoleArn": ROLE, "KinesisParameters": {"PartitionKeyPath": "$.detail.key"}})
    events.put_events(Entries=[entry({"key": "k7"}, source="stream")])
    start = kinesis.get_shard_iterator(StreamName="told", ShardId=stream["Shards"][0]["ShardId"],
                                       ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    [record] = eventually(lambda: kinesis.get_records(ShardIterator=start)["Records"], "a record")
    assert record["PartitionKey"] == "k7" and json.loads(record["Data"])["detail"] == {"key": "k7"}


def test_an_http_endpoint_is_a_target(events):
    got = queue_of_requests.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put((self.path, self.headers["x-key"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = events.create_connection(Name="hook", AuthorizationType="API_KEY", AuthParameters={
        "ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "k"}})["ConnectionArn"]
    destination = events.create_api_destination(
        Name="hook", ConnectionArn=connection, InvocationEndpoint=f"http://127.0.0.1:{server.server_port}/orders/*",
        HttpMethod="PUT")["ApiDestinationArn"]
    rule(events, "hook", {"source": ["hook"]}, {
        "Id": "1", "Arn": destination, "RoleArn": ROLE, "InputPath": "$.detail",
        "HttpParameters": {"PathParameterValues": ["$.detail.id"]}})
    events.put_events(Entries=[entry({"id": "o-1"}, source="hook")])
    assert got.get(timeout=30) == ("/orders/o-1", "k", {"id": "o-1"})
    server.shutdown()


def test_a_rule_of_a_schedule(events, sqs, queue):
    url, arn = queue
    made = events.put_rule(Name="minutes", ScheduleExpression="cron(* * * * ? *)")["RuleArn"]
    events.put_targets(Rule="minutes", Targets=[{"Id": "1", "Arn": arn}])
    event = json.loads(received(sqs, url, SCHEDULED_S)["Body"])
    assert event["source"] == "aws.events" and event["resources"] == [made] and event["time"].endswith(":00Z")
    events.disable_rule(Name="minutes")
    assert events.describe_rule(Name="minutes")["State"] == "DISABLED"


def test_an_archive_and_its_replay(events, sqs, queue):
    url, arn = queue
    bus = events.create_event_bus(Name="kept")["EventBusArn"]
    archive = events.create_archive(ArchiveName="kept", EventSourceArn=bus, RetentionDays=1)["ArchiveArn"]
    events.put_events(Entries=[entry({"n": 1}, EventBusName="kept")])
    assert events.describe_archive(ArchiveName="kept")["EventCount"] == 1
    rule(events, "late", {"source": ["shop"]}, {"Id": "1", "Arn": arn}, bus="kept")
    now = datetime.datetime.now(datetime.timezone.utc)
    events.start_replay(ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus},
                        EventStartTime=now - datetime.timedelta(hours=1), EventEndTime=now + datetime.timedelta(hours=1))
    event = json.loads(received(sqs, url)["Body"])
    assert event["detail"] == {"n": 1} and event["replay-name"] == "again"
    eventually(lambda: events.describe_replay(ReplayName="again")["State"] == "COMPLETED", "the replay to end")
    events.delete_archive(ArchiveName="kept")


def test_with_the_command_line(platform, events, sqs, queue):
    url, arn = queue

    def aws(*arguments):
        command = [pathlib.Path(sys.executable).parent / "aws", "events", *arguments, "--output", "json"]
        done = subprocess.run(command, env=platform.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    aws("put-rule", "--name", "cli", "--event-pattern", '{"source": ["cli"]}', "--tags", "Key=k,Value=v")
    aws("put-targets", "--rule", "cli", "--targets", f"Id=1,Arn={arn}")
    aws("put-events", "--entries", json.dumps([entry({"n": 1}, source="cli")]))
    assert json.loads(received(sqs, url)["Body"])["detail"] == {"n": 1}
    assert aws("list-targets-by-rule", "--rule", "cli") == {"Targets": [{"Id": "1", "Arn": arn}]}
    tested = aws("test-event-pattern", "--event-pattern", '{"source": [{"suffix": "li"}]}', "--event", json.dumps(
        {"id": "1", "account": "1", "source": "cli", "time": "t", "region": "r", "resources": [], "detail-type": "d"}))
    assert tested == {"Result": True}


def test_nothing_taken_is_lost_by_kill(start):
    platform = start()
    events, sqs = platform.client("events"), platform.client("sqs")
    _, arn = make_queue(sqs, "kept")
    rule(events, "all", {"source": ["shop"]}, {"Id": "1", "Arn": arn, "InputPath": "$.detail.n"})
    sent = set()
    for number in range(60):
        events.put_events(Entries=[entry({"n": number})])
        sent.add(str(number))
        if number % 20 == 19:
            platform.kill()
            platform.start()
            events = platform.client("events")
    sqs, found = platform.client("sqs"), set()

    def look():
        url = f"{platform.endpoint}/{ACCOUNT}/kept"
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.update(message["Body"] for message in answer.get("Messages", []))
        return found >= sent

    eventually(look, "everything that was taken", 60)
    assert found == sent
