"""SnapStart: published versions whose environments start from a snapshot that was taken after INIT."""
import concurrent.futures
import re
import subprocess
import sys

import botocore.exceptions
import pytest

import harness

ON = {"ApplyOn": "PublishedVersions"}
APP = """
import os, random, sys, time, uuid, urllib.request, json
from snapshot_restore_py import register_before_snapshot, register_after_restore
print("init runs", flush=True)
made, seen, born = uuid.uuid4().hex, [], time.time()
state = random.random(), os.getpid()
open("/tmp/of-init", "w").close()

@register_before_snapshot
def second(): seen.append("second before")
register_before_snapshot(lambda word, *, again: seen.append(word + again), "first ", again="before")
@register_after_restore
def after(): seen.append("after")

def keys():
    request = urllib.request.Request(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
                                     headers={"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]})
    with urllib.request.urlopen(request) as answer: return json.load(answer)

def handler(event, context):
    if event == "wait": time.sleep(1.5)
    if event == "exit": os._exit(3)
    files = os.listdir("/tmp")
    open("/tmp/of-handler", "a").write("x")
    found = {name: os.environ.get(name) for name in ("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_ACCESS_KEY_ID",
                                                     "AWS_LAMBDA_LOG_STREAM_NAME")}
    return {"made": made, "seen": seen, "random": random.random(), "uuid": uuid.uuid4().hex, "files": files,
            "now": time.time(), "born": born, "same": random.random() == state[0], "env": found, "keys": keys(),
            "urandom": os.urandom(8).hex(), "times": open("/tmp/of-handler").read(), "version": context.function_version}
"""
THREADED = """
import threading, time, os, uuid
from snapshot_restore_py import register_after_restore
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
made, seen = uuid.uuid4().hex, []
register_after_restore(lambda: seen.append("after"))
def handler(event, context): time.sleep(0.5); return [made, seen, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]
"""
HOOKED = """
import os, time
from snapshot_restore_py import register_before_snapshot, register_after_restore
def handler(event, context): return 1
"""


def publish(functions, name, wait=True):
    version = functions.api.publish_version(FunctionName=name)["Version"]
    if wait:
        harness.wait(functions.api, "published_version_active", FunctionName=name, Qualifier=version)
    return version


def settled(functions, name, version):
    def look():
        configuration = functions.api.get_function_configuration(FunctionName=name, Qualifier=version)
        return configuration if configuration["State"] != "Pending" else None
    return harness.eventually(look, f"{name}:{version} settled", harness.PATIENCE_S)


@pytest.fixture(scope="module")
def app(functions):
    name = functions.create(APP, SnapStart=ON, MemorySize=256, Timeout=10)
    version = functions.api.publish_version(FunctionName=name)
    assert version["SnapStart"] == {**ON, "OptimizationStatus": "On"}
    assert (version["State"], version["StateReasonCode"]) == ("Pending", "Creating")
    harness.wait(functions.api, "published_version_active", FunctionName=name, Qualifier="1")
    return name


def at_once(functions, name, event, count, qualifier="1"):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(functions.invoke, name, event, Qualifier=qualifier) for _ in range(count)]
        return [call.result() for call in calls]


def test_the_settings_are_shown(functions, app):
    latest = functions.api.get_function_configuration(FunctionName=app)
    assert latest["SnapStart"] == {**ON, "OptimizationStatus": "Off"}
    version = functions.api.get_function(FunctionName=app, Qualifier="1")["Configuration"]
    assert version["SnapStart"] == {**ON, "OptimizationStatus": "On"}
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    other = functions.create("def handler(event, context): return 1")
    shown = functions.api.get_function_configuration(FunctionName=other)["SnapStart"]
    assert shown == {"ApplyOn": "None", "OptimizationStatus": "Off"}


def test_a_start_from_a_snapshot_runs_no_init(functions, app):
    first = functions.invoke(app, 1, Qualifier="1")
    assert first.error is None, f"{first.payload}\n{first.log}"
    assert re.search(r"REPORT .*\tRestore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms\t", first.log)
    assert "Init Duration" not in first.log
    assert first.payload["seen"] == ["first before", "second before", "after"]
    assert first.payload["version"] == first.version == "1"
    again = functions.invoke(app, 1, Qualifier="1")
    assert "Restore Duration" not in again.log and "Init Duration" not in again.log
    assert again.payload["made"] == first.payload["made"] and again.payload["times"] == "xx"
    lines = functions.lines(app, "RESTORE_REPORT")
    assert sum("init runs" in line for line in lines) == 1
    assert any(re.match(r"RESTORE_START Runtime Version: python:\S+\tRuntime Version ARN: ", line) for line in lines)
    assert any(re.match(r"RESTORE_REPORT Restore Duration: [\d.]+ ms$", line.strip()) for line in lines)
    assert any(re.match(r"INIT_REPORT Init Duration: [\d.]+ ms", line) for line in lines)


def test_environments_have_nothing_in_common_but_init(functions, app):
    answers = [answer.payload for answer in at_once(functions, app, "wait", 6)]
    fresh = [answer for answer in answers if answer["times"] == "x"]
    assert len(fresh) >= 5
    assert len({answer["made"] for answer in answers}) == 1
    for drawn in ("random", "uuid", "urandom"):
        assert len({answer[drawn] for answer in answers}) == len(answers), drawn
    for answer in fresh:
        assert answer["files"] == ["of-init"] and not answer["same"]
        assert answer["seen"] == ["first before", "second before", "after"]
        assert 0 < answer["now"] - answer["born"] < 600


def test_keys_are_asked_for(functions, app):
    answer = functions.invoke(app, 1, Qualifier="1").payload
    assert answer["env"] == {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_ACCESS_KEY_ID": None,
                             "AWS_LAMBDA_LOG_STREAM_NAME": None}
    assert set(answer["keys"]) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}


def test_latest_starts_as_ever(functions, app):
    answer = functions.invoke(app + ":$LATEST", "exit")
    assert answer.error == "Unhandled" and "Init Duration" in answer.log


def test_the_end_of_one_environment_is_its_own(functions, app):
    at_once(functions, app, "wait", 2)
    answers = at_once(functions, app, "exit", 1)
    assert answers[0].payload["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in answers[0].payload["errorMessage"]
    assert functions.invoke(app, 1, Qualifier="1").error is None


def test_the_network_is_the_environments_own(functions):
    name = functions.create("""
import os, urllib.request
def handler(event, context):
    try: return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/", timeout=5).status
    except urllib.error.HTTPError as error: return error.code
""", SnapStart=ON, Timeout=10)
    version = publish(functions, name)
    assert functions.invoke(name, Qualifier=version).payload in range(200, 500)


def test_a_function_with_threads_runs_its_own_init(functions):
    name = functions.create(THREADED, SnapStart=ON, Timeout=10)
    version = publish(functions, name)
    shown = functions.api.get_function_configuration(FunctionName=name, Qualifier=version)
    assert shown["SnapStart"] == {**ON, "OptimizationStatus": "Off"}
    answers = at_once(functions, name, None, 2, version)
    assert len({answer.payload[0] for answer in answers}) == 2
    assert all(answer.payload[1:] == [["after"], "snap-start"] for answer in answers)
    assert "Init Duration" in answers[0].log and "Restore Duration" not in answers[0].log
    functions.lines(name, "SnapStart: no snapshot can be taken of this function: it has 2 threads")


@pytest.mark.parametrize("code, reason", [
    ("raise Exception('no')", "FunctionError.RuntimeInitError"),
    ("import os; os._exit(1)", "FunctionError.RuntimeInitError"),
    (HOOKED + "register_before_snapshot(lambda: 1 / 0)", "FunctionError.RuntimeInitError"),
    ("hog = [bytearray(10**7) for _ in range(100)]", "FunctionError.InitResourceExhausted"),
])
def test_a_failure_before_the_snapshot_fails_the_version(functions, code, reason):
    name = functions.create(code, SnapStart=ON)
    functions.api.publish_version(FunctionName=name)
    shown = settled(functions, name, "1")
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", reason)
    assert (shown["LastUpdateStatus"], shown["LastUpdateStatusReasonCode"]) == ("Failed", reason)
    with pytest.raises(functions.api.exceptions.ResourceConflictException):
        functions.invoke(name, Qualifier="1")


def test_a_failure_after_the_snapshot_fails_the_call(functions):
    name = functions.create(HOOKED + "register_after_restore(lambda: 1 / 0)", SnapStart=ON)
    version = publish(functions, name)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        functions.invoke(name, Qualifier=version)
    assert caught.value.response["Error"]["Code"] == "SnapStartException"
    functions.lines(name, r"RESTORE_REPORT Restore Duration: [\d.]+ ms\tStatus: error\tError Type: Runtime.AfterRestoreErr")
    functions.lines(name, "ZeroDivisionError")


def test_a_slow_restore_fails_the_call(functions):
    name = functions.create(HOOKED + "register_after_restore(lambda: time.sleep(60))", SnapStart=ON)
    version = publish(functions, name)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        functions.invoke(name, Qualifier=version)
    assert caught.value.response["Error"]["Code"] == "SnapStartTimeoutException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 408


def test_the_official_hooks(functions, tmp_path):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path),
               "snapshot-restore-py"]
    if subprocess.run(install).returncode:
        pytest.skip("the library can't be had here")
    name = functions.create({**harness.folder_files(tmp_path), "app.py": APP}, SnapStart=ON, Timeout=10)
    version = publish(functions, name)
    answer = functions.invoke(name, 1, Qualifier=version).payload
    assert answer["seen"] == ["first before", "second before", "after"]


def test_what_cannot_be_is_refused(functions):
    def refused(code, text, **settings):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            functions.create("def handler(event, context): return 1", SnapStart=ON, **settings)
        error = caught.value.response["Error"]
        assert error["Code"] == code and text in error["Message"], error
    refused("InvalidParameterValueException", "nodejs22.x is not supported for SnapStart enabled functions.",
            runtime=harness.NODE)
    refused("InvalidParameterValueException", "512 MB", EphemeralStorage={"Size": 1024})


def test_settings_change(functions):
    name = functions.create("def handler(event, context): return 1")
    functions.api.update_function_configuration(FunctionName=name, SnapStart=ON)
    harness.wait(functions.api, "function_updated_v2", FunctionName=name)
    assert functions.api.get_function_configuration(FunctionName=name)["SnapStart"]["ApplyOn"] == "PublishedVersions"
    with pytest.raises(functions.api.exceptions.InvalidParameterValueException):
        functions.api.update_function_configuration(FunctionName=name, EphemeralStorage={"Size": 1024})
    first = publish(functions, name)
    functions.api.update_function_configuration(FunctionName=name, SnapStart={"ApplyOn": "None"})
    harness.wait(functions.api, "function_updated_v2", FunctionName=name)
    second = publish(functions, name)
    assert (first, second) == ("1", "2")
    assert "Restore Duration" in functions.invoke(name, Qualifier=first).log
    assert "Init Duration" in functions.invoke(name, Qualifier=second).log


def test_versions_with_their_function_go(functions):
    name = functions.create("def handler(event, context): return 1", SnapStart=ON)
    version = publish(functions, name)
    functions.invoke(name, Qualifier=version)
    functions.api.delete_function(FunctionName=name, Qualifier=version)
    with pytest.raises(functions.api.exceptions.ResourceNotFoundException):
        functions.invoke(name, Qualifier=version)
    assert functions.invoke(name).payload == 1


def test_a_crash_loses_no_version(start):
    platform = start()
    functions = harness.Functions(platform)
    slow = functions.create("import time; time.sleep(3)\ndef handler(event, context): return 1", SnapStart=ON)
    ready = functions.create("import uuid; made = uuid.uuid4().hex\ndef handler(event, context): return made",
                             SnapStart=ON)
    publish(functions, ready)
    before = functions.invoke(ready, Qualifier="1").payload
    functions.api.publish_version(FunctionName=slow)
    platform.kill()
    platform.start()
    functions = harness.Functions(platform)
    # Its snapshot died with the platform and is taken anew when it is first needed.
    answer = functions.invoke(ready, Qualifier="1")
    assert answer.error is None and "Restore Duration" in answer.log and answer.payload != before
    harness.wait(functions.api, "published_version_active", FunctionName=slow, Qualifier="1")
    assert "Restore Duration" in functions.invoke(slow, Qualifier="1").log
