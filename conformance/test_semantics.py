"""What functions may rely on: one invocation at a time, warm state, their own /tmp, their environment, the freezer."""
import concurrent.futures
import json
import re
import threading
import time

import pytest

import leftovers
from harness import CUSTOM, NODE, PYTHON, ROLE, eventually, wait, zipped

COUNT = {
    PYTHON: "calls = 0\ndef handler(event, context):\n    global calls\n    calls += 1\n"
            "    return [calls, context.log_stream_name]\n",
    NODE: "let calls = 0\nexport const handler = async (event, context) => [++calls, context.logStreamName]\n",
}
# As AWS has them; None must be absent.
VARIABLES = {
    "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "{name}",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/{name}",
    "AWS_LAMBDA_LOG_STREAM_NAME": "{stream}", "AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_LOG_LEVEL": None,
    "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8", "TZ": ":UTC",
    "_HANDLER": "app.handler", "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin", "COLOUR": "blue",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
}
BY_RUNTIME = {
    PYTHON: {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "PYTHONPATH": "/var/runtime",
             "_LAMBDA_TELEMETRY_LOG_FD": None},
    NODE: {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x", "_LAMBDA_TELEMETRY_LOG_FD": None,
           "NODE_PATH": "/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:"
                        "/var/runtime:/var/task"},
    CUSTOM: {"AWS_EXECUTION_ENV": None, "_X_AMZN_TRACE_ID": None},
}
SHOW_VARIABLES = {
    PYTHON: "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
    NODE: "export const handler = async () => process.env\n",
    CUSTOM: """#!/usr/bin/python3
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    event.read()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", json.dumps(dict(os.environ)))
    api.getresponse().read()
""",
}


@pytest.mark.parametrize("runtime", COUNT)
def test_state_survives_between_calls_in_turn(functions, runtime):
    """Whoever comes back finds an environment that was used before, not a spare that never was."""
    for _ in range(5):
        name = functions.create(COUNT[runtime], runtime, MemorySize=512)
        answers = [functions.ask(name) for _ in range(4)]
        time.sleep(0.2)  # Were another environment started behind the back, it would be there by now.
        answers += [functions.ask(name) for _ in range(4)]
        assert answers[4][0] > 1, answers
        assert len({stream for _, stream in answers}) <= 2, answers


def test_one_invocation_at_a_time(functions):
    name = functions.create("""
import time
inside = 0
def handler(event, context):
    global inside
    inside += 1
    seen = inside
    time.sleep(0.05)
    inside -= 1
    return [seen, context.log_stream_name]
""", MemorySize=512)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: functions.ask(name), range(40)))
    assert {seen for seen, _ in answers} == {1}
    assert len({stream for _, stream in answers}) > 1


def test_new_code_while_the_old_still_runs(functions):
    name = functions.create("import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'old'\n",
                            Timeout=30)
    assert functions.ask(name, 0) == "old"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(functions.ask, name, 3)
        eventually(lambda: sum(line.startswith("START") for line in functions.lines(name, "^START")) == 2,
                   "the long invocation to begin")
        functions.update(name, {"app.py": "def handler(event, context):\n    return 'new'\n"})
        assert functions.ask(name, 0) == "new"
        assert not long.done(), "the update was to come while the old code runs"
        assert long.result() == "old"
    assert {functions.ask(name, 0) for _ in range(5)} == {"new"}


@pytest.mark.parametrize("change", ["update", "delete"])
@pytest.mark.parametrize("when", ["meanwhile", "straight after"])
def test_old_environments_end_with_their_last_call(functions, platform, change, when):
    before = set(leftovers.children(platform.pid))
    name = functions.create("import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'old'\n",
                            Timeout=10)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(functions.ask, name, 1 if when == "meanwhile" else 0)
        if when == "meanwhile":
            functions.lines(name, "^START")
        else:
            call.result()
        if change == "update":
            functions.update(name, {"app.py": "def handler(event, context):\n    return 'new'\n"})
        else:
            functions.api.delete_function(FunctionName=name)
        assert call.result() == "old"

    def runtimes():
        new = leftovers.alive(set(leftovers.children(platform.pid)) - before)
        # Those that wait for a function are nobody's, and stay.
        mine = f"AWS_LAMBDA_FUNCTION_NAME={name}\0".encode()
        return [pid for pid, _ in new if mine in leftovers.read_bytes(f"/proc/{pid}/environ")]
    eventually(lambda: not runtimes(), "the end of the old environment", 5)


def test_new_configuration_means_new_environments(functions):
    name = functions.create("import os\ndef handler(event, context):\n    return os.environ['COLOUR']\n",
                            Environment={"Variables": {"COLOUR": "blue"}})
    assert functions.ask(name) == "blue"
    functions.api.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": "red"}})
    wait(functions.api, "function_updated_v2", FunctionName=name)
    assert functions.ask(name) == "red"


def test_tmp_is_private_and_kept(functions):
    code = ("import os\ndef handler(event, context):\n    before = os.listdir('/tmp')\n"
            "    open('/tmp/' + event, 'w').write('x')\n    return sorted(before)\n")
    one, other = functions.create(code), functions.create(code)
    assert functions.ask(one, "a") == []
    assert functions.ask(other, "b") == []
    eventually(lambda: functions.ask(one, "a") == ["a"], "the warm environment")
    functions.update(one, {"app.py": code + "# changed\n"})
    assert functions.ask(one, "c") == []


@pytest.mark.parametrize("runtime", SHOW_VARIABLES)
def test_environment_variables(functions, runtime):
    name = functions.create(SHOW_VARIABLES[runtime], runtime, MemorySize=192,
                            Environment={"Variables": {"COLOUR": "blue"}})
    shown = functions.ask(name)
    wanted = {**VARIABLES, **BY_RUNTIME[runtime]}
    # The interpreter's own release, which may be another than the function's.
    major = re.search(r"/node(\d+)/|$", shown.get("NODE_PATH", "")).group(1)
    given = {"name": name, "stream": shown["AWS_LAMBDA_LOG_STREAM_NAME"], "major": major}
    expected = {key: value and value.format(**given) for key, value in wanted.items()}
    assert {key: shown.get(key) for key in expected} == expected
    assert all(shown[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    assert {"HOME", "PWD", "USER", "SHELL"} - shown.keys() or runtime == CUSTOM, "nothing of the host's leaks"


def test_user_may_override_what_aws_lets_them(functions):
    given = {"TZ": "Europe/Berlin", "LANG": "C", "PATH": "/bin"}
    name = functions.create(SHOW_VARIABLES[PYTHON], Environment={"Variables": given})
    assert {key: functions.ask(name)[key] for key in given} == given


def test_python_context(functions):
    name = functions.create("""
def handler(event, c):
    c.log("through the context")
    return [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb, c.aws_request_id,
            c.log_group_name, c.log_stream_name, c.identity.cognito_identity_id, c.client_context]
""")
    answer = functions.invoke(name)
    *context, stream, cognito, client = answer.payload
    assert context == [name, "$LATEST", f"arn:aws:lambda:us-east-1:000000000000:function:{name}", "128",
                       answer.request_id, f"/aws/lambda/{name}"]
    assert (cognito, client) == (None, None) and "through the context" in answer.log
    day, version, environment = stream[:10], stream[11:20], stream[20:]
    assert time.strptime(day, "%Y/%m/%d") and version == "[$LATEST]" and len(environment) == 32


def test_node_context(functions):
    name = functions.create("""
export const handler = async (event, c) => [c.functionName, c.functionVersion, c.invokedFunctionArn,
  c.memoryLimitInMB, c.awsRequestId, c.logGroupName, c.getRemainingTimeInMillis() <= 3000]
""", NODE)
    answer = functions.invoke(name)
    assert answer.payload == [name, "$LATEST", f"arn:aws:lambda:us-east-1:000000000000:function:{name}", "128",
                              answer.request_id, f"/aws/lambda/{name}", True]


@pytest.mark.parametrize("runtime, code", [
    (PYTHON, "import threading, time\nticks = 0\ndef tick():\n    global ticks\n    while True:\n        ticks += 1\n"
             "        time.sleep(0.01)\nthreading.Thread(target=tick, daemon=True).start()\n"
             "def handler(event, context):\n    return ticks\n"),
    (NODE, "let ticks = 0\nsetInterval(() => ticks++, 10)\nexport const handler = async () => ticks\n"),
])
def test_idle_environments_are_frozen(functions, runtime, code):
    name = functions.create(code, runtime, MemorySize=512)
    before = functions.ask(name)
    time.sleep(3)  # The passing of time is what is tested: 300 ticks would go by.
    assert functions.ask(name) - before < 50


def test_working_directory_user_and_limits(functions):
    name = functions.create("""
import os, pwd, resource
def handler(event, context):
    limits = {name: resource.getrlimit(getattr(resource, name))[0]
              for name in ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_STACK", "RLIMIT_MEMLOCK", "RLIMIT_CORE")}
    return [os.getcwd(), os.getuid() != 0, os.access("/var/task", os.W_OK), oct(os.stat("/tmp").st_mode), limits,
            os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize // 2**20, os.cpu_count()]
""", EphemeralStorage={"Size": 600})
    cwd, unprivileged, writable, mode, limits, disk_mb, cores = functions.ask(name)
    assert (cwd, unprivileged, writable, mode) == ("/var/task", True, False, "0o41777")
    assert limits == {"RLIMIT_NOFILE": 1024, "RLIMIT_NPROC": 1024, "RLIMIT_STACK": 8 << 20, "RLIMIT_MEMLOCK": 64 << 10,
                      "RLIMIT_CORE": 0}
    assert 500 < disk_mb <= 600


def test_processor_follows_memory(functions):
    """128 MB have 7 % of a core: what takes a full core 0.1 s of processor time takes them more than a second."""
    name = functions.create("import time\ndef handler(event, context):\n    wall, began = time.time(), time.process_time()\n"
                            "    while time.process_time() - began < 0.1: pass\n    return time.time() - wall\n",
                            Timeout=30)
    functions.ask(name)
    time.sleep(0.1)  # The first call's grace has to be over.
    assert functions.ask(name) > 0.7


def test_log_streams_and_lines(functions):
    name = functions.create("import sys\ndef handler(event, context):\n    print('out ' + 'é' * 3)\n"
                            "    print('err', file=sys.stderr)\n    print('two\\nlines')\n"
                            "    sys.stdout.write('no newline')\n")
    answer = functions.invoke(name)
    lines = [line.rstrip("\n") for line in functions.lines(name, "REPORT")]
    assert lines[0].startswith("INIT_START Runtime Version: ")
    assert lines[1] == f"START RequestId: {answer.request_id} Version: $LATEST"
    assert lines[2:-2] == ["out ééé", "err", "two", "lines", "no newline"]
    assert lines[-2] == f"END RequestId: {answer.request_id}"
    assert lines[-1].startswith(f"REPORT RequestId: {answer.request_id}\t")
    group = functions.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"][0]
    stream = functions.logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"][0]
    events = functions.logs.get_log_events(logGroupName=group["logGroupName"], startFromHead=True,
                                           logStreamName=stream["logStreamName"])["events"]
    assert [event["message"].rstrip("\n") for event in events] == lines
    assert all(abs(event["timestamp"] / 1000 - time.time()) < 60 for event in events)


def test_logs_operations(functions):
    logs, group = functions.logs, "/conformance/own"
    logs.create_log_group(logGroupName=group)
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": f"number {number} {'ERROR' if number % 10 == 0 else ''}"}
              for number in range(100)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 7})
    found = [event["message"] for page in pages for event in page["events"]]
    assert found == [event["message"] for event in events]
    errors = logs.filter_log_events(logGroupName=group, filterPattern="ERROR", startTime=now + 50)["events"]
    assert [event["timestamp"] - now for event in errors] == [50, 60, 70, 80, 90]
    logs.delete_log_group(logGroupName=group)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName=group)


def test_a_caller_that_hangs_up_does_not_stop_the_function(functions, platform):
    name = functions.create("import time\ndef handler(event, context):\n    time.sleep(1)\n    print('finished')\n",
                            Timeout=10)
    impatient = platform.client("lambda", read_timeout=0.3)
    with pytest.raises(Exception, match="Read timeout"):
        impatient.invoke(FunctionName=name)
    functions.lines(name, "finished")


def test_invocations_while_being_updated_all_answer(functions):
    name = functions.create("def handler(event, context):\n    return 0\n", MemorySize=512)
    stop, answers = threading.Event(), []

    def keep_asking():
        while not stop.is_set():
            answers.append(functions.ask(name))

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    [thread.start() for thread in threads]
    try:
        for number in range(1, 11):
            functions.update(name, {"app.py": f"def handler(event, context):\n    return {number}\n"})
            assert functions.ask(name) == number
    finally:
        stop.set()
        [thread.join() for thread in threads]
    assert set(answers) <= set(range(11)) and len(set(answers)) > 5


def test_invoked_straight_after_its_creation(functions):
    """An invocation straight after the creation answers or says that the function is pending; nothing else."""
    for _ in range(10):
        name = functions.name()
        functions.api.create_function(FunctionName=name, Role=ROLE, Runtime=PYTHON, Handler="app.handler",
                                      Code={"ZipFile": zipped({"app.py": "def handler(e, c):\n    return 1\n"})})
        try:
            assert json.load(functions.api.invoke(FunctionName=name)["Payload"]) == 1
        except functions.api.exceptions.ResourceConflictException as pending:
            assert str(pending).endswith("The operation cannot be performed at this time. The function is currently "
                                         "in the following state: Pending")
