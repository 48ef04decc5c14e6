"""A platform of a suite's own, and the few things that every suite does with one: packages, functions, logs.

A platform listens on a port that the system chose and keeps its data in a temporary folder; what a suite starts is
ended by the suite, by process id, also when it fails.
"""
import base64
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
import zipfile

import boto3
import botocore.config

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.path.abspath(os.environ.get("LAMBENT_BIN") or HERE.parent / "target/release/lambent")
REGION, ACCOUNT = "us-east-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/conformance"
PYTHON, NODE, RUBY, CUSTOM = "python3.12", "nodejs22.x", "ruby3.3", "provided.al2023"
READY = re.compile(r"is ready at (http://\S+)")
# How long anything may take that should take milliseconds: machines under load are slow, not wrong.
PATIENCE_S = 30


class Lambent:
    """One platform: started on making, ended by `stop` or `kill`, started again on the same folder by `start`."""

    def __init__(self, *flags, data=None):
        self.flags = flags
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="lambent-conformance-"))
        self.log_path = self.data.parent / (self.data.name + ".log")
        self.process = None
        try:
            self.start()
        except AssertionError:
            if data is None:
                self.remove()
            raise

    def remove(self):
        """Ends it and forgets its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.data, ignore_errors=True)
            self.log_path.unlink(missing_ok=True)

    def start(self):
        command = [BINARY, "up", "--listen", "127.0.0.1:0", "--data", str(self.data), *self.flags]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=log,
                                            text=True)
        self.told = ""
        for line in self.process.stdout:
            self.told += line
            ready = READY.search(line)
            if ready:
                self.endpoint = ready.group(1)
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise AssertionError(f"lambent ended with {self.process.wait()}:\n{self.log()}")

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def stop(self):
        """SIGTERM, as an init system does; gives the exit code."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.kill()

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def client(self, service, **config):
        """A client of boto3, with no retries: every answer is seen."""
        config = {"retries": {"max_attempts": 0}, "read_timeout": 120, "max_pool_connections": 50, **config}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="any",
                            aws_secret_access_key="any", config=botocore.config.Config(**config))

    def environment(self):
        """The variables that point any AWS client here."""
        return {**clean_environment(), "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}


class Functions:
    """Makes functions on a platform, under names that no other test uses."""

    numbers = itertools.count(1)

    def __init__(self, platform):
        self.platform = platform
        self.api = platform.client("lambda")
        self.logs = platform.client("logs")

    def name(self):
        return f"f{next(self.numbers)}"

    def create(self, files, runtime=PYTHON, handler="app.handler", name=None, **settings):
        """Creates a function of `files` (or of one file's text) and waits until it is active; gives its name."""
        name = name or self.name()
        if isinstance(files, str):
            files = {{PYTHON: "app.py", NODE: "app.mjs", RUBY: "app.rb", CUSTOM: "bootstrap"}[runtime]: files}
        package = files if isinstance(files, bytes) else zipped(files)
        self.api.create_function(FunctionName=name, Role=ROLE, Runtime=runtime, Handler=handler,
                                 Code={"ZipFile": package}, **settings)
        wait(self.api, "function_active_v2", FunctionName=name)
        return name

    def update(self, name, files):
        self.api.update_function_code(FunctionName=name, ZipFile=zipped(files))
        wait(self.api, "function_updated_v2", FunctionName=name)

    def invoke(self, name, event=None, **arguments):
        return Answer(self.api.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail", **arguments))

    def ask(self, name, event=None):
        """The answer of a function that must not fail."""
        answer = self.invoke(name, event)
        assert answer.error is None, f"{answer.payload}\n{answer.log}"
        return answer.payload

    def lines(self, name, until, seconds=PATIENCE_S):
        """The function's log, once a line of it matches `until`."""
        def look():
            try:
                events = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
            except self.logs.exceptions.ResourceNotFoundException:
                return None
            messages = [event["message"] for event in events]
            return messages if any(re.search(until, message) for message in messages) else None
        return eventually(look, f"a line of {name} that matches {until!r}", seconds)


class Answer:
    """What an invocation answered, read."""

    def __init__(self, response):
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.version = response.get("ExecutedVersion")
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.body = response["Payload"].read()
        self.log = base64.b64decode(response.get("LogResult", "")).decode("utf-8", "replace")

    @property
    def payload(self):
        return json.loads(self.body) if self.body else None

    @property
    def cold(self):
        return "Init Duration:" in self.log


def zipped(files):
    """A package of `{path: text or bytes}`; what begins with `#!` or is an ELF program may be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            add(package, path, content, 0o755 if content[:2] == b"#!" or content[:4] == b"\x7fELF" else 0o644)
    return buffer.getvalue()


def add(package, path, content, mode, kind=stat.S_IFREG):
    entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
    entry.external_attr = (kind | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    package.writestr(entry, content)


def folder_files(folder, under=""):
    """The files of a folder, as `zipped` takes them."""
    folder = pathlib.Path(folder)
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {under + str(path.relative_to(folder)): path.read_bytes() for path in paths}


def wait(client, waiter, **arguments):
    """A waiter of the SDK's own, asking more often than its default of once a second."""
    client.get_waiter(waiter).wait(WaiterConfig={"Delay": 0.02, "MaxAttempts": 1500}, **arguments)


def eventually(look, what, seconds=PATIENCE_S):
    """The first answer of `look` that is true; polls, because nobody tells."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def clean_environment():
    """The test's environment without what would lead a client elsewhere."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "LAMBENT_LISTEN", "LAMBENT_DATA", "LAMBENT_CONFIG"))}
