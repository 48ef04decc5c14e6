"""The AWS CLI (v1, of PyPI): a function's life as a person types it, its log, and who one is.

`aws logs tail` is version 2's own; here its one call, filter-log-events, is made as it makes it.
"""
import base64
import json
import pathlib
import subprocess
import sys
import time

import pytest

from harness import CUSTOM, NODE, PYTHON, ROLE, eventually, zipped

CODE = {
    PYTHON: ("app.py", "def handler(event, context):\n    print('heard', event)\n    if event == 'fail': raise ValueError('asked to')\n"
                       "    return {'got': event}\n"),
    NODE: ("app.mjs", "export const handler = async (event) => {\n  console.log('heard', event)\n"
                      "  if (event === 'fail') throw new RangeError('asked to')\n  return { got: event }\n}\n"),
    CUSTOM: ("bootstrap", "#!/bin/sh\nexit 5\n"),
}


@pytest.fixture
def aws(platform, tmp_path):
    program = pathlib.Path(sys.executable).parent / "aws"

    def run(*arguments, refused=None):
        done = subprocess.run([program, *arguments, "--output", "json"], env=platform.environment(), cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
        if refused:
            assert done.returncode == 255 and refused in done.stderr, done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None
    return run


def test_caller_identity(aws):
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"


@pytest.mark.parametrize("runtime", [PYTHON, NODE])
def test_a_functions_life(aws, tmp_path, functions, runtime):
    name, (file, code) = functions.name(), CODE[runtime]
    package = tmp_path / "code.zip"
    package.write_bytes(zipped({file: code}))
    created = aws("lambda", "create-function", "--function-name", name, "--runtime", runtime, "--role", ROLE,
                  "--handler", "app.handler", "--zip-file", f"fileb://{package}", "--memory-size", "256",
                  "--environment", "Variables={COLOUR=blue}", "--tags", "team=a")
    assert (created["State"], created["MemorySize"]) == ("Pending", 256)
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    assert name in [shown["FunctionName"] for shown in aws("lambda", "list-functions")["Functions"]]

    started = int(time.time() * 1000)
    answer = aws("lambda", "invoke", "--function-name", name, "--payload", '{"a": 1}', "--log-type", "Tail", "out.json")
    assert (answer["StatusCode"], answer.get("FunctionError")) == (200, None)
    assert json.loads((tmp_path / "out.json").read_text()) == {"got": {"a": 1}}
    assert "REPORT RequestId" in base64.b64decode(answer["LogResult"]).decode()
    failed = aws("lambda", "invoke", "--function-name", name, "--payload", '"fail"', "out.json")
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads((tmp_path / "out.json").read_text())["errorMessage"] == "asked to"

    def tail():
        events = aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{name}", "--interleaved",
                     "--start-time", str(started - 60_000))["events"]
        lines = [event["message"] for event in events]
        return lines if sum("REPORT" in line for line in lines) >= 2 else None
    lines = eventually(tail, "the log of two calls")
    assert sum("heard" in line for line in lines) == 2

    package.write_bytes(zipped({file: code.replace("got", "now")}))
    aws("lambda", "update-function-code", "--function-name", name, "--zip-file", f"fileb://{package}")
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    aws("lambda", "update-function-configuration", "--function-name", name, "--timeout", "9")
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    shown = aws("lambda", "get-function", "--function-name", name)
    assert (shown["Configuration"]["Timeout"], shown["Tags"]) == (9, {"team": "a"})
    aws("lambda", "invoke", "--function-name", name, "--payload", "2", "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"now": 2}
    aws("lambda", "delete-function", "--function-name", name)
    aws("lambda", "get-function", "--function-name", name, refused="(ResourceNotFoundException)")
    aws("lambda", "invoke", "--function-name", name, "out.json", refused="Function not found: arn:aws:lambda:")


def test_later_lines_follow(aws, functions):
    """What `tail --follow` does: the same call again, from the time of the last event on."""
    name = functions.create(CODE[PYTHON][1])
    functions.ask(name, "first")
    first = functions.lines(name, "heard first")
    since, seen = 0, []

    def poll():
        nonlocal since
        events = aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{name}", "--interleaved",
                     "--start-time", str(since))["events"]
        for event in events:
            if event["eventId"] not in [known for known, _ in seen]:
                seen.append((event["eventId"], event["message"]))
                since = max(since, event["timestamp"])
        return seen
    eventually(lambda: len(poll()) >= len(first), "the first lines")
    functions.ask(name, "second")
    eventually(lambda: any("heard second" in message for _, message in poll()), "a later line")
    assert [message for _, message in seen if "heard" in message] == ["heard first", "heard second"]


def test_logs_by_stream(aws, functions):
    name = functions.create(CODE[PYTHON][1])
    functions.ask(name, "x")
    functions.lines(name, "REPORT")
    group = f"/aws/lambda/{name}"
    groups = aws("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"]
    assert [shown["logGroupName"] for shown in groups] == [group]
    streams = aws("logs", "describe-log-streams", "--log-group-name", group, "--order-by", "LastEventTime",
                  "--descending")["logStreams"]
    events = aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name",
                 streams[0]["logStreamName"])["events"]
    assert any("heard x" in event["message"] for event in events)
    aws("logs", "delete-log-group", "--log-group-name", group)
    assert aws("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"] == []


def test_unserved_operation(aws):
    aws("lambda", "list-capacity-providers", refused="ListCapacityProviders")
