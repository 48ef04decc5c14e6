"""The platform's side of one execution environment, as small as the bootstrap tests need it.

Serves the Runtime API on a free port to one runtime process, hands it a list of events, keeps what it posts and reads
its log pipe: standard output, standard error and the telemetry descriptor are one pipe, as in the product.
"""
import json
import os
import socket
import struct
import subprocess
import threading
import time

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3f%02d"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:sample"
TRACE_ID = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
SECONDS_MAX = 15
FRAME_TYPES = {
    0xA55A0003: "text", 0xA55A0007: "text:TRACE", 0xA55A000B: "text:DEBUG", 0xA55A000F: "text:INFO",
    0xA55A0013: "text:WARN", 0xA55A0017: "text:ERROR", 0xA55A001B: "text:CRITICAL",
    0xA55A0002: "json", 0xA55A0006: "json:TRACE", 0xA55A000A: "json:DEBUG", 0xA55A000E: "json:INFO",
    0xA55A0012: "json:WARN", 0xA55A0016: "json:ERROR", 0xA55A001A: "json:CRITICAL",
}


class Run:
    """What one process did: the posts in order, the log records in order, and how it ended."""

    def __init__(self, posts, records, exit_code):
        self.posts, self.records, self.exit_code = posts, records, exit_code


class Platform:
    """The Runtime API for one process: answers `next` with the events in turn, then leaves it waiting."""

    def __init__(self, events, headers=None, chunked=False, post_status=202, hang_up=False, pieces=None):
        self.events = list(events)
        self.headers = headers or {}
        self.chunked, self.post_status = chunked, post_status
        self.hang_up, self.pieces = hang_up, pieces
        self.posts = []
        self.served = 0
        self.idle = threading.Event()  # Set when the last event is done or the process has ended.
        self.waiting = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        reader = connection.makefile("rb")
        try:
            while True:
                line = reader.readline()
                if not line:
                    return
                method, path, _ = line.decode().split(" ")
                headers = {}
                while True:
                    line = reader.readline().rstrip(b"\r\n")
                    if not line:
                        break
                    name, _, value = line.partition(b":")
                    headers[name.decode().lower()] = value.strip().decode("utf-8", "replace")
                if headers.get("expect", "").lower() == "100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = read_body(reader, headers)
                if not self._answer(connection, method, path, headers, body):
                    return
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _answer(self, connection, method, path, headers, body):
        prefix = "/2018-06-01/runtime/"
        if method == "GET" and path == prefix + "invocation/next":
            if self.served == len(self.events):
                self.waiting = True
                self.idle.set()
                return True  # Never answered: the environment is idle.
            self._send_event(connection)
            return True
        assert method == "POST" and path.startswith(prefix), (method, path)
        self.posts.append({"path": path[len(prefix):], "headers": headers, "body": body})
        answer = b'{"status":"OK"}\n'
        connection.sendall(b"HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                           % (self.post_status, len(answer), answer))
        return not self.hang_up

    def _send_event(self, connection):
        event = self.events[self.served]
        self.served += 1
        body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": REQUEST_ID % self.served,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 3000),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": TRACE_ID,
        }
        headers.update(self.headers)
        framing = {"Transfer-Encoding": "chunked"} if self.chunked else {"Content-Length": str(len(body))}
        headers.update(framing)
        head = "HTTP/1.1 200 OK\r\n" + "".join("%s: %s\r\n" % item for item in headers.items() if item[1] is not None)
        if self.chunked:
            middle = len(body) // 2
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
            body += b"0\r\n\r\n"
        data = head.encode() + b"\r\n" + body
        for start in range(0, len(data), self.pieces or len(data)):
            connection.sendall(data[start:start + (self.pieces or len(data))])


def read_body(reader, headers):
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return reader.read(int(headers.get("content-length", 0)))
    body = b""
    while True:
        size = int(reader.readline(), 16)
        if not size:
            break
        body += reader.read(size)
        reader.readline()
    while True:
        line = reader.readline().rstrip(b"\r\n")
        if not line:
            return body
        name, _, value = line.partition(b":")
        headers["trailer:" + name.decode().lower()] = value.strip().decode()


# What a runtime that is started ahead has from the start.
READ_AT_START = ("PYTHONPATH", "NODE_PATH", "LANG", "TZ")


def run(command, env, cwd, events, frames=True, ahead=False, **options):
    """Runs a runtime until it is idle after the last event or has ended; `options` are those of `Platform`.

    With `ahead` it is started for nobody, and told folder and environment once it waits.
    """
    platform = Platform(events, **options)
    read_fd, write_fd = os.pipe()
    env = dict(env, AWS_LAMBDA_RUNTIME_API=platform.address)
    if frames:
        env["_LAMBDA_TELEMETRY_LOG_FD"] = str(write_fd)
    kept, claim, begun_with, begun_in = [write_fd] if frames else [], None, env, cwd
    if ahead:
        claim, theirs = socket.socketpair()
        kept.append(theirs.fileno())
        begun_with = {name: env[name] for name in READ_AT_START if name in env}
        begun_with["_LAMBENT_BOOT_FD"], begun_in = str(theirs.fileno()), "/"
    process = subprocess.Popen(command, env=begun_with, cwd=begun_in, stdin=subprocess.DEVNULL, stdout=write_fd,
                               stderr=write_fd, pass_fds=kept)
    os.close(write_fd)
    if ahead:
        theirs.close()
        if claim.recv(1):
            texts = [cwd, *(f"{name}={value}" for name, value in env.items())]
            claim.sendall(b"".join(os.fsencode(text) + b"\0" for text in texts))
        claim.close()
    chunks = []
    reader = threading.Thread(target=read_all, args=(read_fd, chunks), daemon=True)
    reader.start()
    # The process ending releases the wait as well, so nothing here needs to poll.
    waiter = threading.Thread(target=lambda: (process.wait(), platform.idle.set()), daemon=True)
    waiter.start()
    finished = platform.idle.wait(SECONDS_MAX)
    if platform.waiting or not finished:
        process.kill()
        waiter.join()
        exit_code = None if finished else "timeout"
    else:
        waiter.join()
        exit_code = process.returncode
    reader.join(SECONDS_MAX)
    platform.close()
    if not finished:
        exit_code = "timeout"
    return Run(platform.posts, split_records(b"".join(chunks)), exit_code)


def read_all(fd, chunks):
    with os.fdopen(fd, "rb", 0) as pipe:
        while True:
            chunk = pipe.read(65536)
            if not chunk:
                return
            chunks.append(chunk)


def split_records(data):
    """Splits the pipe's bytes into records: (type, text) for frames, ("line", text) for what was printed."""
    records = []
    plain = b""
    while data:
        if len(data) >= 16 and struct.unpack(">I", data[:4])[0] in FRAME_TYPES:
            records += lines_of(plain)
            plain = b""
            kind, length = struct.unpack(">II", data[:8])
            records.append((FRAME_TYPES[kind], data[16:16 + length].decode("utf-8", "replace")))
            data = data[16 + length:]
            continue
        at = data.find(b"\xa5\x5a\x00", 1)
        at = len(data) if at < 0 else at
        plain += data[:at]
        data = data[at:]
    return records + lines_of(plain)


def lines_of(data):
    return [("line", line) for line in data.decode("utf-8", "replace").split("\n") if line]
