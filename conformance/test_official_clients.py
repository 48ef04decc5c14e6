"""AWS's own runtime clients in the platform: the corpus' functions answer under them as under our bootstraps.

`awslambdaric` and `aws-lambda-ric` go into packages for provided.al2023, whose `bootstrap` starts the interpreter with
the client. `bootstraps/` compares the two against a Runtime API of the test's own, to the last log line; here it is
the platform's Runtime API and sandbox that have to serve both.
"""
import json
import pathlib
import re
import subprocess
import sys

import pytest

from harness import CUSTOM, HERE, NODE, Functions, folder_files, zipped

sys.path.insert(0, str(HERE / "bootstraps"))
import clients  # noqa: E402  the folder is no package

CORPUS = json.loads((HERE / "functions/table.json").read_text())
GROUPS = ("answer", "errors", "values", "init", "callbacks", "modules")
# What belongs to a run of the table under its own platform, which chooses the Runtime API's side.
OTHERS = ("headers", "frames", "chunked", "pieces", "hang_up", "post_status", "event_raw", "event_bytes", "env")
CASES = [case for case in CORPUS if case["function"] in GROUPS and not any(option in case for option in OTHERS)
         and not {"posts", "exit", "all"} & case.get("deviates", {}).keys()]


@pytest.fixture(scope="module")
def client_files(tmp_path_factory):
    """The files that make a package run under AWS's client: `{language: {path: content}}`."""
    clients.install()
    cache = pathlib.Path(clients.CACHE)
    site, = cache.glob("python/lib/python*/site-packages")
    kept = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
    python = {f"client/{path}": content for path, content in folder_files(site).items() if path.startswith(kept)}
    python["bootstrap"] = "#!/bin/sh\nexport PYTHONPATH=/var/task/client\n" \
                          f"exec {clients.PYTHON} -X utf8 -m awslambdaric \"$_HANDLER\"\n"
    ric = folder_files(cache / "node/node_modules/aws-lambda-ric/dist")
    node = {f"client/node_modules/aws-lambda-ric/dist/{path}": content for path, content in ric.items()}
    node["client/start.mjs"] = clients.NODE_STARTER
    node["bootstrap"] = f"#!/bin/sh\nexec {clients.NODE} /var/task/client/start.mjs \"$_HANDLER\"\n"
    return {"python": python, "node": node}


@pytest.fixture(scope="module")
def runtimes():
    """Our runtimes of the same releases as the clients'."""
    version = subprocess.run([clients.PYTHON, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"],
                             capture_output=True, text=True, check=True).stdout.strip()
    return {"python": version, "node": NODE}


def answers(functions: Functions, case, files, runtime):
    folder = HERE / "functions" / case["function"] / case["runtime"]
    name = functions.create(zipped({**folder_files(folder), **files}), runtime, case["handler"], MemorySize=1769,
                            Timeout=10)
    return [comparable(functions.invoke(name, event), name) for event in case.get("events", [{}])]


def comparable(answer, name):
    if answer.error is None:
        return answer.body
    error = {key: answer.payload.get(key) for key in ("errorType", "errorMessage")}
    # "Require stack" names the files of the client itself.
    return json.loads(re.sub(r"Require stack:.*?\"", '"', json.dumps(error).replace(answer.request_id, "ID"))
                      .replace(name, "NAME"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_same_answers(functions, client_files, runtimes, case):
    ours = answers(functions, case, {}, runtimes[case["runtime"]])
    theirs = answers(functions, case, client_files[case["runtime"]], CUSTOM)
    assert ours == theirs
