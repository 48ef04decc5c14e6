"""Returns what the context object and the environment say."""
import os
import sys


def handler(event, context):
    remaining = context.get_remaining_time_in_millis()
    return {
        "names": [context.function_name, context.function_version, context.memory_limit_in_mb],
        "log": [context.log_group_name, context.log_stream_name],
        "request": [context.aws_request_id, context.invoked_function_arn, context.tenant_id],
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "remaining": isinstance(remaining, int) and 0 < remaining <= 3000,
    }


def client(event, context):
    given = context.client_context
    return given and {"custom": given.custom, "env": given.env, "title": given.client and given.client.app_title}


def printed(event, context):
    return repr(context)


def environment(event, context):
    return {
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "telemetry": os.environ.get("_LAMBDA_TELEMETRY_LOG_FD"),
        "colour": os.environ.get("COLOUR"),
        "cwd_is_task_root": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
        "path_starts_with_task_root": sys.path[0] == os.environ["LAMBDA_TASK_ROOT"],
        "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
        "zone": __import__("time").tzname[0],
        "main": "__main__" in sys.modules,
    }
