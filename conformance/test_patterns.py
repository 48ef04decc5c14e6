"""Patterns of the kind "service → Lambda → service", as collections of examples list them, each with boto3 outside and inside.

A source invokes the function with an event that has a token in it, and the function, by the few lines that its kind
of event and its target want, hands the token on. Names are `source-lambda-target`.
"""
import base64
import datetime
import json
import subprocess
import time
import urllib.request

import pytest

from harness import ACCOUNT, BINARY, REGION, ROLE, eventually, wait
from test_alb import balancer, forward, group, listen
from test_websocket import Sockets

CODE = """
import base64, gzip, json, os
import boto3

target = os.environ["TARGET"]

def tokens(event):
    return {read}

def hand_on(token):
    {write}

def handler(event, context):
    for token in tokens(event):
        hand_on(token)
    return {{"statusCode": 202, "isBase64Encoded": False,
             "headers": {{"content-type": "text/plain"}}, "body": "taken"}}
"""


class World:
    """A platform's clients, and what several patterns need of it."""

    def __init__(self, platform, functions):
        self.platform, self.functions = platform, functions

    def __getattr__(self, service):
        client = self.platform.client(service.replace("_", "-"))
        setattr(self, service, client)
        return client

    def queue(self, name, **attributes):
        url = self.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60", **attributes})["QueueUrl"]
        return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def open_queue(self, name, service, **attributes):
        """A queue that lets this service send."""
        url, arn = self.queue(name, **attributes)
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
        return url, arn

    def table(self, name, **more):
        self.dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], **more)
        wait(self.dynamodb, "table_exists", TableName=name)
        return self.dynamodb.describe_table(TableName=name)["Table"].get("LatestStreamArn")

    def stream(self, name):
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        wait(self.kinesis, "stream_exists", StreamName=name)
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"

    def allow(self, name, service):
        self.functions.api.add_permission(FunctionName=name, StatementId=service.split(".")[0],
                                          Action="lambda:InvokeFunction", Principal=service)

    def mapping(self, name, source, **settings):
        self.functions.api.create_event_source_mapping(FunctionName=name, EventSourceArn=source, **settings)

    def received(self, url):
        """A queue's next message's body; it is taken."""
        answer = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return message["Body"]


@pytest.fixture(scope="module")
def world(platform, functions):
    subprocess.run([BINARY, "runtimes", "install", "boto3", "--data", str(platform.data)], check=True,
                   capture_output=True, timeout=300)
    return World(platform, functions)


def function_arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def visit(world, host, path, token):
    """Names below `localhost` are known to browsers, not to every resolver: the name goes in the header alone."""
    request = urllib.request.Request(world.platform.endpoint + path, token.encode(),
                                     {"content-type": "text/plain", "host": host})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert (answer.status, answer.read()) == (202, b"taken")


# Sources: each connects the function of that name and gives what fires it with a token. `READ` are the tokens of an event.

READ = {}


def source(read):
    def register(connect):
        READ[connect.__name__] = read
        return connect
    return register


@source('[record["s3"]["object"]["key"] for record in event["Records"]]')
def s3(world, name):
    world.s3.create_bucket(Bucket=name)
    world.allow(name, "s3.amazonaws.com")
    world.s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": function_arn(name), "Events": ["s3:ObjectCreated:*"]}]})
    return lambda token: world.s3.put_object(Bucket=name, Key=token, Body=b"content")


@source('[event["detail"]["object"]["key"]]')
def s3_eventbridge(world, name):
    world.s3.create_bucket(Bucket=name)
    world.s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    rule(world, name, {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}, function_arn(name))
    return lambda token: world.s3.put_object(Bucket=name, Key=token, Body=b"content")


@source('[record["s3"]["object"]["key"] for message in event["Records"] for record in json.loads(message["body"])["Records"]]')
def s3_sqs(world, name):
    world.s3.create_bucket(Bucket=name)
    _, arn = world.open_queue(f"{name}-in", "s3.amazonaws.com")
    world.s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]})
    world.mapping(name, arn)
    return lambda token: world.s3.put_object(Bucket=name, Key=token, Body=b"content")


@source('[record["body"] for record in event["Records"]]')
def sqs(world, name):
    url, arn = world.queue(f"{name}-in")
    world.mapping(name, arn)
    return lambda token: world.sqs.send_message(QueueUrl=url, MessageBody=token)


@source('[record["body"] for record in event["Records"]]')
def sqs_fifo(world, name):
    url, arn = world.queue(f"{name}-in.fifo", FifoQueue="true")
    world.mapping(name, arn)
    return lambda token: world.sqs.send_message(QueueUrl=url, MessageBody=token, MessageGroupId="g",
                                                MessageDeduplicationId=token)


@source('[json.loads(record["body"])["token"] for record in event["Records"]]')
def sqs_filter(world, name):
    url, arn = world.queue(f"{name}-in")
    world.mapping(name, arn, FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["wanted"]}}'}]})

    def fire(token):
        for kind, text in (("unwanted", "something else"), ("wanted", token)):
            world.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind, "token": text}))
    return fire


@source('[record["Sns"]["Message"] for record in event["Records"]]')
def sns(world, name):
    topic = world.sns.create_topic(Name=name)["TopicArn"]
    world.allow(name, "sns.amazonaws.com")
    world.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function_arn(name))
    return lambda token: world.sns.publish(TopicArn=topic, Message=token)


@source('[json.loads(record["body"])["Message"] for record in event["Records"]]')
def sns_sqs(world, name):
    topic = world.sns.create_topic(Name=name)["TopicArn"]
    _, arn = world.open_queue(f"{name}-in", "sns.amazonaws.com")
    world.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    world.mapping(name, arn)
    return lambda token: world.sns.publish(TopicArn=topic, Message=token)


@source('[record["dynamodb"]["NewImage"]["id"]["S"] for record in event["Records"]]')
def dynamodb(world, name):
    stream = world.table(f"{name}-in", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    world.mapping(name, stream, StartingPosition="TRIM_HORIZON")
    return lambda token: world.dynamodb.put_item(TableName=f"{name}-in", Item={"id": {"S": token}})


@source('[base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]')
def kinesis(world, name):
    world.mapping(name, world.stream(f"{name}-in"), StartingPosition="TRIM_HORIZON")
    return lambda token: world.kinesis.put_record(StreamName=f"{name}-in", Data=token.encode(), PartitionKey="k")


def rule(world, name, pattern, target):
    arn = world.events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    if ":function:" in target:
        world.allow(name, "events.amazonaws.com")
    assert world.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target}])["FailedEntryCount"] == 0
    return arn


def put_event(world, name, token):
    entry = {"Source": name, "DetailType": "token", "Detail": json.dumps({"token": token})}
    assert world.events.put_events(Entries=[entry])["FailedEntryCount"] == 0


@source('[event["detail"]["token"]]')
def eventbridge(world, name):
    rule(world, name, {"source": [name]}, function_arn(name))
    return lambda token: put_event(world, name, token)


@source('[json.loads(record["body"])["detail"]["token"] for record in event["Records"]]')
def eventbridge_sqs(world, name):
    _, arn = world.open_queue(f"{name}-in", "events.amazonaws.com")
    rule(world, name, {"source": [name]}, arn)
    world.mapping(name, arn)
    return lambda token: put_event(world, name, token)


@source('[event["token"]]')
def scheduler(world, name):
    def fire(token):
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
        world.scheduler.create_schedule(
            Name=name, ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": function_arn(name), "RoleArn": ROLE, "Input": json.dumps({"token": token})})
    return fire


@source('[event["body"]]')
def apigateway_http(world, name):
    api = world.apigatewayv2.create_api(Name=name, ProtocolType="HTTP", Target=function_arn(name))["ApiId"]
    world.allow(name, "apigateway.amazonaws.com")
    return lambda token: visit(world, f"{api}.execute-api.localhost", "/", token)


@source('[event["body"]]')
def apigateway_rest(world, name):
    api = world.apigateway.create_rest_api(name=name)["id"]
    root = world.apigateway.get_resources(restApiId=api)["items"][0]["id"]
    world.allow(name, "apigateway.amazonaws.com")
    world.apigateway.put_method(restApiId=api, resourceId=root, httpMethod="POST", authorizationType="NONE")
    world.apigateway.put_integration(
        restApiId=api, resourceId=root, httpMethod="POST", type="AWS_PROXY", integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn(name)}/invocations")
    world.apigateway.create_deployment(restApiId=api, stageName="live")
    return lambda token: visit(world, f"{api}.execute-api.localhost", "/live/", token)


@source('[event["body"]]')
def apigateway_websocket(world, name):
    sockets = Sockets(world.functions, {"$default": name})

    def fire(token):
        with sockets.connect() as socket:
            socket.send(token)
    return fire


@source('[event["body"]]')
def alb(world, name):
    arn, host = balancer(world.elbv2, name[:32].rstrip("-"))
    listen(world.elbv2, arn, forward(group(world.elbv2, world.functions, name[:32].rstrip("-"), name)))
    return lambda token: visit(world, host, "/", token)


@source('[event["body"]]')
def function_url(world, name):
    url = world.functions.api.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    world.functions.api.add_permission(FunctionName=name, StatementId="url", Action="lambda:InvokeFunctionUrl",
                                       Principal="*", FunctionUrlAuthType="NONE")
    return lambda token: visit(world, url.split("/")[2], "/", token)


@source('[line["message"] for line in json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))["logEvents"]]')
def logs(world, name):
    world.logs.create_log_group(logGroupName=name)
    world.logs.create_log_stream(logGroupName=name, logStreamName="s")
    world.allow(name, "logs.amazonaws.com")
    world.logs.put_subscription_filter(logGroupName=name, filterName="f", filterPattern="", destinationArn=function_arn(name))
    return lambda token: world.logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[
        {"timestamp": int(time.time() * 1000), "message": token}])


@source('[event["responsePayload"]["token"]]')
def destination(world, name):
    """What another function answered to an asynchronous call."""
    first = world.functions.create("def handler(event, context):\n    return event\n")
    world.functions.api.put_function_event_invoke_config(FunctionName=first, DestinationConfig={
        "OnSuccess": {"Destination": function_arn(name)}})
    return lambda token: world.functions.invoke(first, {"token": token}, InvocationType="Event")


# Targets: each makes what the function writes to, by that name, and gives what finds a token there. `WRITE` is how the
# function writes it.

WRITE = {}


def target(write):
    def register(make):
        WRITE[make.__name__[3:]] = write
        return make
    return register


@target('boto3.client("dynamodb").put_item(TableName=target, Item={"id": {"S": token}})')
def to_dynamodb(world, name):
    world.table(name)
    return lambda token: world.dynamodb.get_item(TableName=name, Key={"id": {"S": token}}).get("Item")


@target('boto3.resource("dynamodb").Table(target).update_item(Key={"id": token}, UpdateExpression="ADD seen :one", '
        'ExpressionAttributeValues={":one": 1})')
def to_counter(world, name):
    world.table(name)

    def seen(token):
        item = world.dynamodb.get_item(TableName=name, Key={"id": {"S": token}}).get("Item")
        return item and int(item["seen"]["N"]) >= 1
    return seen


@target('boto3.client("s3").put_object(Bucket=target, Key="out/" + token, Body=token.encode())')
def to_s3(world, name):
    world.s3.create_bucket(Bucket=name)

    def stored(token):
        keys = [found["Key"] for found in world.s3.list_objects_v2(Bucket=name, Prefix="out/").get("Contents", [])]
        return f"out/{token}" in keys
    return stored


@target('boto3.client("sqs").send_message(QueueUrl=boto3.client("sqs").get_queue_url(QueueName=target)["QueueUrl"], '
        'MessageBody=token)')
def to_sqs(world, name):
    url, _ = world.queue(name)
    return lambda token: world.received(url) == token


@target('boto3.client("sns").publish(TopicArn=target, Message=token)')
def to_sns(world, name):
    url, arn = world.open_queue(name, "sns.amazonaws.com")
    topic = world.sns.create_topic(Name=name)["TopicArn"]
    world.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return lambda token: world.received(url) == token


@target('boto3.client("kinesis").put_record(StreamName=target, Data=token.encode(), PartitionKey=token)')
def to_kinesis(world, name):
    world.stream(name)
    [shard] = world.kinesis.list_shards(StreamName=name)["Shards"]

    def put(token):
        iterator = world.kinesis.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"],
                                                    ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        return token.encode() in [record["Data"] for record in world.kinesis.get_records(ShardIterator=iterator)["Records"]]
    return put


@target('boto3.client("events").put_events(Entries=[{"Source": target, "DetailType": "token", '
        '"Detail": json.dumps({"token": token})}])')
def to_eventbridge(world, name):
    url, arn = world.open_queue(name, "events.amazonaws.com")
    rule(world, f"{name}-rule", {"source": [name]}, arn)

    def told(token):
        body = world.received(url)
        return body and json.loads(body)["detail"]["token"] == token
    return told


@target('boto3.client("ses").send_email(Source=target, Destination={"ToAddresses": ["you@example.com"]}, '
        'Message={"Subject": {"Data": token}, "Body": {"Text": {"Data": token}}})')
def to_ses(world, name):
    world.ses.verify_email_identity(EmailAddress=f"{name}@example.com")

    def sent(token):
        with urllib.request.urlopen(f"{world.platform.endpoint}/_aws/ses?email={name}@example.com") as answer:
            return any(mail["Subject"] == token for mail in json.load(answer)["messages"])
    return sent


@target('boto3.client("lambda").invoke(FunctionName=target, InvocationType="Event", Payload=json.dumps({"token": token}))')
def to_lambda(world, name):
    world.functions.create("def handler(event, context):\n    print('heard', event['token'])\n", name=name)
    return lambda token: world.functions.lines(name, f"heard {token}")


@target('boto3.client("logs").put_log_events(logGroupName=target, logStreamName="s", logEvents=[{"timestamp": '
        '__import__("time").time_ns() // 1_000_000, "message": token}])')
def to_logs(world, name):
    world.logs.create_log_group(logGroupName=name)
    world.logs.create_log_stream(logGroupName=name, logStreamName="s")
    return lambda token: world.logs.filter_log_events(logGroupName=name, filterPattern=f'"{token}"')["events"]


# Where the function is to write by another name than the target's.
ADDRESS = {"sns": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}", "ses": "{}@example.com"}

PATTERNS = [
    (s3, to_dynamodb), (s3, to_s3), (s3, to_sns), (s3, to_sqs), (s3, to_ses), (s3_eventbridge, to_dynamodb),
    (s3_sqs, to_dynamodb),
    (sqs, to_dynamodb), (sqs, to_s3), (sqs, to_sns), (sqs, to_lambda), (sqs_fifo, to_dynamodb), (sqs_fifo, to_sqs),
    (sqs_filter, to_sqs),
    (sns, to_dynamodb), (sns, to_s3), (sns, to_ses), (sns_sqs, to_dynamodb),
    (dynamodb, to_sns), (dynamodb, to_eventbridge), (dynamodb, to_counter), (dynamodb, to_s3),
    (kinesis, to_dynamodb), (kinesis, to_s3), (kinesis, to_sqs),
    (eventbridge, to_sns), (eventbridge, to_logs), (eventbridge, to_kinesis), (eventbridge_sqs, to_dynamodb),
    (scheduler, to_ses), (scheduler, to_sqs),
    (apigateway_http, to_dynamodb), (apigateway_http, to_eventbridge), (apigateway_rest, to_sqs), (apigateway_rest, to_sns),
    (apigateway_rest, to_kinesis), (function_url, to_dynamodb), (function_url, to_s3),
    (apigateway_websocket, to_dynamodb), (apigateway_websocket, to_sqs), (alb, to_dynamodb), (alb, to_sns),
    (logs, to_s3), (logs, to_sns), (destination, to_dynamodb), (destination, to_eventbridge),
]


def title(pattern):
    connect, make = pattern
    return f"{connect.__name__}-lambda-{make.__name__[3:]}".replace("_", "-")


@pytest.mark.parametrize("pattern", PATTERNS, ids=title)
def test_pattern(world, pattern):
    connect, make = pattern
    name, to = title(pattern), make.__name__[3:]
    reaches = make(world, f"{name}-out")
    code = CODE.format(read=READ[connect.__name__], write=WRITE[to])
    variables = {"TARGET": ADDRESS.get(to, "{}").format(f"{name}-out")}
    world.functions.create(code, name=name, MemorySize=512, Timeout=30, Environment={"Variables": variables})
    fire = connect(world, name)
    token = f"token-{name}"
    fire(token)
    eventually(lambda: reaches(token), f"{token} at its end")
