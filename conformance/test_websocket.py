"""WebSocket APIs: configured with boto3, spoken to with the `websockets` client; functions answer by AWS's own hosts."""
import json
import signal
import socket
import urllib.parse

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from harness import ACCOUNT, PATIENCE_S, REGION, Functions, eventually, zipped
from test_from_inside import boto3_files

# A chat as tutorials write it: connections in a table, each message to all of them.
CHAT = """
import json, os, sys
sys.path.insert(0, "/var/task/packages")
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def connect(event, context):
    table.put_item(Item={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200, "body": "Connected."}

def disconnect(event, context):
    table.delete_item(Key={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200, "body": "Disconnected."}

def send_message(event, context):
    domain, stage = event["requestContext"]["domainName"], event["requestContext"]["stage"]
    api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{domain}/{stage}")
    data = json.loads(event["body"])["data"]
    for item in table.scan(ProjectionExpression="connectionId")["Items"]:
        try:
            api.post_to_connection(ConnectionId=item["connectionId"], Data=data)
        except api.exceptions.GoneException:
            table.delete_item(Key={"connectionId": item["connectionId"]})
    return {"statusCode": 200, "body": "Data sent."}
"""
MODELS = ("botocore/data/dynamodb/", "botocore/data/apigatewaymanagementapi/", "boto3/data/dynamodb/")
ECHO = """
import json
def handler(event, context):
    wanted = event.get("headers", {}).get("Sec-WebSocket-Protocol")
    headers = {"Sec-WebSocket-Protocol": wanted.split(", ")[-1]} if wanted else {}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(event)}
"""


class Sockets:
    """A WebSocket API with a stage `dev`."""

    def __init__(self, functions, routes, two_way=()):
        self.platform, api = functions.platform, functions.platform.client("apigatewayv2")
        made = api.create_api(Name="n", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
        self.id, self.endpoint = made["ApiId"], urllib.parse.urlsplit(functions.platform.endpoint)
        self.host = f"{self.id}.execute-api.localhost:{self.endpoint.port}"
        assert made["ApiEndpoint"] == f"ws://{self.host}"
        for key, name in routes.items():
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
            uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
            integration = api.create_integration(ApiId=self.id, IntegrationType="AWS_PROXY", IntegrationUri=uri)
            more = {"RouteResponseSelectionExpression": "$default"} if key in two_way else {}
            route = api.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}",
                                     **more)
            if key in two_way:
                api.create_route_response(ApiId=self.id, RouteId=route["RouteId"], RouteResponseKey="$default")
        for name in set(routes.values()):
            functions.api.add_permission(
                FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.id}/*")
        api.create_stage(ApiId=self.id, StageName="dev")
        if routes:
            api.create_deployment(ApiId=self.id, StageName="dev")

    def connect(self, path="/dev", **options):
        # Not every machine knows where names below localhost lead.
        stream = socket.create_connection((self.endpoint.hostname, self.endpoint.port))
        return connect(f"ws://{self.host}{path}", sock=stream, open_timeout=PATIENCE_S, **options)

    def management(self, monkeypatch):
        """boto3's client as one outside makes it."""
        resolve = socket.getaddrinfo
        local = lambda host, *rest, **more: resolve(
            "127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)
        monkeypatch.setattr(socket, "getaddrinfo", local)
        platform = type("Stage", (), {"endpoint": f"http://{self.host}/dev"})
        return type(self.platform).client(platform, "apigatewaymanagementapi")


def closing(client):
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.recv(timeout=PATIENCE_S)
    return closed.value.rcvd.code


def chat(functions):
    table = f"connections-{functions.name()}"
    tables = functions.platform.client("dynamodb")
    tables.create_table(TableName=table, BillingMode="PAY_PER_REQUEST",
                        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
                        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}])
    package = zipped({"app.py": CHAT, **boto3_files(MODELS)})
    make = lambda handler: functions.create(package, handler=f"app.{handler}", MemorySize=1769, Timeout=60,
                                            Environment={"Variables": {"TABLE": table}})
    routes = {"$connect": make("connect"), "$disconnect": make("disconnect"), "sendmessage": make("send_message")}
    members = lambda: [item["connectionId"]["S"] for item in tables.scan(TableName=table)["Items"]]
    return Sockets(functions, routes), members


def test_a_chat(functions):
    sockets, members = chat(functions)
    say = lambda text: json.dumps({"action": "sendmessage", "data": text})
    with sockets.connect() as one, sockets.connect() as two:
        assert len(members()) == 2
        one.send(say("hello"))
        assert [client.recv(timeout=PATIENCE_S) for client in (one, two)] == ["hello", "hello"]
        two.close()
        eventually(lambda: len(members()) == 1, "the one that left is out of the table")
        one.send(say("still here?"))
        assert one.recv(timeout=PATIENCE_S) == "still here?"
        one.send(json.dumps({"action": "other"}))
        error = json.loads(one.recv(timeout=PATIENCE_S))
        assert error["message"] == "Forbidden" and error["connectionId"] in members()
    eventually(lambda: not members(), "nobody is in the table")


def test_the_management_api(functions, monkeypatch):
    name = functions.create(ECHO)
    sockets = Sockets(functions, {"who": name}, two_way=("who",))
    with sockets.connect(user_agent_header="tester") as client:
        client.send(json.dumps({"action": "who"}))
        context = json.loads(client.recv(timeout=PATIENCE_S))["requestContext"]
        assert (context["eventType"], context["identity"]["userAgent"]) == ("MESSAGE", "tester")
        who, api = context["connectionId"], sockets.management(monkeypatch)
        for number in range(50):
            api.post_to_connection(ConnectionId=who, Data=str(number))
        assert [client.recv(timeout=PATIENCE_S) for _ in range(50)] == [str(number) for number in range(50)]
        known = api.get_connection(ConnectionId=who)
        assert known["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tester"}
        assert known["ConnectedAt"] <= known["LastActiveAt"]
        with pytest.raises(api.exceptions.PayloadTooLargeException):
            api.post_to_connection(ConnectionId=who, Data=b"x" * (128 * 1024 + 1))
        api.delete_connection(ConnectionId=who)
        assert closing(client) == 1000
    for call in (api.get_connection, api.delete_connection):
        with pytest.raises(api.exceptions.GoneException) as gone:
            call(ConnectionId=who)
        assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    with pytest.raises(ClientError, match="Forbidden"):
        sockets.platform.client("apigatewaymanagementapi").get_connection(ConnectionId=who)


def test_handshakes_and_bounds(functions):
    refuse = functions.create("def handler(event, context):\n    return {'statusCode': 401}\n")
    with pytest.raises(InvalidStatus) as refused, Sockets(functions, {"$connect": refuse}).connect():
        pass
    assert refused.value.response.status_code == 401
    echo = functions.create(ECHO)
    sockets = Sockets(functions, {"$connect": echo, "$default": echo}, two_way=("$default",))
    for path in ("/other", "/dev/more"):
        with pytest.raises(InvalidStatus) as refused, sockets.connect(path):
            pass
        assert refused.value.response.status_code == 403
    with sockets.connect(subprotocols=["a", "b"]) as client:
        assert client.subprotocol == "b"
        client.send(["x" * 32 * 1024] * 3)
        assert len(json.loads(client.recv(timeout=PATIENCE_S))["body"]) == 96 * 1024
        client.ping().wait(PATIENCE_S)
        client.send(b"binary")
        assert closing(client) == 1003
    for fragments in (["x" * (32 * 1024 + 1)], ["x" * 32 * 1024] * 5):
        with sockets.connect(subprotocols=["a"]) as client:
            client.send(fragments)
            assert closing(client) == 1009


def test_a_platform_that_stops_and_one_that_is_killed(start, monkeypatch):
    platform = start()
    functions = Functions(platform)
    echo = functions.create(ECHO)
    sockets = Sockets(functions, {"$default": echo}, two_way=("$default",))
    with sockets.connect() as client:
        platform.process.send_signal(signal.SIGTERM)
        assert closing(client) == 1001
    platform.process.wait(PATIENCE_S)

    # The API is there again; connections are not.
    platform.start()
    sockets.endpoint = urllib.parse.urlsplit(platform.endpoint)
    with sockets.connect() as client:
        client.send("who")
        who = json.loads(client.recv(timeout=PATIENCE_S))["requestContext"]["connectionId"]
        platform.kill()
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=PATIENCE_S)
    platform.start()
    sockets.endpoint = urllib.parse.urlsplit(platform.endpoint)
    sockets.host = f"{sockets.id}.execute-api.localhost:{sockets.endpoint.port}"
    api = sockets.management(monkeypatch)
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId=who, Data="x")
    with sockets.connect() as client:
        client.send("again")
        assert json.loads(client.recv(timeout=PATIENCE_S))["body"] == "again"


def test_a_mock_behind_templates(functions):
    """No function: a template answers, and who connects shows a key of a usage plan."""
    sockets = Sockets(functions, {})
    api, keys = functions.platform.client("apigatewayv2"), functions.platform.client("apigateway")
    mock = api.create_integration(
        ApiId=sockets.id, IntegrationType="MOCK", TemplateSelectionExpression="\\$default",
        RequestTemplates={"$default": '{"statusCode": 200}'})
    assert mock["IntegrationResponseSelectionExpression"] == "${integration.response.statuscode}"
    api.create_integration_response(
        ApiId=sockets.id, IntegrationId=mock["IntegrationId"], IntegrationResponseKey="/200/",
        ResponseTemplates={"$default": '{"pong": "$context.connectionId"}'})
    target = f"integrations/{mock['IntegrationId']}"
    route = api.create_route(ApiId=sockets.id, RouteKey="ping", Target=target,
                             RouteResponseSelectionExpression="$default")
    api.create_route_response(ApiId=sockets.id, RouteId=route["RouteId"], RouteResponseKey="$default")
    api.create_route(ApiId=sockets.id, RouteKey="$connect", Target=target, ApiKeyRequired=True)
    api.create_deployment(ApiId=sockets.id, StageName="dev")
    with pytest.raises(InvalidStatus) as refused, sockets.connect():
        pass
    assert refused.value.response.status_code == 403
    key = keys.create_api_key(enabled=True, value="k" * 30)
    plan = keys.create_usage_plan(name="p", apiStages=[{"apiId": sockets.id, "stage": "dev"}])
    keys.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    with sockets.connect(additional_headers={"x-api-key": "k" * 30}) as client:
        client.send(json.dumps({"action": "ping"}))
        assert len(json.loads(client.recv(timeout=PATIENCE_S))["pong"]) == 16
    keys.delete_api_key(apiKey=key["id"])
