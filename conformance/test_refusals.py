"""boto3: what is refused, with AWS's code, status and words; after each refusal nothing has changed."""
import base64
import json

import botocore.config
import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, PYTHON, REGION, ROLE, zipped

CODE = "def handler(event, context):\n    return 'well'\n"
ENV = "Lambda was unable to configure your environment variables because the environment variables you have provided "
INVALID, VALIDATION = (400, "InvalidParameterValueException"), (400, "ValidationException")
MISSING, UNSERVED = (404, "ResourceNotFoundException"), (501, "NotImplementedException")
DETECTED = "1 validation error detected: Value '"
# Settings of a CreateFunction that would otherwise succeed; None takes one out. The words are the whole message, or
# its beginning before "…".
CREATE = {
    "name with a blank": ({"FunctionName": "a b"}, VALIDATION, DETECTED + "a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: …"),
    "name of 65": ({"FunctionName": "n" * 65}, INVALID, DETECTED + "n" * 65 + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"),
    "name of 141": ({"FunctionName": "n" * 141}, VALIDATION, DETECTED + "n" * 141 + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140"),
    "unknown runtime": ({"Runtime": "cobol85"}, INVALID, "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: […"),
    "runtime of the past": ({"Runtime": "python3.8"}, INVALID, "The runtime parameter of python3.8 is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."),
    "no runtime": ({"Runtime": None}, INVALID, "Runtime and Handler are mandatory parameters for functions created with deployment packages."),
    "no handler": ({"Handler": None}, INVALID, "Runtime and Handler are mandatory parameters for functions created with deployment packages."),
    "handler with a blank": ({"Handler": "a b"}, VALIDATION, DETECTED + "a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\\s]+"),
    "handler of 129": ({"Handler": "h" * 129}, VALIDATION, DETECTED + "h" * 129 + "' at 'handler' failed to satisfy constraint: Member must have length less than or equal to 128"),
    "description of 257": ({"Description": "d" * 257}, VALIDATION, DETECTED + "d" * 257 + "' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256"),
    "memory of 127": ({"MemorySize": 127}, VALIDATION, DETECTED + "127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"),
    "memory of 40000": ({"MemorySize": 40000}, VALIDATION, DETECTED + "40000' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to …"),
    "memory of 10241": ({"MemorySize": 10241}, (400, None), "…10240…"),
    "timeout of 0": ({"Timeout": 0}, VALIDATION, DETECTED + "0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    "timeout of 901": ({"Timeout": 901}, (400, None), "…900…"),
    "no disk": ({"EphemeralStorage": {"Size": 511}}, VALIDATION, DETECTED + "511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to 512"),
    "disk of 10241": ({"EphemeralStorage": {"Size": 10241}}, (400, None), "…10240…"),
    "role that is none": ({"Role": "me"}, VALIDATION, DETECTED + "me' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:…"),
    "two at once": ({"MemorySize": 1, "Timeout": 0}, VALIDATION, "2 validation errors detected: Value '…"),
    "package type": ({"PackageType": "Tar"}, VALIDATION, DETECTED + "Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: […"),
    "variable of one letter": ({"Environment": {"Variables": {"A": "1"}}}, VALIDATION, "1 validation error detected: Value …"),
    "variable with a dash": ({"Environment": {"Variables": {"A-B": "1"}}}, VALIDATION, "1 validation error detected: Value …"),
    "reserved variable": ({"Environment": {"Variables": {"AWS_REGION": "x", "OTHER": "1"}}}, INVALID, ENV + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"),
    "variables of 5 KB": ({"Environment": {"Variables": {"LONG": "x" * 5000}}}, INVALID, ENV + "exceeded the 4KB limit. String measured: {\"LONG\":\"x…"),
    "no code": ({"Code": {}}, INVALID, "…"),
    "another region": ({"FunctionName": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"}, MISSING, f"Functions from 'eu-west-1' are not reachable in this region ('{REGION}')"),
    "layers": ({"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:1"]}, INVALID, f"Layer version arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:1 does not exist."),
    "dead letters": ({"DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}}, INVALID, f"The destination ARN arn:aws:sqs:{REGION}:{ACCOUNT}:q is invalid."),
    "network": ({"VpcConfig": {"SubnetIds": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}}, UNSERVED, "…VpcConfig…"),
    "tracing": ({"TracingConfig": {"Mode": "Sometimes"}}, VALIDATION, DETECTED + "Sometimes' at 'tracingConfig.mode' failed to satisfy constraint: Member must satisfy enum value set: […"),
    "levels of text logs": ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, INVALID, "Log level is not supported when LogFormat is set to Text. …"),
    "from S3": ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, INVALID, "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"),
    "an image": ({"PackageType": "Image", "Code": {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1"}, "Runtime": None, "Handler": None}, INVALID, "Source image 123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1 does not exist. Provide a valid source image."),
    "another machine": ({"Architectures": ["arm64"]}, UNSERVED, "…Architectures…"),
}
OPERATIONS_UNSERVED = {
    "ListCapacityProviders": lambda api, name: api.list_capacity_providers(),
    "GetFunctionScalingConfig": lambda api, name: api.get_function_scaling_config(FunctionName=name, Qualifier="1"),
}
MISSING_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody"
ON_MISSING = {
    "get": lambda api, name: api.get_function(FunctionName=name),
    "configuration": lambda api, name: api.get_function_configuration(FunctionName=name),
    "update": lambda api, name: api.update_function_configuration(FunctionName=name, Timeout=4),
    "update code": lambda api, name: api.update_function_code(FunctionName=name, ZipFile=zipped({"app.py": CODE})),
    "delete": lambda api, name: api.delete_function(FunctionName=name),
}


@pytest.fixture(scope="module")
def unchecked(platform):
    """A client that sends what its own model would refuse."""
    return platform.client("lambda", parameter_validation=False)


@pytest.fixture(scope="module")
def well(functions):
    return functions.create(CODE)


def check(call, expected, words):
    with pytest.raises(ClientError) as refused:
        call()
    response = refused.value.response
    message = response["Error"]["Message"]
    status, code = expected
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status, response
    assert code in (None, response["Error"]["Code"]), response
    assert response["ResponseMetadata"]["RequestId"]
    if "…" not in words:
        assert message == words
    elif words.startswith("…"):
        assert words.strip("…") in message
    else:
        assert message.startswith(words.rstrip("…"))


@pytest.mark.parametrize("case", CREATE)
def test_create_is_refused(functions, unchecked, case):
    changes, expected, words = CREATE[case]
    name = functions.name()
    settings = {"FunctionName": name, "Runtime": PYTHON, "Handler": "app.handler", "Role": ROLE,
                "Code": {"ZipFile": zipped({"app.py": CODE})}, **changes}
    settings = {key: value for key, value in settings.items() if value is not None}
    check(lambda: unchecked.create_function(**settings), expected, words)
    with pytest.raises(ClientError):
        functions.api.get_function(FunctionName=name)


def test_create_twice(functions, well):
    check(lambda: functions.create(CODE, name=well), (409, "ResourceConflictException"),
          f"Function already exist: {well}")
    assert functions.ask(well) == "well"


@pytest.mark.parametrize("operation", ON_MISSING)
def test_missing_function(functions, operation):
    check(lambda: ON_MISSING[operation](functions.api, "nobody"), MISSING, f"Function not found: {MISSING_ARN}")


def test_missing_function_invoked(functions):
    check(lambda: functions.invoke("nobody"), MISSING, f"Function not found: {MISSING_ARN}:$LATEST")
    check(lambda: functions.invoke(MISSING_ARN.replace(REGION, "eu-west-1")), MISSING,
          f"Functions from 'eu-west-1' are not reachable in this region ('{REGION}')")


def test_two_qualifiers(functions, well):
    check(lambda: functions.invoke(f"{well}:$LATEST", Qualifier="1"), INVALID,
          "The derived qualifier from the function name does not match the specified qualifier.")


@pytest.mark.parametrize("operation", OPERATIONS_UNSERVED)
def test_unserved_operation_is_named(functions, well, operation):
    check(lambda: OPERATIONS_UNSERVED[operation](functions.api, well), UNSERVED, f"…{operation}…")


@pytest.mark.parametrize("arguments, words", [
    ({"TenantId": "t"}, "…TenantId…"),
])
def test_unserved_ways_to_invoke_are_named(functions, well, arguments, words):
    check(lambda: functions.invoke(well, **arguments), UNSERVED, words)


@pytest.mark.parametrize("payload", [b"{nope", b"{'a': 1}", b"[1, 2", b"\xff\xfe", b"{} {}"])
def test_payload_that_is_not_json(functions, well, payload):
    check(lambda: functions.api.invoke(FunctionName=well, Payload=payload), (400, "InvalidRequestContentException"),
          "Could not parse request body into json: Could not parse payload into json: …")


def test_payload_over_6_mb(functions, well):
    check(lambda: functions.api.invoke(FunctionName=well, Payload=b'"' + b"x" * 6291456 + b'"'),
          (413, "RequestTooLargeException"), "…6291458 byte payload is too large for the RequestResponse invocation "
          "type (limit 6291456 bytes)")
    assert functions.ask(well) == "well"


@pytest.mark.parametrize("context", ["***", base64.b64encode(b"{nope").decode()])
def test_client_context_that_is_not_json(functions, well, context):
    check(lambda: functions.invoke(well, ClientContext=context), (400, "InvalidRequestContentException"), "…")


def test_client_context_over_3583_bytes(functions, well):
    context = base64.b64encode(json.dumps({"custom": {"k": "x" * 3000}}).encode()).decode()
    check(lambda: functions.invoke(well, ClientContext=context), (400, "InvalidRequestContentException"), "…3583…")


@pytest.mark.parametrize("case", ["memory of 127", "timeout of 0", "unknown runtime", "reserved variable",
                                  "variables of 5 KB", "handler with a blank", "layers", "description of 257"])
def test_update_is_refused_alike(functions, unchecked, well, case):
    changes, expected, words = CREATE[case]
    before = functions.api.get_function_configuration(FunctionName=well)["RevisionId"]
    check(lambda: unchecked.update_function_configuration(FunctionName=well, **changes), expected, words)
    assert functions.api.get_function_configuration(FunctionName=well)["RevisionId"] == before


def test_image_for_a_zip_function(functions, well):
    check(lambda: functions.api.update_function_code(FunctionName=well, ImageUri="1.dkr.ecr.x.amazonaws.com/i:1"),
          INVALID, "Please don't provide ImageUri when updating a function with packageType Zip.")


def test_another_accounts_function(functions):
    check(lambda: functions.invoke(f"arn:aws:lambda:{REGION}:111122223333:function:f"),
          (403, "AccessDeniedException"), "…")
