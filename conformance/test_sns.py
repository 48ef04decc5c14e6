"""SNS with boto3: topics to queues, functions and HTTP endpoints, filters, signatures as OpenSSL checks them, and
functions' dead letters and destinations through both."""
import ast
import base64
import http.server
import json
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, Lambent, eventually

ECHO = "def handler(event, context):\n    print('heard', event)\n    return event\n"
FAIL = "def handler(event, context):\n    raise ValueError('asked to')\n"


@pytest.fixture(scope="module")
def sns(platform):
    return platform.client("sns")


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


@pytest.fixture
def queue(sqs, request):
    """A queue that lets topics in; gives its URL and ARN."""
    name = request.node.name.replace("[", "-").replace("]", "")[:70]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    return url, arn


def received(sqs, url, seconds=30):
    """The next message of a queue."""
    look = lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MessageAttributeNames=["All"]).get("Messages")
    [message] = eventually(look, "a message", seconds)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


class Endpoint:
    """An HTTP endpoint of the test's own: keeps what comes, answers `statuses` first and 200 from then on."""

    def __init__(self, *statuses, certificate=None):
        self.got, self.statuses = [], list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["content-length"])).decode()
                handler.send_response(self.statuses.pop(0) if self.statuses else 200)
                handler.end_headers()
                self.got.append((dict(handler.headers.items()), body))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"{scheme}://localhost:{self.server.server_port}/hook"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def heard(self, count):
        """The last of so many requests: its headers and its body."""
        return eventually(lambda: self.got[count - 1] if len(self.got) >= count else None, f"request {count}")


def visit(url):
    """Follows a link without a key, as a browser does."""
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


def check_signature(envelope, folder):
    """Checks an envelope with OpenSSL, as AWS documents it."""
    confirmation = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    notification = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    members = notification if envelope["Type"] == "Notification" else confirmation
    text = "".join(f"{name}\n{envelope[name]}\n" for name in members if envelope.get(name) is not None)
    pem, key, signature = folder / "cert.pem", folder / "key.pem", folder / "signature"
    pem.write_text(visit(envelope.get("SigningCertURL") or envelope["SigningCertUrl"]))
    key.write_bytes(subprocess.run(["openssl", "x509", "-in", pem, "-pubkey", "-noout"], check=True,
                                   capture_output=True).stdout)
    signature.write_bytes(base64.b64decode(envelope["Signature"]))
    digest = {"1": "-sha1", "2": "-sha256"}[envelope["SignatureVersion"]]
    verify = ["openssl", "dgst", digest, "-verify", key, "-signature", signature]
    assert subprocess.run(verify, input=text.encode(), capture_output=True).stdout == b"Verified OK\n"
    assert subprocess.run(verify, input=(text + "x").encode(), capture_output=True).returncode != 0
    subprocess.run(["openssl", "verify", "-CAfile", pem, pem], check=True, capture_output=True)


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_http_endpoint_confirms_hears_and_leaves(sns, tmp_path, version):
    topic = sns.create_topic(Name=f"by-http-{version}", Attributes={"SignatureVersion": version})["TopicArn"]
    with Endpoint() as endpoint:
        answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
        assert answer["SubscriptionArn"] == "pending confirmation"
        headers, body = endpoint.heard(1)
        assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
        assert headers["content-type"] == "text/plain; charset=UTF-8"
        question = json.loads(body)
        check_signature(question, tmp_path)
        if version == "1":
            assert "<ConfirmSubscriptionResult><SubscriptionArn>" in visit(question["SubscribeURL"])
        else:
            sns.confirm_subscription(TopicArn=topic, Token=question["Token"])
        sent = sns.publish(TopicArn=topic, Message="hello", Subject="s",
                           MessageAttributes={"n": {"DataType": "Number", "StringValue": "7"}})
        headers, body = endpoint.heard(2)
        [subscription] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert headers["x-amz-sns-message-id"] == sent["MessageId"]
        assert headers["x-amz-sns-subscription-arn"] == subscription["SubscriptionArn"]
        envelope = json.loads(body)
        assert envelope["Message"] == "hello" and envelope["MessageAttributes"] == {"n": {"Type": "Number", "Value": "7"}}
        assert envelope["SignatureVersion"] == version
        check_signature(envelope, tmp_path)
        visit(envelope["UnsubscribeURL"])
        farewell = json.loads(endpoint.heard(3)[1])
        assert farewell["Type"] == "UnsubscribeConfirmation"
        check_signature(farewell, tmp_path)
    sns.delete_topic(TopicArn=topic)


def test_an_endpoint_that_fails_is_tried_again_and_then_dead(sns, sqs, queue):
    url, arn = queue
    topic = sns.create_topic(Name="failing")["TopicArn"]
    retry = {"numRetries": 2, "numNoDelayRetries": 1, "minDelayTarget": 1, "maxDelayTarget": 1}
    attributes = {"RawMessageDelivery": "true", "DeliveryPolicy": json.dumps({"healthyRetryPolicy": retry}),
                  "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn})}
    with Endpoint(200, 503, 200, 500, 500, 500) as endpoint:
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=attributes)
        sns.confirm_subscription(TopicArn=topic, Token=json.loads(endpoint.heard(1)[1])["Token"])
        sns.publish(TopicArn=topic, Message="late")
        headers, body = endpoint.heard(3)
        assert body == "late" and headers["x-amz-sns-rawdelivery"] == "true"
        sns.publish(TopicArn=topic, Message="dead")
        message = received(sqs, url)
        assert json.loads(message["Body"])["Message"] == "dead"
        assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "500"
        assert [body for _, body in endpoint.got[3:]] == ["dead"] * 3
    with pytest.raises(ClientError) as refused:
        retry["minDelayTarget"] = 0
        sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(
            {"http": {"defaultHealthyRetryPolicy": retry}}))
    assert "minDelayTarget must be greater than or equal to 1" in str(refused.value)


def test_an_https_endpoint_whose_authority_is_trusted(tmp_path, monkeypatch):
    """With keys checked: links work without a key, but none ends what a queue's owner subscribed."""
    pem, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    platform = Lambent("--auth", "signed")
    try:
        secrets = json.loads((platform.data / "secrets.json").read_text())
        sns, sqs = rooted(platform, "sns", secrets), rooted(platform, "sqs", secrets)
        topic = sns.create_topic(Name="secure")["TopicArn"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn,
                                                          "Principal": {"Service": "sns.amazonaws.com"}}]}
        url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        with Endpoint(certificate=(pem, key)) as endpoint:
            sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=endpoint.url)
            visit(json.loads(endpoint.heard(1)[1])["SubscribeURL"])
            sns.publish(TopicArn=topic, Message="secret")
            envelope = json.loads(endpoint.heard(2)[1])
            assert envelope["Message"] == "secret"
            check_signature(envelope, tmp_path)
        envelope = json.loads(received(sqs, url)["Body"])
        check_signature(envelope, tmp_path)
        with pytest.raises(urllib.error.HTTPError) as refused:
            visit(envelope["UnsubscribeURL"])
        assert refused.value.code == 403
        with pytest.raises(urllib.error.HTTPError) as refused:
            visit(f"{platform.endpoint}/?Action=ConfirmSubscription&TopicArn={topic}&Token=guessed")
        assert refused.value.code == 400
        # Whom nobody here trusts is told nothing.
        with Endpoint(certificate=certificate(tmp_path / "other")) as stranger:
            once = json.dumps({"healthyRetryPolicy": {"numRetries": 0, "minDelayTarget": 1, "maxDelayTarget": 1}})
            sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=stranger.url, Attributes={"DeliveryPolicy": once})
            eventually(lambda: "invalid peer certificate" in platform.log(), "the stranger's certificate to be refused")
            assert not stranger.got
    finally:
        platform.remove()


def certificate(folder):
    """A certificate for localhost and its key, as files."""
    folder.mkdir(exist_ok=True)
    key, pem = folder / "tls.key", folder / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
                    "basicConstraints=critical,CA:FALSE"], check=True, capture_output=True)
    return pem, key


def rooted(platform, service, secrets):
    """A client with the root's key."""
    return boto3.client(service, endpoint_url=platform.endpoint, region_name=REGION,
                        aws_access_key_id=secrets["access_key_id"], aws_secret_access_key=secrets["secret_access_key"])


def test_what_waits_for_an_endpoint_survives_kill(start):
    platform = start()
    sns = platform.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    retry = {"numRetries": 50, "minDelayTarget": 1, "maxDelayTarget": 1}
    policy = {"http": {"defaultHealthyRetryPolicy": retry}}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(policy))
    with Endpoint(200, *[503] * 10) as endpoint:
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes={"RawMessageDelivery": "true"})
        visit(json.loads(endpoint.heard(1)[1])["SubscribeURL"])
        for number in range(10):
            sns.publish(TopicArn=topic, Message=str(number))
        platform.kill()
        platform.start()
        expected = {str(number) for number in range(10)}
        eventually(lambda: len(endpoint.got) >= 21 and {body for _, body in endpoint.got[11:]} >= expected,
                   "everything that was published", 60)


def test_a_topic_and_its_queue(sns, sqs, queue):
    url, arn = queue
    topic = sns.create_topic(Name="news")["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True,
                                 Attributes={"FilterPolicy": json.dumps({"kind": ["wanted", {"prefix": "very"}]})})
    attribute = lambda value: {"kind": {"DataType": "String", "StringValue": value}}
    sns.publish(TopicArn=topic, Message="no", MessageAttributes=attribute("other"))
    sent = sns.publish(TopicArn=topic, Message="yes", Subject="s", MessageAttributes=attribute("wanted"))
    envelope = json.loads(received(sqs, url)["Body"])
    assert envelope["MessageId"] == sent["MessageId"] and envelope["Message"] == "yes" and envelope["TopicArn"] == topic
    sns.set_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"],
                                    AttributeName="RawMessageDelivery", AttributeValue="true")
    batch = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": "a", "Message": "raw", "MessageAttributes": attribute("very much")},
        {"Id": "b", "Message": "x", "MessageStructure": "no"}])
    assert [entry["Id"] for entry in batch["Successful"]] == ["a"] and batch["Failed"][0]["SenderFault"]
    message = received(sqs, url)
    assert message["Body"] == "raw" and message["MessageAttributes"]["kind"]["StringValue"] == "very much"
    sns.delete_topic(TopicArn=topic)
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=topic, Message="x")
    with pytest.raises(ClientError) as refused:
        sns.subscribe(TopicArn=topic, Protocol="carrier", Endpoint="x")
    assert refused.value.response["Error"]["Code"] in ("InvalidParameter", "NotFound")


def test_a_function_hears_a_topic_that_its_policy_lets_in(sns, sqs, functions, queue, tmp_path):
    url, dead = queue
    name = functions.create(ECHO)
    arn = functions.api.get_function_configuration(FunctionName=name)["FunctionArn"]
    topic = sns.create_topic(Name="calls")["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn, Attributes={
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})})["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="unheard")
    assert json.loads(received(sqs, url)["Body"])["Message"] == "unheard", "it was not let in"
    functions.api.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                                 Principal="sns.amazonaws.com", SourceArn=topic)
    sns.publish(TopicArn=topic, Message="hello")
    lines = functions.lines(name, "heard")
    assert not any("unheard" in line for line in lines)
    [event] = [ast.literal_eval(line.split("heard ", 1)[1]) for line in lines if line.startswith("heard")]
    [record] = event["Records"]
    assert record.keys() == {"EventSource", "EventVersion", "EventSubscriptionArn", "Sns"}
    assert record["EventSource"] == "aws:sns" and record["EventVersion"] == "1.0"
    assert record["EventSubscriptionArn"] == subscription and record["Sns"]["Message"] == "hello"
    assert record["Sns"].keys() == {"Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion",
                                    "Signature", "SigningCertUrl", "UnsubscribeUrl", "MessageAttributes"}
    assert record["Sns"]["Subject"] is None and record["Sns"]["MessageAttributes"] == {}
    check_signature(record["Sns"], tmp_path)


def test_a_functions_dead_letters_and_destinations(sns, sqs, functions, queue):
    """A dead-letter queue, and a destination that is a topic whose message ends in a queue."""
    url, arn = queue
    failing = functions.create(FAIL, DeadLetterConfig={"TargetArn": arn})
    functions.api.put_function_event_invoke_config(FunctionName=failing, MaximumRetryAttempts=0)
    functions.api.invoke(FunctionName=failing, InvocationType="Event", Payload=b'{"n": 1}')
    message = received(sqs, url, 60)
    assert json.loads(message["Body"]) == {"n": 1}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "asked to"
    topic = sns.create_topic(Name="done")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    happy = functions.create(ECHO)
    functions.api.put_function_event_invoke_config(FunctionName=happy,
                                                   DestinationConfig={"OnSuccess": {"Destination": topic}})
    functions.api.invoke(FunctionName=happy, InvocationType="Event", Payload=b'{"n": 2}')
    record = json.loads(json.loads(received(sqs, url, 60)["Body"])["Message"])
    assert record["responsePayload"] == {"n": 2} and record["requestContext"]["condition"] == "Success"
    with pytest.raises(ClientError):
        functions.create(FAIL, DeadLetterConfig={"TargetArn": arn + "-none"})


def test_fifo_from_topic_to_queue(sns, sqs):
    name = "ordered.fifo"
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
    url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true", "Policy": json.dumps(policy)})["QueueUrl"]
    topic = sns.create_topic(Name=name, Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    for number in range(20):
        for _ in range(2):
            sns.publish(TopicArn=topic, Message=str(number), MessageGroupId="g")
    assert [received(sqs, url)["Body"] for _ in range(20)] == [str(number) for number in range(20)]


def test_nothing_published_is_lost_by_kill(start):
    platform = start()
    sns, sqs = platform.client("sns"), platform.client("sqs")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:kept"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
    sqs.create_queue(QueueName="kept", Attributes={"Policy": json.dumps(policy)})
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sent = set()
    for number in range(60):
        sns.publish(TopicArn=topic, Message=str(number))
        sent.add(str(number))
        if number % 20 == 19:
            platform.kill()
            platform.start()
            sns = platform.client("sns")
    sqs, found = platform.client("sqs"), set()

    def look():
        url = f"{platform.endpoint}/{ACCOUNT}/kept"
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.update(message["Body"] for message in answer.get("Messages", []))
        return found >= sent

    eventually(look, "everything that was published", 60)
    assert found == sent
