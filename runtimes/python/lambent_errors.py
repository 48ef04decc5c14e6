"""Turns an exception into the payload, X-Ray cause and log record that Lambda makes of it.

Loaded by bootstrap.py when the first error happens: importing `traceback` costs as much as a small function's init.
"""
import sys
import time
import traceback

TEXT_ERROR, JSON_ERROR = 0xA55A0017, 0xA55A0016
CAUSE_BYTES_MAX = 1024 * 1024  # The Runtime API refuses a longer X-Ray cause, so AWS's client leaves it out.


def describe(error, request_id, runtime):
    """The error payload and the X-Ray cause (JSON text, "" when too long) for an exception."""
    main = sys.modules["__main__"]
    if isinstance(error, main.Fault):
        error_type, message, stack, frames = error.error_type, error.message, error.trace or [], []
        cause_type = "LambdaValidationError"
    else:
        error_type = cause_type = type(error).__name__
        message = str(error)
        frames = user_frames(error.__traceback__, main.main.__code__.co_filename)
        stack = traceback.format_list(frames)
    payload = {"errorMessage": message, "errorType": error_type, "requestId": request_id or "", "stackTrace": stack}
    cause = runtime.json.dumps(x_ray_cause(cause_type, message, frames))
    return payload, cause if len(cause.encode("utf-8", "replace")) < CAUSE_BYTES_MAX else ""


def user_frames(tb, own_file):
    """The traceback without the runtime's frames at its head; plain tuples, so no markers under the source line."""
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(tb)]
    while frames and frames[0][0] == own_file:
        del frames[0]
    if frames and frames[0][2] == "_gcd_import":
        # bootstrap.py enters the import system below importlib.import_module, which users see in AWS's traces.
        frames.insert(0, import_module_frame())
    return frames


def import_module_frame():
    import dis
    import importlib
    import linecache

    code = importlib.import_module.__code__
    line = max(line for _, line in dis.findlinestarts(code) if line)
    return (code.co_filename, line, "import_module", linecache.getline(code.co_filename, line).strip())


def x_ray_cause(error_type, message, frames):
    import os

    return {
        "working_directory": os.getcwd(),
        "exceptions": [{
            "message": message,
            "type": error_type,
            "stack": [{"label": name, "path": path, "line": line} for path, line, name, _ in frames],
        }],
        "paths": list({frame[0] for frame in frames}),
    }


def log(payload, runtime):
    """Writes the error as one log record."""
    if runtime_logs_json():
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = dict({"timestamp": stamp, "level": "ERROR"}, **payload)
        runtime.sink.log_lines([runtime.json.dumps(record)], JSON_ERROR)
        return
    head = "[ERROR]"
    if payload["errorType"]:
        head += " " + payload["errorType"]
    if payload["errorMessage"]:
        head += (": " if payload["errorType"] else " ") + payload["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for entry in payload["stackTrace"]:
        # No-break spaces survive log viewers that trim or collapse blanks; AWS indents so, too.
        for line in entry.splitlines() or [""]:
            body = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(body)) + body)
    runtime.sink.log_lines(lines, TEXT_ERROR)


def runtime_logs_json():
    import os

    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
