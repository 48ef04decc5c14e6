"""API Gateway: HTTP and REST APIs configured with boto3 and the AWS CLI, called by raw HTTP, real functions behind."""
import http.client
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from harness import ACCOUNT, NODE, REGION, Functions
from test_from_inside import boto3_files

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"

ECHO = "def handler(event, context):\n    return event\n"
ECHO_REST = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps(event)}\n"
# A small service as tutorials write it: one function for all methods of a resource.
TASKS = """
import json
TASKS = {}

def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}

def handler(event, context):
    method, parameters = event["httpMethod"], event["pathParameters"] or {}
    if method == "GET":
        if "id" not in parameters:
            return answer(200, sorted(TASKS.values(), key=lambda task: task["id"]))
        task = TASKS.get(parameters["id"])
        return answer(200, task) if task else answer(404, {"message": "no such task"})
    if method == "POST":
        task = {"done": False, **json.loads(event["body"])}
        TASKS[task["id"]] = task
        return answer(201, task)
    if method == "PUT":
        TASKS[parameters["id"]].update(json.loads(event["body"]))
        return answer(200, TASKS[parameters["id"]])
    return answer(405, {"message": "method not allowed"})
"""
TOKEN_AUTHORIZER = """
def handler(event, context):
    token = event["authorizationToken"]
    if token == "none":
        raise Exception("Unauthorized")
    effect = "Allow" if token == "allow" else "Deny"
    return {"principalId": "me", "context": {"plan": "gold"}, "policyDocument": {"Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}]}}
"""


class Api:
    """An API, called as a client that knows where names below localhost lead."""

    def __init__(self, functions, api_id):
        self.functions, self.id = functions, api_id
        self.endpoint = urllib.parse.urlsplit(functions.platform.endpoint)
        self.host = f"{api_id}.execute-api.localhost:{self.endpoint.port}"

    def open(self, method="GET", path="/", headers=None, body=None, host=None):
        connection = http.client.HTTPConnection(self.endpoint.netloc, timeout=60)
        connection.request(method, path, body, {"Host": host or self.host, **(headers or {})})
        answer = connection.getresponse()
        return answer, answer.read()

    def ask(self, *arguments, **options):
        answer, body = self.open(*arguments, **options)
        return answer.status, json.loads(body) if body else None

    def by_path(self, path, method="GET"):
        connection = http.client.HTTPConnection(self.endpoint.netloc, timeout=60)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def let_in(self, name, what="*"):
        self.functions.api.add_permission(
            FunctionName=name, StatementId=f"s{len(what)}", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.id}/{what}")


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def uri(name):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn(name)}/invocations"


@pytest.fixture(scope="module")
def http_api(platform):
    return platform.client("apigatewayv2")


@pytest.fixture(scope="module")
def rest_api(platform):
    return platform.client("apigateway")


def quick(functions, http_api, name, **settings):
    made = http_api.create_api(Name="n", ProtocolType="HTTP", Target=arn(name), **settings)
    api = Api(functions, made["ApiId"])
    assert made["ApiEndpoint"] == f"http://{api.host}"
    api.let_in(name)
    return api


def routed(functions, http_api, routes, **settings):
    """An HTTP API of `{route key: (function, payload format)}`."""
    made = http_api.create_api(Name="n", ProtocolType="HTTP", **settings)
    api = Api(functions, made["ApiId"])
    for key, (name, version) in routes.items():
        integration = http_api.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY", IntegrationUri=arn(name),
                                                  PayloadFormatVersion=version)["IntegrationId"]
        http_api.create_route(ApiId=api.id, RouteKey=key, Target=f"integrations/{integration}")
    http_api.create_stage(ApiId=api.id, StageName="$default", AutoDeploy=True)
    for name in {name for name, _ in routes.values()}:
        api.let_in(name)
    return api


def proxied(functions, rest_api, paths, name, **method):
    """A REST API whose paths, such as `/tasks/{id}`, are all answered by a function."""
    made = rest_api.create_rest_api(name="n")
    api = Api(functions, made["id"])
    for path in paths:
        parent, walked = made["rootResourceId"], ""
        for part in [part for part in path.split("/") if part]:
            walked += "/" + part
            known = {one["path"]: one["id"] for one in rest_api.get_resources(restApiId=api.id)["items"]}
            parent = known.get(walked) or rest_api.create_resource(
                restApiId=api.id, parentId=parent, pathPart=part)["id"]
        rest_api.put_method(restApiId=api.id, resourceId=parent, httpMethod="ANY",
                            **{"authorizationType": "NONE", **method})
        rest_api.put_integration(restApiId=api.id, resourceId=parent, httpMethod="ANY", type="AWS_PROXY",
                                 integrationHttpMethod="POST", uri=uri(name))
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    api.let_in(name)
    return api


def test_quick_create(functions, http_api):
    api = quick(functions, http_api, functions.create(ECHO))
    status, event = api.ask("POST", "/a%20b?x=1&x=2", {"Cookie": "a=1; b=2", "Content-Type": "text/plain"}, "body")
    assert (status, event["version"], event["routeKey"], event["rawPath"]) == (200, "2.0", "$default", "/a b")
    assert (event["cookies"], event["queryStringParameters"], event["body"]) == (["a=1", "b=2"], {"x": "1,2"}, "body")
    assert api.by_path(f"/_aws/execute-api/{api.id}/x")[1]["rawPath"] == "/x"
    # curl knows by itself where names below localhost lead.
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", f"http://{api.host}/y"], capture_output=True, text=True,
                          timeout=60)
    assert json.loads(done.stdout)["rawPath"] == "/y", done.stderr
    http_api.delete_api(ApiId=api.id)
    assert api.ask() == (404, {"message": "Not Found"})


def test_routes_and_formats(functions, http_api):
    one = functions.create("def handler(event, context):\n    return {'statusCode': 200, 'body': event['resource'],"
                           " 'multiValueHeaders': {'X-M': ['1', '2']}}\n")
    two = functions.create("export const handler = async e => ({statusCode: 201, body: e.routeKey,"
                           " cookies: ['a=1', 'b=2'], headers: {'X-P': JSON.stringify(e.pathParameters)}});\n", NODE)
    api = routed(functions, http_api, {"GET /pets/{id}": (two, "2.0"), "GET /pets/dog": (one, "1.0"),
                                       "ANY /{proxy+}": (two, "2.0")})
    answer, body = api.open(path="/pets/dog")
    assert (answer.status, body, answer.headers.get_all("x-m")) == (200, b"/pets/dog", ["1", "2"])
    answer, body = api.open(path="/pets/a%2Fb")
    assert (answer.status, body, answer.getheader("x-p")) == (201, b"GET /pets/{id}", '{"id":"a/b"}')
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"] and answer.getheader("apigw-requestid")
    answer, body = api.open("POST", "/pets/1/x")
    assert (body, answer.getheader("x-p")) == (b"ANY /{proxy+}", '{"proxy":"pets/1/x"}')
    assert api.ask(path="/") == (404, {"message": "Not Found"})


def test_permissions_and_failures(functions, http_api):
    name = functions.create("def handler(event, context):\n    raise Exception('no')\n")
    made = http_api.create_api(Name="n", ProtocolType="HTTP", Target=arn(name))
    api = Api(functions, made["ApiId"])
    error = (500, {"message": "Internal Server Error"})
    assert api.ask() == error
    api.let_in(name)
    assert api.ask() == error
    functions.update(name, {"app.py": ECHO})
    assert api.ask()[0] == 200


def test_stages_and_cors(functions, http_api):
    name = functions.create(ECHO)
    api = routed(functions, http_api, {"GET /a": (name, "2.0")},
                 CorsConfiguration={"AllowOrigins": ["http://page"], "AllowMethods": ["GET"], "MaxAge": 5})
    http_api.create_stage(ApiId=api.id, StageName="dev", StageVariables={"v": "1"})
    assert api.ask(path="/dev/a") == (404, {"message": "Not Found"})
    http_api.create_deployment(ApiId=api.id, StageName="dev")
    event = api.ask(path="/dev/a")[1]
    assert (event["rawPath"], event["stageVariables"], event["requestContext"]["stage"]) == ("/dev/a", {"v": "1"}, "dev")
    answer, _ = api.open("OPTIONS", "/a", {"Origin": "http://page", "Access-Control-Request-Method": "GET"})
    assert (answer.status, answer.getheader("access-control-allow-origin")) == (204, "http://page")
    answer, _ = api.open(path="/a", headers={"Origin": "http://page"})
    assert answer.getheader("access-control-allow-origin") == "http://page"


def test_everything_outlives_kill(start):
    platform = start()
    functions = Functions(platform)
    rest, web = platform.client("apigateway"), platform.client("apigatewayv2")
    api = proxied(functions, rest, ["/a"], functions.create(ECHO_REST))
    other = quick(functions, web, functions.create(ECHO))
    platform.kill()
    platform.start()
    for one, path in ((api, "/dev/a"), (other, "/b")):
        again = Api(functions, one.id)
        again.endpoint = urllib.parse.urlsplit(platform.endpoint)
        assert again.ask(path=path)[0] == 200
    rest, web = platform.client("apigateway"), platform.client("apigatewayv2")
    assert [item["id"] for item in rest.get_rest_apis()["items"]] == [api.id]
    assert [item["ApiId"] for item in web.get_apis()["Items"]] == [other.id]


def test_signatures(functions, http_api):
    name = functions.create(ECHO)
    api = routed(functions, http_api, {"GET /a": (name, "2.0")})
    route = http_api.get_routes(ApiId=api.id)["Items"][0]["RouteId"]
    http_api.update_route(ApiId=api.id, RouteId=route, AuthorizationType="AWS_IAM")
    assert api.ask(path="/a") == (403, {"message": "Forbidden"})
    request = AWSRequest("GET", f"http://{api.host}/a")
    SigV4Auth(Credentials("any", "any"), "execute-api", REGION).add_auth(request)
    event = api.ask(path="/a", headers=dict(request.headers))[1]
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == ACCOUNT


def test_lambda_authorizers(functions, http_api, rest_api):
    guard = functions.create("def handler(event, context):\n    return {'isAuthorized': event['identitySource'] == ['yes'],"
                             " 'context': {'n': 1}}\n")
    name = functions.create(ECHO)
    api = routed(functions, http_api, {"GET /a": (name, "2.0")})
    api.let_in(guard, "authorizers/*")
    made = http_api.create_authorizer(
        ApiId=api.id, Name="g", AuthorizerType="REQUEST", AuthorizerUri=uri(guard), EnableSimpleResponses=True,
        IdentitySource=["$request.header.Authorization"], AuthorizerPayloadFormatVersion="2.0")
    route = http_api.get_routes(ApiId=api.id)["Items"][0]["RouteId"]
    http_api.update_route(ApiId=api.id, RouteId=route, AuthorizationType="CUSTOM", AuthorizerId=made["AuthorizerId"])
    assert api.ask(path="/a") == (401, {"message": "Unauthorized"})
    assert api.ask(path="/a", headers={"Authorization": "no"}) == (403, {"message": "Forbidden"})
    event = api.ask(path="/a", headers={"Authorization": "yes"})[1]
    assert event["requestContext"]["authorizer"] == {"lambda": {"n": 1}}

    rest = rest_api.create_rest_api(name="guarded")
    api, guard, name = Api(functions, rest["id"]), functions.create(TOKEN_AUTHORIZER), functions.create(ECHO_REST)
    made = rest_api.create_authorizer(restApiId=api.id, name="g", type="TOKEN", authorizerUri=uri(guard),
                                      identitySource="method.request.header.Authorization")
    where = {"restApiId": api.id, "resourceId": rest["rootResourceId"], "httpMethod": "GET"}
    rest_api.put_method(**where, authorizationType="CUSTOM", authorizerId=made["id"])
    rest_api.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(name))
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    api.let_in(guard)
    api.let_in(name)
    assert api.ask(path="/dev") == (401, {"message": "Unauthorized"})
    assert api.ask(path="/dev", headers={"Authorization": "none"}) == (401, {"message": "Unauthorized"})
    denied = {"Message": "User is not authorized to access this resource with an explicit deny"}
    assert api.ask(path="/dev", headers={"Authorization": "deny"}) == (403, denied)
    event = api.ask(path="/dev", headers={"Authorization": "allow"})[1]
    assert event["requestContext"]["authorizer"] == {"principalId": "me", "plan": "gold"}


def test_servers_behind_both(functions, http_api, rest_api):
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"path": self.path, "x": self.headers["X-A"]}).encode()
            self.send_response(203)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    made = http_api.create_api(Name="n", ProtocolType="HTTP")
    api = Api(functions, made["ApiId"])
    integration = http_api.create_integration(ApiId=api.id, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY",
                                              IntegrationUri=base + "/{proxy}", PayloadFormatVersion="1.0")
    http_api.create_route(ApiId=api.id, RouteKey="ANY /p/{proxy+}",
                          Target="integrations/" + integration["IntegrationId"])
    http_api.create_stage(ApiId=api.id, StageName="$default", AutoDeploy=True)
    assert api.ask(path="/p/a/b?c=d", headers={"X-A": "1"}) == (203, {"path": "/a/b?c=d", "x": "1"})

    rest = rest_api.create_rest_api(name="n")
    api = Api(functions, rest["id"])
    where = {"restApiId": api.id, "resourceId": rest["rootResourceId"], "httpMethod": "GET"}
    rest_api.put_method(**where, authorizationType="NONE", requestParameters={"method.request.querystring.q": False})
    rest_api.put_integration(**where, type="HTTP", integrationHttpMethod="GET", uri=base + "/x",
                             requestParameters={"integration.request.querystring.z": "method.request.querystring.q",
                                                "integration.request.header.X-A": "'fixed'"})
    rest_api.put_method_response(**where, statusCode="200")
    rest_api.put_integration_response(**where, statusCode="200", responseTemplates={
        "application/json": '{"was": $input.json(\'$.path\'), "x": "$input.path(\'$.x\')"}'})
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    assert api.ask(path="/dev?q=1") == (200, {"was": "/x?z=1", "x": "fixed"})
    server.shutdown()


def test_tasks(functions, rest_api):
    """GET, POST, PUT, and 405 for the rest, by an unchanged function behind a REST API."""
    name = functions.create(TASKS)
    api = proxied(functions, rest_api, ["/tasks", "/tasks/{id}"], name)
    send = {"Content-Type": "application/json"}
    task = {"id": "1", "title": "write", "done": False}
    assert api.ask("POST", "/dev/tasks", send, json.dumps({"id": "1", "title": "write"})) == (201, task)
    assert api.ask(path="/dev/tasks") == (200, [task])
    assert api.ask("PUT", "/dev/tasks/1", send, '{"done": true}') == (200, {**task, "done": True})
    assert api.ask(path="/dev/tasks/1") == (200, {**task, "done": True})
    assert api.ask(path="/dev/tasks/2") == (404, {"message": "no such task"})
    assert api.ask("DELETE", "/dev/tasks/1") == (405, {"message": "method not allowed"})
    assert api.ask(path="/dev/other") == (403, {"message": "Missing Authentication Token"})
    assert api.ask(path="/prod/tasks") == (403, {"message": "Forbidden"})
    assert api.by_path(f"/restapis/{api.id}/dev/_user_request_/tasks")[0] == 200
    assert api.by_path(f"/_aws/execute-api/{api.id}/dev/tasks")[0] == 200


def test_the_example(platform, functions):
    """examples/tasks, deployed by its script: client, API, function with boto3, table."""
    bin_folder = os.path.dirname(sys.executable)
    environment = {**platform.environment(), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = subprocess.run([EXAMPLES / "tasks/deploy.sh", "tasks"], capture_output=True, text=True, env=environment,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    url = urllib.parse.urlsplit(done.stdout.strip())
    api = Api(functions, url.netloc.split(".")[0])
    assert (url.netloc, url.path) == (api.host, "/dev/tasks")
    # The SDK that `lambent runtimes install boto3` would fetch from outside.
    functions.update("tasks", {"lambda_function.py": (EXAMPLES / "tasks/lambda_function.py").read_text(),
                               **boto3_files(("botocore/data/dynamodb/",))})
    functions.api.update_function_configuration(
        FunctionName="tasks", MemorySize=1769, Timeout=60,
        Environment={"Variables": {"TABLE": "tasks", "PYTHONPATH": "/var/task/packages"}})
    functions.api.get_waiter("function_updated_v2").wait(FunctionName="tasks")
    assert api.ask(path="/dev/tasks") == (200, [])
    status, task = api.ask("POST", "/dev/tasks", body='{"title": "write"}')
    assert (status, task["title"], task["status"]) == (201, "write", "open")
    changed = {**task, "status": "done"}
    assert api.ask("PUT", f"/dev/tasks/{task['id']}", body='{"status": "done"}') == (200, changed)
    assert api.ask(path=f"/dev/tasks/{task['id']}") == (200, changed)
    assert api.ask(path="/dev/tasks") == (200, [changed])
    assert api.ask("DELETE", f"/dev/tasks/{task['id']}") == (405, {"message": "Method not allowed"})


def test_proxy_events_and_failures(functions, rest_api):
    name = functions.create(ECHO_REST)
    api = proxied(functions, rest_api, ["/{proxy+}"], name)
    event = api.ask(path="/dev/a%20b/c?x=1&x=2", headers={"X-One": "1", "Content-Type": "text/plain"})[1]
    assert (event["resource"], event["path"], event["pathParameters"]) == \
        ("/{proxy+}", "/a%20b/c", {"proxy": "a%20b/c"})
    assert event["headers"]["X-One"] == "1" and event["multiValueHeaders"]["Content-Type"] == ["text/plain"]
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    error = (502, {"message": "Internal server error"})
    for code in ("return 'text'", "return {'statusCode': 200, 'body': {}}", "raise Exception('no')"):
        functions.update(name, {"app.py": f"def handler(event, context):\n    {code}\n"})
        assert api.ask(path="/dev/a") == error
    functions.update(name, {"app.py": "import time\ndef handler(event, context):\n    time.sleep(2)\n"})
    resource = next(one["id"] for one in rest_api.get_resources(restApiId=api.id)["items"] if one["path"] != "/")
    rest_api.update_integration(restApiId=api.id, resourceId=resource, httpMethod="ANY",
                                patchOperations=[{"op": "replace", "path": "/timeoutInMillis", "value": "100"}])
    functions.api.update_function_configuration(FunctionName=name, Timeout=30)
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    assert api.ask(path="/dev/a") == (504, {"message": "Endpoint request timed out"})


def test_mocks_and_models(functions, rest_api):
    rest = rest_api.create_rest_api(name="n")
    api = Api(functions, rest["id"])
    where = {"restApiId": api.id, "resourceId": rest["rootResourceId"], "httpMethod": "POST"}
    rest_api.create_model(restApiId=api.id, name="Pet", contentType="application/json",
                          schema='{"type": "object", "required": ["name"]}')
    validator = rest_api.create_request_validator(restApiId=api.id, name="v", validateRequestBody=True)["id"]
    rest_api.put_method(**where, authorizationType="NONE", requestValidatorId=validator,
                        requestModels={"application/json": "Pet"})
    rest_api.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    rest_api.put_method_response(**where, statusCode="200",
                                 responseParameters={"method.response.header.Access-Control-Allow-Origin": False})
    rest_api.put_integration_response(
        **where, statusCode="200", responseParameters={"method.response.header.Access-Control-Allow-Origin": "'*'"},
        responseTemplates={"application/json": '{"stage": "$context.stage"#if($input.params("q") != ""), '
                                               '"q": "$input.params("q")"#end}'})
    tested = rest_api.test_invoke_method(**where, body='{"name": "a"}', pathWithQueryString="/?q=1")
    assert (tested["status"], json.loads(tested["body"])["q"]) == (200, "1")
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    answer, body = api.open("POST", "/dev?q=2", body='{"name": "a"}')
    assert (json.loads(body), answer.getheader("access-control-allow-origin")) == ({"stage": "dev", "q": "2"}, "*")
    assert api.ask("POST", "/dev", body="{}") == (400, {"message": "Invalid request body"})


def test_keys_and_plans(functions, rest_api):
    api = proxied(functions, rest_api, ["/a"], functions.create(ECHO_REST), apiKeyRequired=True)
    assert api.ask(path="/dev/a") == (403, {"message": "Forbidden"})
    key = rest_api.create_api_key(name="k", enabled=True)
    plan = rest_api.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "dev"}],
                                      quota={"limit": 2, "period": "MONTH"})["id"]
    rest_api.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    shown = {"X-API-Key": key["value"]}
    assert api.ask(path="/dev/a", headers=shown)[1]["requestContext"]["identity"]["apiKeyId"] == key["id"]
    assert api.ask(path="/dev/a", headers=shown)[0] == 200
    assert api.ask(path="/dev/a", headers=shown) == (429, {"message": "Limit Exceeded"})


def test_large_bodies(functions, http_api):
    name = functions.create("def handler(event, context):\n    return str(len(event['body']))\n")
    api = quick(functions, http_api, name)
    text = {"Content-Type": "text/plain"}
    assert api.ask("POST", "/", text, "x" * 5_000_000) == (200, 5_000_000)
    assert api.ask("POST", "/", text, "x" * 7_000_000)[0] == 413
    assert api.ask("POST", "/", text, "x" * (10 * 1024 * 1024 + 1))[0] == 413


OPENAPI = """
openapi: 3.0.1
info:
  title: pets
  version: "1.0"
paths:
  /pets/{id}:
    get:
      operationId: getPet
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        uri: URI
        payloadFormatVersion: "2.0"
  /$default:
    x-amazon-apigateway-any-method:
      isDefaultRoute: true
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: URI, payloadFormatVersion: "1.0"}
x-amazon-apigateway-importexport-version: "1.0"
"""


def test_openapi(functions, http_api):
    name = functions.create(ECHO_REST)
    document = OPENAPI.replace("URI", uri(name))
    made = http_api.import_api(Body=document, FailOnWarnings=True)
    api = Api(functions, made["ApiId"])
    api.let_in(name)
    http_api.create_stage(ApiId=api.id, StageName="$default", AutoDeploy=True)
    status, event = api.ask(path="/pets/7")
    assert (status, event["routeKey"], event["pathParameters"]) == (200, "GET /pets/{id}", {"id": "7"})
    assert api.ask(path="/other")[1]["version"] == "1.0"
    for kind in ("JSON", "YAML"):
        body = http_api.export_api(ApiId=api.id, Specification="OAS30", OutputType=kind)["body"].read().decode()
        http_api.reimport_api(ApiId=api.id, Body=body, FailOnWarnings=True)
        assert api.ask(path="/pets/8")[1]["pathParameters"] == {"id": "8"}
    with pytest.raises(ClientError, match="Warnings found during import"):
        http_api.import_api(Body=document.replace("operationId", "x-amazon-apigateway-unknown"), FailOnWarnings=True)


SWAGGER = """
swagger: "2.0"
info: {title: pets, version: "1.0"}
paths:
  /pets/{id}:
    get:
      parameters: [{name: id, in: path, required: true, type: string}]
      responses: {"200": {description: a pet}}
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: URI, responses: {default: {statusCode: "200"}}}
"""


def test_openapi_of_rest_apis(functions, rest_api):
    name = functions.create(ECHO_REST)
    document = SWAGGER.replace("URI", uri(name))
    made = rest_api.import_rest_api(body=document, failOnWarnings=True, parameters={"endpointConfigurationTypes": "REGIONAL"})
    assert made["endpointConfiguration"]["types"] == ["REGIONAL"]
    api = Api(functions, made["id"])
    api.let_in(name)
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    assert api.ask(path="/dev/pets/7")[1]["pathParameters"] == {"id": "7"}
    rest_api.put_rest_api(restApiId=api.id, mode="overwrite", body=document.replace("/pets/", "/cats/"))
    rest_api.create_deployment(restApiId=api.id, stageName="dev")
    assert api.ask(path="/dev/cats/8")[1]["resource"] == "/cats/{id}"
    assert api.ask(path="/dev/pets/7")[0] == 403


def test_awscli(platform):
    """Both APIs have one signing name; the commands of both find their own."""
    def aws(*arguments):
        done = subprocess.run([sys.executable, "-m", "awscli", *arguments, "--output", "json"], text=True,
                              capture_output=True, env=platform.environment(), timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    made = aws("apigatewayv2", "create-api", "--name", "cli", "--protocol-type", "HTTP", "--tags", "a=b")
    assert aws("apigatewayv2", "get-api", "--api-id", made["ApiId"])["Tags"] == {"a": "b"}
    made = aws("apigateway", "create-rest-api", "--name", "cli")
    changed = aws("apigateway", "update-rest-api", "--rest-api-id", made["id"], "--patch-operations",
                  "op=replace,path=/name,value=other")
    assert changed["name"] == "other"
    tagged = f"arn:aws:apigateway:{REGION}::/restapis/{made['id']}"
    aws("apigateway", "tag-resource", "--resource-arn", tagged, "--tags", "c=d")
    assert aws("apigateway", "get-tags", "--resource-arn", tagged)["tags"] == {"c": "d"}


def test_refusals(http_api, rest_api):
    def refused(call, code, **arguments):
        with pytest.raises(ClientError) as error:
            call(**arguments)
        assert error.value.response["Error"]["Code"] == code, error.value
        return error.value.response["Error"]["Message"]

    assert refused(http_api.get_api, "NotFoundException", ApiId="none") == \
        f"Invalid API identifier specified {ACCOUNT}:none"
    assert refused(rest_api.get_rest_api, "NotFoundException", restApiId="none") == \
        f"Invalid API identifier specified {ACCOUNT}:none"
    refused(http_api.create_api, "BadRequestException", Name="n", ProtocolType="WEBSOCKET")
    refused(rest_api.import_rest_api, "BadRequestException", body=b"{}")
    refused(http_api.get_vpc_links, "NotImplementedException")
