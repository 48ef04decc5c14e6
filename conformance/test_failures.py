"""Ways to fail, in Python, Node.js and custom runtimes: what the caller gets, what the log says, and what is left.

After every failure the next invocation works where it can, and a neighbour is unharmed.
"""
import re
import time

import pytest

from harness import CUSTOM, NODE, PYTHON

PY = "import ctypes, os, sys, time\nif os.environ.get('AT_INIT'): exec(os.environ['AT_INIT'])\n" \
     "def handler(event, context):\n    if not event: return 'well'\n"
JS = "export const handler = async (event) => {\n  if (!event) return 'well'\n"
EXITED = "Runtime.ExitError"
KILLED = "RequestId: {id} Error: Runtime exited with error: signal: killed"


class Failing:
    """One way to fail: the body of a handler that does it, and what AWS answers."""

    def __init__(self, runtime, body, error_type, message, logged=(), cold=True, status=None, **settings):
        self.code = (PY + "    " + body.replace("\n", "\n    ") if runtime == PYTHON else JS + "  " + body + "\n}\n")
        self.runtime, self.settings = runtime, settings
        self.error_type, self.message, self.logged = error_type, message, logged
        self.cold = cold  # Whether the environment is lost with the invocation.
        # What REPORT says; the platform knows a function's own error by its type.
        self.status = status or f"Status: error\tError Type: {error_type}"


# The message is a regular expression; `{id}` is the request's.
WAYS = {
    "python raise": Failing(PYTHON, "print('before')\nraise ValueError('boom')", "ValueError", "boom", cold=False,
                            logged=["before", "[ERROR] ValueError: boom"]),
    "node throw": Failing(NODE, "console.log('before'); throw new RangeError('boom')", "RangeError", "boom", cold=False,
                          logged=["\tINFO\tbefore", "\tERROR\tInvoke Error \t"]),
    "python timeout": Failing(PYTHON, "print('before', flush=True)\ntime.sleep(60)", "Sandbox.Timedout",
                              "RequestId: {id} Error: Task timed out after 1.00 seconds", Timeout=1,
                              logged=["before", "{id} Task timed out after 1.00 seconds"], status="Status: timeout"),
    "node timeout": Failing(NODE, "await new Promise(resolve => setTimeout(resolve, 60000))", "Sandbox.Timedout",
                            "RequestId: {id} Error: Task timed out after 1.00 seconds", Timeout=1,
                            logged=["{id} Task timed out after 1.00 seconds"], status="Status: timeout"),
    "python busy timeout": Failing(PYTHON, "while True: pass", "Sandbox.Timedout", ".* after 1.00 seconds", Timeout=1,
                                   status="Status: timeout"),
    "python exit": Failing(PYTHON, "sys.exit(7)", EXITED,
                           "RequestId: {id} Error: Runtime exited with error: exit status 7"),
    "python exit 0": Failing(PYTHON, "os._exit(0)", EXITED,
                             "RequestId: {id} Error: Runtime exited without providing a reason"),
    "node exit": Failing(NODE, "process.exit(7)", EXITED,
                         "RequestId: {id} Error: Runtime exited with error: exit status 7"),
    "node exit 0": Failing(NODE, "process.exit(0)", EXITED,
                           "RequestId: {id} Error: Runtime exited without providing a reason"),
    "python abort": Failing(PYTHON, "os.abort()", EXITED,
                            r"RequestId: {id} Error: Runtime exited with error: signal: aborted( \(core dumped\))?"),
    "node abort": Failing(NODE, "process.abort()", EXITED,
                          r"RequestId: {id} Error: Runtime exited with error: signal: aborted( \(core dumped\))?"),
    "python segfault": Failing(PYTHON, "ctypes.string_at(0)", EXITED, "RequestId: {id} Error: Runtime exited with "
                               r"error: signal: segmentation fault( \(core dumped\))?"),
    "python kills itself": Failing(PYTHON, "os.kill(os.getpid(), 9)", EXITED, KILLED),
    "node kills itself": Failing(NODE, "process.kill(process.pid, 'SIGKILL')", EXITED, KILLED),
    "python out of memory": Failing(PYTHON, "b = [bytearray(b'x' * 2**20) for _ in range(1024)]",
                                    "Runtime.OutOfMemory", KILLED, logged=["Max Memory Used: 128 MB"], Timeout=30),
    "node out of memory": Failing(NODE, "const b = []; for (let n = 0; n < 1024; n++) b.push(Buffer.alloc(2**20, 1))",
                                  "Runtime.OutOfMemory", KILLED, logged=["Max Memory Used: 128 MB"], Timeout=30),
    # AWS's Python client ends when its response is refused; the Node.js one goes on.
    "python too large": Failing(PYTHON, "return 'x' * (6291556 + 10)", "Function.ResponseSizeTooLarge",
                                r"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).",
                                Timeout=30, MemorySize=512),
    "node too large": Failing(NODE, "return 'x'.repeat(6291556 + 10)", "Function.ResponseSizeTooLarge",
                              r"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).",
                              cold=False, Timeout=30, MemorySize=512),
    "python not serialisable": Failing(PYTHON, "return {1, 2}", "Runtime.MarshalError", ".*not JSON serializable",
                                       cold=False),
    "node circular": Failing(NODE, "const a = {}; a.a = a; return a", "Error", "Unable to stringify response body", cold=False),
    "node unhandled rejection": Failing(NODE, "Promise.reject(new Error('nobody listens')); "
                                        "await new Promise(resolve => setTimeout(resolve, 500))",
                                        "Runtime.UnhandledPromiseRejection", "Error: nobody listens"),
    "python recursion": Failing(PYTHON, "def f(): return f()\nf()", "RecursionError", ".*recursion.*", cold=False),
}
# Functions that never get to their handler: nothing can be mended by the next call.
STILLBORN = {
    "python syntax error": (PYTHON, {"app.py": "def handler(:\n"}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': .*"),
    "node syntax error": (NODE, {"app.mjs": "export const handler = => 1\n"}, "Runtime.UserCodeSyntaxError", "SyntaxError: .*"),
    "python missing module": (PYTHON, {"other.py": ""}, "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'app'"),
    "python missing import": (PYTHON, {"app.py": "import not_there"}, "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'not_there'"),
    "node missing module": (NODE, {"other.mjs": ""}, "Runtime.ImportModuleError", "(?s)Error: Cannot find module 'app'.*"),
    "node missing import": (NODE, {"app.mjs": "import 'not-there'"}, None, "(?s).*not-there.*"),
    "python missing handler": (PYTHON, {"app.py": ""}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    "node missing handler": (NODE, {"app.mjs": ""}, "Runtime.HandlerNotFound", "app.handler is undefined or not exported"),
    "python error at init": (PYTHON, {"app.py": "raise ConnectionError('no database')"}, "ConnectionError", "no database"),
    "node error at init": (NODE, {"app.mjs": "throw new Error('no database')"}, "Error", "no database"),
    "python exit at init": (PYTHON, {"app.py": "import os; os._exit(3)"}, EXITED, "RequestId: {id} Error: Runtime exited with error: exit status 3"),
    "python killed at init": (PYTHON, {"app.py": "import os; os.kill(os.getpid(), 9)"}, EXITED, KILLED),
    "no bootstrap": (CUSTOM, {"app.py": ""}, "Runtime.InvalidEntrypoint", r"RequestId: {id} Error: Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]"),
    "bootstrap that exits": (CUSTOM, {"bootstrap": "#!/bin/sh\nexit 127\n"}, EXITED, "RequestId: {id} Error: Runtime exited with error: exit status 127"),
    "bootstrap of nothing": (CUSTOM, {"bootstrap": b"\x7fELF garbage"}, None, "RequestId: {id} Error: .*"),
    "bootstrap without interpreter": (CUSTOM, {"bootstrap": "#!/not/there\n"}, None, "RequestId: {id} Error: .*"),
}


@pytest.fixture(scope="module")
def neighbour(functions):
    return functions.create("def handler(event, context):\n    return 'unharmed'\n", MemorySize=512)


def check(answer, error_type, message):
    assert (answer.status, answer.error, answer.version) == (200, "Unhandled", "$LATEST"), answer.payload
    assert error_type in (None, answer.payload["errorType"]), answer.payload
    assert re.fullmatch(message.replace("{id}", answer.request_id), answer.payload["errorMessage"]), answer.payload


@pytest.mark.parametrize("way", WAYS)
def test_failure(functions, neighbour, way):
    failing = WAYS[way]
    name = functions.create(failing.code, failing.runtime, **failing.settings)
    assert functions.ask(name) == "well"
    answer = functions.invoke(name, "fail")
    check(answer, failing.error_type, failing.message)
    for text in (f"START RequestId: {answer.request_id}", f"END RequestId: {answer.request_id}", *failing.logged):
        assert text.replace("{id}", answer.request_id) in answer.log, answer.log
    if failing.error_type and "." in failing.error_type or failing.cold:
        assert failing.status in answer.log, answer.log
    after = functions.invoke(name)
    assert (after.error, after.payload) == (None, "well")
    if failing.cold:
        assert after.cold, after.log
    assert functions.ask(neighbour) == 'unharmed'


@pytest.mark.parametrize("way", STILLBORN)
def test_failure_before_the_handler(functions, neighbour, way):
    runtime, files, error_type, message = STILLBORN[way]
    name = functions.create(files, runtime, Timeout=2)
    for _ in range(2):
        answer = functions.invoke(name)
        check(answer, error_type, message)
        assert f"START RequestId: {answer.request_id}" in answer.log
        assert f"REPORT RequestId: {answer.request_id}" in answer.log
    assert functions.ask(neighbour) == 'unharmed'
    fixed = {PYTHON: {"app.py": "def handler(event, context):\n    return 'mended'\n"},
             NODE: {"app.mjs": "export const handler = async () => 'mended'\n"}}.get(runtime)
    if fixed:
        functions.update(name, fixed)
        assert functions.ask(name) == "mended"


def test_python_error_payload(functions):
    name = functions.create("def deep():\n    raise KeyError('é')\ndef handler(event, context):\n    deep()\n")
    answer = functions.invoke(name)
    assert answer.payload == {
        "errorMessage": "'é'", "errorType": "KeyError", "requestId": answer.request_id,
        "stackTrace": ['  File "/var/task/app.py", line 4, in handler\n    deep()\n',
                       '  File "/var/task/app.py", line 2, in deep\n    raise KeyError(\'é\')\n']}


def test_node_error_payload(functions):
    name = functions.create("export const handler = async () => { throw new TypeError('é') }\n", NODE)
    payload = functions.invoke(name).payload
    assert (payload["errorType"], payload["errorMessage"]) == ("TypeError", "é")
    assert payload["trace"][0] == "TypeError: é" and "app.mjs:1:" in payload["trace"][1]


def init_reports(functions, name):
    lines = functions.lines(name, "REPORT RequestId")
    return [line for line in lines if line.startswith("INIT_REPORT")]


def test_init_that_fails_twice_is_reported_twice(functions):
    name = functions.create("raise OSError('at init')\n")
    answer = functions.invoke(name)
    assert answer.payload["errorType"] == "OSError" and answer.payload["requestId"] in ("", answer.request_id)
    phases = [re.search("Phase: (\\w+)\tStatus: (\\w+)", line).groups() for line in init_reports(functions, name)]
    assert phases == [("init", "error"), ("invoke", "error")]


def test_init_that_fails_once_costs_no_invocation(functions):
    """The function remembers its first init in the platform: a log group can be made only once."""
    name = functions.create("""
import http.client, json, os
platform = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
group = {"logGroupName": "/tried/" + os.environ["AWS_LAMBDA_FUNCTION_NAME"]}
platform.request("POST", "/", json.dumps(group), {
    "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.CreateLogGroup"})
if platform.getresponse().status == 200:
    raise OSError("the first init fails")
def handler(event, context):
    return "well at last"
""")
    answer = functions.invoke(name)
    assert (answer.error, answer.payload) == (None, "well at last")
    assert not answer.cold, "the repeated init belongs to the invocation's own duration"
    assert len(init_reports(functions, name)) == 1


def test_init_has_ten_seconds(functions):
    name = functions.create("import time\ntime.sleep(60)\n", Timeout=1)
    answer = functions.invoke(name)
    check(answer, "Sandbox.Timedout", "RequestId: {id} Error: Task timed out after 1.00 seconds")
    assert re.fullmatch(r"INIT_REPORT Init Duration: 1\d{4}\.\d\d ms\tPhase: init\tStatus: timeout\s*",
                        init_reports(functions, name)[0])


def test_deadline_is_the_functions_timeout(functions):
    name = functions.create("def handler(event, context):\n    return context.get_remaining_time_in_millis()\n",
                            Timeout=9)
    assert 8000 < functions.ask(name) <= 9000


def test_a_runtime_that_dies_while_idle(functions):
    """Its next caller may be told of it, at once; the one after finds a new environment."""
    name = functions.create("import os, threading\ndef handler(event, context):\n"
                            "    threading.Timer(0.02, os._exit, (1,)).start()\n    return 'well'\n", MemorySize=512)
    for _ in range(3):
        assert functions.ask(name) == "well"
        time.sleep(0.3)  # Long enough to die and for the platform to notice.
        answer = functions.invoke(name)
        assert answer.payload == "well" or answer.payload["errorType"] == "Runtime.ExitError"
        time.sleep(0.3)
