"""Events: run beside their answer, retried, sent on; and none is lost when the server is killed.

What functions see is recorded through the platform's own API from inside, because it is durable when they go on: the
name of a log stream is what happened.
"""
import concurrent.futures
import json
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness import ACCOUNT, REGION, Functions, eventually, zipped
from test_from_inside import boto3_files

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
# Records the event under a name that tells one run from another, then does what the event says.
RECORDER = '''
import http.client, json, os, time, urllib.parse, uuid

def record(text):
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(endpoint.netloc, timeout=20)
    name = f"{text}/{uuid.uuid4()}"
    connection.request("POST", "/", json.dumps({"logGroupName": "seen", "logStreamName": name}), {
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.CreateLogStream"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()

def handler(event, context):
    if "requestContext" in event:
        request = event["requestContext"]
        record(f"{request['condition']}/{event['requestPayload']['number']}")
        return
    record(f"ran/{event['number']}")
    time.sleep(event.get("seconds", 0.05))
    if event["number"] % 5 == 0:
        raise ValueError("every fifth fails")
'''


def recorder(functions, **settings):
    name = functions.create(RECORDER, **settings)
    try:
        functions.logs.create_log_group(logGroupName="seen")
    except functions.logs.exceptions.ResourceAlreadyExistsException:
        pass
    return name


def seen(functions):
    """Everything that was recorded, without what tells one run from another; some of it more than once."""
    pages = functions.logs.get_paginator("describe_log_streams").paginate(logGroupName="seen")
    return [stream["logStreamName"].rsplit("/", 1)[0] for page in pages for stream in page["logStreams"]]


def send(api, name, number, **more):
    event = json.dumps({"number": number, **more})
    answer = api.invoke(FunctionName=name, InvocationType="Event", Payload=event)
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""


def test_an_event_runs_and_its_record_arrives(functions):
    name, target = recorder(functions), recorder(functions)
    functions.api.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": ARN + target}, "OnFailure": {"Destination": ARN + target}})
    send(functions.api, name, 1)
    send(functions.api, name, 5)
    wanted = {"ran/1", "Success/1", "ran/5", "RetriesExhausted/5"}
    eventually(lambda: wanted <= set(seen(functions)), wanted)
    answer = functions.api.invoke_async(FunctionName=name, InvokeArgs=b'{"number": 2}')
    assert answer["Status"] == 202
    eventually(lambda: "Success/2" in seen(functions), "the record of the deprecated call")


def test_configs(functions):
    name, target = functions.create("def handler(event, context): pass\n"), recorder(functions)
    api = functions.api
    config = {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60,
              "DestinationConfig": {"OnSuccess": {"Destination": ARN + target}, "OnFailure": {}}}
    api.put_function_event_invoke_config(FunctionName=name, **config)
    shown = api.get_function_event_invoke_config(FunctionName=name)
    assert {member: shown[member] for member in config} == config
    assert shown["FunctionArn"] == f"{ARN}{name}:$LATEST"
    assert abs(shown["LastModified"].timestamp() - time.time()) < 60
    api.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    [listed] = api.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert (listed["MaximumRetryAttempts"], listed["MaximumEventAgeInSeconds"]) == (0, 60)
    api.delete_function_event_invoke_config(FunctionName=name)
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="doesn't have an EventInvokeConfig"):
        api.get_function_event_invoke_config(FunctionName=name)
    assert api.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"


def test_a_loop_through_the_sdk_is_stopped(functions):
    """boto3 sends the trace on that its runtime gave it, so a function that calls itself is seen."""
    code = ("import os, sys\nsys.path.insert(0, os.path.join(os.environ['LAMBDA_TASK_ROOT'], 'packages'))\n"
            "import boto3, json\n"
            "def handler(event, context):\n"
            "    if event['depth'] == 20:\n"
            "        return 20\n"
            "    event['depth'] += 1\n"
            "    answer = boto3.client('lambda').invoke(FunctionName=context.function_name, Payload=json.dumps(event))\n"
            "    return json.loads(answer['Payload'].read())\n")
    name = functions.create(zipped({"app.py": code, **boto3_files()}), MemorySize=1769, Timeout=120)
    payload = functions.invoke(name, {"depth": 0}).payload
    assert payload["errorType"] == "RecursiveInvocationException", payload
    functions.api.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert functions.ask(name, {"depth": 0}) == 20


ROUNDS, CLIENTS = 5, 4


class Sender:
    """Sends events with numbers of its own until the platform is gone; knows which were acknowledged."""

    def __init__(self, first):
        self.numbers = iter(range(first, 10**9, CLIENTS))
        self.acknowledged = []

    def storm(self, api, name):
        for number in self.numbers:
            try:
                send(api, name, number)
            except (ClientError, BotoCoreError) as error:
                assert not isinstance(error, ClientError), error
                return
            self.acknowledged.append(number)


@pytest.mark.timeout(240)
def test_kill_in_a_storm_of_events(start):
    platform = start()
    functions = Functions(platform)
    name, target = recorder(functions, Timeout=60), recorder(functions, Timeout=60)
    functions.api.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": ARN + target}})
    senders = [Sender(first) for first in range(CLIENTS)]
    for number in range(ROUNDS):
        before = sum(len(sender.acknowledged) for sender in senders)
        threads = [threading.Thread(target=sender.storm, args=(platform.client("lambda"), name)) for sender in senders]
        [thread.start() for thread in threads]
        enough = random.Random(number).randrange(20, 80)
        eventually(lambda: sum(len(sender.acknowledged) for sender in senders) - before >= enough, "some events")
        platform.kill()
        [thread.join() for thread in threads]
        platform.start()
    functions = Functions(platform)
    acknowledged = {number for sender in senders for number in sender.acknowledged}
    wanted = {f"ran/{number}" for number in acknowledged}
    wanted |= {f"RetriesExhausted/{number}" for number in acknowledged if number % 5 == 0}
    eventually(lambda: wanted <= set(seen(functions)), "the end of every event", 120)
    everything = seen(functions)
    print(f"{len(acknowledged)} events acknowledged over {ROUNDS} kills, 0 lost, "
          f"{len(everything) - len(set(everything))} seen again")
    assert platform.stop() == 0


def test_an_event_that_a_stop_interrupts_has_not_failed(start):
    platform = start()
    functions = Functions(platform)
    name, target = recorder(functions, Timeout=60), recorder(functions)
    functions.api.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": ARN + target}, "OnFailure": {"Destination": ARN + target}})
    send(functions.api, name, 1, seconds=4)
    eventually(lambda: seen(functions) == ["ran/1"], "its beginning")
    assert platform.stop() == 0
    platform.start()
    functions = Functions(platform)
    eventually(lambda: sorted(seen(functions)) == ["Success/1", "ran/1", "ran/1"], "its second run and its end")


def test_events_wait_while_callers_find_room(start):
    platform = start("--concurrency", "4")
    functions = Functions(platform)
    name = functions.create("import time\ndef handler(event, context):\n    time.sleep(0.05)\n    return event\n",
                            MemorySize=1024)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: send(functions.api, name, number), range(200)))
    assert [functions.ask(name, number) for number in range(20)] == list(range(20))
