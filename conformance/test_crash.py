"""The server is killed, or asked to stop: what was acknowledged is there, what was under way is answered or gone.

`kill -9` during a storm of creates, updates and deletes; then a restart on the same folder. An acknowledged change is
there and whole; a change without an answer has happened entirely or not at all; nothing of the host stays held.
"""
import base64
import contextlib
import hashlib
import os
import random
import signal
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import leftovers
from harness import PYTHON, ROLE, Functions, eventually, wait, zipped

ROUNDS, CLIENTS, PER_CLIENT = 10, 4, 3


def code_of(number):
    return {"app.py": f"def handler(event, context):\n    return {number}\n", "padding": str(number) * 20_000}


def sha256(package):
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


class Client:
    """Changes its own functions without end, and knows for each what may be there: one state, or one of two."""

    def __init__(self, number):
        self.random = random.Random(number)
        self.names = [f"storm-{number}-{index}" for index in range(PER_CLIENT)]
        self.possible = {name: [None] for name in self.names}  # None: no function; else (code, memory).
        self.acknowledged = 0

    def storm(self, api):
        """Until the platform is gone."""
        while True:
            name = self.random.choice(self.names)
            now = self.possible[name][0]
            code, memory = self.random.randrange(10**6), self.random.randrange(128, 256)
            package = zipped(code_of(code))
            if now is None:
                wanted = (code, memory)
                change = lambda: api.create_function(FunctionName=name, Role=ROLE, Runtime=PYTHON, MemorySize=memory,
                                                     Handler="app.handler", Code={"ZipFile": package})
            elif self.random.random() < 0.2:
                wanted = None
                change = lambda: api.delete_function(FunctionName=name)
            elif self.random.random() < 0.5:
                wanted = (code, now[1])
                change = lambda: api.update_function_code(FunctionName=name, ZipFile=package)
            else:
                wanted = (now[0], memory)
                change = lambda: api.update_function_configuration(FunctionName=name, MemorySize=memory)
            self.possible[name] = [now, wanted]
            try:
                change()
                self.possible[name] = [wanted]
                self.acknowledged += 1
            except api.exceptions.ResourceConflictException:
                self.possible[name] = [now]  # An update is in progress: refused, so not done.
            except (ClientError, BotoCoreError) as error:
                assert not isinstance(error, ClientError), error
                return

    def check(self, functions):
        for name, possible in self.possible.items():
            try:
                wait(functions.api, "function_active_v2", FunctionName=name)
                wait(functions.api, "function_updated_v2", FunctionName=name)
                shown = functions.api.get_function_configuration(FunctionName=name)
            except (ClientError, BotoCoreError) as error:
                assert "Function not found" in str(error), error
                found = None
            else:
                code = functions.ask(name)
                assert shown["CodeSha256"] == sha256(zipped(code_of(code))), "the code that runs is the code shown"
                found = (code, shown["MemorySize"])
            assert found in possible, f"{name}: {found} is there, {possible} may be"
            self.possible[name] = [found]


@pytest.mark.timeout(240)
def test_kill_in_a_storm_of_changes(start):
    platform = start()
    clients = [Client(number) for number in range(CLIENTS)]
    for round_number in range(ROUNDS):
        functions = Functions(platform)
        busy = functions.create("import time\ndef handler(event, context):\n    time.sleep(event)\n", Timeout=60)
        functions.ask(busy, 0)
        before = sum(client.acknowledged for client in clients)
        threads = [threading.Thread(target=client.storm, args=(platform.client("lambda"),)) for client in clients]
        [thread.start() for thread in threads]
        enough = random.Random(round_number).randrange(5, 60)
        eventually(lambda: sum(client.acknowledged for client in clients) - before >= enough, "some changes")
        held = leftovers.children(platform.pid)
        platform.kill()
        [thread.join() for thread in threads]
        eventually(lambda: not leftovers.alive(held), f"the end of {held}", 10)
        platform.start()
        functions = Functions(platform)
        [client.check(functions) for client in clients]
        assert functions.ask(busy, 0) is None
        functions.api.delete_function(FunctionName=busy)
    held = leftovers.children(platform.pid)
    assert platform.stop() == 0
    assert leftovers.alive(held) == []


def hold(platform):
    """Environments at work, idle and frozen; everything that the platform then holds."""
    functions = Functions(platform)
    name = functions.create("import time\ndef handler(event, context):\n    open('/tmp/x', 'wb').write(bytes(2**20))\n"
                            "    time.sleep(event)\n    return event\n", Timeout=60)
    threads = [threading.Thread(target=functions.ask, args=(name, 0.2)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    time.sleep(0.5)  # They are frozen after 0.1 s, and what is frozen does not die of a signal alone.
    processes = leftovers.children(platform.pid)
    folders = leftovers.cgroups(processes)
    assert len(processes) > 4 and leftovers.sandbox_cgroups(folders)
    return name, processes, folders


def nothing_left(platform, processes, folders):
    return not (leftovers.alive(processes) or leftovers.mounts(platform.data)
                or leftovers.loop_devices(platform.data) or leftovers.sandbox_cgroups(folders))


def test_a_kill_leaves_nothing_even_without_a_restart(start):
    platform = start()
    _, processes, folders = hold(platform)
    platform.kill()
    eventually(lambda: nothing_left(platform, processes, folders), "everything to be given back", 10)


def test_a_restart_gives_back_what_a_killed_spawner_left(start):
    """The server and every process of its own die at once, as in a crash of the machine's user session."""
    platform = start()
    name, processes, folders = hold(platform)
    platform.kill()
    for pid, _ in leftovers.alive(processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    platform.start()
    own = leftovers.children(platform.pid)
    eventually(lambda: not leftovers.alive(processes), "the end of the old processes", 10)
    assert Functions(platform).ask(name, 0) == 0
    assert platform.stop() == 0
    eventually(lambda: nothing_left(platform, processes + own, folders), "everything to be given back", 10)


def test_a_clean_stop_leaves_nothing(start):
    platform = start()
    _, processes, folders = hold(platform)
    assert platform.stop() == 0
    assert nothing_left(platform, processes, folders)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_stopping_drains(start, how):
    platform = start()
    functions = Functions(platform)
    name = functions.create("import time\ndef handler(event, context):\n    print('begun', flush=True)\n"
                            "    time.sleep(event)\n    return 'answered'\n", Timeout=30)
    functions.ask(name, 0)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(functions.ask(name, 2)))
    thread.start()
    eventually(lambda: len([line for line in functions.lines(name, "begun") if "begun" in line]) == 2, "its beginning")
    platform.process.send_signal(getattr(signal, how))
    assert platform.process.wait(30) == 0
    thread.join()
    assert answers == ["answered"]
    platform.start()
    functions = Functions(platform)
    lines = functions.lines(name, "REPORT")
    assert len([line for line in lines if line.startswith("REPORT")]) == 2, "the log of the drained call is kept"
    assert functions.ask(name, 0) == "answered"


def test_stopping_at_once(start):
    """Who is told that the platform is ready may tell it to stop: also then it ends cleanly."""
    platform = start()
    for _ in range(10):
        assert platform.stop() == 0
        platform.start()


def test_everything_is_there_after_a_restart(start):
    platform = start()
    functions = Functions(platform)
    settings = {"Description": "d", "Timeout": 9, "MemorySize": 199, "EphemeralStorage": {"Size": 600},
                "Environment": {"Variables": {"COLOUR": "blue"}}, "Tags": {"team": "a"}}
    name = functions.create("import os\ndef handler(event, context):\n    return os.environ['COLOUR']\n", **settings)
    request_id = functions.invoke(name).request_id
    functions.lines(name, "REPORT")
    before = functions.api.get_function(FunctionName=name)
    platform.kill()
    platform.start()
    functions = Functions(platform)
    after = functions.api.get_function(FunctionName=name)
    assert (after["Configuration"], after["Tags"]) == (before["Configuration"], before["Tags"])
    assert functions.ask(name) == "blue"
    assert any(request_id in line for line in functions.lines(name, "REPORT")), "logs survive"


def test_two_platforms_do_not_share_a_folder(start):
    platform = start()
    with pytest.raises(AssertionError, match="lambent ended with 1"):
        start(data=platform.data)
    assert Functions(platform).ask(Functions(platform).create("def handler(event, context):\n    return 1\n")) == 1


def test_two_platforms_on_one_host_do_not_meet(start):
    platforms = [start(), start()]
    functions = [Functions(platform) for platform in platforms]
    names = [each.create(f"def handler(event, context):\n    return {number}\n", name="same")
             for number, each in enumerate(functions)]
    assert [each.ask(name) for each, name in zip(functions, names)] == [0, 1]
    platforms[0].kill()
    assert functions[1].ask("same") == 1
    assert len(functions[1].api.list_functions()["Functions"]) == 1
