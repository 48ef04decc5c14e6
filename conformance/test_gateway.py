"""Raw HTTP against the endpoint: whatever a client sends, it gets a refusal, and everybody else their answer."""
import concurrent.futures
import json
import socket
import time
import urllib.parse

import pytest

from harness import eventually

INVOKE = b"/2015-03-31/functions/%s/invocations"
REQUESTS = {
    "nonsense": (b"\x00\xff" * 100, {400, None}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {400, None}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), {400, 505, None}),
    "unknown path": (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", {403, 404}),
    "unknown method": (b"BREW /2015-03-31/functions HTTP/1.1\r\nHost: x\r\n\r\n", {403, 404, 405}),
    "climbing path": (b"GET /2015-03-31/functions/..%2f..%2fetc HTTP/1.1\r\nHost: x\r\n\r\n", {400, 403, 404}),
    "broken escape": (b"GET /2015-03-31/functions/%zz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "not UTF-8": (b"GET /2015-03-31/functions/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "long path": (b"GET /2015-03-31/functions/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404, 414, 431, None}),
    "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n", {400, 403, 404, 431, None}),
    "two lengths": (b"POST " + INVOKE % b"well" + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", {400, None}),
    "negative length": (b"POST " + INVOKE % b"well" + b" HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", {400, None}),
    "huge length": (b"POST " + INVOKE % b"well" + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", {400, 413, None}),
    "deep JSON": (b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000, {400}),
    "body that is no JSON": (b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{nope", {400}),
    "body that is another": (b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", {400}),
    "wrong types": (b'POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"FunctionName": [1]', {400}),
    "bad base64": (b'POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{"Code": {"ZipFile": "***"}}'[:-1], {400}),
    "unknown target": (b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Logs_20140328.Nope\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}", {400, 404, 501}),
    "unknown action": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nAction=Nope", {400, 403, 404, 501}),
    "garbled signature": (b"GET /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=\xff/,,,\r\n\r\n", {200, 400, 403}),
}


@pytest.fixture(scope="module")
def well(functions):
    return functions.create("import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n"
                            "    return event\n", name="well", MemorySize=512, Timeout=20)


def connect(platform):
    address = urllib.parse.urlsplit(platform.endpoint)
    return socket.create_connection((address.hostname, address.port), 10)


def answer(connection):
    """The status and body of the next answer; None when there is none."""
    reader = connection.makefile("rb")
    try:
        line = reader.readline()
        if not line:
            return None, b""
        length, header = 0, reader.readline()
        while header.strip():
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            header = reader.readline()
        return int(line.split()[1]), reader.read(length)
    except (ConnectionError, TimeoutError):
        return None, b""


@pytest.mark.parametrize("case", REQUESTS)
def test_malformed_request(platform, functions, well, case):
    request, statuses = REQUESTS[case]
    with connect(platform) as connection:
        connection.settimeout(3)
        try:
            connection.sendall(request)
        except ConnectionError:
            pass
        status, body = answer(connection)
    assert status in statuses, (status, body)
    assert status is None or status < 500 or status in (501, 505), body
    assert functions.ask(well, {"a": 1}) == {"a": 1}


def test_idle_connections_are_in_nobodys_way(platform, functions, well):
    held = [connect(platform) for _ in range(400)]
    [connection.sendall(b"POST / HTTP/1.1\r\nHost") for connection in held[:200]]
    began = time.monotonic()
    assert functions.ask(well, {"a": 2}) == {"a": 2}
    assert time.monotonic() - began < 2
    [connection.close() for connection in held]


def test_requests_in_a_row_on_one_connection(platform, well):
    request = b"POST " + INVOKE % b"well" + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n"
    with connect(platform) as connection:
        for number in range(50):
            connection.sendall(request + b'{"n":%2d}' % number)
            assert answer(connection) == (200, b'{"n": %d}' % number)


def test_body_in_chunks(platform, well):
    with connect(platform) as connection:
        connection.sendall(b"POST " + INVOKE % b"well" + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b'{"a"', b": [1,", b" 2]}"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        status, body = answer(connection)
    assert (status, json.loads(body)) == (200, {"a": [1, 2]})


def test_callers_that_hang_up_free_their_place(platform, functions, well):
    """A hundred leave in mid-call; their calls end, and nothing of the account's concurrency stays taken."""
    def leave(_):
        with connect(platform) as connection:
            connection.sendall(b"POST " + INVOKE % b"well" + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{\"s\":.1}")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(leave, range(100)))
    eventually(lambda: functions.ask(well, {"a": 3}) == {"a": 3}, "an answer")
