"""API Gateway's custom domain names, user pools, canaries and exports, with boto3 and raw HTTP, real functions behind."""
import base64
import http.server
import json
import threading
import time

import pytest
import rsa
from botocore.exceptions import ClientError

import harness
from test_apigateway import ECHO, ECHO_REST, Api, proxied, routed

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/c"


def refusal(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def test_one_domain_leads_to_apis_of_both_kinds_also_after_a_restart(start):
    platform = start()
    functions = harness.Functions(platform)
    rest_api, http_api = platform.client("apigateway"), platform.client("apigatewayv2")
    name, rest_name = functions.create({"app.py": ECHO}), functions.create({"app.py": ECHO_REST})
    rest = proxied(functions, rest_api, ["/pets/{id}"], rest_name)
    plain = routed(functions, http_api, {"GET /pets/{id}": (name, "2.0")})

    made = rest_api.create_domain_name(domainName="api.example.com", regionalCertificateArn=CERTIFICATE,
                                       endpointConfiguration={"types": ["REGIONAL"]})
    assert made["domainNameStatus"] == "AVAILABLE"
    shown = http_api.get_domain_name(DomainName="api.example.com")["DomainNameConfigurations"]
    assert shown[0]["ApiGatewayDomainName"] == made["regionalDomainName"]
    assert refusal(http_api.create_domain_name, DomainName="api.example.com",
                   DomainNameConfigurations=[{"CertificateArn": CERTIFICATE}]) == (
        "BadRequestException", "The domain name you provided already exists.")

    rest_api.create_base_path_mapping(domainName="api.example.com", basePath="shop", restApiId=rest.id, stage="dev")
    mapping = http_api.create_api_mapping(DomainName="api.example.com", ApiId=plain.id, Stage="$default",
                                          ApiMappingKey="shop/v2")
    assert [one["basePath"] for one in rest_api.get_base_path_mappings(domainName="api.example.com")["items"]] == [
        "shop"]

    def asked(api):
        _, old = api.ask(path="/shop/pets/1", host="api.example.com")
        _, new = api.ask(path="/shop/v2/pets/1", host="API.example.com:8080")
        return old, new

    old, new = asked(rest)
    assert (old["path"], old["requestContext"]["path"], old["resource"]) == (
        "/shop/pets/1", "/shop/pets/1", "/pets/{id}")
    assert (old["requestContext"]["stage"], old["requestContext"]["domainPrefix"]) == ("dev", "api")
    assert (new["rawPath"], new["requestContext"]["domainName"]) == ("/pets/1", "api.example.com")
    assert rest.ask(path="/elsewhere", host="api.example.com") == (403, {"message": "Forbidden"})

    platform.stop()
    platform.start()
    rest, plain = Api(functions, rest.id), Api(functions, plain.id)
    again = asked(rest)
    assert [event["requestContext"]["apiId"] for event in again] == [rest.id, plain.id]
    rest_api, http_api = platform.client("apigateway"), platform.client("apigatewayv2")
    code, words = refusal(rest_api.delete_rest_api, restApiId=rest.id)
    assert code == "BadRequestException" and "remove all base path mappings" in words
    http_api.delete_api_mapping(DomainName="api.example.com", ApiMappingId=mapping["ApiMappingId"])
    rest_api.delete_domain_name(domainName="api.example.com")
    assert rest_api.get_domain_names()["items"] == []


class Pool:
    """A user pool as cognito-local has one: its keys, and tokens."""

    def __init__(self):
        self.public, self.private = rsa.newkeys(2048)
        self.id = "us-east-1_Local"
        self.arn = f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{self.id}"
        pool = self

        class Keys(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == f"/{pool.id}/.well-known/jwks.json"
                body = json.dumps({"keys": [{"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig",
                                             "n": encoded(number(pool.public.n)), "e": encoded(number(pool.public.e))}]})
                self.send_response(200 if found else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def token(self, **claims):
        said = {"iss": f"{self.url}/{self.id}", "aud": "client", "token_use": "id", "sub": "me",
                "exp": int(time.time()) + 600, **claims}
        text = f"{encoded(json.dumps({'alg': 'RS256', 'kid': 'k'}).encode())}.{encoded(json.dumps(said).encode())}"
        return f"{text}.{encoded(rsa.sign(text.encode(), self.private, 'SHA-256'))}"


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def test_a_local_user_pool_guards_apis_of_both_kinds(start):
    pool = Pool()
    platform = start("--cognito", pool.url)
    functions = harness.Functions(platform)
    rest_api, http_api = platform.client("apigateway"), platform.client("apigatewayv2")
    name, rest_name = functions.create({"app.py": ECHO}), functions.create({"app.py": ECHO_REST})
    rest = proxied(functions, rest_api, ["/pets"], rest_name)
    guard = rest_api.create_authorizer(restApiId=rest.id, name="pool", type="COGNITO_USER_POOLS",
                                       providerARNs=[pool.arn], identitySource="method.request.header.Authorization")
    pets = {one["path"]: one["id"] for one in rest_api.get_resources(restApiId=rest.id)["items"]}["/pets"]
    rest_api.update_method(restApiId=rest.id, resourceId=pets, httpMethod="ANY", patchOperations=[
        {"op": "replace", "path": "/authorizationType", "value": "COGNITO_USER_POOLS"},
        {"op": "replace", "path": "/authorizerId", "value": guard["id"]}])
    rest_api.create_deployment(restApiId=rest.id, stageName="dev")
    good, old = pool.token(), pool.token(exp=int(time.time()) - 10)
    assert rest.ask(path="/dev/pets") == (401, {"message": "Unauthorized"})
    assert rest.ask(path="/dev/pets", headers={"Authorization": old}) == (
        401, {"message": "The incoming token has expired"})
    status, event = rest.ask(path="/dev/pets", headers={"Authorization": f"Bearer {good}"})
    assert (status, event["requestContext"]["authorizer"]["claims"]["sub"]) == (200, "me")

    plain = routed(functions, http_api, {"GET /pets": (name, "2.0")})
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{pool.id}"
    guard = http_api.create_authorizer(ApiId=plain.id, Name="pool", AuthorizerType="JWT",
                                       IdentitySource=["$request.header.Authorization"],
                                       JwtConfiguration={"Issuer": issuer, "Audience": ["client"]})["AuthorizerId"]
    route = http_api.get_routes(ApiId=plain.id)["Items"][0]["RouteId"]
    http_api.update_route(ApiId=plain.id, RouteId=route, AuthorizationType="JWT", AuthorizerId=guard)
    assert plain.ask(path="/pets")[0] == 401
    assert plain.ask(path="/pets", headers={"Authorization": good})[0] == 200


def test_a_canary_is_promoted(platform, functions):
    rest_api = platform.client("apigateway")
    rest = proxied(functions, rest_api, ["/pets"], functions.create({"app.py": ECHO_REST}))
    old = rest_api.get_stage(restApiId=rest.id, stageName="dev")["deploymentId"]
    new = rest_api.create_deployment(restApiId=rest.id, stageName="dev", canarySettings={
        "percentTraffic": 100.0, "stageVariableOverrides": {"which": "canary"}})["id"]

    def asked():
        event = rest.ask(path="/dev/pets")[1]
        return event["requestContext"]["deploymentId"], event["stageVariables"]

    assert asked() == (new, {"which": "canary"})
    rest_api.update_stage(restApiId=rest.id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"}])
    assert asked() == (old, None)
    rest_api.update_stage(restApiId=rest.id, stageName="dev", patchOperations=[
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "remove", "path": "/canarySettings"}])
    assert asked() == (new, {"which": "canary"})
    assert "canarySettings" not in rest_api.get_stage(restApiId=rest.id, stageName="dev")


@pytest.mark.parametrize("kind", ["swagger", "oas30"])
@pytest.mark.parametrize("accepts", ["application/json", "application/yaml"])
def test_an_exported_api_can_be_imported(platform, functions, kind, accepts):
    rest_api = platform.client("apigateway")
    name = functions.create({"app.py": ECHO_REST})
    rest = proxied(functions, rest_api, ["/pets/{id}"], name)
    exported = rest_api.get_export(restApiId=rest.id, stageName="dev", exportType=kind, accepts=accepts,
                                   parameters={"extensions": "integrations"})
    assert exported["contentType"] == accepts
    again = Api(functions, rest_api.import_rest_api(body=exported["body"].read())["id"])
    rest_api.create_deployment(restApiId=again.id, stageName="dev")
    again.let_in(name, "dev/*")
    assert again.ask(path="/dev/pets/1")[1]["pathParameters"] == {"id": "1"}
