"""Measures what our bootstraps cost: start to first poll against the bare interpreter, and a warm call.

    python3 conformance/bootstraps/startup.py [ROUNDS]

All variants take turns within a round, so that a busy machine disturbs them alike; read the ratios, not the times.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

import clients

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
EVENT = b'{"key":"value","n":1234}'
NEXT = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3f22\r\n"
        b"Lambda-Runtime-Deadline-Ms: 1795000000000\r\n"
        b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:sample\r\n"
        b"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(EVENT), EVENT))
WARM_CALLS = 2000


def start(command, runtime, folder, listener):
    env = clients.environment({"handler": "app.echo", "runtime": runtime}, folder)
    env["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:%d" % listener.getsockname()[1]
    env["_LAMBDA_TELEMETRY_LOG_FD"] = "2"
    return subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cold_ms(command, runtime, folder, listener):
    began = time.perf_counter()
    process = start(command, runtime, folder, listener)
    connection, _ = listener.accept()
    connection.recv(4096)
    took = time.perf_counter() - began
    process.kill()
    process.wait()
    connection.close()
    return took * 1000


def floor_ms(command):
    began = time.perf_counter()
    subprocess.run(command, env={}, check=True)
    return (time.perf_counter() - began) * 1000


def warm_us(command, runtime, folder, listener):
    process = start(command, runtime, folder, listener)
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rest = read_request(connection, b"")
    times = []
    for _ in range(WARM_CALLS):
        began = time.perf_counter()
        connection.sendall(NEXT)
        rest = read_request(connection, rest)
        times.append(time.perf_counter() - began)
        connection.sendall(ANSWER)
        rest = read_request(connection, rest)
    process.kill()
    process.wait()
    return sorted(times)[WARM_CALLS // 2] * 1e6


def read_request(connection, data):
    """Reads one whole request; returns the bytes after it."""
    while True:
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            head = data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15:].split(b"\r\n")[0]) if at >= 0 else 0
            if len(data) >= end + 4 + length:
                return data[end + 4 + length:]
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the runtime hung up")
        data += more


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    clients.install()
    listener = socket.create_server(("127.0.0.1", 0))
    with tempfile.TemporaryDirectory() as built:
        clients.use_built(built)
        floors = {"python": [clients.PYTHON, "-I", "-S", "-c", "pass"], "node": [clients.NODE, "-e", "0"]}
        for runtime, floor in floors.items():
            folder = os.path.join(clients.ROOT, "conformance", "functions", "answer", runtime)
            variants = {"floor": lambda: floor_ms(floor)}
            for name, client in (("ours", clients.ours), ("official", clients.official)):
                command = client(runtime, "app.echo")
                variants[name] = lambda command=command: cold_ms(command, runtime, folder, listener)
            times = {name: [] for name in variants}
            for _ in range(rounds):
                for name, measure in variants.items():
                    times[name].append(measure())
            base = sorted(times["floor"])[rounds // 2]
            for name, values in times.items():
                median = sorted(values)[rounds // 2]
                print("%s cold %-9s %6.1f ms  %.2f x floor" % (runtime, name, median, median / base))
            for name, client in (("ours", clients.ours), ("official", clients.official)):
                warm = warm_us(client(runtime, "app.echo"), runtime, folder, listener)
                print("%s warm %-9s %6.0f us" % (runtime, name, warm))


if __name__ == "__main__":
    main()
