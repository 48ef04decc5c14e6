"""Layers: the Pillow example as a person follows it, and what functions find in /opt."""
import base64
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import zlib

import pytest
from botocore.exceptions import ClientError

from harness import CUSTOM, HERE, NODE, PYTHON, ROLE, wait, zipped

EXAMPLES = HERE.parent / "examples"
VERSION = "%d.%d" % sys.version_info[:2]


def publish(functions, name, files):
    """Publishes a layer of these files; gives the version's ARN."""
    answer = functions.api.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})
    return answer["LayerVersionArn"]


def png(width, height):
    """A picture of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\x20\x40\x80" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_the_pillow_layer_makes_thumbnails(platform, functions, tmp_path):
    tools = pathlib.Path(sys.executable).parent
    env = {**platform.environment(), "PATH": f"{tools}:{os.environ['PATH']}"}
    made = subprocess.run(["make", "-s", "-C", EXAMPLES / "pillow-layer", "publish", f"OUT={tmp_path}",
                           f"PYTHON={sys.executable}", f"PYTHON_VERSION={VERSION}"], env=env, capture_output=True,
                          text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    layer = made.stdout.strip().splitlines()[-1]
    assert re.fullmatch(r"arn:aws:lambda:us-east-1:000000000000:layer:pillow:\d+", layer), made.stdout
    name, package = functions.name(), tmp_path / "thumbnail.zip"
    package.write_bytes(zipped({"lambda_function.py": (EXAMPLES / "thumbnail/lambda_function.py").read_text()}))
    created = subprocess.run([tools / "aws", "lambda", "create-function", "--function-name", name, "--runtime",
                              f"python{VERSION}", "--handler", "lambda_function.lambda_handler", "--role", ROLE,
                              "--zip-file", f"fileb://{package}", "--layers", layer, "--timeout", "30",
                              "--memory-size", "512"],
                             env=env, capture_output=True, text=True, timeout=60)
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)["Layers"][0]["Arn"] == layer
    wait(functions.api, "function_active_v2", FunctionName=name)
    image = base64.b64encode(png(640, 480)).decode()
    answer = functions.ask(name, {"image": image, "size": 64})
    assert (answer["from"], answer["to"]) == ([640, 480], [64, 48])
    assert struct.unpack(">II", base64.b64decode(answer["image"])[16:24]) == (64, 48)


LOOK = """
import os, subprocess, sys

def handler(event, context):
    import one, deep
    write = "refused"
    try:
        open("/opt/new", "w")
        write = "allowed"
    except OSError:
        pass
    return {
        "one": one.WHERE, "deep": deep.WHERE, "both": open("/opt/both").read(),
        "tool": subprocess.run(["tool"], capture_output=True, text=True).stdout, "write": write,
        "path": [part for part in sys.path if part.startswith("/opt")], "listed": sorted(os.listdir("/opt")),
    }
"""


def test_layers_cover_each_other_in_their_order(functions):
    layers = [publish(functions, f"order{number}", {
        "both": str(number), f"only{number}": "", "bin/tool": f"#!/bin/sh\necho tool {number}\n",
        "python/one.py": f"WHERE = {number}\n",
        f"python/lib/python{VERSION}/site-packages/deep.py": f"WHERE = {number}\n",
    }) for number in range(1, 6)]
    name = functions.create({"app.py": LOOK}, runtime=f"python{VERSION}", Layers=layers)
    expected = {"one": 5, "deep": 5, "both": "5", "tool": "tool 5\n", "write": "refused",
                "path": [f"/opt/python/lib/python{VERSION}/site-packages", "/opt/python"],
                "listed": ["bin", "both", "only1", "only2", "only3", "only4", "only5", "python"]}
    assert functions.ask(name) == expected
    functions.api.update_function_configuration(FunctionName=name, Layers=layers[::-1])
    wait(functions.api, "function_updated_v2", FunctionName=name)
    assert functions.ask(name) == {**expected, "one": 1, "deep": 1, "both": "1", "tool": "tool 1\n"}
    functions.api.update_function_configuration(FunctionName=name, Layers=layers[:1])
    wait(functions.api, "function_updated_v2", FunctionName=name)
    assert functions.ask(name)["listed"] == ["bin", "both", "only1", "python"]


def test_the_package_comes_before_layers(functions):
    layer = publish(functions, "covered", {"python/app_part.py": "WHERE = 'layer'\n"})
    code = "import app_part\n\ndef handler(event, context):\n    return app_part.WHERE\n"
    both = functions.create({"app.py": code, "app_part.py": "WHERE = 'package'\n"}, Layers=[layer])
    assert functions.ask(both) == "package"
    assert functions.ask(functions.create(code, Layers=[layer])) == "layer"


def test_nodes_modules_come_from_layers(functions):
    layer = publish(functions, "modules", {"nodejs/node_modules/part/index.js": "module.exports = 'from a layer';\n"})
    code = "exports.handler = async () => require('part');\n"
    assert functions.ask(functions.create({"app.js": code}, runtime=NODE, Layers=[layer])) == "from a layer"


BOOTSTRAP = """#!/bin/sh
while true; do
    headers=$(mktemp)
    curl -sS -D "$headers" -o /dev/null "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next"
    id=$(tr -d '\\r' < "$headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
    curl -sS -X POST -d "\\"$0\\"" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" >/dev/null
done
"""


def test_a_runtime_is_a_layer(functions):
    layer = publish(functions, "runtime", {"bootstrap": BOOTSTRAP})
    name = functions.create({"handler.txt": "nothing to run"}, runtime=CUSTOM, Layers=[layer])
    assert functions.ask(name) == "/opt/bootstrap"


def test_a_deleted_version_goes_on(platform, functions):
    layer = publish(functions, "mayfly", {"python/part.py": "WHERE = 1\n"})
    name = functions.create("import part\n\ndef handler(event, context):\n    return part.WHERE\n", Layers=[layer])
    functions.api.delete_layer_version(LayerName="mayfly", VersionNumber=1)
    assert functions.ask(name) == 1
    with pytest.raises(ClientError, match="does not exist"):
        functions.create("x = 1", Layers=[layer])
    with pytest.raises(functions.api.exceptions.ResourceNotFoundException):
        functions.api.get_layer_version_by_arn(Arn=layer)
    assert "mayfly" not in [shown["LayerName"] for shown in functions.api.list_layers()["Layers"]]
    assert publish(functions, "mayfly", {"python/part.py": "WHERE = 2\n"}).endswith(":2")


def test_a_layers_life(functions):
    api, name = functions.api, "life"
    for number in (1, 2):
        published = api.publish_layer_version(LayerName=name, Content={"ZipFile": zipped({"a": str(number)})},
                                              CompatibleRuntimes=[PYTHON], CompatibleArchitectures=["x86_64"],
                                              LicenseInfo="MIT", Description=f"number {number}")
        assert (published["Version"], published["ResponseMetadata"]["HTTPStatusCode"]) == (number, 201)
    listed = api.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [(shown["Version"], shown["Description"]) for shown in listed] == [(2, "number 2"), (1, "number 1")]
    shown = api.get_layer_version(LayerName=name, VersionNumber=1)
    assert shown["Content"]["CodeSize"] == len(zipped({"a": "1"}))
    granted = api.add_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="all", Principal="*",
                                               Action="lambda:GetLayerVersion")
    policy = api.get_layer_version_policy(LayerName=name, VersionNumber=1)
    assert json.loads(policy["Policy"])["Statement"] == [json.loads(granted["Statement"])]
    assert policy["RevisionId"] == granted["RevisionId"]
    api.remove_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="all")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_layer_version_policy(LayerName=name, VersionNumber=1)
