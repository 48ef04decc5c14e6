"""Function URLs: raw HTTP as a browser or curl speaks it, signatures as botocore makes them."""
import http.client
import json
import subprocess
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import NODE, REGION, Functions
from test_streaming import WAITS

ECHO = "def handler(event, context):\n    return event\n"
FORBIDDEN = {"Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
                        "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}


class Url:
    """A function's URL, called as a client that knows where names below localhost lead."""

    def __init__(self, functions, name, auth="NONE", **config):
        self.endpoint = urllib.parse.urlsplit(functions.platform.endpoint)
        self.config = functions.api.create_function_url_config(FunctionName=name, AuthType=auth, **config)
        self.url = self.config["FunctionUrl"]
        self.host = urllib.parse.urlsplit(self.url).netloc
        self.id = self.host.split(".")[0]

    def open(self, method="GET", path="/", headers=None, body=None):
        connection = http.client.HTTPConnection(self.endpoint.netloc, timeout=60)
        connection.request(method, path, body, {"Host": self.host, **(headers or {})})
        return connection.getresponse()

    def ask(self, *arguments, **options):
        answer = self.open(*arguments, **options)
        return answer, answer.read()


def test_configurations(functions):
    api, name = functions.api, functions.create(ECHO)
    url = Url(functions, name, Cors={"AllowOrigins": ["*"]})
    port = urllib.parse.urlsplit(functions.platform.endpoint).port
    assert url.url == f"http://{url.id}.lambda-url.{REGION}.localhost:{port}/"
    assert "InvokeMode" not in url.config
    shown = api.get_function_url_config(FunctionName=name)
    assert (shown["FunctionUrl"], shown["InvokeMode"], shown["Cors"]) == (url.url, "BUFFERED", {"AllowOrigins": ["*"]})
    changed = api.update_function_url_config(FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
    assert (changed["FunctionUrl"], changed["AuthType"], changed["InvokeMode"]) == \
        (url.url, "AWS_IAM", "RESPONSE_STREAM")
    with pytest.raises(api.exceptions.ResourceConflictException, match="FunctionUrlConfig exists"):
        api.create_function_url_config(FunctionName=name, AuthType="NONE")
    listed = api.get_paginator("list_function_url_configs").paginate(FunctionName=name).build_full_result()
    assert [found["FunctionUrl"] for found in listed["FunctionUrlConfigs"]] == [url.url]
    api.delete_function_url_config(FunctionName=name)
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function_url_config(FunctionName=name)
    assert url.ask()[0].status == 404


def test_events(functions):
    url = Url(functions, functions.create(ECHO))
    answer, body = url.ask("POST", "/a/b%20c?x=1&y=%2B&x=2", {"X-One": "1", "Cookie": "a=1; b=2",
                                                             "Content-Type": "application/json"}, '{"é": 1}'.encode())
    event = json.loads(body)
    assert (answer.status, answer.getheader("content-type")) == (200, "application/json")
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/a/b%20c", "x=1&y=%2B&x=2")
    assert event["queryStringParameters"] == {"x": "1,2", "y": "+"}
    assert event["cookies"] == ["a=1", "b=2"] and event["headers"]["x-one"] == "1"
    assert (event["body"], event["isBase64Encoded"]) == ('{"é": 1}', False)
    context = event["requestContext"]
    assert (context["http"]["method"], context["http"]["sourceIp"]) == ("POST", "127.0.0.1")
    assert (context["domainPrefix"], context["requestId"]) == (url.id, answer.getheader("x-amzn-requestid"))
    event = json.loads(url.ask("PUT", body=b"\xff\x00", headers={"Content-Type": "image/png"})[1])
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_by_path_and_with_curl(functions):
    url = Url(functions, functions.create(ECHO))
    connection = http.client.HTTPConnection(url.endpoint.netloc)
    connection.request("GET", f"/_url/{url.id}/below?a=b")
    event = json.loads(connection.getresponse().read())
    assert (event["rawPath"], event["queryStringParameters"]) == ("/below", {"a": "b"})
    # curl knows by itself where names below localhost lead.
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", url.url + "x"], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["rawPath"] == "/x", done.stderr


ANSWERS = """
import base64, time
def handler(event, context):
    how = event["rawPath"].strip("/")
    if how == "binary":
        return {"statusCode": 201, "headers": {"Content-Type": "image/png", "X-Number": 7}, "isBase64Encoded": True,
                "cookies": ["a=1; HttpOnly", "b=2"], "body": base64.b64encode(bytes(range(256))).decode()}
    if how == "text":
        return "just text"
    if how == "raise":
        raise ValueError("secret")
    if how == "malformed":
        return {"statusCode": "many"}
    if how == "hang":
        time.sleep(60)
    if how == "big":
        return "x" * 6_500_000
    return {"statusCode": 204}
"""


def test_answers(functions):
    url = Url(functions, functions.create(ANSWERS, Timeout=2))
    answer, body = url.ask(path="/binary")
    assert (answer.status, body) == (201, bytes(range(256)))
    assert (answer.getheader("content-type"), answer.getheader("x-number")) == ("image/png", "7")
    assert answer.headers.get_all("set-cookie") == ["a=1; HttpOnly", "b=2"]
    answer, body = url.ask(path="/text")
    assert (answer.status, body, answer.getheader("content-type")) == (200, b"just text", "application/json")
    assert url.ask(path="/nothing")[0].status == 204
    for path in ("/raise", "/malformed", "/big"):
        answer, body = url.ask(path=path)
        assert (answer.status, body) == (502, b"Internal Server Error"), path
    assert url.ask(path="/hang")[0].status == 504
    assert url.ask("POST", body=b"x" * (6 << 20))[0].status == 413
    assert url.ask("POST", body=b"x" * (9 << 20))[0].status == 413


def test_browsers(functions):
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["x-one"],
            "MaxAge": 60, "AllowCredentials": True}
    url = Url(functions, functions.create(ECHO), Cors=cors)
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    answer, body = url.ask("OPTIONS", headers=asks)
    assert (answer.status, body, answer.getheader("access-control-allow-methods")) == (200, b"", "GET,PUT")
    assert answer.getheader("access-control-allow-origin") == "https://a.example"
    answer, _ = url.ask("OPTIONS", headers={**asks, "Origin": "https://b.example"})
    assert answer.getheader("access-control-allow-origin") is None
    answer, body = url.ask(headers={"Origin": "https://a.example"})
    assert answer.getheader("access-control-allow-credentials") == "true"
    assert json.loads(body)["headers"]["origin"] == "https://a.example"


def sign(url, service, key, secret, method="GET", path="/", body=b""):
    request = AWSRequest(method, url.url.rstrip("/") + path, data=body)
    SigV4Auth(Credentials(key, secret), service, REGION).add_auth(request)
    return dict(request.headers)


def test_signatures(start):
    platform = start("--auth", "signed")
    root = json.loads((platform.data / "secrets.json").read_text())
    key, secret = find(root, "access_key_id"), find(root, "secret_access_key")
    functions = Functions(platform)
    import boto3
    functions.api = boto3.client("lambda", endpoint_url=platform.endpoint, region_name=REGION,
                                 aws_access_key_id=key, aws_secret_access_key=secret)
    url = Url(functions, functions.create(ECHO), auth="AWS_IAM")
    answer, body = url.ask("POST", "/a?b=c", sign(url, "lambda", key, secret, "POST", "/a?b=c", b"x"), b"x")
    assert answer.status == 200, body
    iam = json.loads(body)["requestContext"]["authorizer"]["iam"]
    assert (iam["accessKey"], iam["userArn"]) == (key, "arn:aws:iam::000000000000:root")
    for headers in ({}, sign(url, "lambda", key, "wrong"), sign(url, "s3", key, secret),
                    sign(url, "lambda", "AKIAIOSFODNN7EXAMPLE", secret), {"Authorization": "Bearer x"}):
        answer, body = url.ask(headers=headers)
        assert (answer.status, json.loads(body)) == (403, FORBIDDEN), headers
        assert answer.getheader("x-amzn-errortype") == "AccessDeniedException"
    open_to_all = Url(functions, functions.create(ECHO))
    assert open_to_all.ask(headers={"Authorization": "Bearer x"})[0].status == 200


def find(tree, name):
    """The value of that name, wherever it is."""
    if isinstance(tree, dict):
        if name in tree:
            return tree[name]
        found = [find(value, name) for value in tree.values()]
        return next((value for value in found if value is not None), None)
    return None


STREAMING = WAITS + """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const { group, fail } = event.queryStringParameters ?? {}
  const response = awslambda.HttpResponseStream.from(stream, {
    statusCode: 201, headers: { 'Content-Type': 'text/plain', 'X-A': 'b' }, cookies: ['c=1'] })
  response.write('first ')
  if (group) await waitFor(group)
  if (fail) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    throw new Error('halfway')
  }
  response.write('second')
  response.end()
})
"""


def test_streams(functions):
    url = Url(functions, functions.create(STREAMING, NODE, Timeout=30), InvokeMode="RESPONSE_STREAM")
    answer = url.open(path="/?group=/urls/first")
    assert (answer.status, answer.getheader("x-a"), answer.getheader("set-cookie")) == (201, "b", "c=1")
    assert (answer.getheader("transfer-encoding"), answer.getheader("content-type")) == ("chunked", "text/plain")
    assert answer.read(6) == b"first "
    functions.logs.create_log_group(logGroupName="/urls/first")
    assert answer.read() == b"second"
    answer = url.open(path="/?fail=yes")
    assert answer.status == 201
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    plain = Url(functions, functions.create(ECHO), InvokeMode="RESPONSE_STREAM")
    answer, body = plain.ask()
    assert (answer.status, answer.getheader("content-type")) == (200, "application/json")
    assert json.loads(body)["version"] == "2.0"


def test_an_address_outlives_the_platform(start):
    platform = start()
    functions = Functions(platform)
    name = functions.create(ECHO)
    url = Url(functions, name)
    platform.kill()
    platform.start()
    functions = Functions(platform)
    url.endpoint = urllib.parse.urlsplit(platform.endpoint)
    assert functions.api.get_function_url_config(FunctionName=name)["FunctionUrl"].split(":")[1] == \
        url.url.split(":")[1]
    assert json.loads(url.ask()[1])["requestContext"]["apiId"] == url.id


def test_aliases(functions):
    name = functions.create("def handler(event, context):\n    return context.invoked_function_arn\n")
    functions.api.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    url = Url(functions, name, Qualifier="live")
    assert url.ask()[1].decode().endswith(f"function:{name}:live")
    functions.api.delete_alias(FunctionName=name, Name="live")
    assert url.ask()[0].status == 404
