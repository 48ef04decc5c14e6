"""Runtimes that are started before a function asks: nothing tells a function that it got one, and none is in another's way."""
import json
import pathlib
import signal
import time

import pytest

import harness
import leftovers
from harness import NODE, PYTHON, RUBY, eventually

FLAGS = ("--ahead-min", "2")

# What a function can see of where it is; `began` is by the clock of the host's start.
LOOK = {
    PYTHON: """
import os, sys
began = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
def read(path):
    return open(path, "rb").read().decode().rstrip("\\0").split("\\0")
def handler(event, context):
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try: links.append(os.readlink(f"/proc/self/fd/{fd}").split(":")[0])
        except OSError: pass
    return {"began": began, "environ": read("/proc/self/environ"), "command": read("/proc/self/cmdline"),
            "variables": dict(os.environ), "links": sorted(links), "folder": os.getcwd(), "argv": sys.argv,
            "path": sys.path, "modules": sorted(sys.modules), "flags": str(sys.flags), "pid": os.getpid(),
            "mounts": sorted(line.split()[1] for line in open("/proc/self/mounts")), "tmp": os.listdir("/tmp"),
            "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
            "session": os.getsid(0), "threads": len(os.listdir("/proc/self/task")),
            "limits": open("/proc/self/limits").read(), "cgroup": open("/proc/self/cgroup").read()}
""",
    NODE: """
import fs from 'fs';
const read = (path) => fs.readFileSync(path, 'utf8').replace(/\\0+$/, '').split('\\0');
const link = (fd) => { try { return fs.readlinkSync(`/proc/self/fd/${fd}`).split(':')[0]; } catch { return 'gone'; } };
const began = Number(fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[19]);
const numbers = () => fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
export const handler = async () => ({
  began, environ: read('/proc/self/environ'), command: read('/proc/self/cmdline'), variables: { ...process.env },
  links: fs.readdirSync('/proc/self/fd').map(link).sort(), folder: process.cwd(), argv: process.argv,
  execArgv: process.execArgv, mounts: read('/proc/self/mounts')[0].split('\\n').map((line) => line.split(' ')[1]).sort(),
  tmp: fs.readdirSync('/tmp'), processes: numbers(), pid: process.pid, zone: String(new Date(0)),
  locale: Intl.DateTimeFormat().resolvedOptions(), globals: Object.getOwnPropertyNames(globalThis).sort(),
  listeners: process.eventNames().map(String).sort(), threads: fs.readdirSync('/proc/self/task').length,
  limits: fs.readFileSync('/proc/self/limits', 'utf8'), cgroup: fs.readFileSync('/proc/self/cgroup', 'utf8'),
});
""",
    RUBY: """
def read(path)
  File.binread(path).force_encoding('UTF-8').sub(/\\0+\\z/, '').split("\\0")
end

def link(fd)
  File.readlink("/proc/self/fd/#{fd}").split(':')[0]
rescue SystemCallError
  'gone'
end

def handler(event:, context:)
  { began: File.read('/proc/self/stat').rpartition(')')[2].split[19].to_i, environ: read('/proc/self/environ'),
    command: read('/proc/self/cmdline'), variables: ENV.to_h, folder: Dir.pwd, path: $LOAD_PATH, name: $0,
    links: Dir.children('/proc/self/fd').map { |fd| link(fd) }.sort, features: $LOADED_FEATURES.sort,
    constants: Object.constants.sort + Lambent.constants.sort, zone: Time.at(0).to_s, pid: Process.pid,
    mounts: File.readlines('/proc/self/mounts').map { |line| line.split[1] }.sort, tmp: Dir.children('/tmp'),
    processes: Dir.children('/proc').grep(/\\A\\d+\\z/).sort, threads: Dir.children('/proc/self/task').length,
    encodings: [Encoding.default_external.to_s, Encoding.default_internal.to_s],
    limits: File.read('/proc/self/limits'), cgroup: File.read('/proc/self/cgroup') }
end
""",
}


@pytest.fixture(scope="module", autouse=True)
def compiled(functions, platform):
    """What is started before the bootstrap is compiled, right after the first start of all, is of no use after."""
    def is_used():
        functions.create("def handler(event, context): pass\n")
        return any(b"bootstrap.pyc" in leftovers.command_of(pid) for pid in waiting(platform))
    eventually(is_used, "a runtime with the compiled bootstrap")


def waiting(platform):
    """The runtimes that are nobody's yet: their environment names no function."""
    def is_nobodys(pid):
        environ = leftovers.read_bytes(f"/proc/{pid}/environ")
        return b"bootstrap" in leftovers.command_of(pid) and b"_LAMBENT_BOOT_FD=" in environ
    return [pid for pid, _ in leftovers.alive(leftovers.children(platform.pid)) if is_nobodys(pid)]


def now():
    """As `/proc/PID/stat` tells when a process began."""
    return float(pathlib.Path("/proc/uptime").read_text().split()[0]) * 100


def settled(platform, runtime, count=2):
    """Waits until so many runtimes of a language wait, ready: asleep, where they read what they are to be."""
    word = {PYTHON: b"python", NODE: b"node", RUBY: b"ruby"}[runtime]

    def ready():
        pids = [pid for pid in waiting(platform) if word in leftovers.command_of(pid)]
        asleep = [pid for pid in pids if (leftovers.stat_of(pid) or "?")[0] == "S"]
        return len(asleep) >= count and asleep
    found = eventually(ready, "runtimes that wait")
    time.sleep(0.3)  # Asleep at the socket, not on the way there: nothing outside tells the one from the other.
    return found


def look(functions, name):
    """What a new environment sees, and whether it began before it was asked for."""
    asked = now()
    answer = functions.invoke(name)
    assert answer.error is None and answer.cold, answer.log
    seen = answer.payload
    return seen, seen.pop("began") < asked - 5


@pytest.mark.parametrize("runtime", LOOK)
def test_a_function_cannot_tell(functions, platform, start, runtime):
    variables = {"MINE": "one's own", "EMPTY": "", "LARGE": "x" * 3000}
    settings = {"Environment": {"Variables": variables}, "MemorySize": 512, "EphemeralStorage": {"Size": 700}}
    name = functions.create(LOOK[runtime], runtime, **settings)
    settled(platform, runtime)
    claimed, was_ahead = look(functions, name)
    assert was_ahead, "it was to begin in a runtime that waited"
    plain_platform = start("--ahead-max", "0")
    compiled_of = lambda one: len(list(one.data.glob("bootstraps/*/python3.*")))
    eventually(lambda: compiled_of(plain_platform) == compiled_of(platform), "the compiled bootstraps")
    others = harness.Functions(plain_platform)
    plain, was_ahead = look(others, others.create(LOOK[runtime], runtime, name=name, **settings))
    assert not was_ahead

    own = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID")
    for seen in (claimed, plain):
        seen["environ"] = sorted(line for line in seen["environ"] if line.partition("=")[0] not in own)
        for variable in own:
            assert seen["variables"].pop(variable)
    for what, of_plain in plain.items():
        assert claimed[what] == of_plain, what
    assert "LAMBENT" not in json.dumps([claimed[what] for what in ("environ", "variables", "command")])


SEARCH = """
import re
following = bytes((byte + 1) % 256 for byte in range(256))
def handler(event, context):
    wanted = re.compile(b"|".join(re.escape(bytes.fromhex(text)) for text in event))
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(text, 16) for text in line.split()[0].split("-"))
            if " rw" in line:
                try:
                    memory.seek(first)
                    found = wanted.search(memory.read(last - first).translate(following))
                except (OSError, ValueError, OverflowError): continue
                if found: return line
"""


def test_nothing_of_another_function_is_there(functions, platform):
    """Neither what it has in its environment nor what it knows comes with a runtime, whoever had others before."""
    secret = "a-secret-of-the-first-function"
    first = functions.create("import os\ndef handler(event, context):\n    return dict(os.environ)\n",
                             Environment={"Variables": {"SECRET": secret}})
    settled(platform, PYTHON)
    keys = functions.ask(first)
    searching = functions.create(SEARCH, MemorySize=512)
    settled(platform, PYTHON)
    # Each byte's successor, so that what is searched for is not there because it is.
    names = ("SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    hidden = [bytes((byte + 1) % 256 for byte in keys[name].encode()).hex() for name in names]
    assert functions.ask(searching, hidden) is None
    own = functions.create(SEARCH, MemorySize=512, Environment={"Variables": {"SECRET": secret}})
    assert functions.ask(own, hidden[:1]), "what is there is found"


@pytest.mark.parametrize("runtime, variables", [
    (PYTHON, {"PYTHONDONTWRITEBYTECODE": "1"}),
    (PYTHON, {"LD_PRELOAD": ""}),
    (PYTHON, {"LANG": "C"}),
    (NODE, {"NODE_OPTIONS": "--max-old-space-size=300"}),
    (NODE, {"SSL_CERT_FILE": "/nowhere"}),
    (RUBY, {"RUBYOPT": "-W0"}),
])
def test_what_is_read_at_the_start_needs_a_start(functions, platform, runtime, variables):
    name = functions.create(LOOK[runtime], runtime, Environment={"Variables": variables}, MemorySize=512)
    seen, was_ahead = look(functions, name)
    assert not was_ahead
    assert variables.items() <= seen["variables"].items()


def test_a_wrapper_needs_a_start(functions, platform):
    wrapper = "#!/bin/sh\nexport WRAPPED=yes\nexec \"$@\"\n"
    name = functions.create({"app.py": LOOK[PYTHON], "wrap": wrapper}, MemorySize=512,
                            Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"}})
    seen, was_ahead = look(functions, name)
    assert not was_ahead and seen["variables"]["WRAPPED"] == "yes"


def test_gems_of_its_own_need_a_start(functions, platform):
    name = functions.create({"app.rb": LOOK[RUBY], "vendor/bundle/ruby/3.3.0/specifications/none": ""}, RUBY, MemorySize=512)
    assert not look(functions, name)[1]


def test_libraries_of_its_own_need_a_start(functions, platform):
    name = functions.create({"app.py": LOOK[PYTHON], "lib/libown.so.1": "none"}, MemorySize=512)
    assert not look(functions, name)[1]


@pytest.mark.parametrize("runtime, code", [
    (PYTHON, "import time, datetime\ndef handler(event, context):\n"
             "    return [time.tzname[0], datetime.datetime.fromtimestamp(0).hour]\n"),
    (NODE, "export const handler = async () => "
           "[Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(0).getHours()];\n"),
    (RUBY, "def handler(event:, context:)\n  [Time.at(0).zone, Time.at(0).hour]\nend\n"),
])
def test_the_time_zone_counts(functions, platform, runtime, code):
    name = functions.create(code, runtime, Environment={"Variables": {"TZ": "Asia/Tokyo"}}, MemorySize=512)
    settled(platform, runtime)
    assert functions.ask(name) == [{PYTHON: "JST", NODE: "Asia/Tokyo", RUBY: "JST"}[runtime], 9]


def test_randomness_is_fresh(functions, platform):
    name = functions.create("import random, uuid, time\n"
                            "drawn = [random.random(), str(uuid.uuid4()), str(uuid.uuid1()), hash('text')]\n"
                            "def handler(event, context):\n    time.sleep(0.5)\n    return drawn\n", MemorySize=512)
    settled(platform, PYTHON)
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: functions.ask(name), range(4)))
    assert all(len(set(column)) == 4 for column in zip(*drawn)), drawn


@pytest.mark.parametrize("runtime, code", [
    (PYTHON, "import os\nos._exit(3)\n"),
    (PYTHON, "raise RuntimeError('at load')\n"),
    (NODE, "process.exit(3);\n"),
    (NODE, "throw new Error('at load');\n"),
    (RUBY, "exit!(3)\n"),
    (RUBY, "raise 'at load'\n"),
])
def test_who_fails_at_load_harms_nobody(functions, platform, runtime, code):
    good = functions.create(LOOK[runtime], runtime, MemorySize=512)
    bad = functions.create(code, runtime)
    settled(platform, runtime)
    answer = functions.invoke(bad)
    assert answer.error == "Unhandled" and "REPORT" in answer.log
    assert functions.invoke(bad).error == "Unhandled"
    settled(platform, runtime)
    assert look(functions, good)[1]


def test_one_that_dies_while_it_waits_is_replaced(functions, platform):
    name = functions.create(LOOK[PYTHON], MemorySize=512)
    for pid in settled(platform, PYTHON):
        leftovers.signal_one(pid, signal.SIGKILL)
    assert functions.invoke(name).error is None
    settled(platform, PYTHON)


def test_how_many_wait(start):
    none = start("--ahead-max", "0")
    functions = harness.Functions(none)
    functions.ask(functions.create("def handler(event, context): pass\n"))
    assert not waiting(none)
    three = start("--ahead-min", "3", "--ahead-max", "5")
    assert not waiting(three), "without functions there are no runtimes"
    functions = harness.Functions(three)
    functions.create("def handler(event, context): pass\n")
    pids = settled(three, PYTHON, 3)
    assert len(pids) == 3 and all(b"node" not in leftovers.command_of(pid) for pid in pids)
    three.stop()
    assert not [pid for pid in pids if leftovers.stat_of(pid)]
