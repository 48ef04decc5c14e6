"""Functions that attack: each is contained, and neither a neighbour nor the server notices.

Every attack is a Python function's body; what it returns tells how far it came.
"""
import json
import os
import re
import socket
import time

import pytest

import leftovers
from harness import Functions, eventually

LIBC = "import ctypes, errno, os, socket, struct, subprocess, sys, time, json, http.client\n" \
       "libc = ctypes.CDLL(None, use_errno=True)\n" \
       "def call(number, *arguments):\n" \
       "    ctypes.set_errno(0)\n" \
       "    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])\n" \
       "    return errno.errorcode.get(ctypes.get_errno(), 'done') if result == -1 else 'done'\n" \
       "def tried(act):\n" \
       "    try:\n" \
       "        return act() or 'done'\n" \
       "    except OSError as error:\n" \
       "        return errno.errorcode.get(error.errno, repr(error))\n"
# System calls of x86-64 that no function may make, with arguments that would do something.
CALLS = {
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "umount": "call(166, b'/var/task', 2)",
    "pivot_root": "call(155, b'/tmp', b'/tmp')",
    "chroot": "call(161, b'/tmp')",
    "unshare user": "call(272, 0x10000000)",
    "unshare mount": "call(272, 0x00020000)",
    "unshare net": "call(272, 0x40000000)",
    "clone3 user": "call(435, struct.pack('<11Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)",
    "setns": "call(308, os.open('/proc/self/ns/net', os.O_RDONLY), 0)",
    "ptrace": "call(101, 16, os.getppid(), 0, 0)",
    "process_vm_writev": "call(311, 1, 0, 0, 0, 0, 0)",
    "bpf": "call(321, 0, struct.pack('<IIII', 1, 4, 4, 1) + bytes(112), 128)",
    "keyctl": "call(250, 0, -3, 1)",
    "add_key": "call(248, b'user', b'k', b'v', 1, -3)",
    "perf_event_open": "call(298, struct.pack('<IIQ', 1, 128, 0) + bytes(112), 0, -1, -1, 0)",
    "userfaultfd": "call(323, 0)",
    "io_uring_setup": "call(425, 8, bytes(120))",
    "init_module": "call(175, b'', 0, b'')",
    "kexec_load": "call(246, 0, 0, 0, 0)",
    "reboot": "call(169, 0xfee1dead, 672274793, 0x1234567, 0)",
    "settimeofday": "call(164, struct.pack('<QQ', 0, 0), 0)",
    "sethostname": "call(170, b'x', 1)",
    "swapon": "call(167, b'/tmp/x', 0)",
    "setuid": "call(105, 0)",
    "setgid": "call(106, 0)",
    "mknod": "call(133, b'/tmp/disk', 0o60666, 0x700)",
    "open_tree": "call(428, -100, b'/', 1)",
    "fsopen": "call(430, b'tmpfs', 0)",
    "syslog": "call(103, 3, ctypes.create_string_buffer(100), 100)",
    "acct": "call(163, b'/tmp/x')",
    "quotactl": "call(179, 0, 0, 0, 0)",
    "AF_PACKET": "tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) and None)",
    "raw socket": "tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) and None)",
    "AF_VSOCK": "tried(lambda: socket.socket(40, socket.SOCK_STREAM) and None)",
    "AF_ALG": "tried(lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) and None)",
    "kill pid 1": "tried(lambda: (os.kill(1, 9), time.sleep(0.1), 'unmoved')[-1])",
    "kill everybody outside": "tried(lambda: os.kill(-1, 0))",
    "write /var/task": "tried(lambda: open('/var/task/app.py', 'a') and None)",
    "new in /var/task": "tried(lambda: open('/var/task/new', 'w') and None)",
    "write /var/runtime": "tried(lambda: open('/var/runtime/bootstrap.pyc', 'a') and None)",
    "new in /var/runtime": "tried(lambda: open('/var/runtime/new', 'w') and None)",
    "write /usr": "tried(lambda: open('/usr/bin/new', 'w') and None)",
    "write /etc": "tried(lambda: open('/etc/passwd', 'a') and None)",
    "write /": "tried(lambda: os.mkdir('/new'))",
    "write sysctl": "tried(lambda: open('/proc/sys/kernel/core_pattern', 'w') and None)",
    "sysrq": "tried(lambda: open('/proc/sysrq-trigger', 'w') and None)",
    "cgroup": "tried(lambda: open('/sys/fs/cgroup/memory/cgroup.procs', 'w') and None)",
    "memory of pid 1": "tried(lambda: open('/proc/1/mem', 'rb') and None)",
    "kernel memory": "tried(lambda: open('/proc/kcore', 'rb') and None)",
    "disk": "tried(lambda: open('/dev/vda', 'rb') and None)",
    "chmod suid": "(open('/tmp/s', 'w').close(), tried(lambda: os.chmod('/tmp/s', 0o4755)), "
                  "subprocess.run(['/bin/su', '-c', 'id'], capture_output=True, stdin=subprocess.DEVNULL).returncode)[-1] or 'done'",
}
# What may happen to it at worst: asked of nobody, it did nothing.
HARMLESS = {"kill pid 1": {"unmoved", "EPERM", "ESRCH"}, "kill everybody outside": {"ESRCH", "EPERM", "done"}}
UNREADABLE = ["/etc/shadow", "/root", "/root/.ssh", "/root/.bashrc", "/home", "/var/lib", "/var/log", "/run", "/boot",
              "/dev/mem", "/dev/kmsg", "/proc/kmsg", "/sys/kernel", "/sys/fs/cgroup", "{data}", "{data}/store",
              "{data}/blobs", "{data}/trees", "/proc/1/environ", "/proc/1/root", "/proc/1/cwd/..", "/mnt", "/srv",
              "/proc/self/root/root", "/proc/self/root{data}"]


def function(body):
    return LIBC + "def handler(event, context):\n    " + body.replace("\n", "\n    ") + "\n"


@pytest.fixture(scope="module")
def neighbour(functions):
    return functions.create("import os\ndef handler(event, context):\n    open('/tmp/mine', 'w').write('mine')\n"
                            "    return [os.listdir('/tmp'), event]\n", MemorySize=512)


@pytest.fixture
def unharmed(functions, neighbour, platform):
    """After the test the neighbour answers, the server answers, and both soon."""
    yield
    began = time.monotonic()
    assert functions.ask(neighbour, 1) == [["mine"], 1]
    assert functions.api.get_account_settings()["AccountLimit"]
    assert time.monotonic() - began < 5
    assert platform.running()


@pytest.fixture(scope="module")
def caller(functions):
    """Evaluates an expression inside a sandbox."""
    return functions.create(function("return eval(event)"), MemorySize=512, Timeout=10)


@pytest.mark.parametrize("attempt", CALLS)
def test_call_is_refused(functions, caller, unharmed, attempt):
    outcome = functions.invoke(caller, CALLS[attempt])
    if outcome.error:  # A filter may kill instead of answering.
        assert outcome.payload["errorType"] == "Runtime.ExitError"
        return
    assert outcome.payload in HARMLESS.get(attempt, {}) or outcome.payload != "done", outcome.payload


def test_nothing_of_the_host_is_readable(platform, functions, unharmed):
    name = functions.create(function("""
found = {}
for path in event:
    try:
        found[path] = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(100).hex()
    except OSError:
        pass
return {path: content for path, content in found.items() if content}"""))
    paths = [path.format(data=platform.data) for path in UNREADABLE]
    assert functions.ask(name, paths) == {}


def test_no_capabilities_no_new_privileges_and_a_filter(functions, caller):
    status = functions.ask(caller, "open('/proc/self/status').read()")
    fields = dict(re.findall(r"(\w+):\t(.*)", status))
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_only_its_own_processes_are_seen(functions, unharmed, caller):
    pids = functions.ask(caller, "[int(name) for name in os.listdir('/proc') if name.isdigit()]")
    assert len(pids) <= 4 and max(pids) < 100
    environments = functions.ask(caller, "[open(f'/proc/{p}/environ','rb').read().decode() for p in os.listdir('/proc')"
                                         " if p.isdigit() and os.access(f'/proc/{p}/environ', os.R_OK)]")
    for text in environments:
        assert not text or "AWS_LAMBDA_FUNCTION_NAME=" in text, "only a function's own environment"


def test_descriptors_are_its_own(functions):
    targets = functions.ask(functions.create(function("return eval(event)")), "[os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')"
                                    " if os.path.lexists(f'/proc/self/fd/{fd}')]")
    for target in targets:
        assert target == "/dev/null" or target.startswith(("pipe:", "socket:", "/proc/", "/var/", "/tmp")), targets


def test_the_hosts_loopback_is_another(functions, platform, unharmed):
    """A listener on the host's loopback, and the platform's own port, are not there for a function."""
    name = functions.create(function("""
open_ports = []
for port in range(1, 65536):
    probe = socket.socket()
    probe.settimeout(0.2)
    # A port may be met by the very one that the probe got for itself.
    if probe.connect_ex(("127.0.0.1", port)) == 0 and probe.getsockname() != probe.getpeername():
        open_ports.append(port)
    probe.close()
own = {int(os.environ[v].rsplit(":", 1)[1]) for v in ("AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL")}
return [open_ports, sorted(own)]"""), MemorySize=1769, Timeout=60)
    with socket.create_server(("127.0.0.1", 0)):
        open_ports, own = functions.ask(name)
    # And that of AWS's own hosts, which is the platform's too.
    assert set(open_ports) <= {443, *own}


def test_no_way_out(functions, platform, unharmed, caller):
    port = int(platform.endpoint.rsplit(":", 1)[1])
    addresses = [("1.1.1.1", 53), ("169.254.169.254", 80), ("10.0.0.1", 22), ("127.0.0.1", port), ("192.168.1.1", 80)]
    hosts = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    addresses += [(host, port) for host in hosts]
    for address in addresses:
        assert functions.ask(caller, f"tried(lambda: socket.create_connection({address!r}, 0.5) and None)") != "done"
    links = functions.ask(caller, "sorted(name for _, name in socket.if_nameindex())")
    assert links == ["lo"]


def test_abstract_sockets_are_its_own(functions, unharmed, caller):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0lambent-conformance")
        listener.listen()
        assert functions.ask(caller, "tried(lambda: socket.socket(socket.AF_UNIX).connect('\\0lambent-conformance'))") \
            == "ECONNREFUSED"


@pytest.mark.parametrize("body", [
    "while True:\n    try:\n        os.fork()\n    except OSError: pass",
    "children = []\nwhile True:\n    try:\n        children.append(subprocess.Popen(['sleep', '60'], start_new_session=True))\n"
    "    except OSError: pass",
    "import threading\nwhile True:\n    try:\n        threading.Thread(target=time.sleep, args=(60,)).start()\n"
    "    except RuntimeError: pass",
], ids=["fork", "sessions", "threads"])
def test_fork_bomb(functions, platform, unharmed, neighbour, body):
    before = set(leftovers.children(platform.pid))
    name = functions.create(function(body), Timeout=3)
    answer = functions.invoke(name)
    assert answer.payload["errorType"] in ("Sandbox.Timedout", "Runtime.OutOfMemory", "Runtime.ExitError")
    assert functions.ask(neighbour, 2) == [["mine"], 2]
    eventually(lambda: len(leftovers.alive(set(leftovers.children(platform.pid)) - before)) < 20,
               "the end of the bomb's processes", 10)


def test_memory_eaters_die_alone(functions, unharmed):
    ways = {
        "heap": "b = [bytes([1]) * 2**20 for _ in range(4096)]",
        "child": "subprocess.run([sys.executable, '-c', 'b = [bytes([1]) * 2**20 for _ in range(4096)]'])\nreturn 'lives'",
        "shared memory": "import mmap\nm = mmap.mmap(-1, 2**31)\nfor n in range(0, 2**31, 4096): m[n] = 1",
        "memfd": "fd = os.memfd_create('x')\nwhile True: os.write(fd, bytes(2**20))",
        "/dev/shm": "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(bytes(2**20))",
        "pipes": "pairs = []\nwhile True:\n    pairs.append(os.pipe())\n    os.set_blocking(pairs[-1][1], False)\n"
                 "    try:\n        while True: os.write(pairs[-1][1], bytes(65536))\n    except BlockingIOError: pass",
    }
    for way, body in ways.items():
        name = functions.create(function(body), Timeout=15)
        answer = functions.invoke(name)
        if way == "child":
            assert answer.payload == "lives" or answer.payload["errorType"] == "Runtime.OutOfMemory", answer.payload
        else:
            assert answer.payload["errorType"] in ("Runtime.OutOfMemory", "FileNotFoundError", "OSError",
                                                   "PermissionError"), (way, answer.payload)


def test_tmp_is_full_at_its_size(functions, unharmed):
    """512 MB of /tmp do not count against the 128 MB of memory."""
    name = functions.create(function("""
written = 0
with open("/tmp/full", "wb", buffering=0) as file:
    try:
        while True:
            written += file.write(bytes(2**20))
    except OSError as error:
        return [error.errno == errno.ENOSPC, written // 2**20]"""), Timeout=60)
    full, written_mb = functions.ask(name)
    assert full and 450 < written_mb <= 512


def test_many_small_files_in_tmp(functions, unharmed):
    name = functions.create(function("""
count = 0
try:
    for count in range(2_000_000):
        os.mknod(f"/tmp/{count}")
except OSError as error:
    return [errno.errorcode[error.errno], count]"""), MemorySize=1769, Timeout=60)
    answer = functions.invoke(name)
    assert answer.error or answer.payload[0] == "ENOSPC", answer.payload


def test_flood_of_output(functions, unharmed):
    name = functions.create("import sys\ndef handler(event, context):\n    line = 'x' * 1023 + '\\n'\n"
                            "    for _ in range(20_000): sys.stdout.write(line)\n    return 'done'\n",
                            MemorySize=1769, Timeout=60)
    answer = functions.invoke(name)
    assert answer.payload == "done" and len(answer.log) <= 4096 and "REPORT" in answer.log


def test_flood_of_output_without_a_newline(functions, platform, unharmed):
    before = memory_mb(platform.pid)
    name = functions.create("import os\ndef handler(event, context):\n"
                            "    for _ in range(100): os.write(1, b'x' * 2**20)\n    return 'done'\n",
                            MemorySize=1769, Timeout=60)
    assert functions.ask(name) == "done"
    assert memory_mb(platform.pid) - before < 150


def test_flood_of_empty_lines(functions, neighbour, unharmed):
    """Bytes that are dear to cut into records: the platform's own time is what is attacked."""
    name = functions.create("import os\ndef handler(event, context):\n"
                            "    for _ in range(4 * 16): os.write(1, b'\\n' * 2**16)\n    return 'done'\n",
                            MemorySize=1769, Timeout=60)
    functions.ask(neighbour, 0)
    began = time.monotonic()
    assert functions.ask(name) == "done"
    assert time.monotonic() - began < 5


def memory_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) // 1024


@pytest.mark.parametrize("frame", [
    "struct.pack('>IIQ', 0xA55A0003, 2**31, 0) + b'short'",
    "struct.pack('>IIQ', 0xA55A0003, 0xFFFFFFFF, 2**64 - 1)",
    "struct.pack('>IIQ', 0xA55A00FF, 4, 0) + b'what'",
    "struct.pack('>IIQ', 0xA55A0003, 5, 2**63) + b'late\\n'",
    "struct.pack('>I', 0xA55A0003)[:3]",
    "struct.pack('>IIQ', 0xA55A0002, 9, 0) + b'not\\xff json'",
    "b'\\xff\\xfe\\x00' * 100",
])
def test_forged_frames(functions, unharmed, frame):
    """On the telemetry descriptor's pipe, which is the standard output's too."""
    name = functions.create(function(f"os.write(1, {frame})\nos.write(2, b'\\nafter\\n')\nreturn 'done'"))
    answer = functions.invoke(name)
    assert answer.payload == "done" and f"REPORT RequestId: {answer.request_id}" in answer.log
    second = functions.invoke(name)
    assert second.payload == "done" and f"START RequestId: {second.request_id}" in second.log
    functions.lines(name, "REPORT RequestId: " + second.request_id, seconds=5)


def test_forged_platform_lines_are_only_lines(functions, unharmed):
    name = functions.create(function("print('REPORT RequestId: 0\\tDuration: 0.00 ms\\tStatus: timeout')\nreturn 1"))
    answer = functions.invoke(name)
    assert (answer.error, answer.payload) == (None, 1)
    assert f"REPORT RequestId: {answer.request_id}" in answer.log


RUNTIME_API = """
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=5)
def ask(method, path, body=b"", headers={}):
    api.request(method, path, body, headers)
    answer = api.getresponse()
    return [answer.status, answer.read().decode()[:300]]
base, own = "/2018-06-01/runtime/", context.aws_request_id
"""


@pytest.mark.parametrize("call, status, error_type", [
    ("ask('GET', base + 'invocation/next')", 403, "InvalidStateTransition"),
    ("ask('POST', base + 'invocation/00000000-0000-0000-0000-000000000000/response', b'1')", 400, "InvalidRequestID"),
    ("ask('POST', base + 'invocation/nonsense/error', b'{}')", 400, "InvalidRequestID"),
    ("ask('POST', base + 'init/error', b'{}')", 403, "InvalidStateTransition"),
    ("ask('GET', '/nowhere')", 404, None),
    ("ask('GET', base + '../../../etc/passwd')", 404, None),
    ("ask('DELETE', base + 'invocation/next')", (404, 405), None),
    ("ask('POST', base + f'invocation/{own}/response', b'1', {'Lambda-Runtime-Function-Response-Mode': 'x'})", 400,
     "InvalidFunctionResponseMode"),
])
def test_runtime_api_out_of_order(functions, unharmed, call, status, error_type):
    name = functions.create(function(RUNTIME_API + f"print('answer', json.dumps({call}))\nreturn 'own answer'"),
                            MemorySize=512, Timeout=10)
    answer = functions.invoke(name)
    got_status, body = json.loads(re.search(r"^answer (.*)$", answer.log, re.M).group(1))
    assert got_status in (status if isinstance(status, tuple) else (status,)), body
    assert not error_type or f'"errorType":"{error_type}"' in body.replace(" ", ""), body
    assert (answer.error, answer.payload) == (None, "own answer")
    assert functions.ask(name) == "own answer"


def test_too_large_an_answer_is_refused_and_told(functions, unharmed):
    name = functions.create(function(RUNTIME_API + """
print('answer', json.dumps(ask('POST', base + f'invocation/{own}/response', b'x' * (6291556 + 1))))
time.sleep(1)"""), MemorySize=512, Timeout=10)
    assert functions.invoke(name).payload["errorType"] == "Function.ResponseSizeTooLarge"
    line = next(line for line in functions.lines(name, "^answer ") if line.startswith("answer "))
    status, body = json.loads(line.removeprefix("answer "))
    assert (status, json.loads(body)) == (413, {
        "errorType": "RequestEntityTooLarge",
        "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes)."})


def test_answering_for_oneself_and_twice(functions, unharmed):
    name = functions.create(function(RUNTIME_API +
                                     "ask('POST', base + f'invocation/{own}/response', b'\"first\"')\nreturn 'second'"))
    assert [functions.ask(name) for _ in range(3)] == ["first"] * 3


@pytest.mark.parametrize("attack", [
    "raw.sendall(b'POST ' + path + b' HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 1000\\r\\n\\r\\nshort')\nraw.close()",
    "raw.sendall(b'POST ' + path + b' HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nffffffffff\\r\\n')\nraw.close()",
    "raw.sendall(b'\\x16\\x03\\x01' + os.urandom(500))\nraw.close()",
    "raw.sendall(b'GET / HTTP/1.1\\r\\n' + b'X: ' + b'y' * 2**20)\nraw.close()",
    "raw.sendall(b'POST ' + path + b' HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 99999999999999999999\\r\\n\\r\\n')\nraw.close()",
    "many = [socket.create_connection(address) for _ in range(500)]",
], ids=["short body", "endless chunk", "not HTTP", "endless header", "huge length", "many connections"])
def test_runtime_api_hung_up_on(functions, unharmed, attack):
    name = functions.create(function("""
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
address, path = (host, int(port)), b"/2018-06-01/runtime/invocation/" + context.aws_request_id.encode() + b"/response"
raw = socket.create_connection(address)
try:
    """ + attack.replace("\n", "\n    ") + """
except OSError:
    pass
return "still here" """), Timeout=10)
    assert functions.ask(name) == "still here"
    assert functions.ask(name) == "still here"


def test_background_work_of_a_call_is_not_the_next_calls(functions, unharmed):
    """A child that outlives its call stays in its sandbox and cannot answer for another."""
    name = functions.create(function("subprocess.Popen(['sleep', '100'], start_new_session=True)\nreturn 'done'"))
    assert functions.ask(name) == "done"
    functions.api.delete_function(FunctionName=name)


@pytest.mark.parametrize("pause", [0, 0.5], ids=["at once", "frozen"])
def test_deleted_functions_leave_no_processes(functions, platform, pause):
    before = set(leftovers.children(platform.pid))
    name = functions.create(function("subprocess.Popen(['setsid', 'sleep', '12345'])\nreturn 'done'"))
    assert functions.ask(name) == "done"
    time.sleep(pause)
    functions.api.delete_function(FunctionName=name)

    def gone():
        new = leftovers.alive(set(leftovers.children(platform.pid)) - before)
        return not any(b"12345" in leftovers.command_of(pid) for pid, _ in new)
    eventually(gone, "the end of the function's processes", 10)


def test_platform_door_is_no_way_around(functions, platform, unharmed, caller):
    """Through its own door a function is a client like any other: malformed requests are refused, not fatal."""
    name = functions.create(function("""
host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
for junk in (b"\\x00" * 100, b"GET / HTTP/9.9\\r\\n\\r\\n", b"POST /2015-03-31/functions HTTP/1.1\\r\\nHost: x\\r\\n"
             b"Content-Length: 5\\r\\n\\r\\n{nope", b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n"):
    raw = socket.create_connection((host, int(port)), 2)
    raw.sendall(junk)
    raw.settimeout(0.3)
    try:
        raw.recv(1000)
    except OSError:
        pass
    raw.close()
return "done" """), Timeout=20)
    assert functions.ask(name) == "done"
    assert Functions(platform).ask(caller, "1 + 1") == 2
