"""boto3: published versions and aliases, as deployment tools use them."""
import collections
import concurrent.futures
import http.client
import json
import threading
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from harness import wait, zipped

CODE = "import os\ndef handler(event, context):\n    return {text!r}, context.function_version, context.invoked_function_arn\n"
INVOKES = 10_000


def package(text):
    return zipped({"app.py": CODE.format(text=text)})


def publish(functions, name, text):
    functions.update(name, {"app.py": CODE.format(text=text)})
    version = functions.api.publish_version(FunctionName=name)["Version"]
    wait(functions.api, "published_version_active", FunctionName=name, Qualifier=version)
    return version


def test_versions_keep_their_code_and_aliases_move(functions):
    api = functions.api
    name = functions.create(package("one"))
    assert publish(functions, name, "first") == "1"
    assert api.publish_version(FunctionName=name)["Version"] == "1", "nothing has changed"
    assert publish(functions, name, "second") == "2"
    functions.update(name, {"app.py": CODE.format(text="latest")})
    alias = api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    assert alias["AliasArn"] == f"{arn}:live"
    asked = {qualifier: functions.invoke(name, Qualifier=qualifier) for qualifier in ("1", "2", "live", "$LATEST")}
    assert {qualifier: answer.payload for qualifier, answer in asked.items()} == {
        "1": ["first", "1", f"{arn}:1"], "2": ["second", "2", f"{arn}:2"],
        "live": ["first", "1", f"{arn}:live"], "$LATEST": ["latest", "$LATEST", f"{arn}:$LATEST"]}
    assert asked["live"].version == "1"
    api.update_alias(FunctionName=name, Name="live", FunctionVersion="2", RevisionId=alias["RevisionId"])
    assert functions.invoke(f"{arn}:live").payload[0] == "second"
    with pytest.raises(ClientError) as stale:
        api.update_alias(FunctionName=name, Name="live", FunctionVersion="1", RevisionId=alias["RevisionId"])
    assert stale.value.response["Error"]["Code"] == "PreconditionFailedException"
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.delete_function(FunctionName=name, Qualifier="2")
    api.delete_alias(FunctionName=name, Name="live")
    api.delete_function(FunctionName=name, Qualifier="2")
    listed = api.get_paginator("list_versions_by_function").paginate(FunctionName=name, PaginationConfig={"PageSize": 1})
    assert [version["Version"] for page in listed for version in page["Versions"]] == ["$LATEST", "1"]


def test_what_is_published_with_its_code_is_there_after_a_crash(start):
    from harness import Functions
    platform = start()
    functions = Functions(platform)
    name = functions.create(package("one"), Publish=True)
    for number in range(2, 12):
        updated = functions.api.update_function_code(FunctionName=name, ZipFile=package(str(number)), Publish=True)
        assert updated["Version"] == str(number)
        if number % 2:
            platform.kill()
            platform.start()
            functions = Functions(platform)
        wait(functions.api, "published_version_active", FunctionName=name, Qualifier=str(number))
        wait(functions.api, "function_updated_v2", FunctionName=name)
    assert [functions.invoke(name, Qualifier=str(number)).payload[0] for number in (2, 7, 11)] == ["2", "7", "11"]


@pytest.mark.timeout(300)
def test_weights_hold_over_ten_thousand_invokes(platform, functions):
    name = functions.create(package("one"), Timeout=60)
    publish(functions, name, "first")
    publish(functions, name, "second")
    functions.api.create_alias(FunctionName=name, Name="live", FunctionVersion="1",
                               RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    address = urllib.parse.urlsplit(platform.endpoint).netloc
    local = threading.local()

    def executed(_):
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(address, timeout=60)
        local.connection.request("POST", f"/2015-03-31/functions/{name}/invocations?Qualifier=live", "{}")
        response = local.connection.getresponse()
        body = json.loads(response.read())
        assert body[1] == response.headers["X-Amz-Executed-Version"]
        return body[1]

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        counts = collections.Counter(threads.map(executed, range(INVOKES)))
    # Four standard deviations of 10,000 draws at a tenth: 4 × √(10,000 × 0.1 × 0.9) = 120.
    assert counts.keys() == {"1", "2"} and abs(counts["2"] - 1000) <= 120, counts
