"""SQS with real clients: boto3 (JSON), the query protocol by hand, the AWS CLI; and nothing lost by kill -9."""
import collections
import hashlib
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness import ACCOUNT, REGION, eventually

WRITERS, ROUNDS = 16, 4


@pytest.fixture(scope="module")
def sqs(platform):
    return platform.client("sqs")


@pytest.fixture
def queue(sqs, request):
    name = "q-" + hashlib.md5(request.node.nodeid.encode()).hexdigest()[:12]
    return sqs.create_queue(QueueName=name)["QueueUrl"]


@pytest.fixture
def fifo(sqs, request):
    name = "q-" + hashlib.md5(request.node.nodeid.encode()).hexdigest()[:12] + ".fifo"
    return sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]


def arn(url):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}"


def counts(sqs, url):
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return [int(attributes[name]) for name in names]


def test_a_message_with_attributes_comes_back_whole(sqs, queue):
    """botocore checks the MD5s of what it gets."""
    attributes = {
        "text": {"DataType": "String", "StringValue": "ä"},
        "number": {"DataType": "Number.int", "StringValue": "42"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    body = "ä" * 1000
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=attributes,
                            MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}})
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    [message] = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"],
                                    MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Body"] == body and message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, queue) == [0, 0, 0]


def test_a_mebibyte_passes_and_more_does_not(sqs, queue):
    body = "\"" * 1048576
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == body
    with pytest.raises(ClientError, match="Message must be shorter than 1048576 bytes"):
        sqs.send_message(QueueUrl=queue, MessageBody=body + "x")


def test_errors_have_the_codes_that_programs_look_for(sqs, queue):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as refused:
        sqs.get_queue_url(QueueName="none")
    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(ClientError) as refused:
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=11)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle="no")
    with pytest.raises(ClientError) as refused:
        sqs.send_message_batch(QueueUrl=queue, Entries=[])
    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.EmptyBatchRequest"


def test_long_polling_ends_with_the_message(platform, sqs, queue):
    waiting = {}

    def wait():
        begin = time.monotonic()
        waiting["answer"] = platform.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20)
        waiting["seconds"] = time.monotonic() - begin

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(1)
    sqs.send_message(QueueUrl=queue, MessageBody="now")
    thread.join(30)
    assert waiting["answer"]["Messages"][0]["Body"] == "now"
    assert 0.5 < waiting["seconds"] < 15
    begin = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2)
    assert time.monotonic() - begin > 1.5


def test_fifo_groups_in_order_with_several_receivers(platform, sqs, fifo):
    """Five groups, four consumers that take their time: within a group the order is that of sending."""
    for number in range(60):
        group = f"g{number % 5}"
        sqs.send_message(QueueUrl=fifo, MessageBody=f"{group}/{number}", MessageGroupId=group,
                         MessageDeduplicationId=str(number))
        sqs.send_message(QueueUrl=fifo, MessageBody="again", MessageGroupId=group, MessageDeduplicationId=str(number))
    seen, lock = [], threading.Lock()

    def consume():
        api = platform.client("sqs")
        while True:
            messages = api.receive_message(QueueUrl=fifo, MaxNumberOfMessages=3, WaitTimeSeconds=1).get("Messages")
            if not messages:
                return
            for message in messages:
                with lock:
                    seen.append(message["Body"])
                api.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])

    threads = [threading.Thread(target=consume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_group = collections.defaultdict(list)
    for body in seen:
        group, number = body.split("/")
        by_group[group].append(int(number))
    assert by_group == {f"g{group}": list(range(group, 60, 5)) for group in range(5)}


def test_dead_letters_go_and_come_back(sqs, queue):
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    assert sqs.receive_message(QueueUrl=queue)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert counts(sqs, dead) == [1, 0, 0]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sqs.start_message_move_task(SourceArn=arn(dead))
    eventually(lambda: counts(sqs, queue) == [1, 0, 0], "the message to be back")
    status = lambda: sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"][0]["Status"]
    eventually(lambda: status() == "COMPLETED", "the task to be done")


def query(url, **fields):
    data = urllib.parse.urlencode({"Version": "2012-11-05", **fields}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
        return answer.read().decode()


def test_a_form_at_the_queues_own_address(sqs, queue):
    """What clients of before 2023 send, unsigned: the path says which queue."""
    text = query(queue, Action="SendMessage", MessageBody="by form")
    assert "<SendMessageResult>" in text and hashlib.md5(b"by form").hexdigest() in text
    text = query(queue, Action="ReceiveMessage", **{"AttributeName.1": "All"})
    assert "<Body>by form</Body>" in text
    with pytest.raises(urllib.error.HTTPError) as refused:
        query(queue + "-not", Action="SendMessage", MessageBody="x")
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in refused.value.read().decode()


def test_the_aws_cli(platform, queue):
    def aws(*arguments):
        command = [pathlib.Path(sys.executable).parent / "aws", "sqs", *arguments, "--output", "json",
                   "--endpoint-url", platform.endpoint]  # For SQS it does not look at AWS_ENDPOINT_URL.
        return subprocess.run(command, env=platform.environment(), check=True, capture_output=True, text=True).stdout

    aws("send-message", "--queue-url", queue, "--message-body", "by CLI")
    [message] = json.loads(aws("receive-message", "--queue-url", queue))["Messages"]
    assert message["Body"] == "by CLI"
    aws("delete-message", "--queue-url", queue, "--receipt-handle", message["ReceiptHandle"])


def test_nothing_acknowledged_is_lost_by_kill(start):
    """Writers and readers on a standard and a FIFO queue, killed again and again; then everything is counted."""
    platform = start()
    api = platform.client("sqs")
    plain = api.create_queue(QueueName="plain", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
    order = api.create_queue(QueueName="order.fifo",
                             Attributes={"FifoQueue": "true", "VisibilityTimeout": "5"})["QueueUrl"]
    path = lambda url: f"{platform.endpoint}/{url.split('/', 3)[3]}"
    sent, deleted, doubtful, lock = set(), set(), set(), threading.Lock()
    numbers = iter(range(10**9))

    def write(index):
        api = platform.client("sqs")
        try:
            while True:
                with lock:
                    number = next(numbers)
                fields, url = {}, plain
                if index % 2:
                    fields = {"MessageGroupId": f"g{index}", "MessageDeduplicationId": str(number)}
                    url = order
                body = f"{index}/{number}"
                with lock:
                    doubtful.add(body)
                api.send_message(QueueUrl=path(url), MessageBody=body, **fields)
                with lock:
                    sent.add(body)
        except (ClientError, BotoCoreError):
            pass

    def read(url):
        api = platform.client("sqs")
        try:
            while True:
                answer = api.receive_message(QueueUrl=path(url), MaxNumberOfMessages=10, WaitTimeSeconds=1)
                for message in answer.get("Messages", []):
                    # From here on it may be gone, whether or not the answer comes.
                    with lock:
                        deleted.add(message["Body"])
                    api.delete_message(QueueUrl=path(url), ReceiptHandle=message["ReceiptHandle"])
        except (ClientError, BotoCoreError):
            pass

    for _ in range(ROUNDS):
        threads = [threading.Thread(target=write, args=(index,)) for index in range(WRITERS)]
        threads += [threading.Thread(target=read, args=(url,)) for url in (plain, order)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        platform.kill()
        for thread in threads:
            thread.join()
        platform.start()
    left, groups = set(), collections.defaultdict(list)
    api = platform.client("sqs")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not sent <= left | deleted:
        for url in (plain, order):
            answer = api.receive_message(QueueUrl=path(url), MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                left.add(message["Body"])
                if url == order:
                    groups[message["Body"].split("/")[0]].append(int(message["Body"].split("/")[1]))
                api.delete_message(QueueUrl=path(url), ReceiptHandle=message["ReceiptHandle"])
    assert len(sent) > 100, "the load was no load"
    assert sent <= left | deleted, f"lost: {sorted(sent - left - deleted)[:10]}"
    assert left <= doubtful, "messages that nobody sent"
    assert all(numbers == sorted(numbers) for numbers in groups.values()), "a group lost its order"
