"""The `lambent` commands against a running platform: what they print, for people and for scripts, and how they end."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import BINARY, PATIENCE_S, clean_environment, eventually

PYTHON_APP = "def handler(event, context):\n    print('heard', event)\n    if event == 'fail': raise ValueError('asked')\n" \
             "    return {}\n"
DONE, REFUSED, WRONG_LINE, FUNCTION_FAILED = 0, 1, 2, 3


@pytest.fixture
def lambent(platform, tmp_path):
    def run(*arguments, code=DONE, endpoint=platform.endpoint, stdin=None):
        done = subprocess.run([BINARY, *arguments], env={**clean_environment(), "AWS_ENDPOINT_URL": endpoint},
                              cwd=tmp_path, capture_output=True, text=True, timeout=60, input=stdin)
        assert done.returncode == code, done.stdout + done.stderr
        assert "panicked" not in done.stderr, done.stderr
        return done
    return run


@pytest.fixture
def follow(platform, tmp_path):
    """Starts commands that go on until they are interrupted."""
    started = []

    def run(*arguments):
        started.append(Following([BINARY, *arguments],
                                 {**clean_environment(), "AWS_ENDPOINT_URL": platform.endpoint}, tmp_path))
        return started[-1]
    yield run
    for command in started:
        command.process.kill()
        command.process.wait()


class Following:
    def __init__(self, command, env, folder):
        self.lines, self.times = [], []
        self.process = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.times.append(time.monotonic())
            self.lines.append(line.rstrip("\n"))

    def line(self, pattern, after=0):
        """The number of the first line from `after` on that matches."""
        def look():
            return next((number + 1 for number, line in enumerate(self.lines) if number >= after
                         and re.search(pattern, line)), None)
        return eventually(look, f"{pattern!r} in {self.lines}") - 1


def folder(tmp_path, functions, files):
    path = tmp_path / functions.name()
    path.mkdir()
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def test_deploy_and_invoke(lambent, tmp_path, functions):
    path = folder(tmp_path, functions, {"app.py": PYTHON_APP.replace("{}", "{'got': event}")})
    name = path.name
    assert f"created {name}: " in lambent("deploy", str(path)).stdout
    assert json.loads(lambent("invoke", name, "-d", '{"a": 1}').stdout) == {"got": {"a": 1}}
    assert json.loads(lambent("invoke", name, "-f", "-", stdin="[1, 2]").stdout) == {"got": [1, 2]}
    (tmp_path / "event.json").write_text('"from a file"')
    assert json.loads(lambent("invoke", name, "-f", "event.json").stdout) == {"got": "from a file"}
    told = lambent("invoke", name, "-d", '"x"', "--log")
    assert "heard x" in told.stderr and "heard x" not in told.stdout
    answer = json.loads(lambent("invoke", name, "-d", "7", "--json").stdout)
    assert (answer["payload"], answer["failed"]) == ({"got": 7}, False)
    assert "heard 7" in answer["log"] and answer["ms"] > 0

    (path / "app.py").write_text(PYTHON_APP.replace("{}", "{'now': event}"))
    updated = json.loads(lambent("deploy", str(path), "--memory", "256", "--timeout", "9", "--env", "COLOUR=blue",
                                 "--json").stdout)
    assert (updated["FunctionName"], updated["MemorySize"], updated["Timeout"]) == (name, 256, 9)
    assert updated["Environment"] == {"Variables": {"COLOUR": "blue"}}
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "Successful")
    assert json.loads(lambent("invoke", name).stdout) == {"now": {}}
    kept = json.loads(lambent("deploy", str(path), "--json").stdout)
    assert (kept["MemorySize"], kept["Timeout"]) == (256, 9), "what is not given stays"


@pytest.mark.parametrize("files, runtime, handler", [
    ({"index.mjs": "export const handler = async () => 'well'\n"}, "nodejs", "index.handler"),
    ({"lambda_function.py": "def lambda_handler(event, context):\n    return 'well'\n"}, "python",
     "lambda_function.lambda_handler"),
    ({"index.js": "exports.handler = async () => 'well'\n"}, "nodejs", "index.handler"),
])
def test_deploy_finds_the_handler(lambent, tmp_path, functions, files, runtime, handler):
    path = folder(tmp_path, functions, files)
    shown = json.loads(lambent("deploy", str(path), "--json").stdout)
    assert shown["Runtime"].startswith(runtime) and shown["Handler"] == handler
    assert json.loads(lambent("invoke", path.name).stdout) == "well"


def test_deploy_of_one_file_and_by_name(lambent, tmp_path, functions):
    name = functions.name()
    (tmp_path / "single.py").write_text(PYTHON_APP)
    lambent("deploy", "single.py", "--name", name)
    assert json.loads(lambent("invoke", name).stdout) == {}


def test_exit_codes(lambent, tmp_path, functions):
    path = folder(tmp_path, functions, {"app.py": PYTHON_APP})
    lambent("deploy", str(path))
    failed = lambent("invoke", path.name, "-d", '"fail"', code=FUNCTION_FAILED)
    assert json.loads(failed.stdout)["errorMessage"] == "asked"
    assert json.loads(lambent("invoke", path.name, "-d", '"fail"', "--json", code=FUNCTION_FAILED).stdout)["failed"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = "http://127.0.0.1:%d" % taken.getsockname()[1]
    refused = {
        "ResourceNotFoundException": lambda: lambent("invoke", "nobody", code=REFUSED),
        "InvalidRequestContentException": lambda: lambent("invoke", path.name, "-d", "{", code=REFUSED),
        "there is no Lambent at": lambda: lambent("invoke", "f", endpoint=nobody, code=REFUSED),
        "there is no nowhere": lambda: lambent("deploy", "nowhere", code=REFUSED),
        "no handler found": lambda: lambent("deploy", str(folder(tmp_path, functions, {"notes.txt": ""})), code=REFUSED),
        "--env": lambda: lambent("deploy", str(path), "--env", "novalue", code=REFUSED),
        "ValidationException": lambda: lambent("deploy", str(path), "--memory", "1", code=REFUSED),
    }
    for words, run in refused.items():
        done = run()
        assert words in done.stderr and not done.stdout, done
    for line in ([], ["nonsense"], ["invoke"], ["deploy"], ["invoke", "f", "-d", "1", "-f", "x"]):
        lambent(*line, code=WRONG_LINE)


def test_logs(lambent, tmp_path, functions, follow):
    path = folder(tmp_path, functions, {"app.py": PYTHON_APP})
    lambent("deploy", str(path))
    following = follow("logs", path.name, "--follow")
    lambent("invoke", path.name, "-d", '"first"')
    first = following.line("heard first")
    lambent("invoke", path.name, "-d", '"second"')
    following.line("heard second", after=first)
    assert sum("heard first" in line for line in following.lines) == 1
    following.process.send_signal(signal.SIGINT)
    following.process.wait(PATIENCE_S)
    lines = eventually(lambda: [line for line in [lambent("logs", path.name).stdout] if line.count("REPORT") == 2],
                       "both reports")[0].splitlines()
    assert sum("START RequestId" in line for line in lines) == 2
    only = lambent("logs", path.name, "--filter", "second").stdout
    assert "heard second" in only and "heard first" not in only
    events = [json.loads(line) for line in lambent("logs", path.name, "--json").stdout.splitlines()]
    assert [event["message"].rstrip() for event in events if "heard" in event["message"]] \
        == ["heard first", "heard second"]
    lambent("logs", "nobody", code=REFUSED)


def test_environment(lambent, platform):
    exports = lambent("env").stdout
    told = subprocess.run(["sh", "-c", f"{exports}\nenv"], capture_output=True, text=True, env={}, check=True).stdout
    assert f"AWS_ENDPOINT_URL={platform.endpoint}\n" in told
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} <= {line.split("=")[0] for line in told.split("\n")}
    assert json.loads(lambent("env", "--json").stdout)["AWS_ENDPOINT_URL"] == platform.endpoint


def test_doctor(lambent):
    findings = [json.loads(line) for line in lambent("doctor", "--json").stdout.splitlines()]
    names = {finding["name"] for finding in findings}
    assert {"kernel", "user namespaces", "memory limit", "system call filter"} <= names
    assert any("python" in finding["name"] for finding in findings)
    for finding in findings:
        assert finding["status"] == "Ok" or finding["fix"], finding
    assert len(lambent("doctor").stdout.splitlines()) >= len(findings)


@pytest.mark.parametrize("command", [["doctor"], ["--help"], ["doctor", "--json"]])
def test_a_reader_that_leaves_is_no_crash(command):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([BINARY, *command], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(writing)
    assert "panicked" not in done.stderr


def test_dev_redeploys_on_save(follow, lambent, tmp_path, functions, capsys):
    path = folder(tmp_path, functions, {"app.py": PYTHON_APP})
    name = path.name
    dev = follow("dev", str(path))
    dev.line("watching")
    assert json.loads(lambent("invoke", name).stdout) == {}
    after = dev.line("heard")
    took = []
    for number in range(5):
        (path / "app.py").write_text(PYTHON_APP.replace("{}", str(number)))
        saved = time.monotonic()
        after = dev.line("updated " + name, after=after) + 1
        took.append((dev.times[after - 1] - saved) * 1000)
        assert functions.ask(name, "x") == number, "what is said to be updated is live"
    with capsys.disabled():
        print(f"\n  dev: from save to live {min(took):.0f} to {max(took):.0f} ms")
    assert sorted(took)[2] < 100
    broken = dev.line("heard", after=after)
    (path / "app.py").unlink()
    (path / "app.py").write_text("def handler(:\n")
    assert functions.invoke(name).error or eventually(lambda: functions.invoke(name).error, "the broken code")
    (path / "app.py").write_text(PYTHON_APP.replace("{}", "'mended'"))
    eventually(lambda: functions.invoke(name).payload == "mended", "the mended code")
    assert dev.process.poll() is None and broken
    dev.process.send_signal(signal.SIGINT)
    dev.process.wait(PATIENCE_S)


def test_dev_follows_editors_that_replace_the_file(follow, lambent, tmp_path, functions):
    path = folder(tmp_path, functions, {"app.py": PYTHON_APP})
    dev = follow("dev", str(path))
    dev.line("watching")
    (path / ".app.py.swp").write_text("half")
    (path / ".app.py.new").write_text(PYTHON_APP.replace("{}", "'replaced'"))
    os.rename(path / ".app.py.new", path / "app.py")
    (path / ".app.py.swp").unlink()
    eventually(lambda: functions.ask(path.name) == "replaced", "the replaced file")
    (path / "lib").mkdir()
    (path / "lib" / "more.py").write_text("value = 'from a new folder'\n")
    (path / "app.py").write_text("from lib.more import value\ndef handler(event, context):\n    return value\n")
    eventually(lambda: functions.invoke(path.name).payload == "from a new folder", "the new folder")


@pytest.mark.parametrize("arguments, words", [
    (["--auth", "nonsense"], "--auth"),
    (["--config", "/not/there.toml"], "/not/there.toml"),
    (["--environments", "0"], "environments"),
])
def test_up_refuses(start, arguments, words):
    with pytest.raises(AssertionError, match=f"(?s)lambent ended with [12]:.*{words}"):
        start(*arguments)


def test_up_listens_beyond_this_machine_only_when_told(tmp_path):
    done = subprocess.run([BINARY, "up", "--data", str(tmp_path / "data"), "--listen", "0.0.0.0:0"],
                          env=clean_environment(), capture_output=True, text=True, timeout=20)
    assert done.returncode == REFUSED and "--insecure" in done.stderr


def test_up_takes_its_settings_from_a_file_and_the_environment(start, tmp_path):
    config = tmp_path / "lambent.toml"
    config.write_text("concurrency = 7\n")
    platform = start("--config", str(config))
    assert platform.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 7


def test_up_is_ready_soon(start):
    began = time.monotonic()
    platform = start()
    first = time.monotonic() - began
    platform.stop()
    took = []
    for _ in range(3):
        began = time.monotonic()
        platform.start()
        took.append(time.monotonic() - began)
        assert platform.stop() == 0
    assert min(took) < 0.5 and first < 3, (first, took)
