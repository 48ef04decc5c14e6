"""A function that uses boto3, unmodified and unconfigured: the platform's endpoint and the role's keys are there."""
import importlib
import pathlib
import subprocess

from harness import ACCOUNT, BINARY, Functions, folder_files, zipped

CODE = """
import os, sys
sys.path.insert(0, "/var/task/packages")
import boto3

def handler(event, context):
    if event == "who":
        return boto3.client("sts").get_caller_identity()["Account"]
    if event == "list":
        return [f["FunctionName"] for f in boto3.client("lambda").list_functions()["Functions"]]
    if event == "logs":
        boto3.client("logs").create_log_group(logGroupName="/from/inside")
        return boto3.client("logs").describe_log_groups(logGroupNamePrefix="/from")["logGroups"][0]["logGroupName"]
    return boto3.client("lambda").invoke(FunctionName=event)["Payload"].read().decode()
"""
PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3")
# Of the models only those that are used: all together are larger than a package may be quick with.
MODELS = ("botocore/data/lambda/", "botocore/data/sts/", "botocore/data/logs/")


def boto3_files(models=MODELS):
    files = {}
    for package in PACKAGES:
        folder = pathlib.Path(importlib.import_module(package).__file__).parent
        files.update(folder_files(folder, f"{package}/"))
    files["six.py"] = pathlib.Path(importlib.import_module("six").__file__).read_bytes()
    return {"packages/" + path: content for path, content in files.items()
            if not path.startswith("botocore/data/") or path.count("/") == 2 or path.startswith(models)}


def test_boto3_in_a_function(functions):
    callee = functions.create("def handler(event, context):\n    return 'called'\n")
    name = functions.create(zipped({"app.py": CODE, **boto3_files()}), MemorySize=1769, Timeout=60)
    assert functions.ask(name, "who") == ACCOUNT
    assert sorted(functions.ask(name, "list")) == sorted([callee, name])
    assert functions.ask(name, "logs") == "/from/inside"
    assert functions.ask(name, callee) == '"called"'


def test_boto3_that_nobody_packed(start):
    platform = start()
    functions = Functions(platform)
    code = "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Account']\n"
    name = functions.create(code, MemorySize=1769, Timeout=60)
    assert "No module named 'boto3'" in functions.invoke(name).payload["errorMessage"]
    install = [BINARY, "runtimes", "install", "boto3", "--data", str(platform.data)]
    installed = subprocess.run(install, capture_output=True, text=True, timeout=100)
    assert installed.returncode == 0, installed.stderr
    name = functions.create(code, MemorySize=1769, Timeout=60)
    assert functions.ask(name) == ACCOUNT
