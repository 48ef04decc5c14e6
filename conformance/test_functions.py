"""boto3: the life of a function, from its creation to its end, and everything its reads show."""
import base64
import hashlib
import json
import re

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, CUSTOM, NODE, PYTHON, REGION, ROLE, wait, zipped

ECHO = {
    PYTHON: "def handler(event, context):\n    return {'got': event}\n",
    NODE: "export const handler = async (event) => ({ got: event })\n",
    CUSTOM: """#!/usr/bin/python3
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    body, request_id = event.read(), event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b'{"got": ' + body + b"}")
    api.getresponse().read()
""",
}
# What a read shows of a function for which nothing but the mandatory was given.
DEFAULTS = {
    "Description": "", "Timeout": 3, "MemorySize": 128, "Version": "$LATEST", "PackageType": "Zip",
    "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"},
    "State": "Active", "LastUpdateStatus": "Successful", "Role": ROLE,
}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def sha256(package):
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


@pytest.mark.parametrize("runtime", ECHO)
def test_create_shows_what_was_given(functions, runtime):
    api, name = functions.api, functions.name()
    file = {PYTHON: "app.py", NODE: "app.mjs", CUSTOM: "bootstrap"}[runtime]
    package = zipped({file: ECHO[runtime]})
    created = api.create_function(FunctionName=name, Runtime=runtime, Handler="app.handler", Role=ROLE,
                                  Code={"ZipFile": package})
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in created
    wait(api, "function_exists", FunctionName=name)
    wait(api, "function_active_v2", FunctionName=name)
    wait(api, "function_active", FunctionName=name)
    found = api.get_function(FunctionName=name)
    assert found["Code"]["RepositoryType"] == "S3"
    assert "Tags" not in found and "Concurrency" not in found
    shown = found["Configuration"]
    assert {key: shown.get(key) for key in DEFAULTS} == DEFAULTS
    assert (shown["FunctionName"], shown["FunctionArn"]) == (name, arn(name))
    assert (shown["Runtime"], shown["Handler"]) == (runtime, "app.handler")
    assert (shown["CodeSha256"], shown["CodeSize"]) == (sha256(package), len(package))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", shown["LastModified"])
    assert re.fullmatch(UUID, shown["RevisionId"]) and shown["RevisionId"] != created["RevisionId"]
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert "Environment" not in shown and "StateReasonCode" not in shown
    same = api.get_function_configuration(FunctionName=name)
    same.pop("ResponseMetadata")
    assert same == shown
    answer = functions.invoke(name, {"a": [1, "é"]})
    assert (answer.status, answer.error, answer.version) == (200, None, "$LATEST")
    assert answer.payload == {"got": {"a": [1, "é"]}}


def test_every_setting_is_shown_and_kept(functions):
    settings = {
        "Description": "what it is for", "Timeout": 7, "MemorySize": 256, "EphemeralStorage": {"Size": 1024},
        "Environment": {"Variables": {"COLOUR": "blue", "EMPTY": ""}},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/shared/group"},
    }
    name = functions.create(ECHO[PYTHON], **settings, Tags={"team": "a"})
    shown = functions.api.get_function(FunctionName=name)
    assert {key: shown["Configuration"][key] for key in settings} == settings
    assert shown["Tags"] == {"team": "a"}


def test_update_configuration_merges_by_member(functions):
    api = functions.api
    name = functions.create(ECHO[PYTHON], Description="first", Environment={"Variables": {"A1": "1", "B1": "2"}})
    before = api.get_function_configuration(FunctionName=name)
    updated = api.update_function_configuration(FunctionName=name, MemorySize=192, Timeout=4)
    assert (updated["LastUpdateStatus"], updated["LastUpdateStatusReasonCode"]) == ("InProgress", "Creating")
    assert updated["LastUpdateStatusReason"] == "The function is being created."
    wait(api, "function_updated_v2", FunctionName=name)
    wait(api, "function_updated", FunctionName=name)
    after = api.get_function_configuration(FunctionName=name)
    assert (after["MemorySize"], after["Timeout"], after["Description"]) == (192, 4, "first")
    assert after["Environment"] == before["Environment"] and after["CodeSha256"] == before["CodeSha256"]
    assert len({before["RevisionId"], updated["RevisionId"], after["RevisionId"]}) == 3
    for variables, shown in (({"C1": "3"}, {"Variables": {"C1": "3"}}), ({}, None)):
        api.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        wait(api, "function_updated_v2", FunctionName=name)
        assert api.get_function_configuration(FunctionName=name).get("Environment") == shown


def test_update_code_runs_the_new_code(functions):
    api = functions.api
    name = functions.create("def handler(event, context):\n    return 'old'\n")
    assert functions.ask(name) == "old"
    package = zipped({"app.py": "def handler(event, context):\n    return 'new'\n"})
    before = api.get_function_configuration(FunctionName=name)
    dry = api.update_function_code(FunctionName=name, ZipFile=package, DryRun=True)
    assert dry["RevisionId"] == before["RevisionId"]
    assert functions.ask(name) == "old"
    assert api.update_function_code(FunctionName=name, ZipFile=package)["CodeSha256"] == sha256(package)
    wait(api, "function_updated_v2", FunctionName=name)
    assert functions.ask(name) == "new"


def test_revision_id_is_a_precondition(functions):
    api = functions.api
    name = functions.create(ECHO[PYTHON])
    stale = api.get_function_configuration(FunctionName=name)["RevisionId"]
    api.update_function_configuration(FunctionName=name, Description="other", RevisionId=stale)
    wait(api, "function_updated_v2", FunctionName=name)
    for update in (lambda: api.update_function_configuration(FunctionName=name, Description="x", RevisionId=stale),
                   lambda: api.update_function_code(FunctionName=name, ZipFile=zipped({"a.py": ""}), RevisionId=stale)):
        with pytest.raises(ClientError) as refused:
            update()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
        assert refused.value.response["Error"] == {
            "Code": "PreconditionFailedException",
            "Message": "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias "
                       "API to retrieve the latest Revision Id"}
    assert api.get_function_configuration(FunctionName=name)["Description"] == "other"


def test_list_pages_through_every_function(functions):
    api = functions.api
    names = {functions.create(ECHO[PYTHON]) for _ in range(5)}
    listed = {}
    for page in api.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}):
        assert len(page["Functions"]) <= 2
        listed.update({shown["FunctionName"]: shown for shown in page["Functions"]})
    assert names <= listed.keys()
    for name in names:
        assert listed[name]["FunctionArn"] == arn(name)
        assert not {"State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"} & listed[name].keys()


def test_delete_leaves_nothing(functions):
    api = functions.api
    name = functions.create(ECHO[PYTHON])
    assert functions.ask(name, 1) == {"got": 1}
    assert api.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for read in (lambda: api.get_function(FunctionName=name), lambda: api.delete_function(FunctionName=name),
                 lambda: api.get_function_configuration(FunctionName=name)):
        with pytest.raises(api.exceptions.ResourceNotFoundException) as missing:
            read()
        assert missing.value.response["Error"]["Message"] == f"Function not found: {arn(name)}"
    with pytest.raises(api.exceptions.ResourceNotFoundException) as missing:
        api.invoke(FunctionName=name)
    assert missing.value.response["Error"]["Message"] == f"Function not found: {arn(name)}:$LATEST"
    again = functions.create("def handler(event, context):\n    return 'second life'\n", name=name)
    assert functions.ask(again) == "second life"


@pytest.mark.parametrize("form", ["{name}", "{account}:function:{name}", "function:{name}", "{arn}"])
def test_names_and_arns_mean_the_same(functions, form):
    name = functions.create(ECHO[PYTHON])
    given = form.format(name=name, account=ACCOUNT, arn=arn(name))
    assert functions.api.get_function(FunctionName=given)["Configuration"]["FunctionName"] == name
    assert functions.invoke(given, 1).payload == {"got": 1}
    assert functions.invoke(given + ":$LATEST", 2).payload == {"got": 2}


def test_latest_as_qualifier(functions):
    name = functions.create("def handler(event, context):\n    return context.invoked_function_arn\n")
    assert functions.ask(name) == arn(name)
    assert functions.invoke(name, Qualifier="$LATEST").payload == arn(name) + ":$LATEST"
    shown = functions.api.get_function(FunctionName=name, Qualifier="$LATEST")["Configuration"]
    assert shown["FunctionArn"] == arn(name) + ":$LATEST"
    with pytest.raises(functions.api.exceptions.ResourceNotFoundException):
        functions.invoke(name, Qualifier="7")


def test_tags(functions):
    api = functions.api
    name = functions.create(ECHO[PYTHON], Tags={"team": "a", "stage": "dev"})
    tagged = api.tag_resource(Resource=arn(name), Tags={"stage": "prod", "café": "x y"})
    assert tagged["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert api.list_tags(Resource=arn(name))["Tags"] == {"team": "a", "stage": "prod", "café": "x y"}
    assert api.untag_resource(Resource=arn(name), TagKeys=["team", "café"])["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert api.get_function(FunctionName=name)["Tags"] == {"stage": "prod"}
    with pytest.raises(ClientError) as refused:
        api.tag_resource(Resource=arn(name), Tags={f"k{number}": "" for number in range(60)})
    assert "Number of tags exceeds resource tag limit." in str(refused.value)


def test_account_settings(functions):
    before = functions.api.get_account_settings()
    functions.create(ECHO[PYTHON])
    after = functions.api.get_account_settings()
    limit = after["AccountLimit"]
    assert (limit["CodeSizeUnzipped"], limit["CodeSizeZipped"]) == (262144000, 52428800)
    assert limit["ConcurrentExecutions"] == limit["UnreservedConcurrentExecutions"] == 1000
    assert after["AccountUsage"]["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    assert after["AccountUsage"]["TotalCodeSize"] > before["AccountUsage"]["TotalCodeSize"]


def test_dry_run_runs_nothing(functions):
    name = functions.create("import time\nprint('ran')\ndef handler(event, context):\n    return time.time()\n")
    answer = functions.invoke(name, InvocationType="DryRun")
    assert (answer.status, answer.body) == (204, b"")
    assert functions.invoke(name).cold


def test_tail_reads_as_power_tuning_reads_it(functions):
    name = functions.create("def handler(event, context):\n    print('first line')\n    return 1\n", MemorySize=256)
    cold, warm = functions.invoke(name), functions.invoke(name)
    for answer in (cold, warm):
        start, line, end, report = [text for text in answer.log.splitlines() if not text.startswith("INIT_START")]
        assert start == f"START RequestId: {answer.request_id} Version: $LATEST"
        assert (line, end) == ("first line", f"END RequestId: {answer.request_id}")
        assert report.startswith(f"REPORT RequestId: {answer.request_id}\tDuration: ")
        duration = float(re.search(r"\tDuration: (\d+\.\d+) ms", report).group(1))
        billed = int(re.search(r"\tBilled Duration: (\d+) ms", report).group(1))
        init = re.search(r"\tInit Duration: (\d+\.\d+) ms", report)
        assert bool(init) == (answer is cold)
        assert -1 < billed - duration - float(init.group(1) if init else 0) < 1.02
        assert re.search(r"\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\t", report)
    assert functions.api.invoke(FunctionName=name).get("LogResult") is None


def test_tail_is_the_last_4_kb(functions):
    name = functions.create("def handler(event, context):\n    for n in range(2000): print('line', n)\n")
    log = functions.invoke(name).log
    assert len(log) <= 4096 and "line 1999" in log and "REPORT RequestId" in log and "line 3\n" not in log


@pytest.mark.parametrize("runtime, code", [
    (PYTHON, "def handler(event, context):\n    c = context.client_context\n"
             "    return [c.client.app_title, c.custom, c.env]\n"),
    (NODE, "export const handler = async (event, { clientContext: c }) => [c.client.app_title, c.custom, c.env]\n"),
])
def test_client_context_arrives(functions, runtime, code):
    name = functions.create(code, runtime)
    given = {"client": {"app_title": "shop"}, "custom": {"k": "é"}, "env": {"locale": "de"}}
    encoded = base64.b64encode(json.dumps(given).encode()).decode()
    assert functions.invoke(name, ClientContext=encoded).payload == ["shop", {"k": "é"}, {"locale": "de"}]


def test_caller_identity(platform):
    identity = platform.client("sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")


def test_empty_payload_is_an_empty_object(functions):
    name = functions.create(ECHO[PYTHON])
    assert json.load(functions.api.invoke(FunctionName=name)["Payload"]) == {"got": {}}


@pytest.mark.parametrize("payload", [b"null", b"7", b'"text"', b"[]", b'{"a": "\xf0\x9f\x98\x80"}'])
def test_any_json_is_an_event(functions, payload):
    name = functions.create(ECHO[PYTHON])
    answer = functions.api.invoke(FunctionName=name, Payload=payload)
    assert json.load(answer["Payload"]) == {"got": json.loads(payload)}


def test_the_largest_payload_passes(functions):
    name = functions.create("def handler(event, context):\n    return len(event)\n", MemorySize=512, Timeout=30)
    assert json.load(functions.api.invoke(FunctionName=name, Payload=b'"' + b"x" * (6291456 - 2) + b'"')["Payload"]) \
        == 6291454
