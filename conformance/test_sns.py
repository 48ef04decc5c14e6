"""SNS with boto3: topics to queues and functions, filters, and functions' dead letters and destinations through both."""
import json

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, eventually

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


def test_a_function_hears_a_topic_that_its_policy_lets_in(platform, sns, sqs, functions):
    name = functions.create(ECHO)
    arn = functions.api.get_function_configuration(FunctionName=name)["FunctionArn"]
    topic = sns.create_topic(Name="calls")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="unheard")
    functions.api.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                                 Principal="sns.amazonaws.com", SourceArn=topic)
    sns.publish(TopicArn=topic, Message="hello")
    lines = functions.lines(name, "heard")
    assert any("'EventSource': 'aws:sns'" in line and "'Message': 'hello'" in line for line in lines)
    assert not any("unheard" in line for line in lines)


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
