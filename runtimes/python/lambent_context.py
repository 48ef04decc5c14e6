"""The second argument of a handler: the context object and the small value objects in it."""
import time

from __main__ import Fault, env


class Slots:
    """Base of the small value objects inside the context: attributes from a dictionary, None where absent."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__)
        return "%s([%s])" % (type(self).__name__, fields)


class CognitoIdentity(Slots):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(Slots):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(Slots):
    __slots__ = ("custom", "env", "client")


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, runtime, headers):
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")  # Text on AWS, too.
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        client = header_json(runtime, headers.get("lambda-runtime-client-context"), "Client Context")
        # Trace fields travel inside the client context but are not part of what the caller sent.
        trace = client.pop("w3c", None) if isinstance(client, dict) else None
        self._w3c = trace if isinstance(trace, dict) else {}
        self.client_context = None if client is None else ClientContext(client)
        if client is not None and self.client_context.client is not None:
            self.client_context.client = Client(self.client_context.client)
        identity = header_json(runtime, headers.get("lambda-runtime-cognito-identity"), "Cognito Identity") or {}
        self.identity = CognitoIdentity({
            "cognito_identity_id": identity.get("cognitoIdentityId"),
            "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
        })
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)
        self._sink = runtime.sink

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def w3c(self):
        names = ("traceparent", "tracestate", "baggage")
        return {name: self._w3c[name] for name in names if isinstance(self._w3c.get(name), str)}

    def log(self, msg):
        self._sink.log(str(msg))

    def __repr__(self):
        names = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
                 "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id")
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in names)


def header_json(runtime, text, name):
    if not text:
        return None
    try:
        return runtime.json.loads(text.encode("utf-8"))
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))
