"""Event source mappings of Apache Kafka, with a broker of Kafka's own and its Python client."""
import base64
import json
import time

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, Functions, eventually
from kafka_broker import Broker

# A VPC is what AWS wants of a cluster without secrets.
NETWORK = [{"Type": "VPC_SUBNET", "URI": "subnet:subnet-1"}, {"Type": "VPC_SECURITY_GROUP", "URI": "security_group:sg-1"}]
SHOWS = "import json\ndef handler(event, context):\n    print('EVENT ' + json.dumps(event))\n"
FAILS_FOR = '''
import base64, json, sys
def handler(event, context):
    for partition, records in event["records"].items():
        for record in records:
            value = base64.b64decode(record["value"]).decode()
            if value == "poison":
                raise ValueError(value)
            print("VALUE " + json.dumps([partition, value]))
'''
# New partitions, and a cluster that is gone, are looked for every ten seconds; one that is away for longer seldomer.
LOOKS_AGAIN_S = 240


@pytest.fixture(scope="module")
def broker():
    broker = Broker()
    yield broker
    broker.remove()


@pytest.fixture
def mapping(platform, broker):
    """Makes mappings, which end with the test; gives their UUIDs."""
    api = platform.client("lambda")
    made = []

    def make(function, topic, **settings):
        settings = {"StartingPosition": "TRIM_HORIZON", "SourceAccessConfigurations": NETWORK, **settings}
        created = api.create_event_source_mapping(
            FunctionName=function, Topics=[topic],
            SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.address]}}, **settings)
        made.append(created["UUID"])
        return created["UUID"]

    yield make
    for uuid in made:
        state(api, uuid, "Enabled")
        api.delete_event_source_mapping(UUID=uuid)


def state(api, uuid, wanted):
    eventually(lambda: api.get_event_source_mapping(UUID=uuid)["State"] == wanted, wanted)


def events(functions, function):
    lines = functions.lines(function, "^EVENT ", 60)
    return [json.loads(line[6:]) for line in lines if line.startswith("EVENT ")]


def seen(functions, function, count):
    """The values of each partition, in the order in which the function saw them, once there are so many."""
    def look():
        lines = functions.lines(function, "^VALUE ", 60)
        values = [json.loads(line[6:]) for line in lines if line.startswith("VALUE ")]
        return values if len(values) >= count else None
    partitions = {}
    for partition, value in eventually(look, f"{count} values", 60):
        partitions.setdefault(partition, []).append(value)
    return partitions


def test_an_event_is_awss(functions, broker, mapping):
    topic = broker.topic("shape")
    at_ms = 1545084650987
    headers = [("headerKey", b"headerValue"), ("headerKey", "ë".encode()), ("none", b"")]
    broker.send(topic, '{"key":"value"}', key=b"recordKey", timestamp_ms=at_ms, headers=headers)
    broker.send(topic, None, key=b"k", timestamp_ms=at_ms)
    broker.send(topic, "v", timestamp_ms=at_ms)
    function = functions.create(SHOWS)
    mapping(function, topic)
    [event] = events(functions, function)
    common = {"topic": topic, "partition": 0, "timestamp": at_ms, "timestampType": "CREATE_TIME"}
    ascii = [ord(letter) for letter in "headerValue"]
    assert event == {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": broker.address,
        "records": {"shape-0": [
            {**common, "offset": 0, "key": "cmVjb3JkS2V5", "value": "eyJrZXkiOiJ2YWx1ZSJ9",
             "headers": [{"headerKey": ascii}, {"headerKey": [-61, -85]}, {"none": []}]},
            {**common, "offset": 1, "key": "aw==", "headers": []},
            {**common, "offset": 2, "value": "dg==", "headers": []},
        ]},
    }


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_batches_are_unpacked(functions, broker, mapping, codec):
    topic = broker.topic(f"packed-{codec}", **{"compression.type": codec})
    broker.send(topic, "a" * 1000)
    function = functions.create(SHOWS)
    mapping(function, topic)
    [event] = events(functions, function)
    assert base64.b64decode(event["records"][f"{topic}-0"][0]["value"]) == b"a" * 1000


def test_a_failing_batch_stops_its_partition_and_is_not_committed(functions, broker, mapping):
    topic = broker.topic("order", 2)
    function = functions.create(FAILS_FOR)
    uuid = mapping(function, topic, BatchSize=1, MaximumBatchingWindowInSeconds=0)
    for value in ["a", "poison", "c"]:
        broker.send(topic, value, 0)
    for value in ["x", "y", "z"]:
        broker.send(topic, value, 1)
    assert seen(functions, function, 4) == {"order-0": ["a"], "order-1": ["x", "y", "z"]}
    eventually(lambda: broker.committed(uuid, topic, 1) == 3, "the other partition's offset")
    api = functions.api
    eventually(lambda: api.get_event_source_mapping(UUID=uuid)["LastProcessingResult"].startswith("PROBLEM"), "a problem")
    assert broker.committed(uuid, topic, 0) == 1
    functions.update(function, {"app.py": FAILS_FOR.replace('"poison"', '"other"')})
    assert seen(functions, function, 6)["order-0"] == ["a", "poison", "c"]
    eventually(lambda: broker.committed(uuid, topic, 0) == 3, "this partition's offset")
    assert api.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK"


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_offsets_outlive_the_platform(start, broker, end):
    topic = broker.topic(f"restart-{end}", 2)
    platform = start()
    functions = Functions(platform)
    function = functions.create(FAILS_FOR)
    group = f"group-{end}"
    functions.api.create_event_source_mapping(
        FunctionName=function, Topics=[topic], StartingPosition="LATEST", SourceAccessConfigurations=NETWORK,
        SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": group},
        SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.address]}})
    # What the latest is stands in the group before anything is read.
    eventually(lambda: broker.committed(group, topic, 1) == 0, "the first offset")
    broker.send(topic, "before")
    assert seen(functions, function, 1) == {f"{topic}-0": ["before"]}
    eventually(lambda: broker.committed(group, topic) == 1, "the offset")
    getattr(platform, end)()
    broker.send(topic, "meanwhile", 0)
    broker.send(topic, "elsewhere", 1)
    platform.start()
    functions = Functions(platform)
    found = seen(functions, function, 3)
    assert found == {f"{topic}-0": ["before", "meanwhile"], f"{topic}-1": ["elsewhere"]}


def test_where_a_mapping_begins(functions, broker, mapping):
    topic = broker.topic("begins")
    now_ms = int(time.time() * 1000)
    broker.send(topic, "old", timestamp_ms=now_ms - 60_000)
    broker.send(topic, "young", timestamp_ms=now_ms)
    timed = functions.create(FAILS_FOR)
    mapping(timed, topic, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=(now_ms - 30_000) / 1000)
    assert seen(functions, timed, 1) == {"begins-0": ["young"]}
    latest = functions.create(FAILS_FOR)
    uuid = mapping(latest, topic, StartingPosition="LATEST")
    eventually(lambda: broker.committed(uuid, topic) == 2, "the end")
    broker.send(topic, "last")
    assert seen(functions, latest, 1) == {"begins-0": ["last"]}


@pytest.mark.timeout(400)
def test_a_new_partition_is_read_from_its_beginning(functions, broker, mapping):
    topic = broker.topic("grows")
    function = functions.create(FAILS_FOR)
    uuid = mapping(function, topic, StartingPosition="LATEST")
    eventually(lambda: broker.committed(uuid, topic) == 0, "the first offset")
    broker.admin.create_partitions({topic: 2})

    def sent():
        try:
            return broker.send(topic, "new", 1) == 0
        except AssertionError:
            # The producer does not know of it yet.
            return False
    eventually(sent, "a record in the new partition", LOOKS_AGAIN_S)
    eventually(lambda: broker.committed(uuid, topic, 1) == 1, "the new partition", LOOKS_AGAIN_S)
    assert seen(functions, function, 1) == {"grows-1": ["new"]}


def test_what_a_filter_keeps_out_is_passed_over(functions, broker, mapping):
    topic = broker.topic("filtered")
    function = functions.create(FAILS_FOR)
    patterns = [{"value": {"n": [{"numeric": [">", 5]}]}}, {"key": ["wanted"]}]
    uuid = mapping(function, topic, FilterCriteria={"Filters": [{"Pattern": json.dumps(p)} for p in patterns]})
    for value, key in [('{"n":5}', "a"), ('{"n":6}', "a"), ("text", "wanted"), ("text", "b")]:
        broker.send(topic, value, key=key.encode())
    assert seen(functions, function, 2) == {"filtered-0": ['{"n":6}', "text"]}
    eventually(lambda: broker.committed(uuid, topic) == 4, "the end")


def test_what_is_given_up_is_told(platform, functions, broker, mapping):
    sqs = platform.client("sqs")
    topic = broker.topic("given-up")
    queue = sqs.create_queue(QueueName="given-up")["QueueUrl"]
    function = functions.create(
        'import json\ndef handler(event, context):\n    [failed] = event["records"].values()\n'
        '    print("VALUE " + json.dumps(["offsets", [record["offset"] for record in failed]]))\n'
        '    return {"batchItemFailures": [{"itemIdentifier": {"partition": "given-up-0", "offset": record["offset"]}}\n'
        '        for record in failed if record["offset"] == 1]}\n')
    for value in "abc":
        broker.send(topic, value)
    uuid = mapping(function, topic, ProvisionedPollerConfig={"MinimumPollers": 1}, MaximumRetryAttempts=1,
                   BisectBatchOnFunctionError=True, FunctionResponseTypes=["ReportBatchItemFailures"],
                   DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:given-up"}})
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages"), "the record")
    told = json.loads(message["Body"])
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    info = told["KafkaBatchInfo"]
    assert (info["batchSize"], info["bootstrapServers"]) == (1, broker.address)
    offsets = info["recordsInfo"]["given-up-0"]
    assert (offsets["firstRecordOffset"], offsets["lastRecordOffset"]) == ("1", "1")
    eventually(lambda: broker.committed(uuid, topic) == 3, "the end")
    # What failed is alone in the end, and what came before it is not repeated.
    handled = [offsets for _, found in seen(functions, function, 3).items() for offsets in found]
    assert handled[0] == [0, 1, 2] and [1] in handled and all(0 not in offsets for offsets in handled[1:])


def test_what_is_given_up_goes_to_another_topic(functions, broker, mapping):
    topic, letters = broker.topic("fails"), broker.topic("dead-letters")
    function = functions.create(FAILS_FOR)
    settings = {"ProvisionedPollerConfig": {"MinimumPollers": 1}, "MaximumRetryAttempts": 0}
    with pytest.raises(ClientError, match="another topic"):
        mapping(function, topic, DestinationConfig={"OnFailure": {"Destination": "kafka://fails"}}, **settings)
    for value in ["poison", "after"]:
        broker.send(topic, value, key=b"k")
    mapping(function, topic, BatchSize=1, DestinationConfig={"OnFailure": {"Destination": f"kafka://{letters}"}}, **settings)
    assert seen(functions, function, 1) == {"fails-0": ["after"]}
    [(key, message)] = eventually(lambda: broker.messages(letters), "the message")
    told = json.loads(message)
    assert (key, told["requestContext"]["condition"]) == (b"k", "RetryAttemptsExhausted")
    assert told["responseContext"]["functionError"] == "Unhandled"
    assert (told["KafkaBatchInfo"]["batchSize"], told["KafkaBatchInfo"]["recordInfo"]["offset"]) == (1, "0")
    [sent] = told["payload"]["records"]["fails-0"]
    assert (sent["offset"], base64.b64decode(sent["value"])) == (0, b"poison")


def test_a_record_too_large_for_an_event_is_passed_over(platform, functions, broker, mapping):
    sqs = platform.client("sqs")
    topic = broker.topic("large", **{"max.message.bytes": str(2**23)})
    queue = sqs.create_queue(QueueName="large")["QueueUrl"]
    for value in ["a", b"b" * 5 * 2**20, "c"]:
        broker.send(topic, value)
    function = functions.create(FAILS_FOR)
    mapping(function, topic, DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:large"}})
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages"), "the record")
    told = json.loads(message["Body"])
    assert told["requestContext"]["condition"] == "MaximumPayloadSizeExceeded" and "responseContext" not in told
    assert told["KafkaBatchInfo"]["payloadSize"] > 5 * 2**20
    assert seen(functions, function, 2) == {"large-0": ["a", "c"]}


@pytest.mark.timeout(400)
def test_a_broker_that_is_away_is_told_and_found_again(functions, broker, mapping):
    topic = broker.topic("away")
    function = functions.create(FAILS_FOR)
    uuid = mapping(function, topic)
    broker.send(topic, "before")
    assert seen(functions, function, 1) == {"away-0": ["before"]}
    eventually(lambda: broker.committed(uuid, topic) == 1, "the offset")

    def result():
        return functions.api.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]
    broker.stop()
    eventually(lambda: result().startswith("PROBLEM: Connection error."), "a problem", LOOKS_AGAIN_S)
    broker.start()
    broker.send(topic, "after")
    assert eventually(lambda: len(seen(functions, function, 1)["away-0"]) == 2, "the record", LOOKS_AGAIN_S)
    assert seen(functions, function, 2) == {"away-0": ["before", "after"]}
    eventually(lambda: not result().startswith("PROBLEM"), "no problem", LOOKS_AGAIN_S)


def test_a_topic_that_is_not_there_is_told(functions, broker, mapping):
    uuid = mapping(functions.create(FAILS_FOR), "nowhere")
    eventually(lambda: "topic" in functions.api.get_event_source_mapping(UUID=uuid)["LastProcessingResult"], "a problem")


def test_what_can_not_be_honoured_is_refused(functions, broker, mapping):
    function = functions.create(FAILS_FOR)

    def refused(code, **settings):
        with pytest.raises(ClientError) as error:
            mapping(function, "topic", **settings)
        assert error.value.response["Error"]["Code"] == code, error.value
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s"
    for kind in ["BASIC_AUTH", "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH",
                 "SERVER_ROOT_CA_CERTIFICATE"]:
        refused("NotImplementedException", SourceAccessConfigurations=[{"Type": kind, "URI": secret}])
    refused("NotImplementedException", SelfManagedKafkaEventSourceConfig={"ConsumptionMode": "Queue"})
    refused("InvalidParameterValueException", SourceAccessConfigurations=[])
    refused("InvalidParameterValueException", MaximumRetryAttempts=1)
    with pytest.raises(ClientError) as error:
        functions.api.create_event_source_mapping(
            FunctionName=function, Topics=["topic"], StartingPosition="LATEST",
            EventSourceArn=f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/00000000-0000-0000-0000-000000000000-1")
    assert error.value.response["Error"]["Code"] == "NotImplementedException"
