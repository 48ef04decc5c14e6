"""SIGKILL under 64 writers, again and again on one folder: every acknowledged write is there after the restart.

`LAMBENT_KILL_ROUNDS` says how often each service is killed (3). What had no answer may be there or not; what was
acknowledged as removed does not come again.
"""
import hashlib
import itertools
import os
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness import eventually

ROUNDS = int(os.environ.get("LAMBENT_KILL_ROUNDS", 3))
WRITERS = 64
# Between the first acknowledgement and the kill, at most.
STORM_S = 1.0


class Writes:
    """What 64 writers sent to one service: what was acknowledged, and what had no answer."""

    def __init__(self):
        self.numbers = itertools.count()
        self.acknowledged, self.unanswered = {}, {}

    def storm(self, platform, service, write):
        """Writers at work until the platform is killed under them; gives what was acknowledged in this round."""
        api = platform.client(service, max_pool_connections=WRITERS)
        acknowledged = {}

        def writer():
            while True:
                number = next(self.numbers)
                text = f"{number}-" + "x" * (number * 7919 % 40_000 if number % 4 == 0 else number % 300)
                self.unanswered[number] = text
                try:
                    write(api, number, text)
                except (ClientError, BotoCoreError) as error:
                    # Not even in a storm does anything fail but the connection.
                    assert not isinstance(error, ClientError), error
                    return
                acknowledged[number] = self.unanswered.pop(number)

        threads = [threading.Thread(target=writer) for _ in range(WRITERS)]
        [thread.start() for thread in threads]
        eventually(lambda: acknowledged, "a first acknowledgement")
        time.sleep(random.random() * STORM_S)
        platform.kill()
        [thread.join() for thread in threads]
        platform.start()
        self.acknowledged.update(acknowledged)
        return acknowledged

    def check(self, found):
        """`found` by number."""
        lost = [number for number, text in self.acknowledged.items() if found.get(number) != text]
        assert not lost, f"{len(lost)} of {len(self.acknowledged)} acknowledged writes are lost, such as {lost[:5]}"
        for number, text in found.items():
            assert text == self.acknowledged.get(number, self.unanswered.get(number)), f"{number} is damaged"

    def report(self, service):
        print(f"{service}: {ROUNDS} kills, {len(self.acknowledged)} acknowledged, "
              f"{len(self.unanswered)} without an answer, none lost")


def number_of(text):
    return int(text.split("-")[0])


def drain(platform, url, wanted=()):
    """Takes messages out of a queue until it has none and all that are `wanted` came."""
    api, found, left = platform.client("sqs"), {}, set(wanted)
    deadline = time.monotonic() + 60
    while True:
        messages = api.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            found[number_of(message["Body"])] = message["Body"]
            left.discard(number_of(message["Body"]))
        if messages:
            entries = [{"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                       for place, message in enumerate(messages)]
            assert len(api.delete_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == len(messages)
        elif not left or time.monotonic() > deadline:
            return found


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_s3(start):
    platform, writes = start(), Writes()
    platform.client("s3").create_bucket(Bucket="storm")
    for _ in range(ROUNDS):
        new = writes.storm(platform, "s3", lambda api, number, text: api.put_object(
            Bucket="storm", Key=str(number), Body=text.encode()))
        api = platform.client("s3")
        pages = api.get_paginator("list_objects_v2").paginate(Bucket="storm")
        tags = {int(entry["Key"]): entry["ETag"] for page in pages for entry in page.get("Contents", [])}
        for number, text in writes.acknowledged.items():
            assert tags.get(number) == f'"{hashlib.md5(text.encode()).hexdigest()}"', f"{number} is not there"
        assert set(tags) <= set(writes.acknowledged) | set(writes.unanswered)
        # The list is one thing, the bodies are another.
        for number in random.sample(sorted(tags), min(len(tags), 40)) + sorted(new)[-20:]:
            text = writes.acknowledged.get(number, writes.unanswered.get(number))
            assert api.get_object(Bucket="storm", Key=str(number))["Body"].read() == text.encode()
    writes.report("s3")


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_dynamodb(start):
    platform, writes = start(), Writes()
    api = platform.client("dynamodb")
    api.create_table(TableName="storm", BillingMode="PAY_PER_REQUEST",
                     AttributeDefinitions=[{"AttributeName": "h", "AttributeType": "N"}],
                     KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}])
    api.get_waiter("table_exists").wait(TableName="storm")
    for _ in range(ROUNDS):
        writes.storm(platform, "dynamodb", lambda api, number, text: api.put_item(
            TableName="storm", Item={"h": {"N": str(number)}, "t": {"S": text}}))
        api = platform.client("dynamodb")
        pages = api.get_paginator("scan").paginate(TableName="storm", ConsistentRead=True)
        writes.check({int(item["h"]["N"]): item["t"]["S"] for page in pages for item in page["Items"]})
    writes.report("dynamodb")


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_sqs(start):
    platform, writes, came = start(), Writes(), {}
    platform.client("sqs").create_queue(QueueName="storm")
    for _ in range(ROUNDS):
        url = lambda: f"{platform.endpoint}/000000000000/storm"
        new = writes.storm(platform, "sqs", lambda api, number, text: api.send_message(
            QueueUrl=url(), MessageBody=text))
        found = drain(platform, url(), new)
        assert not set(found) & set(came), "what was deleted came again"
        came.update(found)
        writes.check(came)
    writes.report("sqs")


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_sns(start):
    platform, writes, came = start(), Writes(), {}
    queue, topic = "arn:aws:sqs:us-east-1:000000000000:storm", platform.client("sns").create_topic(Name="t")["TopicArn"]
    policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},'
              f'"Action":"sqs:SendMessage","Resource":"{queue}"}}]}}')
    platform.client("sqs").create_queue(QueueName="storm", Attributes={"Policy": policy})
    platform.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue,
                                     Attributes={"RawMessageDelivery": "true"})
    for _ in range(ROUNDS):
        new = writes.storm(platform, "sns", lambda api, number, text: api.publish(TopicArn=topic, Message=text))
        # At least once: what was under way when it was killed may come a second time.
        came.update(drain(platform, f"{platform.endpoint}/000000000000/storm", new))
        writes.check(came)
    writes.report("sns")
