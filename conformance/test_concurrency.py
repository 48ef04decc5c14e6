"""Many invocations at once: none is lost, every answer is its request's own, and what is too much is refused."""
import collections
import http.client
import json
import threading
import urllib.parse

import pytest

from harness import Functions, eventually

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
