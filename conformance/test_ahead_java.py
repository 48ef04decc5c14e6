"""JVMs that are started before a function asks. What holds for every language is in `test_ahead.py`."""
import filecmp
import os
import pathlib

import pytest

import languages
import leftovers
from harness import Functions, Lambent, eventually, zipped

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIMEOUT_S, MEMORY_MB = 30, 512
# The first run fetches the client and builds the functions.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def platform():
    languages.install()
    platform = Lambent("--runtimes", str(languages.RUNTIMES))
    yield platform
    alive, log = platform.running(), platform.log()
    platform.remove()
    assert alive and "panicked" not in log, log[-4000:]


@pytest.fixture(scope="module")
def functions(platform):
    return Functions(platform)


def create(functions, handler, runtime="java17", more=None, **settings):
    package = zipped({**languages.package("java"), **(more or {})})
    return functions.create(package, runtime, handler, **{"MemorySize": MEMORY_MB, "Timeout": TIMEOUT_S, **settings})


def settled(platform, runtime="java17", memory=MEMORY_MB):
    """Waits until a JVM for such functions waits, ready: where it reads whether it is claimed."""
    release = runtime.removeprefix("java")
    heap = b"MaxHeapSize=%dk" % (memory * 1024 * 85 // 100)

    def reads_socket(pid):
        calls = (task.read_bytes().split() for task in pathlib.Path(f"/proc/{pid}/task").glob("*/syscall"))
        try:
            if release not in os.readlink(f"/proc/{pid}/exe"):
                return False
            # `read` of the one socket that it has.
            return any(call[0] == b"0" and os.readlink(f"/proc/{pid}/fd/{int(call[1], 16)}").startswith("socket")
                       for call in calls)
        except OSError:
            return False  # It ends, or has others by now.

    def ready():
        for pid, _ in leftovers.alive(leftovers.children(platform.pid)):
            nobodys = b"_LAMBENT_BOOT_FD=" in leftovers.read_bytes(f"/proc/{pid}/environ")
            command = leftovers.command_of(pid)
            if nobodys and b"lambent.Launcher" in command and heap in command and reads_socket(pid):
                return pid
        return None
    return eventually(ready, "a JVM that waits")


def now():
    return float(pathlib.Path("/proc/uptime").read_text().split()[0]) * 100


def look(functions, name):
    """What a new environment sees, and whether it began before it was asked for."""
    asked = now()
    answer = functions.invoke(name, {})
    assert answer.error is None and answer.cold, answer.log
    seen = answer.payload
    return seen, seen.pop("began") < asked - 5


@pytest.mark.parametrize("runtime", ["java17", "java25"])
def test_a_function_cannot_tell(functions, platform, start, runtime):
    variables = {"MINE": "one's own", "EMPTY": "", "LARGE": "x" * 3000, **{f"MANY_{n}": "x" for n in range(40)}}
    settings = {"runtime": runtime, "Environment": {"Variables": variables}, "EphemeralStorage": {"Size": 700}}
    name = create(functions, "lang.Look", **settings)
    settled(platform, runtime)
    claimed, was_ahead = look(functions, name)
    assert was_ahead, "it was to begin in a JVM that waited"
    others = Functions(start("--ahead-max", "0", "--runtimes", str(languages.RUNTIMES)))
    plain, was_ahead = look(others, create(others, "lang.Look", name=name, **settings))
    assert not was_ahead

    own = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME",
           "_X_AMZN_TRACE_ID")
    for seen in (claimed, plain):
        for what in ("environ", "inherited"):
            seen[what] = sorted(line for line in seen[what] if line.partition("=")[0] not in own)
        for variable in own:
            seen["variables"].pop(variable, None)
        # Of this invocation.
        seen["properties"].pop("com.amazonaws.xray.traceHeader", None)
        assert seen["directory"] == "/var/task" and seen["relative"] == [True, True]
        assert variables.items() <= seen["variables"].items()
    for what, of_plain in plain.items():
        assert claimed[what] == of_plain, what
    assert "LAMBENT" not in str([claimed[what] for what in ("environ", "inherited", "variables", "command")])


@pytest.mark.parametrize("variables", [{"JAVA_TOOL_OPTIONS": "-Xmx100m"}, {"LANG": "C"}])
def test_what_is_read_at_the_start_needs_a_start(functions, platform, variables):
    name = create(functions, "lang.Look", Environment={"Variables": variables})
    seen, was_ahead = look(functions, name)
    assert not was_ahead
    assert variables.items() <= seen["variables"].items()


def test_the_time_zone_counts(functions, platform):
    name = create(functions, "lang.Look", Environment={"Variables": {"TZ": "Asia/Tokyo"}})
    settled(platform)
    seen, was_ahead = look(functions, name)
    assert was_ahead and seen["zone"] == ["Asia/Tokyo", "Thu Jan 01 09:00:00 JST 1970"]


def test_more_memory_is_another_jvm(functions, platform):
    name = create(functions, "lang.Look", MemorySize=1024)
    settled(platform, memory=1024)
    assert look(functions, name)[0]["heap"] > 600 << 20


def test_more_variables_than_there_is_room_for_need_a_start(functions, platform):
    variables = {f"V{n}": "" for n in range(300)}
    name = create(functions, "lang.Look", Environment={"Variables": variables})
    settled(platform)
    seen, was_ahead = look(functions, name)
    assert not was_ahead and variables.items() <= seen["variables"].items()


def test_who_fails_at_load_harms_nobody(functions, platform):
    bad = create(functions, "lang.Missing")
    settled(platform)
    answer = functions.invoke(bad, {})
    assert answer.error == "Unhandled" and "Class not found: lang.Missing" in answer.payload["errorMessage"]
    good = create(functions, "lang.Look")
    settled(platform)
    assert look(functions, good)[1]


def test_the_launcher_is_what_its_source_says(platform, tmp_path):
    sources = ROOT / "runtimes/java"
    classpath = languages.RUNTIMES / "java-client/lib"
    languages.run("javac", "--release", "8", "-g:none", "-nowarn", "-cp", f"{classpath}/*", "-d", str(tmp_path),
                  "lambent/Launcher.java", cwd=sources)
    assert [path.name for path in (tmp_path / "lambent").iterdir()] == ["Launcher.class"]
    assert filecmp.cmp(tmp_path / "lambent/Launcher.class", sources / "lambent/Launcher.class", shallow=False), \
        "compile runtimes/java/lambent/Launcher.java as it says, and commit what comes of it"
