"""Powertools for AWS Lambda (PyPI and npm), unmodified: logger, tracer, metrics, validation, streaming's
transformations; batches of a queue with idempotency in a table."""
import base64
import gzip
import importlib
import json
import os
import pathlib
import sysconfig

import pytest

from harness import ACCOUNT, NODE, REGION, Functions, eventually, folder_files, wait, zipped

PYTHON_CODE = """
import base64, io, json, os, sys
sys.path.insert(0, "/var/task/packages")
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError, IdempotencyItemNotFoundError)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.streaming.transformations import GzipTransform
from aws_lambda_powertools.utilities.typing import LambdaContext
from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate

logger, tracer, metrics = Logger(service="orders"), Tracer(service="orders"), Metrics(namespace="Shop", service="orders")
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
calls = []

class Memory(BasePersistenceLayer):
    records = {}

    def _get_record(self, idempotency_key):
        if idempotency_key not in self.records:
            raise IdempotencyItemNotFoundError
        return self.records[idempotency_key]

    def _put_record(self, data_record):
        if data_record.idempotency_key in self.records:
            raise IdempotencyItemAlreadyExistsError
        self.records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record):
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record):
        self.records.pop(data_record.idempotency_key, None)

@idempotent(persistence_store=Memory(), config=IdempotencyConfig(event_key_jmespath="id"))
def order(event, context):
    calls.append(event["id"])
    return {"ordered": event["id"]}

@tracer.capture_method
def unzip(text):
    return GzipTransform().transform(io.BytesIO(base64.b64decode(text))).read().decode()

@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler
@logger.inject_lambda_context(log_event=True, correlation_id_path="id")
def handler(event, context: LambdaContext):
    try:
        validate(event=event, schema=SCHEMA)
    except SchemaValidationError as error:
        logger.warning("refused")
        return {"invalid": str(error)}
    metrics.add_metric(name="Orders", unit=MetricUnit.Count, value=1)
    tracer.put_annotation("id", event["id"])
    logger.info("ordering", extra={"amount": 3})
    return {**order(event, context), "calls": calls, "text": unzip(event["zipped"])}
"""
# What it brings beside the standard library; of botocore only the code, as nothing here calls an API.
PYTHON_PACKAGES = ("aws_lambda_powertools", "aws_xray_sdk", "boto3", "botocore", "dateutil", "fastjsonschema", "jmespath",
                   "s3transfer", "urllib3", "wrapt")
NODE_CODE = """
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';

const logger = new Logger({ serviceName: 'orders' });
const metrics = new Metrics({ namespace: 'Shop', serviceName: 'orders' });
const tracer = new Tracer({ serviceName: 'orders' });

export const handler = async (event, context) => {
  logger.addContext(context);
  metrics.captureColdStartMetric();
  metrics.addMetric('Orders', MetricUnit.Count, 1);
  tracer.annotateColdStart();
  logger.info('ordering', { amount: 3 });
  metrics.publishStoredMetrics();
  return { ordered: event.id, root: tracer.getRootXrayTraceId() };
};
"""

# Fails once for each order that asks for it, and for ever for the one that is bad.
PYTHON_BATCH = """
import json, os, sys
sys.path.insert(0, "/var/task/packages")
import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import (DynamoDBPersistenceLayer, IdempotencyConfig,
                                                         idempotent_function)

processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table("orders")

@idempotent_function(data_keyword_argument="order", config=IdempotencyConfig(event_key_jmespath="id"),
                     persistence_store=DynamoDBPersistenceLayer(table_name="idempotency"))
def place(order):
    table.update_item(Key={"id": order["id"]}, UpdateExpression="ADD placed :one",
                      ExpressionAttributeValues={":one": 1})
    return order["id"]

def one(record):
    order = json.loads(record.body)
    if order.get("bad") or order.get("late") and record.attributes.approximate_receive_count == "1":
        raise ValueError("not now")
    place(order=order)

def handler(event, context):
    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
"""
NODE_BATCH = """
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';

const processor = new BatchProcessor(EventType.SQS);
const tables = DynamoDBDocumentClient.from(new DynamoDBClient());
const place = makeIdempotent(async (order) => {
  await tables.send(new UpdateCommand({ TableName: 'orders', Key: { id: order.id },
    UpdateExpression: 'ADD placed :one', ExpressionAttributeValues: { ':one': 1 } }));
  return order.id;
}, { persistenceStore: new DynamoDBPersistenceLayer({ tableName: 'idempotency' }),
     config: new IdempotencyConfig({ eventKeyJmesPath: 'id' }) });

const one = async (record) => {
  const order = JSON.parse(record.body);
  if (order.bad || order.late && record.attributes.ApproximateReceiveCount === '1') throw new Error('not now');
  await place(order);
};

export const handler = async (event, context) => processPartialResponse(event, one, processor, { context });
"""


def records(lines):
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return [record for record in found if isinstance(record, dict)]


def python_package(code=PYTHON_CODE, apis=()):
    """With what botocore knows of these APIs."""
    site = pathlib.Path(sysconfig.get_path("purelib"))
    kept = tuple(f"packages/botocore/data/{api}" for api in apis)
    files = {"app.py": code}
    for package in PYTHON_PACKAGES:
        folder = pathlib.Path(importlib.import_module(package).__file__).parent
        files.update({path: content for path, content in folder_files(folder, f"packages/{package}/").items()
                      if not path.startswith("packages/botocore/data/") or path.startswith(kept)})
    for module in ("six.py", "typing_extensions.py"):
        files[f"packages/{module}"] = (site / module).read_bytes()
    return zipped(files)


def test_python(functions):
    name = functions.create(python_package(), MemorySize=1769, Timeout=60,
                            Environment={"Variables": {"POWERTOOLS_SERVICE_NAME": "orders"}})
    event = {"id": "a-1", "zipped": base64.b64encode(gzip.compress(b"unzipped")).decode()}
    expected = {"ordered": "a-1", "calls": ["a-1"], "text": "unzipped"}
    first = functions.invoke(name, event)
    assert first.payload == expected, first.log
    assert functions.ask(name, event) == expected, "the second order is the first one's answer"
    assert "invalid" in functions.ask(name, {})
    logged = records(functions.lines(name, "refused"))
    ordering = next(record for record in logged if record.get("message") == "ordering")
    assert {key: ordering[key] for key in ("level", "service", "cold_start", "function_name", "correlation_id", "amount")} == {
        "level": "INFO", "service": "orders", "cold_start": True, "function_name": name, "correlation_id": "a-1", "amount": 3}
    assert ordering["function_request_id"] == first.request_id
    assert ordering["xray_trace_id"].startswith("1-")
    metrics = [record for record in logged if "_aws" in record]
    assert any(record.get("Orders") == [1.0] for record in metrics)
    assert any(record.get("ColdStart") == [1.0] and record["function_name"] == name for record in metrics)


def node_modules(*wanted):
    """Packages of the clients' own folder, and what they need."""
    root = pathlib.Path(os.environ["LAMBENT_NODE_CLIENTS"]) / "node_modules"
    wanted, files, seen = list(wanted), {}, set()
    while wanted:
        package = wanted.pop()
        folder = root / package
        if package in seen or not folder.is_dir():
            continue
        seen.add(package)
        wanted += json.loads((folder / "package.json").read_text()).get("dependencies", {})
        files.update({path: content for path, content in folder_files(folder, f"node_modules/{package}/").items()
                      if not path.endswith((".d.ts", ".map", ".md"))})
    return files


def test_node(functions):
    packages = node_modules(*(f"@aws-lambda-powertools/{name}" for name in ("logger", "metrics", "tracer")))
    name = functions.create(zipped({"app.mjs": NODE_CODE, **packages}), NODE, MemorySize=1769, Timeout=60)
    first = functions.invoke(name, {"id": "a-1"})
    assert first.payload["ordered"] == "a-1", first.log
    assert first.payload["root"].startswith("1-")
    logged = records(line.rpartition("\t")[2] for line in functions.lines(name, '"Orders"'))
    ordering = next(record for record in logged if record.get("message") == "ordering")
    assert (ordering["service"], ordering["cold_start"], ordering["function_name"], ordering["amount"]) == (
        "orders", True, name, 3)
    assert ordering["function_request_id"] == first.request_id
    metrics = [record for record in logged if "_aws" in record]
    assert any(record.get("Orders") == 1 for record in metrics)
    assert any(record.get("ColdStart") == 1 for record in metrics)


@pytest.mark.parametrize("language", ["python", "node"])
def test_batches_of_a_queue_with_idempotency_in_a_table(start, language):
    platform = start()
    functions, sqs, dynamodb = Functions(platform), platform.client("sqs"), platform.client("dynamodb")
    for table in ("orders", "idempotency"):
        dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST",
                              KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                              AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
        wait(dynamodb, "table_exists", TableName=table)
    settings = {"MemorySize": 1769, "Timeout": 30}
    if language == "python":
        data = ("dynamodb", "endpoints.json", "partitions.json", "_retry.json", "sdk-default-configuration.json")
        name = functions.create(python_package(PYTHON_BATCH, data), **settings)
    else:
        packages = node_modules("@aws-lambda-powertools/batch", "@aws-lambda-powertools/idempotency",
                                "@aws-sdk/client-dynamodb", "@aws-sdk/lib-dynamodb")
        name = functions.create(zipped({"app.mjs": NODE_BATCH, **packages}), NODE, **settings)
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 3}
    queue = sqs.create_queue(QueueName="orders", Attributes={
        "VisibilityTimeout": "30", "RedrivePolicy": json.dumps(redrive)})["QueueUrl"]
    functions.api.create_event_source_mapping(
        FunctionName=name, EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders",
        FunctionResponseTypes=["ReportBatchItemFailures"])
    # What failed is to come back soon, but not before the first environment is there; a mapping wants thirty seconds only
    # when it is made.
    functions.invoke(name, {"Records": []})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "8"})
    orders = [{"id": "a"}, {"id": "b", "late": True}, {"id": "a"}, {"id": "c", "bad": True}, {"id": "d"}]
    for order in orders:
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(order))

    def placed():
        items = dynamodb.scan(TableName="orders", ConsistentRead=True)["Items"]
        return {item["id"]["S"]: int(item["placed"]["N"]) for item in items}
    eventually(lambda: set(placed()) == {"a", "b", "d"}, "the orders")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"), "a dead letter")
    assert json.loads(message["Body"])["id"] == "c"
    assert placed() == {"a": 1, "b": 1, "d": 1}, "an order that comes twice is placed once"
