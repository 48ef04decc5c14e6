"""Container images: AWS's runtime client in an image, from a layout, an archive and a registry, and as the root of packages.

No image can be had from outside here, so one is made: this host's Python, the libraries that it needs, and
`awslambdaric` from PyPI, in layers as any builder writes them.
"""
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import platform as machine
import re
import shutil
import subprocess
import sys
import tarfile
import threading

import pytest

from harness import ACCOUNT, HERE, ROLE, Functions, wait, zipped

sys.path.insert(0, str(HERE / "bootstraps"))
import clients  # noqa: E402  the folder is no package

ECR = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
PYTHON = os.path.realpath("/usr/bin/python3")
VERSION = re.search(r"3\.\d+", PYTHON).group()
LEFT_OUT = re.compile(r"__pycache__|/(test|tests|idlelib|lib2to3|tkinter|ensurepip|config-[^/]*|pydoc_data)(/|$)")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[machine.machine()]

APP = """
import json, os, sys

def handler(event, context):
    if event == "fail":
        raise ValueError("asked to")
    print("heard", event)
    def tried(path):
        try:
            open(path, "w").close()
            return "written"
        except OSError as error:
            return type(error).__name__
    return {
        "got": event, "id": os.getuid(), "root": sorted(os.listdir("/")), "cwd": os.getcwd(),
        "host": os.path.exists("/usr/bin/git") or os.path.exists("/etc/shadow"), "colour": os.environ.get("COLOUR"),
        "writes": [tried(path) for path in ("/new", "/function/new", "/tmp/new")], "layer": open("/marker").read(),
        "escape": [os.path.exists(f"/escape/{part}") for part in ("function", "etc/shadow", "home")], "client": "awslambdaric" in sys.modules,
        "name": context.function_name,
    }

def other(event, context):
    return "other"
"""


def needed_by(program):
    """The program and its libraries, by the paths that they have on this host."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [program, *re.findall(r"(/\S+) \(0x", listed)]


def layer(files):
    """A compressed layer of `(path, source)`; a source is bytes, a file's path, or `-> target`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, source in files:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode = 0o755
            if isinstance(source, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, source.removeprefix("-> ")
                archive.addfile(entry)
                continue
            data = source if isinstance(source, bytes) else source.read_bytes()
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The layers of a system with Python and AWS's client."""
    client = tmp_path_factory.mktemp("client")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", client,
                    "--only-binary=:all:", "--python-version", VERSION, "awslambdaric==" + clients.AWSLAMBDARIC],
                   check=True, timeout=300)
    library = pathlib.Path("/usr/lib/python" + VERSION)
    found = [path for path in sorted(library.rglob("*")) if path.is_file() and not LEFT_OUT.search(str(path))]
    programs = [PYTHON, "/bin/sh", *map(str, library.glob("lib-dynload/*.so"))]
    system = {path for program in programs for path in needed_by(program)}
    system |= {path for program in client.rglob("*.so") for path in needed_by(str(program))[1:]}
    files = {str(path): path for path in found} | {path: pathlib.Path(path) for path in system}
    system = layer([*files.items(), ("/usr/bin/python3", f"-> {os.path.basename(PYTHON)}"), ("/escape", "-> /../../.."),
                    ("/etc/passwd", b"root:x:0:0::/:/bin/sh\n"), ("/gone", b"hidden by the next layer")])
    client = layer([(f"/function/{path.relative_to(client)}", path) for path in sorted(client.rglob("*"))
                    if path.is_file() and "__pycache__" not in str(path)])
    return [system, client]


def image(base, marker, **config):
    """Blobs by digest, the manifest's descriptor, and what `docker save` would write."""
    layers = [*base, layer([("/function/app.py", APP.encode()), ("/marker", marker.encode()), ("/.wh.gone", b""),
                            ("/var/runtime/bootstrap", b"#!/bin/sh\nexport PYTHONPATH=/function\n"
                                                       b"exec python3 -m awslambdaric \"$_HANDLER\"\n")])]
    config = {"architecture": ARCHITECTURE, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [
        "sha256:" + hashlib.sha256(data).hexdigest() for data in layers]}, "config": {
        "Entrypoint": ["python3", "-m", "awslambdaric"], "Cmd": ["app.handler"], "WorkingDir": "/function",
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "COLOUR=red"], **config}}
    return layers, config


class Blobs(dict):
    def put(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        self[digest] = data
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def oci(layers, config):
    blobs = Blobs()
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blobs.put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [blobs.put(gzip.compress(data, 1), "application/vnd.oci.image.layer.v1.tar+gzip") for data in layers],
    }
    return blobs, blobs.put(json.dumps(manifest).encode(), manifest["mediaType"])


def write_layout(folder, layers, config, tag):
    blobs, manifest = oci(layers, config)
    (folder / "blobs/sha256").mkdir(parents=True)
    for digest, data in blobs.items():
        (folder / "blobs/sha256" / digest).write_bytes(data)
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return manifest["digest"].removeprefix("sha256:")


def write_saved(path, layers, config, name):
    with tarfile.open(path, "w") as archive:
        def put(name, data):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        names = [hashlib.sha256(data).hexdigest() + "/layer.tar" for data in layers]
        for name_of, data in zip(names, layers):
            put(name_of, data)
        put("config.json", json.dumps(config).encode())
        put("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": names}]).encode())


class Registry(http.server.ThreadingHTTPServer):
    """Serves images by the distribution protocol."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            data = self.server.contents.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.contents = {}

    def add(self, layers, config, repository, tag):
        """Adds an image; gives its name."""
        blobs, manifest = oci(layers, config)
        for digest, data in blobs.items():
            self.contents[f"/v2/{repository}/blobs/sha256:{digest}"] = data
        self.contents[f"/v2/{repository}/manifests/{tag}"] = blobs[manifest["digest"].removeprefix("sha256:")]
        return f"localhost:{self.server_port}/{repository}:{tag}"


REGISTRY = Registry()
FLAGS = ("--registry", f"localhost:{REGISTRY.server_port}")


@pytest.fixture(scope="module")
def registry():
    threading.Thread(target=REGISTRY.serve_forever, daemon=True).start()
    yield REGISTRY
    REGISTRY.shutdown()


@pytest.fixture(scope="module")
def images(platform):
    folder = platform.data / "images"
    folder.mkdir(exist_ok=True)
    return folder


def create(functions, uri, **settings):
    name = functions.name()
    functions.api.create_function(FunctionName=name, Role=ROLE, PackageType="Image", Code={"ImageUri": uri},
                                  Timeout=30, MemorySize=512, **settings)
    wait(functions.api, "function_active_v2", FunctionName=name)
    return name


def check(functions, name, marker):
    for event in ({"a": 1}, "again"):
        answer = functions.ask(name, event)
        assert {key: answer[key] for key in answer if key != "root"} == {
            "got": event, "id": 993, "cwd": "/function", "host": False, "colour": "red", "layer": marker, "escape": [True, False, False],
            "writes": ["OSError", "OSError", "written"], "client": True, "name": name}
        assert {"function", "usr", "proc", "dev", "tmp"} <= set(answer["root"]) and "gone" not in answer["root"]
        assert not {"root", "home", "work", "srv"} & set(answer["root"])
    failed = functions.invoke(name, "fail")
    assert (failed.error, failed.payload["errorType"]) == ("Unhandled", "ValueError")
    functions.lines(name, "heard")


@pytest.mark.parametrize("form", ["layout", "saved", "registry"])
def test_awss_client_in_an_image(functions, images, registry, base, form):
    layers, config = image(base, form)
    if form == "layout":
        write_layout(images / "team/hello", layers, config, "1")
        uri = f"{ECR}/team/hello:1"
    elif form == "saved":
        write_saved(images / "saved.tar", layers, config, "saved:1")
        uri = f"{ECR}/saved:1"
    else:
        uri = registry.add(layers, config, "hello", "1")
    name = create(functions, uri)
    check(functions, name, form)
    shown = functions.api.get_function(FunctionName=name)
    digest = shown["Configuration"]["CodeSha256"]
    assert shown["Code"] == {"RepositoryType": "ECR", "ImageUri": uri,
                             "ResolvedImageUri": f"{uri.rpartition(':')[0]}@sha256:{digest}"}


def test_overrides_and_updates(functions, images, base):
    write_layout(images / "first", *image(base, "first"), "1")
    write_layout(images / "second", *image(base, "second"), "1")
    name = create(functions, f"{ECR}/first:1", ImageConfig={"Command": ["app.other"]})
    assert functions.ask(name) == "other"
    functions.api.update_function_configuration(FunctionName=name, ImageConfig={})
    wait(functions.api, "function_updated_v2", FunctionName=name)
    check(functions, name, "first")
    functions.api.update_function_code(FunctionName=name, ImageUri=f"{ECR}/second:1")
    wait(functions.api, "function_updated_v2", FunctionName=name)
    check(functions, name, "second")
    broken = create(functions, f"{ECR}/first:1", ImageConfig={"EntryPoint": ["/usr/bin/git"]})
    answer = functions.invoke(broken)
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")


def test_a_package_runs_in_an_image(start, base):
    platform = start()
    (platform.data / "images").mkdir(exist_ok=True)
    (platform.data / "runtimes").mkdir(exist_ok=True)
    write_saved(platform.data / "images/python.tar", *image(base, "root"), f"python:{VERSION}")
    (platform.data / f"runtimes/python{VERSION}.image").write_text(f"{ECR}/python:{VERSION}\n")
    functions = Functions(platform)
    code = ("import os, sys\n\ndef handler(event, context):\n"
            "    return [open('/marker').read(), sorted(os.listdir('/var/task')), 'awslambdaric' in sys.modules,"
            " os.path.exists('/usr/bin/git')]\n")
    name = functions.create({"app.py": code}, runtime=f"python{VERSION}", Timeout=30, MemorySize=512)
    expected = ["root", ["app.py"], True, False]
    assert functions.ask(name) == expected
    platform.kill()
    platform.start()
    functions = Functions(platform)
    assert functions.ask(name) == expected


def test_an_image_function_outlives_a_crash_and_its_source(start, base):
    platform = start()
    (platform.data / "images").mkdir(exist_ok=True)
    write_layout(platform.data / "images/hello", *image(base, "kept"), "1")
    name = create(Functions(platform), f"{ECR}/hello:1")
    platform.kill()
    shutil.rmtree(platform.data / "images")
    platform.start()
    check(Functions(platform), name, "kept")
