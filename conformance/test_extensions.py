"""Extensions: internal and external ones, the Telemetry and Logs APIs, wrappers; ours, and published ones unmodified.

External extensions come in layers; while no platform serves those, their tests say so and are skipped.
"""
import importlib.util
import json
import os
import pathlib

import botocore.exceptions
import pytest

from harness import HERE, NODE, eventually, folder_files, zipped

INTERNAL = """
import http.server, json, os, threading, time, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
seen, told = [], []


def call(method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.load(refused)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def extension(id):
    while True:
        _, _, event = call("GET", "/2020-01-01/extension/event/next", **own)
        seen.append(event)
        time.sleep(float(os.environ.get("EXTENSION_TAKES", "0")))


status, headers, function = call("POST", "/2020-01-01/extension/register", {"events": ["INVOKE"]},
                                 **{"Lambda-Extension-Name": "inside", "Lambda-Extension-Accept-Feature": "accountId"})
own = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
server = http.server.ThreadingHTTPServer(("sandbox.localdomain", 4243), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
subscribed = call("PUT", "/2022-07-01/telemetry", {
    "schemaVersion": "2022-12-13", "types": ["platform", "function"],
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"}}, **own)[::2]
threading.Thread(target=extension, args=(own,), daemon=True).start()


def handler(event, context):
    print("a line")
    if event == "late":
        return [call("POST", "/2020-01-01/extension/register", {}, **{"Lambda-Extension-Name": "late"})[::2],
                call("PUT", "/2022-07-01/telemetry", {}, **own)[::2]]
    deadline = time.time() + 10
    while event and not any(one["type"] == event for one in told) and time.time() < deadline:
        time.sleep(0.01)
    return {"function": function, "subscribed": subscribed, "seen": seen, "told": told}
"""


def layer(functions, name, files):
    """Publishes a layer; its ARN."""
    package = files if isinstance(files, bytes) else zipped(files)
    try:
        return functions.api.publish_layer_version(LayerName=name, Content={"ZipFile": package})["LayerVersionArn"]
    except botocore.exceptions.ClientError as refused:
        if refused.response["Error"]["Code"] == "NotImplementedException":
            pytest.skip("layers are not served yet")
        raise


def test_internal_extension(functions):
    name = functions.create(INTERNAL, MemorySize=512)
    first = functions.ask(name)
    assert first["function"] == {"functionName": name, "functionVersion": "$LATEST", "handler": "app.handler",
                                 "accountId": "000000000000"}
    assert first["subscribed"] == [200, "OK"]
    second = functions.invoke(name)
    event = eventually(lambda: [one for one in functions.ask(name)["seen"]
                                if one["requestId"] == second.request_id], "the event of an invocation")[0]
    assert event["eventType"] == "INVOKE" and event["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert event["invokedFunctionArn"].endswith(f":function:{name}") and event["deadlineMs"] > 1e12


def test_telemetry_tells_everything(functions):
    name = functions.create(INTERNAL, MemorySize=512, Timeout=30)
    first = functions.invoke(name)
    told = functions.ask(name, "platform.report")["told"]
    record = {}
    for event in reversed(told):
        record[event["type"]] = event["record"]
    assert record["platform.initStart"]["functionName"] == name
    assert record["platform.telemetrySubscription"] == {
        "name": "inside", "state": "Subscribed", "types": ["platform", "function"]}
    assert record["platform.extension"] == {"name": "inside", "state": "Ready", "events": ["INVOKE"]}
    assert record["platform.initReport"]["status"] == "success"
    assert record["platform.start"]["requestId"] == first.request_id
    assert record["platform.runtimeDone"]["status"] == "success"
    assert record["platform.runtimeDone"]["metrics"]["producedBytes"] > 0
    assert record["platform.report"]["metrics"]["initDurationMs"] > 0
    assert record["function"].strip() == "a line"
    lines = functions.lines(name, "^REPORT")
    assert "TELEMETRY\tName: inside\tState: Subscribed\tTypes: [Platform, Function]" in [line.strip() for line in lines]
    assert "EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]" in [line.strip() for line in lines]


def test_init_closes_registration_and_subscription(functions):
    name = functions.create(INTERNAL, MemorySize=512)
    register, subscribe = functions.ask(name, "late")
    assert (register[0], register[1]["errorType"]) == (403, "Extension.RegistrationClosed")
    assert (subscribe[0], subscribe[1]["errorType"]) == (403, "Telemetry.SubscriptionClosed")


def test_the_answer_does_not_wait_and_the_time_is_billed(functions):
    name = functions.create(INTERNAL, MemorySize=512, Timeout=30, Environment={"Variables": {"EXTENSION_TAKES": "1.5"}})
    answer = functions.invoke(name)
    assert "REPORT" not in answer.log, "the extension works on"
    report = [line for line in functions.lines(name, "^REPORT") if line.startswith("REPORT")][0]
    assert float(report.split("Duration: ")[1].split(" ms")[0]) >= 1500, report


def test_published_lambda_sigterm_gives_the_runtime_notice(functions):
    """`lambda-sigterm` from PyPI registers an internal extension so that the runtime gets SIGTERM before its end."""
    files = {"app.py": "import os, signal, lambda_sigterm\n"
                       "def bye(*_):\n    os.write(1, b'asked to end\\n')\n    os._exit(0)\n"
                       "signal.signal(signal.SIGTERM, bye)\nlambda_sigterm.register()\n"
                       "def handler(event, context):\n    return 1\n"}
    for package in ("lambda_sigterm", "urllib3"):
        folder = pathlib.Path(importlib.util.find_spec(package).origin).parent
        files |= folder_files(folder, f"{package}/")
    name = functions.create(files, MemorySize=512, Timeout=30)
    assert functions.ask(name) == 1
    functions.lines(name, "EXTENSION\tName: lambda-sigterm\tState: Ready")
    functions.update(name, {"app.py": "def handler(event, context):\n    return 2\n"})
    functions.lines(name, "asked to end")


def test_example_extension(functions):
    arn = layer(functions, "digest", folder_files(HERE.parent / "examples/telemetry-extension/layer"))
    name = functions.create("def handler(event, context):\n    print('one')\n    return 1\n", MemorySize=512,
                            Layers=[arn])
    first = functions.invoke(name)
    functions.lines(name, "REPORT")
    functions.ask(name)
    line = [line for line in functions.lines(name, f'"requestId": "{first.request_id}"') if first.request_id in line
            and "digest" in line][0]
    digest = json.loads(line)
    assert (digest["status"], digest["lines"], digest["cold"]) == ("success", 1, True)
    functions.update(name, {"app.py": "def handler(event, context):\n    return 2\n"})
    functions.lines(name, '"reason": "SPINDOWN"')


COLLECTOR = """#!/usr/bin/env python3
import http.server, os, threading, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print("collected", len(self.rfile.read(int(self.headers["Content-Length"]))), "bytes at", self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 4318), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
register = urllib.request.Request(API + "/register", b'{"events": ["SHUTDOWN"]}', {"Lambda-Extension-Name": "collector"})
own = {"Lambda-Extension-Identifier": urllib.request.urlopen(register).headers["Lambda-Extension-Identifier"]}
urllib.request.urlopen(urllib.request.Request(API + "/event/next", headers=own)).read()
"""


def test_published_serverless_otel_extension(functions):
    """The layer that Serverless, Inc. publishes on npm, as it is: an external extension on the Logs API, and a wrapper
    that loads instrumentation into the runtime; its metrics and traces arrive at a collector beside it."""
    folder = pathlib.Path(os.environ["LAMBENT_NODE_CLIENTS"]) / "node_modules/@serverless/aws-lambda-otel-extension-dist"
    published = layer(functions, "otel", (folder / "extension.zip").read_bytes())
    collector = layer(functions, "collector", {"extensions/collector": COLLECTOR})
    name = functions.create({"index.js": "exports.handler = async event => { console.log('hi'); return event }"}, NODE,
                            "index.handler", MemorySize=1024, Timeout=30, Layers=[published, collector],
                            Environment={"Variables": {
                                "AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-extension/otel-handler",
                                "SLS_OTEL_REPORT_METRICS_URL": "http://localhost:4318/v1/metrics",
                                "SLS_OTEL_REPORT_TRACES_URL": "http://localhost:4318/v1/traces"}})
    assert functions.ask(name, {"n": 1}) == {"n": 1}
    functions.lines(name, "LOGS\tName: otel-extension\tState: Subscribed")
    functions.lines(name, r"EXTENSION\tName: otel-extension\tState: Ready\tEvents: \[INVOKE, SHUTDOWN\]")
    functions.lines(name, "collected [1-9][0-9]* bytes at /v1/metrics")
    functions.lines(name, "collected [1-9][0-9]* bytes at /v1/traces")
    assert functions.ask(name, {"n": 2}) == {"n": 2}
