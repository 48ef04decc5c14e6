"""Application Load Balancers configured with boto3 and the AWS CLI, called by raw HTTP at real ports and by name."""
import http.client
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, NODE, REGION, Functions, eventually

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
SUBNETS = ["subnet-0a", "subnet-0b"]
ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "statusDescription": "200 OK", "isBase64Encoded": False,
            "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
"""
# Binary out, several cookies: what multi-value headers are for.
COOKIES = """
export const handler = async (event) => ({
  statusCode: 201, statusDescription: "201 Created", isBase64Encoded: true,
  multiValueHeaders: {"Content-Type": ["image/png"], "Set-Cookie": ["a=1", "b=2"],
                      "X-Seen": [JSON.stringify(event.multiValueQueryStringParameters)]},
  body: Buffer.from([0xff, 0x00, 0x01]).toString("base64"),
});
"""


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


@pytest.fixture(scope="module")
def elb(platform):
    return platform.client("elbv2")


def balancer(elb, name):
    made = elb.create_load_balancer(Name=name, Subnets=SUBNETS, Type="application")["LoadBalancers"][0]
    elb.get_waiter("load_balancer_available").wait(Names=[name], WaiterConfig={"Delay": 1})
    return made["LoadBalancerArn"], made["DNSName"]


def group(elb, functions, name, function):
    made = elb.create_target_group(Name=name, TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    functions.api.add_permission(FunctionName=function, StatementId=name, Action="lambda:InvokeFunction",
                                 Principal="elasticloadbalancing.amazonaws.com", SourceArn=made)
    elb.register_targets(TargetGroupArn=made, Targets=[{"Id": arn(function)}])
    return made


def forward(*groups):
    return [{"Type": "forward", "TargetGroupArn": group} for group in groups]


def listen(elb, balancer_arn, actions):
    """A listener at a port that the system found free a moment ago; its ARN and port."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        try:
            made = elb.create_listener(LoadBalancerArn=balancer_arn, Protocol="HTTP", Port=port,
                                       DefaultActions=actions)
            return made["Listeners"][0]["ListenerArn"], port
        except ClientError as error:
            assert "can't be listened on" in str(error), error


def ask(port, method="GET", path="/", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def by_name(platform, host, path="/", **options):
    port = urllib.parse.urlsplit(platform.endpoint).port
    return ask(port, path=path, headers={"Host": f"{host}:{port}"}, **options)


def test_python_behind_a_real_port(platform, functions, elb):
    name = functions.create(ECHO)
    balancer_arn, host = balancer(elb, "python")
    target_group = group(elb, functions, "python", name)
    _, port = listen(elb, balancer_arn, forward(target_group))
    sent = {"Content-Type": "text/plain", "X-Mixed-Case": "V"}
    answer, body = ask(port, "POST", "/a?x=%20y&x=2", sent, "hé".encode())
    assert (answer.status, answer.reason, answer.headers["server"]) == (200, "OK", "awselb/2.0")
    event = json.loads(body)
    assert event["requestContext"] == {"elb": {"targetGroupArn": target_group}}
    assert (event["httpMethod"], event["path"], event["queryStringParameters"]) == ("POST", "/a", {"x": "2"})
    assert (event["body"], event["isBase64Encoded"]) == ("hé", False)
    headers = event["headers"]
    assert headers["x-mixed-case"] == "V" and headers["x-forwarded-port"] == str(port)
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
    assert headers["x-amzn-trace-id"].startswith("Root=1-") and headers["host"] == f"127.0.0.1:{port}"
    large, page = ask(port, "POST", "/", {"Content-Type": "text/plain"}, b"x" * (1 << 20 | 1))
    assert large.status == 413 and b"413 Request Entity Too Large" in page
    answer, body = by_name(platform, host, "/named")
    assert answer.status == 200 and json.loads(body)["path"] == "/named"
    health = elb.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    assert health[0]["Target"]["Id"] == arn(name) and health[0]["TargetHealth"]["State"] == "unavailable"


def test_node_with_multi_value_headers(functions, elb):
    name = functions.create(COOKIES, NODE)
    balancer_arn, _ = balancer(elb, "node")
    target_group = group(elb, functions, "node", name)
    _, port = listen(elb, balancer_arn, forward(target_group))
    assert ask(port)[0].status == 502
    elb.modify_target_group_attributes(TargetGroupArn=target_group, Attributes=[
        {"Key": "lambda.multi_value_headers.enabled", "Value": "true"}])
    answer, body = ask(port, path="/?x=1&x=2")
    assert (answer.status, body) == (201, b"\xff\x00\x01")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert json.loads(answer.headers["x-seen"]) == {"x": ["1", "2"]}


def test_rules_and_actions(functions, elb):
    balancer_arn, _ = balancer(elb, "rules")
    name = functions.create(ECHO)
    target_group = group(elb, functions, "rules", name)
    not_found = {"Type": "fixed-response", "FixedResponseConfig": {
        "StatusCode": "404", "ContentType": "application/json", "MessageBody": '{"found":false}'}}
    listener, port = listen(elb, balancer_arn, [not_found])
    moved = {"Type": "redirect", "RedirectConfig": {
        "Protocol": "HTTPS", "Port": "443", "Path": "/new/#{path}", "StatusCode": "HTTP_301"}}
    elb.create_rule(ListenerArn=listener, Priority=2, Actions=[moved],
                    Conditions=[{"Field": "path-pattern", "Values": ["/old*"]}])
    first = elb.create_rule(ListenerArn=listener, Priority=5, Actions=forward(target_group), Conditions=[
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}},
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}]}}])["Rules"][0]
    answer, body = ask(port)
    assert (answer.status, json.loads(body)) == (404, {"found": False})
    answer, _ = ask(port, path="/old/x?q=1")
    assert (answer.status, answer.headers["location"]) == (301, "https://127.0.0.1:443/new/old/x?q=1")
    host = {"Host": "shop.Example.com"}
    assert ask(port, "POST", "/?v=2", host)[0].status == 200
    for method, path in [("GET", "/?v=2"), ("POST", "/?v=1")]:
        assert ask(port, method, path, host)[0].status == 404
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": first["RuleArn"], "Priority": 1}])
    assert ask(port, "POST", "/old?v=2", host)[0].status == 200
    priorities = [rule["Priority"] for rule in elb.describe_rules(ListenerArn=listener)["Rules"]]
    assert priorities == ["1", "2", "default"]
    elb.delete_rule(RuleArn=first["RuleArn"])
    assert ask(port, "POST", "/?v=2", host)[0].status == 404


def test_a_function_that_lets_nobody_in(functions, elb):
    name = functions.create(ECHO)
    made = elb.create_target_group(Name="closed", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    with pytest.raises(ClientError) as refused:
        elb.register_targets(TargetGroupArn=made, Targets=[{"Id": arn(name)}])
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert "does not have permission to invoke" in str(refused.value)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_port_that_is_taken(elb):
    balancer_arn, _ = balancer(elb, "taken")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ClientError) as refused:
            fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
            elb.create_listener(LoadBalancerArn=balancer_arn, Protocol="HTTP", Port=taken.getsockname()[1],
                                DefaultActions=fixed)
    assert refused.value.response["Error"]["Code"] == "InvalidConfigurationRequest"
    assert "--listener-ports none" in str(refused.value)
    assert elb.describe_listeners(LoadBalancerArn=balancer_arn)["Listeners"] == []


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_listeners_come_back(start, end):
    platform = start()
    functions, elb = Functions(platform), platform.client("elbv2")
    name = functions.create(ECHO)
    balancer_arn, host = balancer(elb, "back")
    listener, port = listen(elb, balancer_arn, forward(group(elb, functions, "back", name)))
    assert ask(port)[0].status == 200
    getattr(platform, end)()
    platform.start()
    elb = platform.client("elbv2")
    assert elb.describe_listeners(LoadBalancerArn=balancer_arn)["Listeners"][0]["ListenerArn"] == listener

    def look():
        try:
            return ask(port, path="/again")
        except ConnectionError:
            return None
    answer, body = eventually(look, "the listener's port")
    assert answer.status == 200 and json.loads(body)["path"] == "/again"
    assert by_name(platform, host)[0].status == 200


def test_without_ports(start):
    platform = start("--listener-ports", "none")
    elb = platform.client("elbv2")
    balancer_arn, host = balancer(elb, "named")
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "hi"}}]
    elb.create_listener(LoadBalancerArn=balancer_arn, Protocol="HTTP", Port=80, DefaultActions=fixed)
    assert by_name(platform, host)[1] == b"hi"
    port = urllib.parse.urlsplit(platform.endpoint).port
    assert ask(port, path=f"/_aws/elb/{host.split('.')[0]}/80/")[1] == b"hi"


def test_the_example(start):
    """examples/balanced, deployed by its script with the AWS CLI."""
    platform = start("--listener-ports", "none")
    environment = {**platform.environment(), "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    done = subprocess.run([EXAMPLES / "balanced/deploy.sh"], capture_output=True, text=True, env=environment,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    url = urllib.parse.urlsplit(done.stdout.strip())
    assert url.port == 8080 and url.hostname.endswith(f".{REGION}.elb.localhost")
    assert by_name(platform, url.hostname, "/health")[1] == b"ok"
    answers = [by_name(platform, url.hostname, "/a")[1] for _ in range(200)]
    # That green gets none of 200, or more than blue, happens once in a thousand million runs.
    assert set(answers) == {b"blue /a\n", b"green /a\n"} and answers.count(b"green /a\n") < 100


class Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"by": self.server.server_port, "headers": dict(self.headers.items())}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_servers_by_address(elb, platform):
    """Two servers of this machine take turns, once their health checks have found them well."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    made = elb.create_target_group(
        Name="servers", TargetType="ip", Protocol="HTTP", Port=80, VpcId="vpc-1",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)["TargetGroups"][0]
    assert (made["Protocol"], made["ProtocolVersion"], made["HealthCheckPort"]) == ("HTTP", "HTTP1", "traffic-port")
    group = made["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[
        {"Id": "127.0.0.1", "Port": server.server_port} for server in servers])
    balancer_arn, host = balancer(elb, "servers")
    listener = elb.create_listener(LoadBalancerArn=balancer_arn, Protocol="HTTP", Port=80,
                                   DefaultActions=forward(group))["Listeners"][0]["ListenerArn"]
    elb.get_waiter("target_in_service").wait(TargetGroupArn=group, WaiterConfig={"Delay": 1})
    endpoint = urllib.parse.urlsplit(platform.endpoint)

    def ask():
        connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port)
        connection.request("GET", "/", headers={"Host": host})
        return json.loads(connection.getresponse().read())

    answers = [ask() for _ in range(4)]
    assert sorted({answer["by"] for answer in answers}) == sorted(server.server_port for server in servers)
    headers = {name.lower(): value for name, value in answers[0]["headers"].items()}
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["host"] == host
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": servers[0].server_port}])
    assert {ask()["by"] for _ in range(3)} == {servers[1].server_port}
    elb.delete_listener(ListenerArn=listener)
    elb.delete_load_balancer(LoadBalancerArn=balancer_arn)
    elb.delete_target_group(TargetGroupArn=group)
    for server in servers:
        server.shutdown()
