"""The table's function in Python."""
import os
import sys
import time

CALLS = 0


def handler(event, context):
    global CALLS
    CALLS += 1
    do = event.get("do")
    if do == "fail":
        raise ValueError("as it was told")
    if do == "hang":
        time.sleep(60)
    if do == "exit":
        os._exit(7)
    if do == "big":
        return "x" * event["size"]
    if do == "log":
        print("on the standard output")
        print("on the standard error", file=sys.stderr, flush=True)
    if do == "hoard":
        return len([b"x" * (1 << 20 | n) for n in range(1 << 12)])
    return {
        "event": event, "calls": CALLS,
        "request_id": context.aws_request_id, "function": context.function_name, "version": context.function_version,
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
        "log_group": context.log_group_name, "log_stream": context.log_stream_name,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "client": context.client_context.custom if context.client_context else None,
        "runtime": os.environ.get("AWS_EXECUTION_ENV"),
    }
