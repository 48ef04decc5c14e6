"""Sets the root logger up as Lambda does, once user code imports `logging`."""
import json
import time
import traceback

FRAME_TYPES_JSON, FRAME_TYPES_TEXT = 0xA55A0002, 0xA55A0003
ISO_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
# Members of a record that are the logging module's own; everything else came through `extra`.
OWN_MEMBERS = frozenset(
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created"
    " msecs relativeCreated thread threadName processName process aws_request_id tenant_id _frame_type".split()
)


def frame_type(base, level):
    """The frame type of a level: DEBUG to CRITICAL are steps of four above the type for "no level"."""
    step = min(50, max(0, level)) // 10
    return base + 4 * (step + 1) if step else base


def set_up(logging, runtime):
    """Adds the handler to the root logger; its level stays WARNING unless AWS_LAMBDA_LOG_LEVEL says otherwise."""
    import os

    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    # The class names are AWS's: logging libraries look for them on the root logger.
    name = "LambdaLoggerHandlerWithFrameType" if as_json or level else "LambdaLoggerHandler"

    class LambdaLoggerHandler(logging.Handler):
        log_sink = runtime.sink

        def emit(self, record):
            text = self.format(record)
            if as_json:
                self.log_sink.log(text, frame_type(FRAME_TYPES_JSON, record.levelno))
            elif level:
                self.log_sink.log(text, frame_type(FRAME_TYPES_TEXT, record.levelno))
            else:
                # Without a level filter AWS writes text records with no level on the frame.
                self.log_sink.log(text)

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = runtime.request_id or ""
            record.tenant_id = runtime.tenant_id
            return True

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            record.levelno = min(50, max(0, record.levelno)) // 10 * 10
            record.levelname = logging.getLevelName(record.levelno)
            plain = isinstance(record.msg, dict) and not record.args
            entry = {
                "timestamp": self.formatTime(record, ISO_SECONDS),
                "level": record.levelname,
                "message": record.msg if plain else record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info:
                kind, error, tb = record.exc_info
                entry["stackTrace"] = traceback.format_tb(tb)
                entry["errorType"] = kind.__name__ if kind else None
                entry["errorMessage"] = str(error)
            entry["requestId"] = record.aws_request_id
            if record.exc_info:
                entry["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
            if record.tenant_id is not None:
                entry["tenantId"] = record.tenant_id
            for name, value in record.__dict__.items():
                if name not in OWN_MEMBERS and name not in entry:
                    entry[name] = value
            return encode({name: value for name, value in entry.items() if value is not None}) + "\n"

    logging.Formatter.converter = time.gmtime
    LambdaLoggerHandler.__name__ = LambdaLoggerHandler.__qualname__ = name
    handler = LambdaLoggerHandler()
    if as_json:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    if level in logging._nameToLevel:
        logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(handler)
