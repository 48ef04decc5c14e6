"""boto3: deployment packages that are broken, too large or hostile: AWS's refusal, and nothing of them stays."""
import io
import json
import os
import re
import stat
import subprocess
import zipfile

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import PYTHON, ROLE, add, zipped

UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
CODE = "def handler(event, context):\n    return 'well'\n"
MB = 1024 * 1024


def package(*entries):
    """A zip of `(path, content, kind)`; the kind is that of the file mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content, kind in ((*entry, stat.S_IFREG)[:3] for entry in entries):
            add(archive, path, content, 0o755, kind)
    return buffer.getvalue()


def bomb(size, path="zeros"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(path, "w") as file:
            for _ in range(size // MB):
                file.write(bytes(MB))
    return buffer.getvalue()


def flipped(data):
    """The same zip with one byte of a member's compressed bytes changed."""
    at = data.index(b"app.py") + 12
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1:]


def understated(data, size):
    """A zip whose directory says that a member is small."""
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data = data[:at] + size.to_bytes(4, "little") + data[at + 4:]
    return data


REFUSED = {
    "not a zip": (lambda: b"this is no zip", UNZIP),
    "half a zip": (lambda: zipped({"app.py": CODE * 50})[:-60], UNZIP),
    "damaged": (lambda: flipped(zipped({"app.py": os.urandom(2000)})), UNZIP),
    "climbs": (lambda: package(("app.py", CODE), ("../../escaped", "x")), UNZIP),
    "climbs from a folder": (lambda: package(("app.py", CODE), ("a/b/../../../escaped", "x")), UNZIP),
    "absolute": (lambda: package(("app.py", CODE), ("/tmp/escaped", "x")), UNZIP),
    "link out": (lambda: package(("app.py", CODE), ("link", "/etc/shadow", stat.S_IFLNK)), UNZIP),
    "link up": (lambda: package(("app.py", CODE), ("link", "../../x", stat.S_IFLNK)), UNZIP),
    "through a link": (lambda: package(("dir", "..", stat.S_IFLNK), ("dir/escaped", "x")), UNZIP),
    "bomb": (lambda: bomb(251 * MB), "Unzipped size must be smaller than 262144000 bytes"),
    "bomb that lies": (lambda: understated(bomb(251 * MB), 10), None),
}


@pytest.fixture(scope="module")
def well(functions):
    return functions.create(CODE)


def files_of(platform):
    """Every file that packages left in the data folder."""
    return {os.path.join(folder, name) for part in ("trees", "blobs")
            for folder, folders, files in os.walk(platform.data / part) for name in folders + files}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_package_leaves_nothing(platform, functions, well, case):
    make, words = REFUSED[case]
    data, name, before = make(), functions.name(), files_of(platform)
    revision = functions.api.get_function_configuration(FunctionName=well)["RevisionId"]
    for send in (lambda: functions.api.create_function(FunctionName=name, Runtime=PYTHON, Handler="app.handler",
                                                       Role=ROLE, Code={"ZipFile": data}),
                 lambda: functions.api.update_function_code(FunctionName=well, ZipFile=data)):
        with pytest.raises(ClientError) as refused:
            send()
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
        assert words in (None, refused.value.response["Error"]["Message"])
    assert files_of(platform) == before
    assert not os.path.exists("/tmp/escaped")
    assert not [folder for folder, _, files in os.walk(platform.data) if "escaped" in files]
    assert functions.api.get_function_configuration(FunctionName=well)["RevisionId"] == revision
    assert functions.ask(well) == "well"


def test_empty_package(functions):
    for data in (b"", zipped({})):
        with pytest.raises(ClientError) as refused:
            functions.create(data)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException", data
        assert refused.value.response["Error"]["Message"] == "Uploaded file must be a non-empty zip"


def test_zip_over_50_mb(functions):
    data = package(("app.py", CODE)) + bytes(52428800)
    with pytest.raises(ClientError) as refused:
        functions.create(data)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLargeException"


def test_request_over_its_limit(functions):
    with pytest.raises(ClientError) as refused:
        functions.create(bytes(70167211))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused.value.response["Error"]["Message"] \
        == "Request must be smaller than 70167211 bytes for the CreateFunction operation"


def test_links_inside_are_kept(functions):
    name = functions.create(package(
        ("app.py", "import os\ndef handler(event, context):\n"
                   "    return [os.readlink('/var/task/link'), open('/var/task/link').read()]\n"),
        ("data/text", "content"), ("link", "data/text", stat.S_IFLNK)))
    assert functions.ask(name) == ["data/text", "content"]


def test_modes_are_kept_and_everything_is_readable(functions):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        add(archive, "app.py", "import os, subprocess\ndef handler(event, context):\n"
                               "    return [subprocess.check_output(['/var/task/tool'], text=True),"
                               " open('/var/task/secret').read()]\n", 0o600)
        add(archive, "tool", "#!/bin/sh\necho tool\n", 0o755)
        add(archive, "secret", "s", 0o000)
    assert functions.ask(functions.create(buffer.getvalue())) == ["tool\n", "s"]


def test_large_package_runs(functions):
    name = functions.create({"app.py": CODE, "data": bytes(200 * MB)})
    assert functions.ask(name) == "well"


def test_code_location_downloads_with_plain_curl(platform, functions, tmp_path):
    data = zipped({"app.py": CODE, "noise": os.urandom(30 * MB)})
    name = functions.create(data)
    for found in (functions.api.get_function(FunctionName=name)["Code"],
                  functions.api.publish_layer_version(LayerName="download", Content={"ZipFile": data})["Content"]):
        subprocess.run(["curl", "-sS", "--fail", "-o", tmp_path / "code.zip", found["Location"]], check=True, timeout=60)
        assert (tmp_path / "code.zip").read_bytes() == data
    location = re.sub("(X-Amz-Signature=).*", r"\g<1>" + 64 * "0", found["Location"])
    refused = subprocess.run(["curl", "-sS", "-w", "%{http_code}", location], check=True, timeout=60,
                             capture_output=True, text=True)
    assert refused.stdout.startswith("<?xml") and refused.stdout.endswith("403"), refused.stdout


def test_a_function_downloads_its_own_code(functions):
    code = ("import base64, hashlib, json, os, urllib.request\n\ndef handler(event, context):\n"
            "    path = '/2015-03-31/functions/' + context.function_name\n"
            "    shown = json.load(urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + path))\n"
            "    data = urllib.request.urlopen(shown['Code']['Location']).read()\n"
            "    return base64.b64encode(hashlib.sha256(data).digest()).decode() == shown['Configuration']['CodeSha256']\n")
    assert functions.ask(functions.create(code, Timeout=30, MemorySize=512)) is True


def test_locations_hold_where_signatures_are_demanded(start, tmp_path):
    platform = start("--auth", "signed")
    secrets = json.loads((platform.data / "secrets.json").read_text())
    api = boto3.client("lambda", endpoint_url=platform.endpoint, region_name="us-east-1",
                       aws_access_key_id=secrets["access_key_id"],
                       aws_secret_access_key=secrets["secret_access_key"])
    data = zipped({"app.py": CODE})
    api.create_function(FunctionName="f", Runtime=PYTHON, Handler="app.handler", Role=ROLE, Code={"ZipFile": data})
    location = api.get_function(FunctionName="f")["Code"]["Location"]
    subprocess.run(["curl", "-sS", "--fail", "-o", tmp_path / "code.zip", location], check=True, timeout=60)
    assert (tmp_path / "code.zip").read_bytes() == data
