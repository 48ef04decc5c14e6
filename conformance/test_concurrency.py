"""Many invocations at once: none is lost, every answer is its request's own, and what is too much is refused."""
import collections
import http.client
import json
import re
import subprocess
import sys
import threading
import urllib.parse

import pytest

import harness
from harness import PYTHON, Functions, eventually

CALLS = 1000


def post(connection, name, event):
    connection.request("POST", f"/2015-03-31/functions/{name}/invocations", json.dumps(event))
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.timeout(240)
def test_a_thousand_at_once_over_a_hundred_environments(start):
    platform = start("--concurrency", str(CALLS), "--environments", "100")
    functions = Functions(platform)
    name = functions.create("import time\ndef handler(event, context):\n    time.sleep(0.2)\n"
                            "    return [event, context.aws_request_id, context.log_stream_name]\n",
                            MemorySize=128, Timeout=60)
    address = urllib.parse.urlsplit(platform.endpoint).netloc
    answers, gate = {}, threading.Barrier(CALLS)

    def call(number):
        connection = http.client.HTTPConnection(address, timeout=200)
        connection.connect()
        gate.wait()
        answers[number] = post(connection, name, {"number": number})
        connection.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(CALLS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert collections.Counter(status for status, _ in answers.values()) == {200: CALLS}
    assert all(body[0] == {"number": number} for number, (_, body) in answers.items())
    assert len({body[1] for _, body in answers.values()}) == CALLS
    assert 50 < len({body[2] for _, body in answers.values()}) <= 100
    assert functions.ask(name)


def test_what_exceeds_the_accounts_concurrency_is_throttled(start):
    functions = Functions(start("--concurrency", "2"))
    name = functions.create("import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'\n",
                            Timeout=20)
    busy = [threading.Thread(target=functions.ask, args=(name, 5)) for _ in range(2)]
    [thread.start() for thread in busy]
    eventually(lambda: sum(line.startswith("START") for line in functions.lines(name, "^START")) == 2, "both calls to begin")
    with pytest.raises(functions.api.exceptions.TooManyRequestsException) as refused:
        functions.ask(name, 0)
    throttled = refused.value.response
    assert throttled["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert throttled["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert throttled["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert throttled["ResponseMetadata"]["HTTPHeaders"]["retry-after"]
    [thread.join() for thread in busy]
    assert functions.ask(name, 0) == "done"
    assert functions.api.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 2


def test_environments_in_use_by_one_function_are_given_to_another(start):
    functions = Functions(start("--environments", "2"))
    names = [functions.create("def handler(event, context):\n    return event\n") for _ in range(4)]
    for number in range(12):
        assert functions.ask(names[number % 4], number) == number


def test_an_environment_that_becomes_idle_makes_room_for_who_waits(start):
    functions = Functions(start("--environments", "1"))
    slow = functions.create("import time\ndef handler(event, context):\n    time.sleep(2)\n", Timeout=10)
    other = functions.create("def handler(event, context):\n    return 'had its turn'\n")
    busy = threading.Thread(target=functions.ask, args=(slow,))
    busy.start()
    functions.lines(slow, "^START")
    impatient = Functions(functions.platform)
    impatient.api = functions.platform.client("lambda", read_timeout=15)
    assert impatient.ask(other) == "had its turn"
    busy.join()


def test_many_functions_at_once(start):
    functions = Functions(start())
    answers = {}

    def live(number):
        name = functions.create(f"def handler(event, context):\n    return {number}\n")
        answers[number] = [functions.ask(name), functions.ask(name)]
        functions.update(name, {"app.py": f"def handler(event, context):\n    return {-number}\n"})
        answers[number].append(functions.ask(name))
        functions.api.delete_function(FunctionName=name)

    threads = [threading.Thread(target=live, args=(number,)) for number in range(1, 31)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == {number: [number, number, -number] for number in range(1, 31)}
    assert functions.api.list_functions()["Functions"] == []


def in_threads(calls):
    """Runs `calls` at once; gives their answers, or what they raised, in order."""
    answers = [None] * len(calls)

    def run(position):
        try:
            answers[position] = calls[position]()
        except Exception as error:
            answers[position] = error

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(calls))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def reasons(answers):
    return collections.Counter(answer.response["Reason"] for answer in answers if isinstance(answer, Exception))


KIND = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
SLEEP = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'\n"


def provisioned(functions, name, qualifier, status="READY"):
    """Waits until a configuration has come so far."""
    def look():
        shown = functions.api.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
        return shown if shown["Status"] == status else None
    return eventually(look, f"{name}:{qualifier} to be {status}")


def test_reserved_concurrency_is_shown_caps_and_is_given_back(start):
    functions = Functions(start())
    api, name = functions.api, functions.create(SLEEP, Timeout=20)
    assert "ReservedConcurrentExecutions" not in api.get_function_concurrency(FunctionName=name)
    with pytest.raises(api.exceptions.InvalidParameterValueException, match=r"below its minimum value of \[100\]"):
        api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=901)
    put = api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert put["ReservedConcurrentExecutions"] == 1
    assert api.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 1
    assert api.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    limit = api.get_account_settings()["AccountLimit"]
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (1000, 999)

    answers = in_threads([lambda: functions.ask(name, 3)] * 4)
    assert answers.count("done") == 1
    assert reasons(answers) == {"ReservedFunctionConcurrentInvocationLimitExceeded": 3}

    api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    functions.platform.kill()
    functions.platform.start()
    functions = Functions(functions.platform)
    with pytest.raises(functions.api.exceptions.TooManyRequestsException):
        functions.ask(name, 0)
    functions.api.delete_function_concurrency(FunctionName=name)
    assert functions.ask(name, 0) == "done"


def test_a_flood_keeps_no_reserved_function_waiting(start):
    functions = Functions(start("--environments", "6", "--concurrency", "200"))
    flood, own = functions.create(SLEEP, Timeout=60), functions.create(SLEEP, Timeout=60)
    functions.api.put_function_concurrency(FunctionName=own, ReservedConcurrentExecutions=2)
    finished, begun = [], threading.Event()

    def call(name, seconds):
        assert functions.ask(name, seconds) == "done"
        finished.append(name)
        begun.set()

    threads = [threading.Thread(target=call, args=(flood, 1)) for _ in range(40)]
    [thread.start() for thread in threads]
    begun.wait(60)
    mine = [threading.Thread(target=call, args=(own, 0)) for _ in range(2)]
    [thread.start() for thread in mine]
    [thread.join() for thread in mine + threads]
    # Four environments work off the flood, one second a call; the two others are not for it.
    assert finished.count(flood) == 40 and max(at for at, name in enumerate(finished) if name == own) < 25, finished


def test_a_function_is_called_and_grows_only_so_fast(start):
    functions = Functions(start("--request-rate", "2", "--scaling-rate", "2"))
    reserved, other = functions.create(SLEEP, Timeout=20), functions.create(SLEEP, Timeout=20)
    functions.api.put_function_concurrency(FunctionName=reserved, ReservedConcurrentExecutions=2)
    answers = []
    for _ in range(40):
        answers += in_threads([lambda: functions.ask(reserved, 0)])
    assert set(reasons(answers)) == {"ReservedFunctionInvocationRateLimitExceeded"}
    assert answers.count("done") >= 4
    answers = in_threads([lambda: functions.ask(other, 2)] * 4)
    assert answers.count("done") >= 2
    assert set(reasons(answers)) == {"FunctionInvocationRateLimitExceeded"}


def test_provisioned_environments_are_ready_before_they_are_called(start):
    functions = Functions(start("--keep-alive", "1"))
    api, name = functions.api, functions.create(KIND)
    api.publish_version(FunctionName=name)
    api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    put = api.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=2)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (put["RequestedProvisionedConcurrentExecutions"], put["Status"]) == (2, "IN_PROGRESS")
    shown = provisioned(functions, name, "live")
    assert shown["AvailableProvisionedConcurrentExecutions"] == shown["AllocatedProvisionedConcurrentExecutions"] == 2
    listed = api.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert [config["FunctionArn"].split(":")[-2:] for config in listed] == [[name, "live"]]
    functions.lines(name, r"^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: success$")

    answer = functions.invoke(name, Qualifier="live")
    assert (answer.payload, answer.cold, answer.version) == ("provisioned-concurrency", False, "1")
    assert functions.ask(name) == "on-demand"
    # Longer than an idle environment is kept.
    functions.lines(name, "^REPORT")
    threading.Event().wait(3)
    answer = functions.invoke(name, Qualifier="live")
    assert (answer.payload, answer.cold) == ("provisioned-concurrency", False)

    api.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    eventually(lambda: functions.invoke(name, Qualifier="live").payload == "on-demand", "provisioned environments to end")
    with pytest.raises(api.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        api.get_provisioned_concurrency_config(FunctionName=name, Qualifier="live")


def test_what_is_too_much_for_provisioned_environments_spills_over(start):
    functions = Functions(start())
    name = functions.create("import os, time\ndef handler(event, context):\n    time.sleep(event)\n"
                            "    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n", Timeout=20)
    functions.api.publish_version(FunctionName=name)
    functions.api.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    provisioned(functions, name, "1")
    answers = in_threads([lambda: functions.invoke(name, 3, Qualifier="1").payload] * 3)
    assert collections.Counter(answers) == {"provisioned-concurrency": 1, "on-demand": 2}


def test_an_alias_takes_its_provisioned_environments_along(start):
    functions = Functions(start())
    api, name = functions.api, functions.create(KIND)
    api.publish_version(FunctionName=name)
    functions.update(name, {"app.py": KIND + "# the second\n"})
    api.publish_version(FunctionName=name)
    api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    api.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1)
    provisioned(functions, name, "live")
    api.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    provisioned(functions, name, "live")
    answer = functions.invoke(name, Qualifier="live")
    assert (answer.version, answer.payload, answer.cold) == ("2", "provisioned-concurrency", False)
    eventually(lambda: functions.invoke(name, Qualifier="1").payload == "on-demand", "the old environments to end")


def test_provisioned_concurrency_is_there_again_after_kill(start):
    functions = Functions(start())
    name = functions.create(KIND)
    functions.api.publish_version(FunctionName=name)
    functions.api.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2)
    functions.platform.kill()
    functions.platform.start()
    functions = Functions(functions.platform)
    assert provisioned(functions, name, "1")["AvailableProvisionedConcurrentExecutions"] == 2
    answer = functions.invoke(name, Qualifier="1")
    assert (answer.payload, answer.cold) == ("provisioned-concurrency", False)


def test_a_provisioned_environment_that_ends_is_replaced(start):
    functions = Functions(start())
    name = functions.create("import os\ndef handler(event, context):\n    if event == 'end':\n        os._exit(1)\n"
                            "    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n")
    functions.api.publish_version(FunctionName=name)
    functions.api.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    provisioned(functions, name, "1")
    assert functions.invoke(name, "end", Qualifier="1").error == "Unhandled"
    eventually(lambda: functions.invoke(name, Qualifier="1").payload == "provisioned-concurrency", "another environment")


def test_init_that_fails_is_shown_and_tried_again(start):
    functions = Functions(start())
    name = functions.create("raise RuntimeError('not today')\ndef handler(event, context):\n    pass\n")
    functions.api.publish_version(FunctionName=name)
    functions.api.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    failed = provisioned(functions, name, "1", "FAILED")
    assert failed["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert failed["AllocatedProvisionedConcurrentExecutions"] == 0
    functions.lines(name, r"^INIT_REPORT Init Duration: .*\tPhase: init\tStatus: error\tError Type: ")


def test_the_lessons_arithmetic(start):
    """examples/concurrency: what runs at once is rate times duration."""
    program = str(harness.HERE.parent / "examples/concurrency/load.py")
    arguments = ["--rate", "20", "--duration", "0.2", "--seconds", "4", "--provisioned", "6", "--runtime", PYTHON]
    said = subprocess.run([sys.executable, program, *arguments], env=start().environment(), text=True,
                          capture_output=True, timeout=120)
    assert said.returncode == 0, said.stderr
    found = re.search(r"at once, after the first second: ([\d.]+) \(expected 4\)", said.stdout)
    assert found and 3 < float(found.group(1)) < 7, said.stdout
