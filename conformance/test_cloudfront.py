"""Distributions configured with boto3 and called by raw HTTP: buckets and servers behind a cache, functions at the four
points of a request's way, written as AWS's guide writes them."""
import base64
import http.client
import http.server
import json
import threading
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, NODE, PYTHON, REGION, Functions, eventually

OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
SECURITY = "67f7725c-6f97-4210-82d7-5512b31e9d03"
EVERY_METHOD = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]


class Server:
    """An HTTP origin that tells what it was asked, and counts."""

    def __init__(self):
        self.asked, self.headers, self.status = [], {}, 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = {"method": self.command, "path": self.path, "body": body.decode(),
                         "headers": {name.lower(): value for name, value in self.headers.items()}}
                outer.asked.append(asked)
                status = outer.status
                if self.headers.get("If-None-Match") == outer.headers.get("ETag") is not None:
                    status = 304
                self.send_response(status)
                text = b"" if status == 304 else json.dumps(asked).encode()
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def cloudfront(platform):
    return platform.client("cloudfront")


@pytest.fixture(scope="module")
def s3(platform):
    return platform.client("s3", s3={"addressing_style": "path"})


def listed(items):
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}


def behavior(functions=(), policy=OPTIMIZED, methods=("GET", "HEAD"), origin="o", **more):
    associations = [{"EventType": event, "LambdaFunctionARN": arn, "IncludeBody": event.endswith("request")}
                    for event, arn in functions]
    return {"TargetOriginId": origin, "ViewerProtocolPolicy": "allow-all", "CachePolicyId": policy,
            "AllowedMethods": listed(list(methods)), "LambdaFunctionAssociations": listed(associations), **more}


def of_server(server, **more):
    return {"Id": "o", "DomainName": "127.0.0.1", "CustomOriginConfig": {
        "HTTPPort": server.port, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}, **more}


def of_bucket(bucket, control="", identity=""):
    return {"Id": "o", "DomainName": f"{bucket}.s3.{REGION}.amazonaws.com", "OriginAccessControlId": control,
            "S3OriginConfig": {"OriginAccessIdentity": identity}}


references = iter(range(10 ** 6))


def config(origins, default, **more):
    return {"CallerReference": f"r{next(references)}", "Comment": "", "Enabled": True,
            "Origins": listed(origins), "DefaultCacheBehavior": default, **more}


def create(cloudfront, *arguments, **more):
    made = cloudfront.create_distribution(DistributionConfig=config(*arguments, **more))
    cloudfront.get_waiter("distribution_deployed").wait(Id=made["Distribution"]["Id"], WaiterConfig={"Delay": 1})
    return made["Distribution"]


def version(functions, code, runtime=PYTHON, **settings):
    """A published version's ARN."""
    files = {PYTHON: "app.py", NODE: "app.js"}[runtime]
    name = functions.create({files: code}, runtime, **settings)
    return functions.api.publish_version(FunctionName=name)["FunctionArn"]


def ask(platform, distribution, path="/", method="GET", headers=None, body=None):
    host = distribution if isinstance(distribution, str) else distribution["DomainName"]
    at = urllib.parse.urlsplit(platform.endpoint)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
    connection.request(method, path, body, {"Host": f"{host}:{at.port}", **(headers or {})})
    answer = connection.getresponse()
    answer.content = answer.read()
    return answer


def bucket_with(s3, name, objects):
    s3.create_bucket(Bucket=name)
    for key, body in objects.items():
        s3.put_object(Bucket=name, Key=key, Body=body, ContentType="text/html")


def test_a_bucket_with_an_access_control(platform, cloudfront, s3):
    bucket_with(s3, "controlled", {"index.html": "home", "a.html": "a", "404.html": "sorry"})
    control = cloudfront.create_origin_access_control(OriginAccessControlConfig={
        "Name": "c", "SigningProtocol": "sigv4", "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3"})["OriginAccessControl"]["Id"]
    page = {"ErrorCode": 403, "ResponsePagePath": "/404.html", "ResponseCode": "404", "ErrorCachingMinTTL": 0}
    distribution = create(cloudfront, [of_bucket("controlled", control)], behavior(), DefaultRootObject="index.html",
                          CustomErrorResponses=listed([page]))
    # Nobody has let it in yet.
    refused = ask(platform, distribution, "/a.html")
    assert refused.status == 403 and b"<Code>AccessDenied</Code>" in refused.content
    assert refused.headers["x-cache"] == "Error from cloudfront"
    s3.put_bucket_policy(Bucket="controlled", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::controlled/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution["ARN"]}}}]}))
    first, second = ask(platform, distribution), ask(platform, distribution)
    assert (first.status, first.content, first.headers["x-cache"]) == (200, b"home", "Miss from cloudfront")
    assert (second.content, second.headers["x-cache"]) == (b"home", "Hit from cloudfront")
    assert second.headers["age"] is not None and first.headers["age"] is None
    assert first.headers["server"] == "AmazonS3" and first.headers["etag"] == second.headers["etag"]
    for name in ["via", "x-amz-cf-pop", "x-amz-cf-id"]:
        assert first.headers[name]
    same = ask(platform, distribution, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status, same.content) == (304, b"")
    part = ask(platform, distribution, headers={"Range": "bytes=1-2"})
    assert (part.status, part.content, part.headers["content-range"]) == (206, b"om", "bytes 1-2/4")
    head = ask(platform, distribution, method="HEAD")
    assert (head.status, head.headers["content-length"], head.content) == (200, "4", b"")
    missing = ask(platform, distribution, "/none")
    assert (missing.status, missing.content) == (404, b"sorry")
    assert missing.headers["x-cache"] == "Error from cloudfront"
    # Another distribution is not the one that the policy names.
    other = create(cloudfront, [of_bucket("controlled", control)], behavior())
    assert ask(platform, other, "/a.html").status == 403
    posted = ask(platform, distribution, "/a.html", "POST", body="x")
    assert posted.status == 403 and b"supports only cachable requests" in posted.content


def test_a_bucket_with_an_access_identity(platform, cloudfront, s3):
    bucket_with(s3, "identified", {"a": "a", "open": "open"})
    made = cloudfront.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig={
        "CallerReference": "i", "Comment": "mine"})["CloudFrontOriginAccessIdentity"]
    named = f"origin-access-identity/cloudfront/{made['Id']}"
    distribution = create(cloudfront, [of_bucket("identified", identity=named)], behavior(policy=DISABLED))
    for principal in [{"AWS": f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {made['Id']}"},
                      {"CanonicalUser": made["S3CanonicalUserId"]}]:
        s3.put_bucket_policy(Bucket="identified", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::identified/a"}]}))
        assert ask(platform, distribution, "/a").content == b"a"
        assert ask(platform, distribution, "/open").status == 403
    anonymous = create(cloudfront, [of_bucket("identified")], behavior(policy=DISABLED))
    assert ask(platform, anonymous, "/a").status == 403
    s3.delete_public_access_block(Bucket="identified")
    s3.put_bucket_policy(Bucket="identified", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::identified/open"}]}))
    assert ask(platform, anonymous, "/open").content == b"open"
    with pytest.raises(ClientError, match="CloudFrontOriginAccessIdentityInUse"):
        etag = cloudfront.get_cloud_front_origin_access_identity(Id=made["Id"])["ETag"]
        cloudfront.delete_cloud_front_origin_access_identity(Id=made["Id"], IfMatch=etag)


def test_a_server_and_its_cache(platform, cloudfront, server):
    origin = of_server(server, OriginPath="/base", CustomHeaders=listed([
        {"HeaderName": "X-Secret", "HeaderValue": "s"}]))
    api = behavior(policy=DISABLED, methods=EVERY_METHOD, PathPattern="/api/*", OriginRequestPolicyId=ALL_VIEWER)
    distribution = create(cloudfront, [origin], behavior(ResponseHeadersPolicyId=SECURITY),
                          CacheBehaviors=listed([api]))
    server.headers = {"Cache-Control": "max-age=100"}
    sent = {"Cookie": "a=1", "X-Own": "1", "User-Agent": "me", "Referer": "r"}
    first = ask(platform, distribution, "/x?q=1", headers=sent)
    seen = json.loads(first.content)
    assert (seen["path"], seen["headers"]["x-secret"]) == ("/base/x", "s")
    assert seen["headers"]["user-agent"] == "Amazon CloudFront" and seen["headers"]["host"] == f"127.0.0.1:{server.port}"
    assert "via" in seen["headers"] and seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    for name in ["cookie", "x-own", "referer"]:
        assert name not in seen["headers"]
    assert first.headers["x-frame-options"] == "SAMEORIGIN" and first.headers["x-content-type-options"] == "nosniff"
    # Fields and cookies are no part of this policy's keys.
    again = ask(platform, distribution, "/x?q=2", headers={"Cookie": "a=2"})
    assert again.headers["x-cache"] == "Hit from cloudfront" and again.content == first.content
    assert again.headers["x-frame-options"] == "SAMEORIGIN"
    posted = ask(platform, distribution, "/api/y?q=1", "POST", sent, "body")
    seen = json.loads(posted.content)
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/base/api/y?q=1", "body")
    assert (seen["headers"]["cookie"], seen["headers"]["x-own"]) == ("a=1", "1")
    assert seen["headers"]["host"].startswith(distribution["DomainName"])
    assert posted.headers["x-cache"] == "Miss from cloudfront"
    before = len(server.asked)
    ask(platform, distribution, "/api/z")
    ask(platform, distribution, "/api/z")
    assert len(server.asked) == before + 2


def test_a_policy_of_ones_own(platform, cloudfront, server):
    policy = cloudfront.create_cache_policy(CachePolicyConfig={
        "Name": "own", "MinTTL": 0, "DefaultTTL": 60, "MaxTTL": 600,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True, "EnableAcceptEncodingBrotli": False,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": listed(["X-Group"])},
            "CookiesConfig": {"CookieBehavior": "whitelist", "Cookies": listed(["lang"])},
            "QueryStringsConfig": {"QueryStringBehavior": "whitelist", "QueryStrings": listed(["page"])}}})
    policy_id = policy["CachePolicy"]["Id"]
    distribution = create(cloudfront, [of_server(server)], behavior(policy=policy_id, Compress=True))

    def result(path, **headers):
        return ask(platform, distribution, path, headers={"-".join(k.split("_")): v for k, v in headers.items()})
    assert result("/?page=1&x=1").headers["x-cache"] == "Miss from cloudfront"
    assert result("/?x=2&page=1").headers["x-cache"] == "Hit from cloudfront"
    assert result("/?page=2").headers["x-cache"] == "Miss from cloudfront"
    assert result("/?page=1", Cookie="lang=de; other=1").headers["x-cache"] == "Miss from cloudfront"
    assert result("/?page=1", Cookie="other=2; lang=de").headers["x-cache"] == "Hit from cloudfront"
    assert result("/?page=1", X_Group="b").headers["x-cache"] == "Miss from cloudfront"
    seen = json.loads(result("/?page=1&x=3", Cookie="lang=fr; other=1", X_Group="c").content)
    assert (seen["path"], seen["headers"]["cookie"], seen["headers"]["x-group"]) == ("/?page=1", "lang=fr", "c")
    server.headers = {"Content-Type": "text/plain", "X-Filler": "x"}
    small = result(f"/{'long' * 300}", Accept_Encoding="gzip, br")
    assert small.headers["content-encoding"] == "gzip" and small.content[:2] == b"\x1f\x8b"
    plain = result(f"/{'long' * 300}")
    assert plain.headers["content-encoding"] is None
    server.headers = {"Cache-Control": "no-store"}
    for _ in range(2):
        assert result("/never").headers["x-cache"] == "Miss from cloudfront"
    using = cloudfront.list_distributions_by_cache_policy_id(CachePolicyId=policy_id)["DistributionIdList"]
    assert using["Items"] == [distribution["Id"]]
    with pytest.raises(ClientError, match="CachePolicyInUse"):
        cloudfront.delete_cache_policy(Id=policy_id, IfMatch=policy["ETag"])


def test_invalidations(platform, cloudfront, server):
    distribution = create(cloudfront, [of_server(server)], behavior())
    for path in ["/a/1", "/a/2", "/b"]:
        ask(platform, distribution, path)
        assert ask(platform, distribution, path).headers["x-cache"] == "Hit from cloudfront"
    batch = {"Paths": listed(["/a/*"]), "CallerReference": "first"}
    made = cloudfront.create_invalidation(DistributionId=distribution["Id"], InvalidationBatch=batch)["Invalidation"]
    waiter = cloudfront.get_waiter("invalidation_completed")
    waiter.wait(DistributionId=distribution["Id"], Id=made["Id"], WaiterConfig={"Delay": 1})
    results = [ask(platform, distribution, path).headers["x-cache"] for path in ["/a/1", "/a/2", "/b"]]
    assert results == ["Miss from cloudfront", "Miss from cloudfront", "Hit from cloudfront"]
    again = cloudfront.create_invalidation(DistributionId=distribution["Id"], InvalidationBatch=batch)["Invalidation"]
    assert again["Id"] == made["Id"]
    found = cloudfront.list_invalidations(DistributionId=distribution["Id"])["InvalidationList"]
    assert [one["Id"] for one in found["Items"]] == [made["Id"]]
    with pytest.raises(ClientError, match="InvalidArgument"):
        cloudfront.create_invalidation(DistributionId=distribution["Id"], InvalidationBatch={
            "Paths": listed(["/other"]), "CallerReference": "first"})


REDIRECT = """
exports.handler = async (event, context) => {
    const request = event.Records[0].cf.request;
    if (request.uri === '/old') {
        return {status: '302', statusDescription: 'Found',
                headers: {location: [{key: 'Location', value: 'http://docs.example.com/'}]}};
    }
    const cookies = (request.headers.cookie || []).map(one => one.value).join(';');
    request.uri = cookies.includes('X-Experiment-Name=B') ? '/b' + request.uri : '/a' + request.uri;
    return request;
};
"""
TELLS = """
import json
def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["uri"].endswith("/event"):
        return {"status": "200", "statusDescription": "OK", "body": json.dumps(event),
                "headers": {"content-type": [{"key": "Content-Type", "value": "application/json"}],
                            "cache-control": [{"key": "Cache-Control", "value": "max-age=100"}]}}
    request["headers"]["x-added"] = [{"key": "X-Added", "value": "by the function"}]
    return request
"""
SECURE = """
'use strict';
exports.handler = (event, context, callback) => {
    const response = event.Records[0].cf.response;
    response.headers['strict-transport-security'] = [{
        key: 'Strict-Transport-Security', value: 'max-age=63072000'}];
    response.headers['x-calls'] = [{key: 'X-Calls', value: String(Math.random())}];
    callback(null, response);
};
"""
REWRITE = """
def handler(event, context):
    response = event["Records"][0]["cf"]["response"]
    if int(response["status"]) == 404:
        response["status"], response["statusDescription"] = "200", "OK"
        response["body"] = "generated"
        response["headers"]["content-type"] = [{"key": "Content-Type", "value": "text/plain"}]
    response["headers"]["x-origin-response"] = [{"key": "X-Origin-Response", "value": "seen"}]
    return response
"""


def test_a_function_at_each_point(platform, functions, cloudfront, server):
    arns = [("viewer-request", version(functions, REDIRECT, NODE)), ("origin-request", version(functions, TELLS)),
            ("origin-response", version(functions, REWRITE)), ("viewer-response", version(functions, SECURE, NODE))]
    distribution = create(cloudfront, [of_server(server)], behavior(arns))
    moved = ask(platform, distribution, "/old")
    assert (moved.status, moved.headers["location"]) == (302, "http://docs.example.com/")
    assert moved.headers["x-cache"] == "LambdaGeneratedResponse from cloudfront"
    assert moved.headers["strict-transport-security"] is None and server.asked == []
    first = ask(platform, distribution, "/x")
    seen = json.loads(first.content)
    assert (seen["path"], seen["headers"]["x-added"]) == ("/a/x", "by the function")
    assert first.headers["x-origin-response"] == "seen"
    assert first.headers["strict-transport-security"] == "max-age=63072000"
    hit = ask(platform, distribution, "/x")
    assert hit.headers["x-cache"] == "Hit from cloudfront" and len(server.asked) == 1
    assert hit.headers["x-calls"] != first.headers["x-calls"], "viewers' functions run for hits too"
    other = ask(platform, distribution, "/x", headers={"Cookie": "X-Experiment-Name=B"})
    assert json.loads(other.content)["path"] == "/b/x"
    server.status = 404
    made = ask(platform, distribution, "/gone")
    assert (made.status, made.content) == (200, b"generated")
    # What an origin's function generates is kept.
    generated = ask(platform, distribution, "/event?x=1")
    assert generated.headers["x-cache"] == "LambdaGeneratedResponse from cloudfront"
    cf = json.loads(generated.content)["Records"][0]["cf"]
    assert cf["config"] == {"distributionDomainName": distribution["DomainName"],
                            "distributionId": distribution["Id"], "eventType": "origin-request",
                            "requestId": generated.headers["x-amz-cf-id"]}
    request = cf["request"]
    assert (request["clientIp"], request["method"], request["uri"]) == ("127.0.0.1", "GET", "/a/event")
    assert request["querystring"] == "" and request["headers"]["user-agent"] == [
        {"key": "User-Agent", "value": "Amazon CloudFront"}]
    assert request["origin"]["custom"] == {
        "customHeaders": {}, "domainName": "127.0.0.1", "keepaliveTimeout": 5, "path": "", "port": server.port,
        "protocol": "http", "readTimeout": 30, "sslProtocols": []}
    assert request["body"] == {"action": "read-only", "data": "", "encoding": "base64", "inputTruncated": False}
    again = ask(platform, distribution, "/event")
    assert json.loads(again.content)["Records"][0]["cf"]["config"]["requestId"] == cf["config"]["requestId"]


CHANGES_ORIGIN = """
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const domain = 'elsewhere.s3.us-east-1.amazonaws.com';
    if (request.uri.startsWith('/s3/')) {
        request.origin = {s3: {domainName: domain, region: 'us-east-1', authMethod: 'none', path: '/folder',
                               customHeaders: {}}};
        request.headers.host = [{key: 'host', value: domain}];
        request.uri = request.uri.slice(3);
    }
    return request;
};
"""
BODY = """
import base64
def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    body = request["body"]
    text = base64.b64decode(body["data"]).decode()
    request["headers"]["x-length"] = [{"value": f"{len(text)} {body['inputTruncated']}"}]
    if text == "replace me":
        body.update(action="replace", encoding="text", data="replaced")
    return request
"""


def test_origins_and_bodies_change(platform, functions, cloudfront, s3, server):
    bucket_with(s3, "elsewhere", {"folder/a": "from the bucket"})
    s3.delete_public_access_block(Bucket="elsewhere")
    s3.put_bucket_policy(Bucket="elsewhere", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::elsewhere/*"}]}))
    arns = [("viewer-request", version(functions, BODY)),
            ("origin-request", version(functions, CHANGES_ORIGIN, NODE))]
    distribution = create(cloudfront, [of_server(server)], behavior(
        arns, DISABLED, EVERY_METHOD, OriginRequestPolicyId=ALL_VIEWER))
    assert ask(platform, distribution, "/s3/a").content == b"from the bucket"
    seen = json.loads(ask(platform, distribution, "/post", "POST", body="replace me").content)
    assert seen["body"] == "replaced"
    large = "x" * (50 * 1024)
    seen = json.loads(ask(platform, distribution, "/post", "POST", body=large).content)
    assert seen["headers"]["x-length"] == "40960 True" and len(seen["body"]) == len(large)


@pytest.mark.parametrize("event, result", [
    ("viewer-request", {"status": "200", "body": "x" * 41000}),
    ("origin-request", {"status": "200", "body": "x" * 1100000}),
    ("viewer-request", {"status": "200", "headers": {"connection": [{"key": "Connection", "value": "close"}]}}),
    ("viewer-request", {"status": "200", "headers": {"x-edge-own": [{"value": "v"}]}}),
    ("viewer-request", {"status": "1000"}),
    ("viewer-request", {"uri": "no-slash"}),
    ("origin-response", {"status": "200", "headers": {"via": [{"key": "Via", "value": "mine"}]}}),
    ("viewer-response", {"status": "201"}),
    ("viewer-request", None),
    ("viewer-request", ["a"]),
])
def test_what_functions_must_not_return(platform, functions, cloudfront, server, event, result):
    code = f"import json\ndef handler(event, context):\n    return json.loads({json.dumps(json.dumps(result))})\n"
    distribution = create(cloudfront, [of_server(server)], behavior([(event, version(functions, code))]))
    refused = ask(platform, distribution)
    assert refused.status == 502 and refused.headers["x-cache"] == "LambdaValidationError from cloudfront"
    assert b"The request could not be satisfied" in refused.content and b"The Lambda function" in refused.content


def test_functions_that_fail(platform, functions, cloudfront, server):
    arn = version(functions, "def handler(event, context):\n    raise ValueError('no')\n")
    distribution = create(cloudfront, [of_server(server)], behavior([("viewer-request", arn)]))
    refused = ask(platform, distribution)
    assert (refused.status, refused.headers["x-cache"]) == (503, "LambdaExecutionError from cloudfront")
    name = arn.split(":")[6]
    functions.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    limited = ask(platform, distribution)
    assert (limited.status, limited.headers["x-cache"]) == (503, "LambdaLimitExceeded from cloudfront")


@pytest.mark.parametrize("settings, ending, said", [
    ({}, "", "must reference a specific function version"),
    ({}, ":$LATEST", "must reference a specific function version"),
    ({}, ":9", "cannot retrieve the specified Lambda function"),
    ({"Timeout": 31}, ":1", "timeout is larger than the maximum allowed"),
    ({"Environment": {"Variables": {"STAGE": "test"}}}, ":1", "environment variables"),
    ({"EphemeralStorage": {"Size": 600}}, ":1", "ephemeral storage"),
])
def test_functions_that_can_not_be_associated(functions, cloudfront, server, settings, ending, said):
    arn = version(functions, "def handler(event, context):\n    return None\n", **settings)
    arn = arn.rsplit(":", 1)[0] + ending
    with pytest.raises(ClientError) as refused:
        create(cloudfront, [of_server(server)], behavior([("viewer-request", arn)]))
    assert refused.value.response["Error"]["Code"] == "InvalidLambdaFunctionAssociation"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400 and said in str(refused.value)


def test_sites_of_the_platform_as_origins(platform, functions, cloudfront, s3):
    name = functions.create("def handler(event, context):\n    return {'statusCode': 200, 'body': event['rawPath']}\n")
    url = functions.api.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    of_url = {"Id": "o", "DomainName": urllib.parse.urlsplit(url).hostname, "CustomOriginConfig": {
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}}
    distribution = create(cloudfront, [of_url], behavior(policy=DISABLED))
    assert ask(platform, distribution, "/called").content == b"/called"
    bucket_with(s3, "site", {"index.html": "home", "folder/index.html": "below"})
    s3.put_bucket_website(Bucket="site", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    of_site = {"Id": "o", "DomainName": f"site.s3-website-{REGION}.amazonaws.com", "CustomOriginConfig": {
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}
    distribution = create(cloudfront, [of_site], behavior())
    assert ask(platform, distribution, "/folder/").content == b"below"


def test_control_plane(platform, cloudfront, server):
    wanted = config([of_server(server)], behavior(), Aliases=listed(["www.example.com", "*.example.org"]))
    made = cloudfront.create_distribution_with_tags(DistributionConfigWithTags={
        "DistributionConfig": wanted, "Tags": {"Items": [{"Key": "k", "Value": "v"}]}})
    again = cloudfront.create_distribution(DistributionConfig=wanted)
    distribution = made["Distribution"]
    assert again["Distribution"]["Id"] == distribution["Id"] and distribution["Status"] == "InProgress"
    assert distribution["ARN"] == f"arn:aws:cloudfront::{ACCOUNT}:distribution/{distribution['Id']}"
    with pytest.raises(ClientError, match="DistributionAlreadyExists"):
        cloudfront.create_distribution(DistributionConfig={**wanted, "Comment": "another"})
    with pytest.raises(ClientError, match="CNAMEAlreadyExists"):
        create(cloudfront, [of_server(server)], behavior(), Aliases=listed(["WWW.example.com"]))
    for host in [distribution["DomainName"], "www.example.com", "any.example.org",
                 f"{distribution['Id']}.cloudfront.localhost"]:
        assert ask(platform, host, "/x").status == 200, host
    by_path = ask(platform, "localhost", f"/_aws/cloudfront/{distribution['Id']}/deep/path")
    assert json.loads(by_path.content)["path"] == "/deep/path"
    found = cloudfront.get_distribution_config(Id=distribution["Id"])
    changed = {**found["DistributionConfig"], "Enabled": False}
    for etag, code in [("E0", "PreconditionFailed"), ("", "InvalidIfMatchVersion")]:
        with pytest.raises(ClientError, match=code):
            cloudfront.update_distribution(Id=distribution["Id"], IfMatch=etag, DistributionConfig=changed)
    with pytest.raises(ClientError, match="DistributionNotDisabled"):
        cloudfront.delete_distribution(Id=distribution["Id"], IfMatch=found["ETag"])
    updated = cloudfront.update_distribution(Id=distribution["Id"], IfMatch=found["ETag"], DistributionConfig=changed)
    assert updated["ETag"] != found["ETag"] and ask(platform, distribution, "/x").status == 403
    assert cloudfront.list_tags_for_resource(Resource=distribution["ARN"])["Tags"]["Items"] == [
        {"Key": "k", "Value": "v"}]
    listed_ids = [one["Id"] for page in cloudfront.get_paginator("list_distributions").paginate(
        PaginationConfig={"PageSize": 1}) for one in page["DistributionList"].get("Items", [])]
    assert distribution["Id"] in listed_ids and len(listed_ids) == len(set(listed_ids))
    cloudfront.delete_distribution(Id=distribution["Id"], IfMatch=updated["ETag"])
    with pytest.raises(ClientError, match="NoSuchDistribution"):
        cloudfront.get_distribution(Id=distribution["Id"])
    with pytest.raises(ClientError) as refused:
        cloudfront.create_function(Name="f", FunctionConfig={"Comment": "", "Runtime": "cloudfront-js-2.0"},
                                   FunctionCode=base64.b64encode(b"x"))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    managed = cloudfront.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]
    assert OPTIMIZED in [one["CachePolicy"]["Id"] for one in managed]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_configuration_stays(start, end, server):
    platform = start()
    functions, cloudfront = Functions(platform), platform.client("cloudfront")
    distribution = create(cloudfront, [of_server(server)], behavior([("viewer-response", version(functions, SECURE, NODE))]),
                          Aliases=listed(["stays.example.com"]))
    getattr(platform, end)()
    platform.start()
    assert platform.client("cloudfront").get_distribution(Id=distribution["Id"])["Distribution"]["Status"] == "Deployed"
    answer = ask(platform, distribution)
    assert answer.status == 200 and answer.headers["strict-transport-security"] == "max-age=63072000"
    eventually(lambda: ask(platform, "stays.example.com").status == 200, "the alternate name")
