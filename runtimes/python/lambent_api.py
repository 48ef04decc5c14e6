"""The Runtime API's client: one keep-alive connection on a raw socket."""
import sys

import _socket

SMALL_BYTES = 32768


class Api:
    """One keep-alive connection to the Runtime API, written on the raw socket.

    http.client would cost 40 ms of imports and twice the latency of a call. A request is one write, with Nagle off:
    headers and body in two packets would wait for a delayed acknowledgement.
    """

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.host = address.encode()
        self.socket = None
        self.buffer = b""
        # Whether the next event was asked for with the answer to the last.
        self.asked = False
        agent = b"lambent-python/%d.%d" % sys.version_info[:2]
        self.common = b" HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n" % (self.host, agent)
        self.get_next = self.head(b"GET", b"/2018-06-01/runtime/invocation/next") + b"\r\n"
        # A process that ends because its answer was refused must not take an event with it.
        self.get_next_after = self.get_next[:-2] + b"Lambent-If-Accepted: 1\r\n\r\n"

    def head(self, method, path):
        return method + b" " + path + self.common

    def next(self):
        asked, self.asked = self.asked, False
        status, headers, body = self.call(self.get_next, asked=asked)
        if status != 200:
            raise RuntimeError("Failed to get next: status %d" % status)
        return headers, body

    def restore_next(self):
        """Waits until the snapshot is to be taken; the headers say whether there is to be one."""
        status, headers, _ = self.call(self.head(b"GET", b"/2018-06-01/runtime/restore/next") + b"\r\n")
        if status != 200:
            raise RuntimeError("Failed to wait for the snapshot: status %d" % status)
        return headers

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket, self.buffer, self.asked = None, b"", False

    def post(self, path, headers, body, and_next=False):
        """Posts; `and_next` asks for the next event in the same breath, which spares both sides a change of process."""
        head = [self.head(b"POST", path)]
        for name, value in headers:
            # Header values come from user code (exception names): a line break must not end the header.
            value = value.replace("\r", " ").replace("\n", " ").encode("utf-8", "replace")
            head.append(b"%s: %s\r\n" % (name, value))
        head.append(b"Content-Length: %d\r\n\r\n" % len(body))
        # Of an answer that may be refused for its size, that is waited for first.
        if and_next and len(body) < SMALL_BYTES:
            body += self.get_next_after
            self.asked = True
        status, _, answer = self.call(b"".join(head), body)
        if status != 202:
            # As AWS's client: a refused answer ends the process and the platform starts a new one.
            raise RuntimeError("Failed to post to the Runtime API: status %d %s" % (status, answer[:200]))

    def call(self, head, body=b"", asked=False):
        reused = self.socket is not None
        try:
            if not asked:
                self.send(head, body)
            return self.receive()
        except ConnectionError:
            # A connection kept open for long (or through a snapshot) may be gone; a fresh one failing is an error.
            if not reused or self.buffer:
                raise
            self.socket = None
            self.send(head, body)
            return self.receive()

    def send(self, head, body):
        if self.socket is None:
            self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0)
            self.socket.connect(self.address)
            self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self.buffer = b""
        if len(body) < 2 * SMALL_BYTES:
            self.socket.sendall(head + body)
        else:
            # Saves copying the result: both buffers in one system call, then whatever the kernel did not take.
            sent = self.socket.sendmsg([head, body])
            if sent < len(head):
                self.socket.sendall(head[sent:])
                sent = len(head)
            self.socket.sendall(memoryview(body)[sent - len(head):])

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        return data

    def receive(self):
        data = self.buffer
        while True:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                break
            data += self.more()
            self.buffer = data
        lines = data[:end].decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        rest = data[end + 4:]
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, self.buffer = self.receive_chunks(rest)
        else:
            body, self.buffer = self.receive_exactly(int(headers.get("content-length", 0)), rest)
        if headers.get("connection", "").lower() == "close":
            self.socket, self.asked = None, False
        return int(lines[0].split(" ", 2)[1]), headers, body

    def receive_exactly(self, length, rest):
        missing = length - len(rest)
        if missing <= 0:
            return rest[:length], rest[length:]
        body = bytearray(length)
        view = memoryview(body)
        view[:len(rest)] = rest
        while missing:
            count = self.socket.recv_into(view[length - missing:])
            if not count:
                raise ConnectionResetError("the Runtime API closed the connection")
            missing -= count
        return body, b""

    def receive_chunks(self, rest):
        parts = []
        while True:
            while b"\r\n" not in rest:
                rest += self.more()
            size, _, rest = rest.partition(b"\r\n")
            size = int(size.partition(b";")[0], 16)
            chunk, rest = self.receive_exactly(size + 2, rest)
            if not size:
                return b"".join(parts), rest
            parts.append(chunk[:-2])
