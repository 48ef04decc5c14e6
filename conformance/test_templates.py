"""Functions that use AWS's SDK begin in forks of a process that imported it. Nothing of that is seen, and nothing is shared."""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

import leftovers
from harness import eventually, folder_files
from test_ahead import LOOK, PYTHON, SEARCH, look

PARTS = ("boto3", "botocore", "s3transfer", "urllib3", "jmespath", "dateutil", "six.py")
USES = "import sys\nthere = 'boto3' in sys.modules\nimport boto3\n"


@pytest.fixture(scope="module", autouse=True)
def sdk(platform, functions):
    """What `lambent runtimes install boto3` fetches from outside; and a function that has a template made."""
    here = pathlib.Path(boto3.__file__).parent.parent
    target = platform.data / "runtimes/boto3"
    target.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (here / part).is_dir() else shutil.copyfile
        copy(here / part, target / part)

    def is_used():
        functions.create(USES + "def handler(event, context): pass\n")
        return any(b"bootstrap.pyc" in leftovers.command_of(pid) for pid in traced(platform))
    eventually(is_used, "a template of the compiled bootstrap", 120)


def traced(platform):
    """A template's two processes, and the forks that nobody has claimed."""
    def is_traced(pid):
        tracer = re.search(rb"TracerPid:\t(\d+)", leftovers.read_bytes(f"/proc/{pid}/status"))
        return b"bootstrap" in leftovers.command_of(pid) and tracer and tracer[1] != b"0"
    return [pid for pid, _ in leftovers.alive(leftovers.children(platform.pid)) if is_traced(pid)]


def settled(platform):
    """Waits until a fork is there for whoever comes."""
    return eventually(lambda: len(traced(platform)) >= 3 and traced(platform), "a fork that waits", 120)


def begins_with_sdk(functions, platform, files, **settings):
    name = functions.create(files, **settings)
    settled(platform)
    answer = functions.invoke(name)
    assert answer.error is None and answer.cold, answer.log
    return answer.payload


def test_the_sdk_is_there_already(functions, platform):
    code = USES + "client = boto3.client('dynamodb')\ndef handler(event, context):\n    return [there, client.list_tables()['TableNames']]\n"
    assert begins_with_sdk(functions, platform, code, Timeout=20) == [True, []]


def test_only_who_uses_it_gets_it(functions, platform):
    code = "import sys\nthere = [name for name in sys.modules if name[:4] == 'boto']\ndef handler(event, context): return there\n"
    assert begins_with_sdk(functions, platform, code) == []


def test_a_function_cannot_tell(functions, platform):
    """But for the modules that are loaded, and its process's number."""
    variables = {"MINE": "one's own", "EMPTY": "", "LARGE": "x" * 3000}
    settings = {"Environment": {"Variables": variables}, "MemorySize": 512, "EphemeralStorage": {"Size": 700}}
    uses = LOOK[PYTHON] + "# boto3\n"
    forked_name = functions.create(uses, **settings)
    settled(platform)
    forked, was_ahead = look(functions, forked_name)
    assert was_ahead and "botocore" in forked["modules"]
    # A module of its own, of a name that a template has loaded, keeps it from one.
    plain, _ = look(functions, functions.create({"app.py": uses, "queue.py": ""}, **settings))
    assert "botocore" not in plain["modules"]

    own = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME",
           "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID")
    for seen in (forked, plain):
        seen["environ"] = sorted(line for line in seen["environ"] if line.partition("=")[0] not in own)
        for variable in own:
            assert seen["variables"].pop(variable)
        assert str(seen.pop("pid")) in seen.pop("processes")
        seen.pop("session")
    assert set(plain.pop("modules")) <= set(forked.pop("modules"))
    for what, of_plain in plain.items():
        assert forked[what] == of_plain, what
    assert "LAMBENT" not in json.dumps([forked[what] for what in ("environ", "variables", "command")])


def environments(functions, name, calls=6):
    """The answers of several environments, each of which tells its log stream first."""
    with ThreadPoolExecutor(calls) as pool:
        answers = {answer.pop("stream"): answer for answer in pool.map(lambda _: functions.ask(name), range(calls))}
    assert sum(answer["there"] for answer in answers.values()) >= 2, "forks were to be used"
    return list(answers.values())


def test_randomness_is_fresh(functions, platform):
    code = USES + """
import multiprocessing.process, os, random, secrets, ssl, tempfile, time, uuid
drawn = [random.random(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(), ssl.RAND_bytes(16).hex(),
         os.urandom(16).hex(), next(tempfile._get_candidate_names()),
         multiprocessing.process.current_process().authkey.hex()]
def handler(event, context):
    time.sleep(0.5)
    return {"there": there, "stream": context.log_stream_name, "drawn": drawn}
"""
    name = functions.create(code)
    settled(platform)
    answers = environments(functions, name)
    for column in zip(*(answer["drawn"] for answer in answers)):
        assert len(set(column)) == len(answers), column


def test_nothing_of_another_function_is_there(functions, platform):
    secret = "a-secret-of-the-first-function"
    first = functions.create(USES + "import os\ndef handler(event, context): return dict(os.environ)\n",
                             Environment={"Variables": {"SECRET": secret}})
    settled(platform)
    keys = functions.ask(first)
    searching = functions.create("import boto3" + SEARCH, MemorySize=512)
    settled(platform)
    names = ("SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    hidden = [bytes((byte + 1) % 256 for byte in keys[name].encode()).hex() for name in names]
    assert functions.ask(searching, hidden) is None


@pytest.mark.parametrize("files", [
    {"boto3.py": "version = 'own'\n"},
    {"boto3/__init__.py": "version = 'own'\n"},
])
def test_a_package_gets_the_sdk_that_it_brings(functions, platform, files):
    code = USES + "def handler(event, context): return [there, boto3.version]\n"
    assert begins_with_sdk(functions, platform, {"app.py": code, **files}) == [False, "own"]


def test_a_package_may_keep_it_anywhere(functions, platform):
    code = "import sys\nsys.path.insert(0, '/var/task/vendor')\nimport boto3\ndef handler(event, context): return boto3.version\n"
    files = {"app.py": code, "vendor/boto3/__init__.py": "version = 'own'\n"}
    assert begins_with_sdk(functions, platform, files) == "own"


def test_a_layer_may_bring_it(functions, platform, tmp_path):
    from harness import zipped
    layer = functions.api.publish_layer_version(
        LayerName="own-sdk", Content={"ZipFile": zipped({"python/boto3/__init__.py": "version = 'own'\n"})})
    code = USES + "def handler(event, context): return [there, boto3.version]\n"
    settings = {"Layers": [layer["LayerVersionArn"]]}
    assert begins_with_sdk(functions, platform, code, **settings) == [False, "own"]


@pytest.mark.parametrize("variables", [
    {"PYTHONHASHSEED": "random"}, {"LD_PRELOAD": ""}, {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"},
])
def test_what_needs_a_start_has_one(functions, platform, variables):
    files = {"app.py": USES + "def handler(event, context): return there\n", "wrap": "#!/bin/sh\nexec \"$@\"\n"}
    assert begins_with_sdk(functions, platform, files, Environment={"Variables": variables}, Timeout=20) is False


def test_a_package_may_bring_its_authorities(functions, platform):
    code = USES + "from botocore import httpsession\ndef handler(event, context): return [there, httpsession.where()]\n"
    there, where = begins_with_sdk(functions, platform, code)
    assert there and where.endswith("/botocore/cacert.pem")
    files = {"app.py": code, "certifi/__init__.py": "def where(): return 'own'\n"}
    assert begins_with_sdk(functions, platform, files) == [True, "own"]


LOADS = """
import sys
before, missing = set(sys.modules), set()
class Missing:
    def find_spec(name, path=None, target=None): missing.add(name)
sys.meta_path.append(Missing)
import lambent_preload
lambent_preload.preload()
def handler(event, context):
    return [sorted({name.partition(".")[0] for name in set(sys.modules) - before}), sorted(missing)]
"""
# Of other systems' Pythons, or parts of the SDK's own packages.
OTHERS = {"_winapi", "nt", "msvcrt", "winreg", "_wmi", "org", "six.moves", "six.moves.winreg", "botocore.customizations", "botocore.vendored"}


def test_what_templates_load_is_known(functions):
    """A package with a module of such a name starts by itself: each name has to be in the list."""
    source = (pathlib.Path(__file__).parent.parent / "crates/execution/src/runtimes/imported.rs").read_text()
    bootstrap = (pathlib.Path(__file__).parent.parent / "runtimes/python/bootstrap.py").read_text()
    names = lambda text, begin, end: set(re.findall(r"\w+", text.partition(begin)[2].partition(end)[0]))
    listed = names(source, 'STANDARD: &str = ', ";") | names(source, "SDK: [&str; 7] = ", ";")
    looked_for = names(source, "LOOKED_FOR: [&str; 6] = ", ";")
    never_a_packages = names(bootstrap, "PRELOADED = frozenset(", ".split()") | set(sys.builtin_module_names)
    plain = {"Variables": {"PYTHONHASHSEED": "random"}}
    loaded, missing = functions.ask(functions.create(LOADS, Environment=plain, Timeout=30, MemorySize=1769))
    assert "boto3" in loaded and "brotli" in missing
    strangers = set(loaded) - listed - never_a_packages - {"__mp_main__"}
    assert {name for name in strangers if not name.startswith("lambent_")} == set()
    assert set(missing) - looked_for - OTHERS == {"certifi"}, "it is looked for when it is wanted"


HOLDING = USES + """
import os, socket, tempfile, threading, time
number = os.getpid()
ticks = []
def tick():
    while True:
        ticks.append(1)
        time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
server = socket.create_server(("127.0.0.1", 7000))
local = socket.socket(socket.AF_UNIX); local.bind("\\0mine"); local.listen()
file = tempfile.NamedTemporaryFile(); file.write(b"mine"); file.flush()
def handler(event, context):
    time.sleep(0.5)
    with socket.create_connection(("127.0.0.1", 7000)) as client, server.accept()[0] as accepted:
        client.sendall(b"own"); heard = accepted.recv(3).decode()
    return {"there": there, "heard": heard, "number": number == os.getpid(), "ticks": len(ticks) > 5,
            "file": open(file.name).read(), "files": len(os.listdir("/tmp")), "threads": threading.active_count()}
"""


def test_what_functions_hold_is_their_own(functions, platform):
    """Threads and sockets from INIT, files, and what remembers the process's number."""
    name = functions.create(HOLDING)
    settled(platform)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: functions.ask(name), range(4)))
    assert any(answer["there"] for answer in answers)
    own = {"heard": "own", "number": True, "ticks": True, "file": "mine", "files": 1, "threads": 2}
    for answer in answers:
        assert answer == {"there": answer["there"], **own}


def test_tls_works(functions, platform):
    code = USES + """
import ssl, socket, threading
def handler(event, context):
    # An agreement on keys needs fresh randomness on both sides; there is no authority to ask here.
    one, other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in (one, other):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("aNULL:@SECLEVEL=0"); context.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=lambda: other.wrap_socket(theirs, server_side=True).sendall(b"hello"))
    thread.start()
    with one.wrap_socket(ours) as client: heard = client.recv(5).decode()
    thread.join()
    return [there, heard]
"""
    assert begins_with_sdk(functions, platform, code) == [True, "hello"]


NATIVE = USES + """
import io, time, numpy, PIL.Image
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
drawn = [numpy.random.random(), numpy.random.default_rng().random(), Fernet.generate_key().decode(),
         str(key.private_numbers().private_value)]
def handler(event, context):
    time.sleep(0.5)
    picture = io.BytesIO()
    PIL.Image.new("RGB", (40, 30), "red").resize((4, 3)).save(picture, "PNG")
    box = Fernet(Fernet.generate_key())
    return {"there": there, "stream": context.log_stream_name, "drawn": drawn,
            "product": float((numpy.ones((300, 300)) @ numpy.ones((300, 300))).sum()),
            "size": PIL.Image.open(picture).size, "opened": box.decrypt(box.encrypt(b"own")).decode()}
"""


def test_compiled_modules_work(functions, platform, tmp_path):
    """Of those that bring threads, randomness and a TLS library of their own."""
    native = "numpy==2.4.6", "Pillow==12.0.0", "cryptography==50.0.2"
    release = functions.ask(functions.create("import sys\ndef handler(event, context): return sys.version_info[:2]\n"))
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", tmp_path,
                    "--only-binary=:all:", "--python-version", "%d.%d" % tuple(release), "--platform",
                    "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64", *native], check=True, timeout=600)
    files = {path: content for path, content in folder_files(tmp_path).items() if "/tests/" not in path}
    name = functions.create({**files, "app.py": NATIVE}, Timeout=30, MemorySize=1024)
    settled(platform)
    answers = environments(functions, name, 4)
    for column in zip(*(answer["drawn"] for answer in answers)):
        assert len(set(column)) == len(answers), column
    own = {"product": 300.0 ** 3, "size": [4, 3], "opened": "own"}
    assert [{name: answer[name] for name in own} for answer in answers] == [own] * len(answers)


AUDIT = """
import gc, hashlib, os, sys, time
if "boto3" not in sys.modules:
    endpoint = os.environ.pop("AWS_ENDPOINT_URL")
    import lambent_preload
    lambent_preload.preload()
    import lambent_ahead, lambent_snapshot
    os.environ["AWS_ENDPOINT_URL"] = endpoint
gc.unfreeze()
code = type((lambda: 0).__code__)
def handler(event, context):
    time.sleep(1)
    # What is tracked, and what that holds which is not.
    found, pending = {}, gc.get_objects()
    while pending:
        one = pending.pop()
        # The collector sees neither texts that are keys nor what code knows.
        known = list(one) if type(one) is dict else []
        if type(one) is code:
            known = [*one.co_consts, *one.co_names, *one.co_varnames, *one.co_cellvars, one.co_qualname]
        for value in gc.get_referents(one) + known:
            kind = type(value)
            if kind in (dict, tuple, code) and not gc.is_tracked(value):
                pending.append(value)
            is_long = isinstance(value, (bytes, bytearray, str)) and len(value) > 7
            # Addresses are what forks of one hour do have in common.
            is_large = isinstance(value, int) and abs(value) > 2 ** 31 and not 0x5500_0000_0000 <= value < 0x8000_0000_0000
            if is_long or is_large or isinstance(value, float):
                # Some texts are made of a set's members, in its order, which follows the seed of hashes.
                text = "".join(sorted(repr(value).replace(context.function_name, "NAME")))
                found[hashlib.sha256(text.encode()).hexdigest()[:12]] = repr(value)
    if event:
        return [found.get(one, "")[:300] for one in event]
    return sorted(found)
"""


def test_a_fork_knows_nothing_that_others_could_not(functions, platform):
    """Whatever two forks have in common, a process that imported the same by itself has found, too: no key, no time, no
    number was drawn in the template and given to both."""
    def seen(name):
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(lambda _: set(functions.ask(name)), range(2))
        return one, other

    settings = {"Timeout": 60, "MemorySize": 1769}
    forked = functions.create("# boto3\n" + AUDIT, **settings)
    plain = functions.create("# boto3\n" + AUDIT, Environment={"Variables": {"PYTHONHASHSEED": "random"}}, **settings)
    settled(platform)
    one, other = seen(forked)
    alone, alone_too = seen(plain)
    assert len(alone & alone_too) > 10_000
    # Later: what a call brought, such as the second it came in, is gone by then.
    shared = sorted(one & other & set(functions.ask(forked)) - alone - alone_too)
    assert not shared, functions.ask(forked, shared[:50])


@pytest.mark.parametrize("code", [
    "import os\nos._exit(3)\n",
    "raise RuntimeError('at import')\n",
    "while True: pass\n",
    "import os, signal\nfor number in range(1, 300):\n    try: os.kill(number, 9)\n    except OSError: pass\n",
    "hog = [bytearray(10**7) for _ in range(100)]\n",
])
def test_who_breaks_at_import_harms_nobody(functions, platform, code):
    good = USES + "def handler(event, context): return there\n"
    bad = functions.create(USES + code, Timeout=1, MemorySize=128)
    settled(platform)
    assert functions.invoke(bad).error is not None
    assert begins_with_sdk(functions, platform, good) is True


def test_a_template_that_is_killed_is_made_anew(functions, platform):
    good = USES + "def handler(event, context): return 1\n"
    name = functions.create(good)
    for pid in settled(platform):
        leftovers.signal_one(pid, signal.SIGKILL)
    assert functions.ask(name) == 1
    assert begins_with_sdk(functions, platform, good) == 1
