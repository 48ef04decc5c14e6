"""Logging controls: text and JSON logs, levels, groups of one's own, and the variables that tell functions of them."""
import json

import pytest

from harness import NODE, PYTHON, ROLE, eventually, wait, zipped

LEVELS = {
    PYTHON: """
import logging, os
def handler(event, context):
    logger = logging.getLogger()
    for level in ("debug", "info", "warning", "error"):
        getattr(logger, level)("through the logger: " + level)
    print('{"level": "DEBUG", "message": "printed"}')
    print("plain")
    if event == "exit":
        os._exit(3)
    return [os.environ["AWS_LAMBDA_LOG_FORMAT"], os.environ.get("AWS_LAMBDA_LOG_LEVEL")]
""",
    NODE: """
export const handler = async () => {
  for (const level of ["debug", "info", "warn", "error"]) console[level]("through the logger: " + level)
  return [process.env.AWS_LAMBDA_LOG_FORMAT, process.env.AWS_LAMBDA_LOG_LEVEL ?? null]
}
""",
}


def events_of(functions, group, until):
    """The group's messages, once one contains `until`."""
    def look():
        try:
            events = functions.logs.filter_log_events(logGroupName=group)["events"]
        except functions.logs.exceptions.ResourceNotFoundException:
            return None
        return events if any(until in event["message"] for event in events) else None
    return eventually(look, f"{until!r} in {group}")


def records(messages):
    """What is JSON of these, by type where they are the platform's."""
    found = []
    for message in messages:
        try:
            found.append(json.loads(message))
        except ValueError:
            pass
    return found


@pytest.mark.parametrize("runtime", LEVELS)
def test_text_is_the_default(functions, runtime):
    name = functions.create(LEVELS[runtime], runtime)
    answer = functions.invoke(name)
    assert answer.payload == ["Text", None]
    assert answer.log.startswith("START RequestId: ") and "REPORT RequestId: " in answer.log
    shown = functions.api.get_function_configuration(FunctionName=name)["LoggingConfig"]
    assert shown == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}


@pytest.mark.parametrize("runtime", LEVELS)
@pytest.mark.parametrize("level, seen", [
    ("DEBUG", ["debug", "info", "warn", "error"]), ("INFO", ["info", "warn", "error"]), ("ERROR", ["error"]),
])
def test_json_keeps_what_is_severe_enough(functions, runtime, level, seen):
    name = functions.create(LEVELS[runtime], runtime,
                            LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level})
    answer = functions.invoke(name)
    assert answer.payload == ["JSON", level]
    messages = [event["message"] for event in events_of(functions, f"/aws/lambda/{name}", "platform.report")]
    own = [record for record in records(messages) if "type" not in record]
    through = [record["message"].split(": ")[1] for record in own if "through the logger" in str(record["message"])]
    assert [one.replace("warning", "warn") for one in through] == seen
    assert all(record["requestId"] == answer.request_id for record in own if "through" in str(record["message"]))
    if runtime == PYTHON:
        assert [record["message"] for record in own].count("printed") == (1 if level == "DEBUG" else 0)
        assert "plain" in [message.rstrip() for message in messages], "what has no level is kept"
    assert not any(message.startswith(("START", "END", "REPORT", "INIT_START")) for message in messages)


@pytest.mark.parametrize("level, expected", [
    ("DEBUG", ["platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start",
               "platform.runtimeDone", "platform.report"]),
    ("INFO", ["platform.initStart", "platform.start", "platform.report"]),
])
def test_platform_records(functions, level, expected):
    name = functions.create(LEVELS[PYTHON], LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": level})
    answer = functions.invoke(name)
    tail = [json.loads(line) for line in answer.log.splitlines() if line.startswith('{"time"')]
    assert tail[0]["type"] == "platform.start" and tail[0]["record"]["requestId"] == answer.request_id
    assert tail[-1]["type"] in ("platform.report", "platform.runtimeDone")
    messages = [event["message"] for event in events_of(functions, f"/aws/lambda/{name}", "platform.report")]
    told = {record["type"]: record["record"] for record in records(messages) if "type" in record}
    assert sorted(told) == sorted(expected)
    report = told["platform.report"]
    assert (report["requestId"], report["status"]) == (answer.request_id, "success")
    assert report["metrics"]["memorySizeMB"] == 128 and report["metrics"]["initDurationMs"] > 0
    start = told["platform.start"]
    assert start["version"] == "$LATEST" and start["tracing"]["type"] == "X-Amzn-Trace-Id"


def test_warn_tells_of_failures_alone(functions):
    name = functions.create(LEVELS[PYTHON], LoggingConfig={
        "LogFormat": "JSON", "ApplicationLogLevel": "FATAL", "SystemLogLevel": "WARN"})
    assert functions.invoke(name).error is None
    failed = functions.invoke(name, "exit")
    assert failed.error
    messages = [event["message"] for event in events_of(functions, f"/aws/lambda/{name}", "platform.report")]
    told = [record for record in records(messages) if "type" in record]
    assert [record["type"] for record in told] == ["platform.runtimeDone", "platform.report"]
    assert {record["record"]["requestId"] for record in told} == {failed.request_id}
    assert told[1]["record"]["status"] == "error" and told[1]["record"]["errorType"] == "Runtime.ExitError"


def test_functions_may_share_a_group(functions):
    group = "/conformance/shared"
    names = [functions.create(LEVELS[PYTHON], LoggingConfig={"LogGroup": group}) for _ in range(2)]
    for name in names:
        functions.ask(name)
        shown = functions.api.get_function_configuration(FunctionName=name)["LoggingConfig"]
        assert shown == {"LogFormat": "Text", "LogGroup": group}

    def streams():
        try:
            found = functions.logs.describe_log_streams(logGroupName=group)["logStreams"]
        except functions.logs.exceptions.ResourceNotFoundException:
            return None
        return found if len(found) >= 2 else None
    found = [stream["logStreamName"] for stream in eventually(streams, "two streams")]
    assert all(any(f"/{name}[$LATEST]" in stream for stream in found) for name in names), found


def test_updates_are_partial_and_text_drops_levels(functions):
    name = functions.create(LEVELS[PYTHON])
    group = f"/aws/lambda/{name}"
    text = {"LogFormat": "Text", "LogGroup": group}

    def updated(**asked):
        functions.api.update_function_configuration(FunctionName=name, LoggingConfig=asked)
        wait(functions.api, "function_updated_v2", FunctionName=name)
        return functions.api.get_function_configuration(FunctionName=name)["LoggingConfig"]

    def shown_json(application, system):
        return {"LogFormat": "JSON", "ApplicationLogLevel": application, "SystemLogLevel": system, "LogGroup": group}

    assert updated(LogFormat="JSON") == shown_json("INFO", "INFO")
    assert functions.ask(name) == ["JSON", "INFO"]
    assert updated(ApplicationLogLevel="TRACE") == shown_json("TRACE", "INFO")
    assert updated(SystemLogLevel="DEBUG") == shown_json("TRACE", "DEBUG")
    assert functions.ask(name) == ["JSON", "TRACE"]
    assert updated(LogFormat="Text") == text
    assert functions.ask(name) == ["Text", None]
    for asked in ({"ApplicationLogLevel": "INFO"}, {"LogFormat": "Text", "SystemLogLevel": "INFO"}):
        with pytest.raises(functions.api.exceptions.InvalidParameterValueException,
                           match="Log level is not supported when LogFormat is set to Text"):
            functions.api.update_function_configuration(FunctionName=name, LoggingConfig=asked)
    assert functions.api.get_function_configuration(FunctionName=name)["LoggingConfig"] == text
    with pytest.raises(functions.api.exceptions.InvalidParameterValueException, match="Log level is not supported"):
        functions.api.create_function(
            FunctionName=functions.name(), Role=ROLE, Runtime=PYTHON, Handler="app.handler",
            Code={"ZipFile": zipped({"app.py": ""})}, LoggingConfig={"SystemLogLevel": "INFO"})
