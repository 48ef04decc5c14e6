"""EventBridge Scheduler with boto3 and the AWS CLI: schedules that invoke functions and send to queues and buses."""
import datetime
import json
import pathlib
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, ROLE, eventually

ECHO = "def handler(event, context):\n    print('heard', event)\n    return event\n"
ONCE = {"FlexibleTimeWindow": {"Mode": "OFF"}}


@pytest.fixture(scope="module")
def scheduler(platform):
    return platform.client("scheduler")


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


@pytest.fixture
def queue(sqs, request):
    """A queue without a policy: a role of its account may send; gives its URL and ARN."""
    name = request.node.name[:70]
    return sqs.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def received(sqs, url, seconds=30):
    """The next message of a queue."""
    look = lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MessageAttributeNames=["All"]).get("Messages")
    [message] = eventually(look, "a message", seconds)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def soon(seconds, zone=datetime.timezone.utc):
    return f"at({datetime.datetime.now(zone) + datetime.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def test_once_a_function_is_invoked_and_the_schedule_is_gone(scheduler, functions):
    name = functions.create(ECHO)
    arn = functions.api.get_function_configuration(FunctionName=name)["FunctionArn"]
    made = scheduler.create_schedule(
        Name="once", ScheduleExpression=soon(2), ActionAfterCompletion="DELETE", **ONCE,
        Target={"Arn": arn, "RoleArn": ROLE, "Input": '{"at": "<aws.scheduler.scheduled-time>", "n": 7}'})
    assert made["ScheduleArn"].endswith(":schedule/default/once")
    lines = functions.lines(name, "heard")
    assert any("'n': 7" in line and "T" in line for line in lines)

    def gone():
        try:
            scheduler.get_schedule(Name="once")
        except scheduler.exceptions.ResourceNotFoundException:
            return True

    eventually(gone, "the schedule to be deleted")


def test_a_rate_sends_to_a_queue_at_once(scheduler, sqs, queue):
    url, arn = queue
    scheduler.create_schedule_group(Name="g", Tags=[{"Key": "k", "Value": "v"}])
    made = scheduler.create_schedule(Name="often", GroupName="g", ScheduleExpression="rate(1 minute)", **ONCE,
                                     Target={"Arn": arn, "RoleArn": ROLE})
    event = json.loads(received(sqs, url)["Body"])
    assert event["source"] == "aws.scheduler" and event["resources"] == [made["ScheduleArn"]]
    assert [found["Name"] for found in scheduler.list_schedules(GroupName="g")["Schedules"]] == ["often"]
    with pytest.raises(scheduler.exceptions.ConflictException):
        scheduler.create_schedule(Name="often", GroupName="g", ScheduleExpression="rate(1 minute)", **ONCE,
                                  Target={"Arn": arn, "RoleArn": ROLE})
    scheduler.update_schedule(Name="often", GroupName="g", ScheduleExpression="rate(1 minute)", State="DISABLED", **ONCE,
                              Target={"Arn": arn, "RoleArn": ROLE})
    assert scheduler.get_schedule(Name="often", GroupName="g")["State"] == "DISABLED"
    scheduler.delete_schedule_group(Name="g")

    def gone():
        try:
            scheduler.get_schedule_group(Name="g")
        except scheduler.exceptions.ResourceNotFoundException:
            return True

    eventually(gone, "the group to be deleted")
    assert scheduler.list_schedules()["Schedules"] == []


def test_in_a_time_zone_to_a_bus(platform, scheduler, sqs, queue):
    url, arn = queue
    events = platform.client("events")
    events.put_rule(Name="ticks", EventPattern='{"source": ["clock"]}')
    events.put_targets(Rule="ticks", Targets=[{"Id": "1", "Arn": arn, "RoleArn": ROLE, "InputPath": "$.detail"}])
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    scheduler.create_schedule(Name="tick", ScheduleExpression=soon(2, zone), ScheduleExpressionTimezone="Asia/Kolkata", **ONCE,
                              Target={"Arn": events.describe_event_bus()["Arn"], "RoleArn": ROLE, "Input": '{"n": 1}',
                                      "EventBridgeParameters": {"Source": "clock", "DetailType": "tick"}})
    assert json.loads(received(sqs, url)["Body"]) == {"n": 1}
    scheduler.delete_schedule(Name="tick")


def test_what_can_not_be_delivered_goes_to_the_dead_letters(scheduler, sqs, queue):
    url, arn = queue
    scheduler.create_schedule(Name="lost", ScheduleExpression=soon(1), **ONCE, Target={
        "Arn": arn + "-none", "RoleArn": ROLE, "Input": "text", "DeadLetterConfig": {"Arn": arn}})
    message = received(sqs, url)
    assert message["Body"] == "text"
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_what_is_no_schedule(scheduler):
    for expression in ["rate(10 seconds)", "cron(0 1 * * * *)", "at(2021-12-31)"]:
        with pytest.raises(scheduler.exceptions.ValidationException) as refused:
            scheduler.create_schedule(Name="x", ScheduleExpression=expression, **ONCE,
                                      Target={"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": ROLE})
        assert refused.value.response["Error"]["Message"] == f"Invalid Schedule Expression {expression}."
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(Name="x", ScheduleExpression="rate(1 hour)", **ONCE,
                                  Target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE})
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_with_the_command_line(platform, sqs, queue):
    url, arn = queue

    def aws(*arguments):
        command = [pathlib.Path(sys.executable).parent / "aws", "scheduler", *arguments, "--output", "json"]
        done = subprocess.run(command, env=platform.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    aws("create-schedule", "--name", "cli", "--schedule-expression", soon(2), "--flexible-time-window", "Mode=OFF",
        "--target", json.dumps({"Arn": arn, "RoleArn": ROLE, "Input": "hello"}))
    assert received(sqs, url)["Body"] == "hello"
    shown = aws("get-schedule", "--name", "cli")
    assert shown["ScheduleExpressionTimezone"] == "UTC" and shown["Target"]["Input"] == "hello"
    aws("delete-schedule", "--name", "cli")


def test_what_falls_due_while_the_platform_is_down_is_not_lost(start):
    platform = start()
    sqs = platform.client("sqs")
    sqs.create_queue(QueueName="kept")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:kept"
    scheduler = platform.client("scheduler")
    for number in range(20):
        scheduler.create_schedule(Name=f"s{number}", ScheduleExpression=soon(1 + number % 4), **ONCE,
                                  Target={"Arn": arn, "RoleArn": ROLE, "Input": str(number)})
    platform.kill()
    platform.start()
    platform.kill()
    platform.start()
    sqs, found = platform.client("sqs"), set()

    def look():
        url = f"{platform.endpoint}/{ACCOUNT}/kept"
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.update(message["Body"] for message in answer.get("Messages", []))
        return len(found) >= 20

    eventually(look, "every schedule", 60)
    assert found == {str(number) for number in range(20)}
