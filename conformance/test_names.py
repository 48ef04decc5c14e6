"""Clients that can't be told of an endpoint: AWS's own hosts lead to the platform inside a sandbox."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness import ACCOUNT, CUSTOM, NODE, Functions, folder_files, wait, zipped

OLD_BOTO3 = "boto3==1.26.165"  # AWS_ENDPOINT_URL is known from 1.28 on.

FROM_NODE = """
const S3 = require("aws-sdk/clients/s3");
const DynamoDB = require("aws-sdk/clients/dynamodb");

exports.handler = async ({ bucket, table }) => {
  const s3 = new S3(), documents = new DynamoDB.DocumentClient();
  await s3.putObject({ Bucket: bucket, Key: "a/b", Body: "content" }).promise();
  const object = await s3.getObject({ Bucket: bucket, Key: "a/b" }).promise();
  await documents.put({ TableName: table, Item: { id: "1", found: true } }).promise();
  const item = await documents.get({ TableName: table, Key: { id: "1" } }).promise();
  return { hosts: [s3.endpoint.host, documents.service.endpoint.host], content: object.Body.toString(), item: item.Item };
};
"""

FROM_OLD_BOTO3 = """
import sys
sys.path.insert(0, "/var/task/packages")
import boto3

def handler(event, context):
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    s3.put_object(Bucket=event, Key="k", Body=b"old")
    return [boto3.__version__, s3.meta.endpoint_url, s3.get_object(Bucket=event, Key="k")["Body"].read().decode(),
            sqs.list_queues()["ResponseMetadata"]["HTTPStatusCode"], boto3.client("sts").get_caller_identity()["Account"]]
"""

FROM_URLLIB = """
import json, os, socket, ssl, urllib.error, urllib.request

def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
    except urllib.error.URLError as error:
        return [type(error.reason).__name__, str(error.reason)]

def handler(event, context):
    if event == "resolve":
        return {kind: sorted({found[4][0] for found in socket.getaddrinfo("sqs.us-east-1.amazonaws.com", 443, family)})
                for kind, family in (("any", 0), ("v4", socket.AF_INET))}
    if event == "variables":
        names = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        return {name: os.environ.get(name) for name in names}
    if event == "folder":
        # As OpenSSL finds a single authority: by the hash of its name.
        os.environ["SSL_CERT_FILE"] = "/nowhere"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(capath="/etc/ssl/certs")
        with socket.create_connection(("sqs.us-east-1.amazonaws.com", 443)) as plain:
            with context.wrap_socket(plain, server_hostname="a.b.s3.amazonaws.com") as secure:
                return dict(pair for names in secure.getpeercert()["issuer"] for pair in names)["commonName"]
    return ask(event)
"""

FROM_CURL = """#!/bin/sh
next=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  id=$(curl -sS -D - -o /tmp/event "$next/next" | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  said=$(curl -sS "$(tr -d '\\"' < /tmp/event)" 2>&1) || said="failed: $said"
  printf '%s' "$said" | curl -sS -o /dev/null --data-binary @- "$next/$id/response"
done
"""

JAVA_PROGRAM = """
import java.net.URI;
import java.net.http.*;

class Ask {
    public static void main(String[] arguments) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
        System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""


def node_package(package, keep):
    """A package of the clients with all it depends on; of its own files those that `keep` wants."""
    modules = pathlib.Path(os.environ["LAMBENT_NODE_CLIENTS"]) / "node_modules"
    files, wanted, seen = {}, [package], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        manifest = json.loads((modules / name / "package.json").read_text())
        wanted += manifest.get("dependencies", {})
        found = folder_files(modules / name, f"node_modules/{name}/")
        files |= {path: content for path, content in found.items()
                  if not path.endswith((".ts", ".map")) and (name != package or keep(path))}
    return files


def aws_sdk_2(path):
    _, _, folder, *rest = path.split("/")
    apis = ("metadata", "s3-", "dynamodb-")
    return folder in ("lib", "clients", "vendor", "package.json", "global.js") or folder == "apis" and rest[0].startswith(apis)


def pip_install(target, *packages):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*command, "--target", target, *packages], check=True)


@pytest.fixture(scope="module")
def bucket(platform):
    # Dots in a bucket's name: no wildcard's certificate would do.
    platform.client("s3").create_bucket(Bucket="names.with.dots")
    return "names.with.dots"


def test_the_first_sdk_of_javascript(platform, functions, bucket):
    table = platform.client("dynamodb")
    table.create_table(TableName="names", BillingMode="PAY_PER_REQUEST",
                       KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                       AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    files = {"app.js": FROM_NODE, **node_package("aws-sdk", aws_sdk_2)}
    name = functions.create(zipped(files), runtime=NODE, MemorySize=1769, Timeout=60)
    platform.client("s3").create_bucket(Bucket="names-plain")
    for own in (bucket, "names-plain"):
        answer = functions.ask(name, {"bucket": own, "table": "names"})
        assert answer["hosts"] == ["s3.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"]
        assert answer["content"] == "content" and answer["item"] == {"id": "1", "found": True}
        assert platform.client("s3").get_object(Bucket=own, Key="a/b")["Body"].read() == b"content"


def test_an_old_boto3(platform, functions, bucket, tmp_path):
    pip_install(tmp_path, OLD_BOTO3)
    services = ("s3", "sqs", "sts")
    files = {path: content for path, content in folder_files(tmp_path, "packages/").items()
             if "/botocore/data/" not in path or path.count("/") == 3
             or path.split("/")[3] in services}
    name = functions.create(zipped({"app.py": FROM_OLD_BOTO3, **files}), MemorySize=1769, Timeout=60)
    version, endpoint, content, status, account = functions.ask(name, bucket)
    assert (version, endpoint) == (OLD_BOTO3.split("==")[1], "https://s3.amazonaws.com")
    assert (content, status, account) == ("old", 200, ACCOUNT)


def test_hosts_in_the_code(functions):
    name = functions.create(FROM_URLLIB)
    assert functions.ask(name, "resolve") == {"any": ["127.0.0.1"], "v4": ["127.0.0.1"]}
    status, body = functions.ask(name, "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05")
    assert (status, "<ListQueuesResponse" in body) == (200, True), body
    assert functions.ask(name, "folder") == "Lambent Sandbox Authority"


def test_function_urls(platform, functions):
    api = platform.client("lambda")
    called = functions.create("def handler(event, context):\n    return event['headers']['host']\n")
    api.create_function_url_config(FunctionName=called, AuthType="NONE")
    api.add_permission(FunctionName=called, StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
                       FunctionUrlAuthType="NONE")
    url = api.get_function_url_config(FunctionName=called)["FunctionUrl"]
    # As AWS names it.
    host = url.split("/")[2].split(".")[0] + ".lambda-url.us-east-1.on.aws"
    status, body = functions.ask(functions.create(FROM_URLLIB), f"https://{host}/")
    assert (status, body) == (200, host)


def test_copies_of_a_snapshot(functions):
    """Each has a network namespace of its own, with AWS's hosts in it."""
    name = functions.create(FROM_URLLIB, SnapStart={"ApplyOn": "PublishedVersions"}, Timeout=30)
    version = functions.api.publish_version(FunctionName=name)["Version"]
    wait(functions.api, "published_version_active", FunctionName=name, Qualifier=version)
    url = "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05"
    answer = functions.invoke(name, url, Qualifier=version)
    assert answer.payload[0] == 200, answer.payload
    assert "Restore Duration" in answer.log


def test_what_is_not_aws_is_not_found(functions):
    kind, said = functions.ask(functions.create(FROM_URLLIB), "https://example.org/")
    assert (kind, "Name or service not known" in said) == ("gaierror", True), said


def test_with_a_way_out(start):
    """The hosts are the platform's there as well; other names are a matter for the host's own servers, if it has any."""
    functions = Functions(start("--network", "outbound"))
    status, _ = functions.ask(functions.create(FROM_URLLIB), "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05")
    assert status == 200


def test_what_a_function_sets_is_its_own(functions):
    name = functions.create(FROM_URLLIB, Environment={"Variables": {"AWS_CA_BUNDLE": "/var/task/own.pem"}})
    variables = functions.ask(name, "variables")
    assert variables["AWS_CA_BUNDLE"] == "/var/task/own.pem"
    assert variables["SSL_CERT_FILE"] == variables["REQUESTS_CA_BUNDLE"] is not None


@pytest.mark.parametrize("options", ["--use-bundled-ca", "--enable-source-maps", "--use-openssl-ca"])
def test_what_nodes_options_say_of_authorities_goes(functions, options):
    code = """export const handler = url => fetch(url).then(answer => answer.status, error => error.cause.code);"""
    name = functions.create(code, runtime=NODE, Environment={"Variables": {"NODE_OPTIONS": options}})
    answer = functions.ask(name, "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05")
    untrusted = ("SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY")
    assert answer in untrusted if "bundled" in options else answer == 200, answer


def test_the_systems_list_is_enough_for_programs(functions):
    """Go, curl and all else that asks the system whom to trust."""
    name = functions.create(FROM_CURL, runtime=CUSTOM, handler="none")
    answer = functions.invoke(name, "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15")
    assert b"<GetCallerIdentityResponse" in answer.body or b"<Error" in answer.body, answer.body
    assert b"failed" in functions.invoke(name, "https://sts.us-east-1.example.org/").body


def test_javas_own_list(functions):
    """The system's Java, which reads a list of its own kind."""
    files = {"bootstrap": FROM_CURL.replace('curl -sS "$(tr', 'java -Xshare:auto /var/task/Ask.java "$(tr'), "Ask.java": JAVA_PROGRAM}
    name = functions.create(files, runtime=CUSTOM, handler="none", MemorySize=1769, Timeout=60)
    answer = functions.invoke(name, "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05")
    assert b"<ListQueuesResponse" in answer.body, answer.body


def test_the_authority_is_kept_and_trusted_nowhere_else(start):
    platform = start()
    functions = Functions(platform)
    name = functions.create(FROM_URLLIB)
    functions.ask(name, "folder")
    kept = platform.data / "authority.pem"
    before = kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert platform.stop() == 0
    platform.start()
    functions = Functions(platform)
    assert functions.ask(name, "folder") == "Lambent Sandbox Authority"
    assert kept.read_text() == before
    certificate = before[before.index("-----BEGIN CERTIFICATE-----"):]
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    assert not bundle.exists() or certificate.strip() not in bundle.read_text()


def test_hostile_questions_and_handshakes(functions):
    """Whatever is sent there, the doors stay open for what is meant well."""
    code = FROM_URLLIB + """
import os as system

def hostile():
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for length in (0, 1, 11, 12, 13, 512, 1400, 60000):
        names.sendto(system.urandom(length), ("127.0.0.1", 53))
        names.sendto(b"\\0\\1\\1\\0\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff" + b"\\xc0\\x0c" * (length // 2), ("127.0.0.1", 53))
    for sent in (b"", b"GET / HTTP/1.1\\r\\n\\r\\n", system.urandom(4096)):
        with socket.create_connection(("127.0.0.1", 443)) as plain:
            plain.sendall(sent)
    refused = []
    for host in ("example.org", "amazonaws.com"):
        context = ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", 443)) as plain:
            try:
                context.wrap_socket(plain, server_hostname=host)
            except ssl.SSLError:
                refused.append(host)
    return refused

def well_and_ill(event, context):
    return [hostile(), ask("https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05")[0]]
"""
    name = functions.create(code, handler="app.well_and_ill")
    assert functions.ask(name) == [["example.org", "amazonaws.com"], 200]
