"""Brings what two clients did into one form: without times, and without the clients' own stack frames."""
import base64
import json
import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
# Files of ours, of AWS's clients, and of Node itself, wherever installed.
OWN = (r"(?:/var/runtime/|runtimes/(?:python|node)/|awslambdaric/|aws-lambda-ric/|/node/start\.mjs|node:"
       r"|<frozen runpy>|<anonymous>)")
NODE_FRAME_LINE = re.compile(r"[\n\r] +at [^\n\r]*%s[^\n\r]*" % OWN)
NODE_FRAME_ITEM = re.compile(r',\s?" +at [^"]*%s[^"]*"' % OWN)
NODE_FRAME_ESCAPED = re.compile(r'\\n +at [^"\\{]*%s[^"\\{]*' % OWN)
NODE_REQUIRE_STACK = re.compile(r'((?:\\n|\n|\r|",\s?")- (?:file://)?[^\n\r"\\]*%s[^\n\r"\\]*)+' % OWN)
PYTHON_FRAME_LINES = re.compile(r'[\n\r][ \u00a0]+File "[^"]*%s[^"]*", line \d+, in [^\n\r]*[\n\r][^\n\r]*' % OWN)


def text(value):
    value = TIME.sub("TIME", value)
    value = NODE_REQUIRE_STACK.sub(" - RUNTIME", value)
    value = NODE_FRAME_ITEM.sub("", value)
    value = NODE_FRAME_ESCAPED.sub(" ", value)
    value = NODE_FRAME_LINE.sub("", value)
    return PYTHON_FRAME_LINES.sub("", value)


def frames(lines):
    own = re.compile(r"^ +at .*%s|^ +File \"[^\"]*%s|^- .*%s" % (OWN, OWN, OWN))
    return [line for line in lines if not own.search(line)]


def post(item):
    """Everything the platform acts on: where to, type, body, error type and X-Ray cause."""
    headers = item["headers"]
    result = {"path": item["path"], "type": headers.get("content-type")}
    result["mode"] = headers.get("lambda-runtime-function-response-mode")
    result["trailer"] = trailer(headers)
    result["attempt"] = headers.get("lambda-runtime-invocation-id")
    try:
        body = json.loads(item["body"])
    except ValueError:
        result["body"] = item["body"]
        return result
    if not item["path"].endswith("/response") and isinstance(body, dict):
        for name in ("stackTrace", "trace"):
            if name in body:
                body[name] = frames(body[name])
        for name, value in body.items():
            if isinstance(value, str):
                body[name] = text(value)
        cause = headers.get("lambda-runtime-function-xray-error-cause")
        if cause:
            cause = json.loads(cause)
            paths = [path for path in cause["paths"] if is_user_path(path)]
            for exception in cause["exceptions"]:
                exception["stack"] = [frame for frame in exception["stack"] if is_user_path(frame["path"])]
                if isinstance(exception.get("message"), str):
                    exception["message"] = text(exception["message"])
            result["cause"] = dict(cause, paths=sorted(paths))
        result["body"] = body
    else:
        # The text, not the value: spacing, escapes and number formats reach the caller, too.
        result["body"] = item["body"].decode("utf-8")
    return result


def trailer(headers):
    """The error that ended a streamed response, as a caller learns it."""
    body = headers.get("trailer:lambda-runtime-function-error-body")
    if body is None:
        return None
    body = json.loads(base64.b64decode(body))
    kind = headers["trailer:lambda-runtime-function-error-type"]
    return {"header": kind, "type": body["errorType"], "message": body["errorMessage"], "trace": frames(body["trace"])}


def is_user_path(path):
    return not re.search(OWN, path) and path not in ("file", "node", "")


# Lines AWS's clients write about themselves, which ours leave out: a pointer to AWS's documentation before every init
# error, and the C++ client's own log.
NOT_OURS = re.compile(r"^\[WARNING\]\tTIME\t\tLAMBDA_WARNING: |\"LAMBDA_WARNING: |^\[ERROR\] \[\d+\] LAMBDA_RUNTIME ")


def records(items):
    items = [(kind, text(value)) for kind, value in items]
    return [(kind, value) for kind, value in items if not NOT_OURS.search(value)]


def outcome(item):
    """The short form that `table.json` holds: what a caller of the function would see."""
    kind = item["path"].rpartition("/")[2] if item["path"].startswith("invocation/") else item["path"]
    if kind == "response":
        body = item["body"]
        failed = trailer(item["headers"])
        if failed:
            return {"to": kind, "raw": body.decode("latin-1"), "failed": failed["type"], "message": failed["message"]}
        if len(body) > 4096:
            return {"to": kind, "bytes": len(body)}
        try:
            return {"to": kind, "body": json.loads(body, parse_constant=lambda name: name)}
        except ValueError:
            return {"to": kind, "raw": body.decode("latin-1")}
    body = json.loads(item["body"])
    message = TIME.sub("TIME", body.get("errorMessage", ""))
    # Paths of the machine the test runs on are nobody's contract.
    return {"to": kind, "type": body.get("errorType"), "message": re.split(r"\n|/[\w.-]+/", message)[0]}
