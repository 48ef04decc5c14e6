"""One table for every language: the same function in each, and what its answers, failures and logs have in common."""
import base64
import json
import re
import shutil
import subprocess

import pytest

import languages
from harness import ACCOUNT, CUSTOM, NODE, PYTHON, REGION, Functions, Lambent, eventually, zipped

LANGUAGES = {
    # language: (runtime, handler, the error that `fail` raises, what its payload has besides)
    "python": (PYTHON, "app.handler", "ValueError", {"stackTrace", "requestId"}),
    "node": (NODE, "app.handler", "RangeError", {"trace"}),
    "java": ("java17", "lang.Table", "java.lang.IllegalStateException", {"stackTrace"}),
    "java25": ("java25", "lang.Table::handleRequest", "java.lang.IllegalStateException", {"stackTrace"}),
    "ruby": ("ruby3.3", "app.handler", "Function<ArgumentError>", {"stackTrace"}),
    "go": (CUSTOM, "bootstrap", "errorString", set()),
    "rust": (CUSTOM, "bootstrap", "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + "
                                  "core::marker::Sync>", set()),
}
# A JVM on a machine under load starts slowly, and at 128 MB gets 7 % of a core after INIT.
TIMEOUT_S, HANG_TIMEOUT_S = 30, 2
# The first run builds everything and fetches what it needs for that.
pytestmark = pytest.mark.timeout(600)
ALL = pytest.mark.parametrize("language", LANGUAGES)
JAVAS = {"java", "java25"}


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


@pytest.fixture(scope="module")
def table(functions):
    """The function of each language, made when it is first asked for, in the smallest size there is."""
    made = {}

    def name_of(language):
        if language not in made:
            made[language] = create(functions, language)
        return made[language]

    return name_of


def create(functions, language, **settings):
    runtime, handler, _, _ = LANGUAGES[language]
    settings = {"MemorySize": 128, "Timeout": TIMEOUT_S, **settings}
    return functions.create(package(language), runtime, settings.pop("Handler", handler), **settings)


def package(language, more=None):
    return zipped({**languages.package(language.rstrip("0123456789")), **(more or {})})


@ALL
def test_answer_and_context(functions, table, language):
    name = table(language)
    event = {"do": "answer", "text": "é 😀", "list": [1, 2.5, None, True]}
    custom = {"k": "v"}
    client = {"installation_id": "i", "app_title": "t", "app_version_name": "n", "app_version_code": "c",
              "app_package_name": "p"}
    given = {"client": client, "custom": custom, "env": {}}
    context = base64.b64encode(json.dumps(given).encode()).decode()
    answer = functions.invoke(name, event, ClientContext=context)
    assert answer.error is None, answer.log
    got = answer.payload
    assert got["event"] == event
    assert (got["request_id"], got["function"], got["version"]) == (answer.request_id, name, "$LATEST")
    assert got["arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    assert str(got["memory"]) == "128"
    assert got["log_group"] == f"/aws/lambda/{name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", got["log_stream"])
    assert 0 < got["remaining_ms"] <= TIMEOUT_S * 1000
    assert got["client"] == custom
    runtime = LANGUAGES[language][0]
    assert got["runtime"] == (None if runtime == CUSTOM else f"AWS_Lambda_{runtime}")


@ALL
def test_cold_then_warm(functions, language):
    name = create(functions, language)
    cold = functions.invoke(name, {})
    assert (cold.cold, cold.payload["calls"]) == (True, 1), cold.log
    # Who calls again at once may be quicker than the environment, and get another.
    warm = eventually(lambda: next((answer for answer in [functions.invoke(name, {})] if not answer.cold), None),
                      "a warm call")
    assert warm.payload["calls"] > 1
    runtime = LANGUAGES[language][0]
    if runtime != CUSTOM:
        shown = re.match(r"([a-z]+)", runtime).group(1)
        assert re.search(rf"INIT_START Runtime Version: {shown}:\d", "\n".join(functions.lines(name, "INIT_START")))


@ALL
def test_error(functions, table, language):
    _, _, error_type, members = LANGUAGES[language]
    name = table(language)
    failed = functions.invoke(name, {"do": "fail"})
    assert failed.error == "Unhandled"
    assert (failed.payload["errorType"], failed.payload["errorMessage"]) == (error_type, "as it was told")
    assert members <= failed.payload.keys()
    if language in JAVAS:
        assert failed.payload["stackTrace"][0].startswith("lang.Table.handleRequest(")
    assert functions.ask(name, {})["function"] == name


@ALL
def test_timeout(functions, language):
    name = create(functions, language, Timeout=HANG_TIMEOUT_S)
    # The cold start is not what is timed.
    functions.ask(name, {})
    answer = functions.invoke(name, {"do": "hang"})
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    assert answer.payload["errorMessage"].endswith(f"Error: Task timed out after {HANG_TIMEOUT_S}.00 seconds")
    assert functions.ask(name, {})["function"] == name


@ALL
def test_crash(functions, table, language):
    name = table(language)
    answer = functions.invoke(name, {"do": "exit"})
    assert answer.error == "Unhandled"
    assert answer.payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 7"}
    assert functions.ask(name, {})["function"] == name


@ALL
def test_more_memory_than_there_is(functions, table, language):
    name = table(language)
    answer = functions.invoke(name, {"do": "hoard"})
    assert answer.error == "Unhandled"
    # A JVM's heap is full before the sandbox is.
    wanted = "java.lang.OutOfMemoryError" if language in JAVAS else "Runtime.OutOfMemory"
    assert answer.payload["errorType"] == wanted, answer.payload
    assert functions.ask(name, {})["function"] == name


@ALL
def test_big_payloads(functions, language):
    name = create(functions, language, MemorySize=512)
    size = 5 * 1024 * 1024
    answer = functions.invoke(name, {"do": "big", "size": size})
    assert answer.error is None, answer.log
    assert answer.payload == "x" * size
    text = "x" * size
    assert functions.ask(name, {"text": text})["event"] == {"text": text}
    refused = functions.invoke(name, {"do": "big", "size": 7 * 1024 * 1024})
    assert (refused.error, refused.payload["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert functions.ask(name, {"do": "big", "size": 3}) == "xxx"


@ALL
def test_logs(functions, table, language):
    answer = functions.invoke(table(language), {"do": "log"})
    lines = answer.log.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("START RequestId:"))
    end = next(number for number, line in enumerate(lines) if line.startswith("END RequestId:"))
    said = lines[start + 1:end]
    assert {"on the standard output", "on the standard error"} <= set(said), answer.log
    if language in JAVAS:
        # One record of two lines, not two.
        assert "by the logger\nin two lines" in functions.lines(table(language), "by the logger")
    if language == "ruby":
        record = next(line for line in said if "by the logger" in line)
        assert re.fullmatch(rf"I, \[\S+T\S+ #\d+ {answer.request_id}\]  INFO -- table: by the logger", record)


@pytest.mark.parametrize("handler, event, expected", [
    ("lang.Pojo::doubled", {"item": "tea", "count": 2}, {"item": "tea for NAME", "count": 4}),
    ("lang.Pojo::sum", [1, 2, 3], 6),
    ("lang.Stream", {"a": ["é"]}, {"streamed": {"a": ["é"]}}),
    ("lang.Stream::handleRequest", 7, {"streamed": 7}),
])
def test_java_handlers(functions, handler, event, expected):
    name = create(functions, "java", Handler=handler)
    assert functions.ask(name, event) == json.loads(json.dumps(expected).replace("NAME", name))


@pytest.mark.parametrize("handler, event, expected", [
    ("queue", {"Records": [{"messageId": "m1", "body": "good"}, {"messageId": "m2", "body": "bad one"}]},
     {"batchItemFailures": [{"itemIdentifier": "m2"}]}),
    ("bucket", {"Records": [{"eventTime": "2026-01-02T03:04:05.678Z", "s3": {"object": {"key": "a/b.png"}}}]},
     "a/b.png at 1767323045678"),
    ("page", {"version": "2.0", "rawPath": "/shop", "requestContext": {"http": {"method": "GET"}}},
     {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "GET /shop"}),
])
def test_java_event_types(functions, handler, event, expected):
    """With AWS's published types in the package's `lib`, and another release of the core library than the client's."""
    package = zipped(languages.package("java-events"))
    name = functions.create(package, "java17", f"lang.Events::{handler}", Timeout=TIMEOUT_S, MemorySize=256)
    answer = functions.ask(name, event)
    if isinstance(answer, dict):
        answer = {key: value for key, value in answer.items() if key in expected}
    assert answer == expected


def test_java_classes_in_jars(functions):
    """As build tools lay a package out: the function's own jar beside those that it needs."""
    jar = zipped(languages.package("java"))
    name = functions.create({"lib/function.jar": jar}, "java17", "lang.Pojo::sum", Timeout=TIMEOUT_S)
    assert functions.ask(name, [4, 5]) == 9


@pytest.mark.parametrize("handler, message", [
    ("lang.Missing", "Class not found: lang.Missing"),
    ("lang.Pojo::missing", "No public method named missing with appropriate method signature found on class lang.Pojo"),
])
def test_java_handlers_that_are_not_there(functions, handler, message):
    name = create(functions, "java", Handler=handler)
    answer = functions.invoke(name, {})
    assert (answer.error, answer.payload["errorMessage"]) == ("Unhandled", message)


def test_java_threads_fit(functions):
    name = create(functions, "java", Handler="lang.Pojo::threads", MemorySize=512)
    assert functions.ask(name, 300) == 300


def test_a_jvm_gets_as_many_threads_as_a_sandbox_may_have(functions):
    """A thousand of them, and no more: the next is an error of the function's, and its neighbours do not notice."""
    name = create(functions, "java", Handler="lang.Pojo::horde", MemorySize=1769)
    neighbour = create(functions, "java", Handler="lang.Pojo::threads", MemorySize=512)
    assert 900 < functions.ask(name, 5000) <= 1024
    assert functions.ask(neighbour, 100) == 100


def test_java_heap_follows_the_memory(functions):
    for memory_mb, heap_mb in ((128, 64), (512, 435), (1769, 1503)):
        name = create(functions, "java", MemorySize=memory_mb)
        assert abs(functions.ask(name, {})["heap_mb"] - heap_mb) <= heap_mb * 0.05
    own = create(functions, "java", MemorySize=512, Environment={"Variables": {"JAVA_TOOL_OPTIONS": "-Xmx100m"}})
    assert functions.ask(own, {})["heap_mb"] <= 100


@pytest.mark.parametrize("handler, expected", [
    ("app.Shop::Orders.place", {"placed": "x", "by": "NAME"}),
    ("app.gems", None),
])
def test_ruby_handlers(functions, handler, expected):
    name = create(functions, "ruby", Handler=handler)
    got = functions.ask(name, {"do": "x"})
    if expected is None:
        assert got["after"] and re.match(r"\d+\.\d+", got["rubygems"])
    else:
        assert got == json.loads(json.dumps(expected).replace("NAME", name))


def test_ruby_gems_of_the_package(functions):
    gem = {
        "vendor/bundle/ruby/3.3.0/specifications/loud-1.0.0.gemspec":
            "Gem::Specification.new { |s| s.name = 'loud'; s.version = '1.0.0'; s.summary = 'x'; s.authors = ['x']; "
            "s.require_paths = ['lib'] }\n",
        "vendor/bundle/ruby/3.3.0/gems/loud-1.0.0/lib/loud.rb":
            "module Loud\n  def self.shout(text)\n    text.upcase\n  end\nend\n",
    }
    name = functions.create(package("ruby", gem), "ruby3.3", "app.layer", Timeout=TIMEOUT_S)
    assert functions.ask(name, {"gem": "loud", "text": "tea"}) == {"shout": "TEA"}


@pytest.mark.parametrize("files, handler, error_type, message", [
    ({"app.rb": "raise 'at once'"}, "app.handler", "Init<RuntimeError>", "at once"),
    ({"other.rb": ""}, "app.handler", "Init<LoadError>", "cannot load such file -- app"),
    ({"app.rb": "def broken("}, "app.handler", "Init<SyntaxError>", "syntax error"),
    ({"app.rb": ""}, "app", "Init<ArgumentError>", "Invalid handler app, must be of form FILENAME.METHOD"),
    ({"app.rb": ""}, "app.missing", "Function<NoMethodError>", "undefined method `missing'"),
    ({"app.rb": ""}, "app.Missing.call", "Function<NameError>", "uninitialized constant Kernel::Missing"),
    ({"app.rb": "def handler(event:, context:) = exit(3)"}, "app.handler", "Function<SystemExit>", "exit"),
    ({"app.rb": "def handler(event:, context:) = \"\\xff\""}, "app.handler", "Function<JSON::GeneratorError>", ""),
], ids=lambda value: value if isinstance(value, str) else "")
def test_ruby_failures(functions, files, handler, error_type, message):
    name = functions.create(files, "ruby3.3", handler, Timeout=TIMEOUT_S)
    answer = functions.invoke(name, {})
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", error_type), answer.payload
    assert message in answer.payload["errorMessage"]
    assert isinstance(answer.payload["stackTrace"], list)
    assert not any("/var/runtime" in frame for frame in answer.payload["stackTrace"])


@pytest.mark.parametrize("language", ["go", "rust"])
def test_panics(functions, table, language):
    answer = functions.invoke(table(language), {"do": "panic"})
    assert answer.error == "Unhandled"
    assert "as it was told" in answer.payload["errorMessage"], answer.payload
    assert functions.ask(table(language), {})["function"] == table(language)


@pytest.mark.parametrize("example", ["hello-python", "hello-node", "hello-ruby", "hello-java", "hello-go", "hello-rust"])
def test_examples(platform, functions, example, tmp_path):
    """As their README says: built with make where there is something to build, deployed, called."""
    folder = tmp_path / example
    shutil.copytree(languages.HERE.parent.parent / "examples" / example, folder,
                    ignore=shutil.ignore_patterns("target", "build"))
    command = [languages.harness.BINARY, "deploy", str(folder), "--endpoint", platform.endpoint]
    if (folder / "Makefile").exists():
        refused = subprocess.run(command, capture_output=True, text=True)
        assert refused.returncode == 1 and f"nothing built; first: make -C {folder}" in refused.stderr, refused.stderr
        if example == "hello-rust":
            # The libraries are those of the table's function, of the same folder; the program is not.
            (languages.CACHE / "cargo/release").mkdir(parents=True, exist_ok=True)
            (languages.CACHE / "cargo/release/bootstrap").unlink(missing_ok=True)
            (folder / "target").symlink_to(languages.CACHE / "cargo")
        languages.run("make", "-C", str(folder))
    languages.run(*command, "--timeout", str(TIMEOUT_S))
    answer = functions.invoke(example, {"name": "Lambent"})
    assert answer.payload["message"] == "Hello, Lambent!", answer.payload
    assert f"greeting Lambent in request {answer.request_id}" in answer.log


@pytest.mark.parametrize("language", ["python", "node", "java", "ruby", "go", "rust"])
def test_in_plain_processes(plain, language):
    """Where a machine allows no sandbox: paths are other ones there."""
    name = create(plain, language)
    assert plain.ask(name, {"do": "answer"})["event"] == {"do": "answer"}
    _, _, error_type, _ = LANGUAGES[language]
    assert plain.invoke(name, {"do": "fail"}).payload["errorType"] == error_type


@pytest.fixture(scope="module")
def plain():
    platform = Lambent("--sandbox", "process", "--runtimes", str(languages.RUNTIMES))
    yield Functions(platform)
    platform.remove()


def test_java_without_its_client_says_what_to_do(start):
    platform = start()
    functions = Functions(platform)
    name = functions.create({"a.txt": "x"}, "java21", "a.B")
    shown = functions.api.get_function_configuration(FunctionName=name)
    assert shown["State"] == "Active"
    with pytest.raises(functions.api.exceptions.InvalidRuntimeException) as refused:
        functions.invoke(name, {})
    wanted = f"lambent runtimes install java --runtimes {platform.data}/runtimes"
    assert wanted in refused.value.response["Error"]["Message"]
    # Fetched while the platform runs: the next call finds it.
    languages.run(*wanted.replace("lambent", languages.harness.BINARY, 1).split())
    assert functions.invoke(name, {}).payload["errorType"] != "InvalidRuntimeException"


def test_a_dotnet_in_the_runtimes_folder_is_found(start, tmp_path):
    """No .NET can be had where these tests run: a program in its place shows what it would be started with."""
    folder = tmp_path / "runtimes/dotnet8"
    (folder / "shared/Microsoft.NETCore.App/8.0.11").mkdir(parents=True)
    (folder / "dotnet").write_text("#!/bin/bash\necho \"started with $*\"\nexit 9\n")
    (folder / "dotnet").chmod(0o755)
    tmp_path.chmod(0o755)
    functions = Functions(start("--runtimes", str(tmp_path / "runtimes")))
    name = functions.create({"Shop.dll": "x"}, "dotnet8", "Shop", Timeout=5)
    answer = functions.invoke(name, {})
    assert answer.payload["errorMessage"].endswith("exit status 9")
    assert "started with /var/task/Shop.dll" in functions.lines(name, "started with")
    assert functions.lines(name, "INIT_START Runtime Version: dotnet:8")
