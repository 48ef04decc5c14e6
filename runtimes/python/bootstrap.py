"""The managed Python runtime: loads the user's handler and serves the Lambda Runtime API.

Started by the platform as `python3 -S -s -X utf8 /var/runtime/bootstrap.pyc` (see ../README.md). Almost all of a
cold start is importing, so this file touches only modules that are built in or already loaded when Python starts;
whatever one function out of two does not need (tracebacks, logging, unusual JSON) lives in its own file beside this
one and is loaded on first use.
"""
import sys
import marshal
import posix
import time

# Imported before sys.path knows about user code, so that a user's file of the same name cannot replace it.
from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

RUNTIME_DIR = __file__.rpartition("/")[0] or "."
INVOCATION = b"/2018-06-01/runtime/invocation/"
FRAME_TEXT = 0xA55A0003


def env(name):
    value = posix.environ.get(name.encode())
    return None if value is None else value.decode("utf-8", "surrogateescape")


def sibling(name):
    """Loads a file of this runtime by its path, whatever the user did to sys.path."""
    import _frozen_importlib as bootstrap
    import _frozen_importlib_external as external

    module = sys.modules.get(name)
    if module is None:
        path = "%s/%s.py" % (RUNTIME_DIR, name)
        spec = external.spec_from_file_location(name, path, loader=external.SourceFileLoader(name, path))
        module = bootstrap._load(spec)
    return module


class Fault(Exception):
    """A failure with one of AWS's `Runtime.*` error types instead of the name of an exception class."""

    def __init__(self, error_type, message, trace=None):
        Exception.__init__(self, message)
        self.error_type, self.message, self.trace = error_type, message, trace


# ---- Logs --------------------------------------------------------------------------------------------------------


class PlainSink:
    """Where log records go when the platform gave no telemetry descriptor: standard output, one line a record."""

    def log(self, message, frame_type=FRAME_TEXT):
        sys.stdout.write(message)

    def log_lines(self, lines, frame_type):
        # A carriage return keeps a traceback one record for readers that split on newlines.
        sys.stdout.write("\r".join(lines) + "\n")


class FrameSink:
    """Log records as frames on the telemetry descriptor: type, length, microseconds, text; integers big-endian."""

    def __init__(self, fd):
        self.fd = fd

    def log(self, message, frame_type=FRAME_TEXT):
        # print() may share the pipe: what was printed before this record has to leave before it.
        flush_output()
        body = message.encode("utf-8", "replace")
        stamp = time.time_ns() // 1000
        frame = frame_type.to_bytes(4, "big") + len(body).to_bytes(4, "big") + stamp.to_bytes(8, "big") + body
        while frame:
            try:
                frame = frame[posix.write(self.fd, frame):]
            except BlockingIOError:
                # A child process may have made the shared pipe non-blocking; wait for the reader.
                time.sleep(0.001)

    def log_lines(self, lines, frame_type):
        self.log("\n".join(lines), frame_type)


def flush_output():
    for stream in OUTPUTS:
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # The user closed it, or nobody reads it any more.


def open_outputs():
    """Makes standard output line-buffered: Lambda shows a line as soon as it is printed."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    for stream in streams:
        stream.reconfigure(line_buffering=True)
    return streams


def open_sink():
    fd = posix.environ.pop(b"_LAMBDA_TELEMETRY_LOG_FD", None)
    if fd is None:
        return PlainSink()
    posix.unsetenv(b"_LAMBDA_TELEMETRY_LOG_FD")  # Child processes must not write frames.
    return FrameSink(int(fd))


# ---- JSON, as AWS's encoder writes it ----------------------------------------------------------------------------


class Unusual(Exception):
    """Raised by the fast encoder for a value only `lambent_json` knows how to write."""


def unusual(value):
    raise Unusual


def keeps_unicode(execution_env):
    """From Python 3.12 on, AWS writes non-ASCII characters as they are; before, as \\u escapes."""
    _, _, version = (execution_env or "").partition("AWS_Lambda_python3.")
    return version.isdigit() and int(version) >= 12


class Json:
    """Reads events and writes results with CPython's C codec, without the 14 ms of importing `json`."""

    # What the C scanner wants to know; the defaults of json.loads.
    strict, object_hook, object_pairs_hook, parse_float, parse_int = True, None, None, float, int

    def __init__(self):
        self.quote = encode_basestring if keeps_unicode(env("AWS_EXECUTION_ENV")) else encode_basestring_ascii
        self.memo = {}
        self.scan = make_scanner(self)

    @staticmethod
    def parse_constant(name):
        # NaN and Infinity are not JSON: AWS's decoder refuses them.
        raise ValueError(name)

    def loads(self, data):
        try:
            text = data.decode("utf-8").strip(" \t\n\r")
            value, end = self.scan(text, 0)
            if end == len(text):
                return value
        except Exception:
            pass
        return sibling("lambent_json").loads(data)  # Raises with the message users know.

    def dumps(self, value):
        try:
            # marshal takes only exact built-in types: the cheapest test that no named tuple, enumeration or Decimal
            # hides anywhere inside. json would write a named tuple as a list where AWS writes an object.
            marshal.dumps(value, 2)
            encode = make_encoder({}, unusual, self.quote, None, ": ", ", ", False, False, True)
            return "".join(encode(value, 0))
        except (Unusual, TypeError, ValueError):
            return sibling("lambent_json").dumps(value, self.quote)


# ---- Loading user code -------------------------------------------------------------------------------------------

# AWS's own client has these loaded before user code runs, so a user's file of the same name never wins there.
PRELOADED = frozenset(
    "__future__ _collections_abc _colorize _weakrefset abc ast base64 bisect calendar cmath codecs codeop collections contextlib copyreg datetime decimal dis enum fractions"
    " functools genericpath heapq http importlib inspect io itertools json keyword linecache logging math numbers opcode"
    " operator os posixpath random re reprlib selectors signal site socket sre_compile sre_constants sre_parse stat string struct textwrap threading token tokenize"
    " traceback types typing warnings weakref".split()
)


class StandardFirst:
    """First on sys.meta_path: keeps the names above standard, and sets `logging` up when it is first imported.

    Importing logging at start, as AWS's client does, would cost every function more than the rest of this file.
    """

    def __init__(self, runtime, path, logging):
        self.runtime, self.path = runtime, path
        # Imported already in a runtime that was started ahead, before it was known how it is to log.
        self.logging_is_set_up = logging is not None
        if logging is not None:
            sibling("lambent_logging").set_up(logging, runtime)

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in PRELOADED:
            return None
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, self.path)
                if spec is not None:
                    break
        else:
            return None
        if name == "logging" and not self.logging_is_set_up:
            self.logging_is_set_up = True  # A reload starts from nothing, as on AWS.
            execute = spec.loader.exec_module

            def execute_and_set_up(module):
                del spec.loader.exec_module
                execute(module)
                sibling("lambent_logging").set_up(module, self.runtime)

            spec.loader.exec_module = execute_and_set_up
        return spec


class OwnLast:
    """Last on sys.meta_path: the library of SnapStart's hooks, which the runtime carries on AWS."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "snapshot_restore_py":
            return None
        import _frozen_importlib as bootstrap

        return bootstrap.ModuleSpec(name, OwnLast)

    @staticmethod
    def create_module(spec):
        return sibling("lambent_snapshot").library()

    @staticmethod
    def exec_module(module):
        pass


def exists(path):
    try:
        posix.stat(path)
        return True
    except OSError:
        return False


def set_path():
    """Gives sys.path the order users of Lambda know; returns the standard library's part of it."""
    runtime_dirs = (RUNTIME_DIR, RUNTIME_DIR + "/")
    path_env = env("PYTHONPATH") if sys.flags.ignore_environment else None
    start = sys.path[1:] if sys.path and sys.path[0] in runtime_dirs and not sys.flags.isolated else list(sys.path)
    if path_env:
        start[:0] = path_env.split(":")
    base = sys.base_prefix
    standard = [entry for entry in start if entry.startswith(base + "/lib/python")]
    version = "python%d.%d" % sys.version_info[:2]
    # Started with -S, so nobody else adds the places where packages installed beside the interpreter live.
    packages = [
        place for place in (
            "/usr/local/lib/%s/dist-packages" % version,
            "%s/lib/%s/site-packages" % (base, version),
            "%s/lib/python3/dist-packages" % base,
        ) if exists(place)
    ]
    task_root = env("LAMBDA_TASK_ROOT") or "/var/task"
    sys.path[:] = [task_root, "/opt/python/lib/%s/site-packages" % version, "/opt/python"] + start + packages
    return standard


def load_handler(name):
    module_name, dot, attribute = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName",
                    "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict",
                    "Cannot use built-in module %s as a handler module" % module_name)
    try:
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("Runtime.UserCodeSyntaxError",
                    "Syntax error in module '%s': %s" % (module_name, error), trace)
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (attribute, module_name))


def import_module(name):
    if name.startswith("."):
        import importlib

        return importlib.import_module(name)  # Raises: a relative import without a package.
    import _frozen_importlib

    return _frozen_importlib._gcd_import(name)


# ---- The loop ----------------------------------------------------------------------------------------------------


class Runtime:
    """One execution environment's life: init once, then invocations one after the other until killed."""

    def __init__(self):
        self.request_id, self.tenant_id = "", None
        self.sink = open_sink()
        self.json = Json()
        self.api = sibling("lambent_api").Api(env("AWS_LAMBDA_RUNTIME_API"))
        self.context_type = sibling("lambent_context").LambdaContext
        self.standard_path = set_path()
        sys.meta_path.insert(0, StandardFirst(self, self.standard_path, sys.modules.get("logging")))
        sys.meta_path.append(OwnLast())

    def init(self):
        try:
            return load_handler(env("_HANDLER") or "")
        except Exception as error:
            payload, _ = sibling("lambent_errors").describe(error, None, self)
            self.report(payload)
            self.api.post(b"/2018-06-01/runtime/init/error",
                          [(b"Lambda-Runtime-Function-Error-Type", payload["errorType"])],
                          self.json.dumps(payload).encode("utf-8", "replace"))
            sys.exit(1)

    def report(self, payload):
        sibling("lambent_errors").log(payload, self)
        flush_output()

    def serve(self, handler):
        headers, event = self.api.next()
        self.request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        set_trace_id(headers.get("lambda-runtime-trace-id"))
        path = INVOCATION + self.request_id.encode()
        # Sent back so that the platform can tell an answer to an attempt it already gave up.
        extra = headers.get("lambda-runtime-invocation-id")
        extra = [(b"Lambda-Runtime-Invocation-Id", extra)] if extra else []
        try:
            context = self.context_type(self, headers)
            result = handler(self.unmarshal(event, headers), context)
            body, content_type = self.marshal(result)
        except Exception as error:
            payload, cause = sibling("lambent_errors").describe(error, self.request_id, self)
            self.report(payload)
            extra += [(b"Content-Type", "application/json"),
                      (b"Lambda-Runtime-Function-Error-Type", payload["errorType"])]
            if cause:
                extra.append((b"Lambda-Runtime-Function-XRay-Error-Cause", cause))
            self.api.post(path + b"/error", extra, self.json.dumps(payload).encode("utf-8", "replace"))
            return
        flush_output()
        self.api.post(path + b"/response", [(b"Content-Type", content_type)] + extra, body, and_next=True)

    def unmarshal(self, event, headers):
        if headers.get("content-type", "application/json") != "application/json":
            return bytes(event)
        try:
            return self.json.loads(event)
        except Exception as error:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)

    def marshal(self, result):
        if isinstance(result, bytes):
            return result, "application/unknown"
        try:
            return self.json.dumps(result).encode("utf-8"), "application/json"
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def set_trace_id(trace_id):
    os = sys.modules.get("os")
    if os is not None:
        if trace_id is None:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
    # os.environ is made from this dictionary when the user imports os only later.
    elif trace_id is None:
        posix.environ.pop(b"_X_AMZN_TRACE_ID", None)
        posix.unsetenv(b"_X_AMZN_TRACE_ID")
    else:
        posix.environ[b"_X_AMZN_TRACE_ID"] = trace_id.encode()
        posix.putenv(b"_X_AMZN_TRACE_ID", trace_id.encode())


def main():
    import builtins

    # `site` would define these; code written for Lambda calls exit() now and then.
    builtins.exit = builtins.quit = sys.exit
    if b"_LAMBENT_BOOT_FD" in posix.environ:
        sibling("lambent_ahead").wait()
    runtime = Runtime()
    handler = runtime.init()
    if env("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        sibling("lambent_snapshot").complete_init(runtime)
    while True:
        runtime.serve(handler)


OUTPUTS = open_outputs()
if __name__ == "__main__":
    main()
