"""Responses that are read while the function writes them: boto3, Node's streamifyResponse, custom runtimes."""
import base64
import json

import pytest

from harness import CUSTOM, NODE, PYTHON, eventually

# Waits until the client has made a log group, which it does after it has read the first of the response.
WAITS = """
import http from 'node:http'
const ask = (target, body) => new Promise((resolve, reject) => {
  const call = http.request(process.env.AWS_ENDPOINT_URL, { method: 'POST', headers: {
    'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Logs_20140328.${target}` } }, (answer) => {
    let text = ''
    answer.on('data', (data) => { text += data })
    answer.on('end', () => resolve(JSON.parse(text)))
  })
  call.on('error', reject)
  call.end(JSON.stringify(body))
})
const waitFor = async (group) => {
  while ((await ask('DescribeLogGroups', { logGroupNamePrefix: group })).logGroups.length === 0);
}
"""
STREAMING = WAITS + """
export const waits = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/plain')
  stream.write('first ')
  // A URL's event has none.
  await waitFor(event.group ?? '/js/url')
  stream.write('second')
  stream.end()
})
export const big = awslambda.streamifyResponse(async (event, stream) => {
  for (let i = 0; i < event.megabytes; i++) {
    if (!stream.write(Buffer.alloc(1 << 20, 'x'))) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end()
})
export const failsLate = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('some')
  await new Promise((resolve) => setTimeout(resolve, 20))
  throw new TypeError('halfway')
})
export const failsEarly = awslambda.streamifyResponse(async () => { throw new TypeError('at once') })
export const hangs = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('some')
  await new Promise((resolve) => setTimeout(resolve, 60_000))
})
export const exits = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('some')
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.exit(3)
})
export const goesOn = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first')
  await waitFor(event.group)
  for (let i = 0; i < 30; i++) {
    if (!stream.write(Buffer.alloc(1 << 20))) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end()
  await new Promise((resolve) => stream.once('finish', resolve))
  console.log('wrote it all')
})
"""


@pytest.fixture(scope="module")
def stream(functions):
    """Makes a function of one of the handlers above, once; gives a way to read what it streams."""
    made = {}

    def streamed(handler, event=None, **arguments):
        if handler not in made:
            made[handler] = functions.create(STREAMING, NODE, f"app.{handler}", MemorySize=1769, Timeout=5)
        return functions.api.invoke_with_response_stream(
            FunctionName=made[handler], Payload=json.dumps(event), **arguments)

    streamed.made = made
    return streamed


def read(answer):
    """All that was streamed, and the last event."""
    events = list(answer["EventStream"])
    assert all("PayloadChunk" in event for event in events[:-1])
    return b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1]), events[-1]["InvokeComplete"]


def test_the_first_chunk_comes_while_the_function_writes(functions, stream):
    answer = stream("waits", {"group": "/stream/first"}, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    events = iter(answer["EventStream"])
    assert next(events) == {"PayloadChunk": {"Payload": b"first "}}
    functions.logs.create_log_group(logGroupName="/stream/first")
    assert next(events) == {"PayloadChunk": {"Payload": b"second"}}
    complete = next(events)["InvokeComplete"]
    assert list(complete) == ["LogResult"]
    assert "REPORT RequestId: " in base64.b64decode(complete["LogResult"]).decode()
    assert list(events) == []


def test_failures(stream):
    body, complete = read(stream("failsLate"))
    assert body == b"some" and complete["ErrorCode"] == "Unhandled"
    details = json.loads(complete["ErrorDetails"])
    assert (details["errorType"], details["errorMessage"]) == ("TypeError", "halfway")
    body, complete = read(stream("failsEarly"))
    assert body == b"" and json.loads(complete["ErrorDetails"])["errorMessage"] == "at once"
    body, complete = read(stream("hangs"))
    assert body == b"some" and json.loads(complete["ErrorDetails"])["errorType"] == "Sandbox.Timedout"
    body, complete = read(stream("exits"))
    assert body == b"some" and json.loads(complete["ErrorDetails"])["errorType"] == "Runtime.ExitError"


def test_a_large_response(functions, stream):
    body, complete = read(stream("big", {"megabytes": 5}))
    assert body == b"x" * (5 << 20) and complete == {}
    # A buffered invocation of the same function has the bound of those, and does the function no harm.
    answer = functions.invoke(stream.made["big"], {"megabytes": 9})
    assert answer.payload["errorType"] == "Function.ResponseSizeTooLarge"
    answer = functions.invoke(stream.made["big"], {"megabytes": 1})
    assert (answer.error, answer.body, answer.cold) == (None, b"x" * (1 << 20), False)


def test_a_client_that_goes_away(functions, stream):
    answer = stream("goesOn", {"group": "/stream/gone"})
    assert next(iter(answer["EventStream"])) == {"PayloadChunk": {"Payload": b"first"}}
    answer["EventStream"].close()
    functions.logs.create_log_group(logGroupName="/stream/gone")
    # Thirty megabytes, which at the pace of a client would take the function's whole time.
    lines = functions.lines(stream.made["goesOn"], "REPORT")
    assert any("wrote it all" in line for line in lines), lines
    assert not any("Status: " in line for line in lines), lines


def test_functions_that_do_not_stream(functions):
    name = functions.create("def handler(event, context):\n    return event['a']\n", PYTHON)
    answer = functions.api.invoke_with_response_stream(FunctionName=name, Payload=json.dumps({"a": [1]}))
    assert list(answer["EventStream"]) == [{"PayloadChunk": {"Payload": b"[1]"}}, {"InvokeComplete": {}}]
    answer = functions.api.invoke_with_response_stream(FunctionName=name, Payload="{}")
    body, complete = read(answer)
    assert body == b"" and json.loads(complete["ErrorDetails"])["errorType"] == "KeyError"


BOOTSTRAP = """#!/usr/bin/python3
import base64, os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
api = socket.create_connection((host, int(port)))
answers = api.makefile("rb")

def answer():
    headers, line = {}, answers.readline()
    while (line := answers.readline().strip()):
        name, value = line.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    return headers, answers.read(int(headers.get("content-length", 0)))

while True:
    api.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    headers, event = answer()
    path = "/2018-06-01/runtime/invocation/" + headers["lambda-runtime-aws-request-id"] + "/response"
    api.sendall((f"POST {path} HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n"
                 "Lambda-Runtime-Function-Response-Mode: streaming\\r\\n"
                 "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n").encode())
    for piece in (b"one", b"two"):
        api.sendall(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
    failed = "Lambda-Runtime-Function-Error-Type: Function.Own\\r\\nLambda-Runtime-Function-Error-Body: " \\
        + base64.b64encode(b'{"errorMessage": "own"}').decode() + "\\r\\n"
    api.sendall(("0\\r\\n" + (failed if event == b'"fail"' else "") + "\\r\\n").encode())
    answer()
"""


def test_custom_runtimes_stream(functions):
    name = functions.create(BOOTSTRAP, CUSTOM)
    for _ in range(2):
        answer = functions.api.invoke_with_response_stream(FunctionName=name, Payload='"well"')
        assert read(answer) == (b"onetwo", {})
    answer = functions.api.invoke_with_response_stream(FunctionName=name, Payload='"fail"')
    assert read(answer) == (b"onetwo", {"ErrorCode": "Unhandled", "ErrorDetails": '{"errorMessage": "own"}'})
    assert functions.invoke(name, "well").body == b"onetwo"


def test_refusals(functions, stream):
    with pytest.raises(functions.api.exceptions.ResourceNotFoundException):
        functions.api.invoke_with_response_stream(FunctionName="nothing")
    with pytest.raises(functions.api.exceptions.InvalidRequestContentException):
        functions.api.invoke_with_response_stream(FunctionName=stream.made["big"], Payload="no json")
    dry = functions.api.invoke_with_response_stream(FunctionName=stream.made["big"], InvocationType="DryRun")
    assert dry["StatusCode"] == 204


def test_many_streams_at_once_leave_nothing(functions, stream):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as clients:
        for body, complete in clients.map(lambda _: read(stream("big", {"megabytes": 2})), range(16)):
            assert (len(body), complete) == (2 << 20, {})
    eventually(lambda: functions.invoke(stream.made["big"], {"megabytes": 0}).error is None, "an answer")
