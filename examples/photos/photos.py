"""Photos: upload → S3 → resize → DynamoDB → stream → notify → SNS → SQS, deployed and shown at work with boto3.

    photos.py deploy LAYER.zip     makes everything; again, it brings it up to date
    photos.py show [PICTURE]       uploads a picture (or one that it draws) and prints when each hop was reached

Where the platform is comes from the environment, as for any AWS client: eval "$(lambent env)".
"""
import io
import json
import pathlib
import sys
import time
import uuid
import zipfile

import boto3
from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).resolve().parent
NAME = "photos"
RUNTIME = "python%d.%d" % sys.version_info[:2]
# The hops after the upload, by who writes them down.
HOPS = [("resize_began", "S3 invoked resize"), ("thumbnail_stored", "the thumbnail is stored, an item written"),
        ("notify_began", "the stream invoked notify"), ("received", "SNS told the queue")]


def deploy(layer):
    account, region = boto3.client("sts").get_caller_identity()["Account"], boto3.Session().region_name
    queue, failed = make_queue(NAME), make_queue(f"{NAME}-failed")
    topic = boto3.client("sns").create_topic(Name=NAME)["TopicArn"]
    allow_topic(queue, topic)
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue["arn"])
    stream = make_table()
    bucket = f"{NAME}-{account}"
    layer = boto3.client("lambda").publish_layer_version(
        LayerName="pillow", Content={"ZipFile": pathlib.Path(layer).read_bytes()})["LayerVersionArn"]
    resize = make_function("resize", {"TABLE": NAME}, Layers=[layer], MemorySize=1024,
                           DeadLetterConfig={"TargetArn": failed["arn"]})
    notify = make_function("notify", {"TOPIC": topic})
    # A picture that can't be read will not be better in a minute.
    boto3.client("lambda").put_function_event_invoke_config(FunctionName=resize, MaximumRetryAttempts=0)
    make_mapping(notify, stream)
    make_bucket(bucket, region, resize, account)


def make_queue(name):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return {"url": url, "arn": arn}


def allow_topic(queue, topic):
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": queue["arn"], "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("sqs").set_queue_attributes(QueueUrl=queue["url"], Attributes={"Policy": policy})


def make_table():
    """The stream's ARN."""
    dynamodb = boto3.client("dynamodb")
    try:
        dynamodb.create_table(
            TableName=NAME, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    except dynamodb.exceptions.ResourceInUseException:
        pass
    dynamodb.get_waiter("table_exists").wait(TableName=NAME, WaiterConfig={"Delay": 1})
    return dynamodb.describe_table(TableName=NAME)["Table"]["LatestStreamArn"]


def make_function(name, variables, **settings):
    functions, full_name = boto3.client("lambda"), f"{NAME}-{name}"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as files:
        files.write(HERE / name / "lambda_function.py", "lambda_function.py")
    settings = {"Runtime": RUNTIME, "Handler": "lambda_function.lambda_handler", "Timeout": 30,
                "Role": "arn:aws:iam::000000000000:role/photos", "Environment": {"Variables": variables}, **settings}
    try:
        functions.create_function(FunctionName=full_name, Code={"ZipFile": package.getvalue()}, **settings)
    except functions.exceptions.ResourceConflictException:
        functions.update_function_code(FunctionName=full_name, ZipFile=package.getvalue())
        functions.get_waiter("function_updated_v2").wait(FunctionName=full_name)
        functions.update_function_configuration(FunctionName=full_name, **settings)
        functions.get_waiter("function_updated_v2").wait(FunctionName=full_name)
    functions.get_waiter("function_active_v2").wait(FunctionName=full_name)
    return full_name


def make_mapping(function, stream):
    functions = boto3.client("lambda")
    try:
        functions.create_event_source_mapping(
            FunctionName=function, EventSourceArn=stream, StartingPosition="TRIM_HORIZON",
            BisectBatchOnFunctionError=True, MaximumRetryAttempts=5)
    except functions.exceptions.ResourceConflictException:
        pass


def make_bucket(bucket, region, function, account):
    s3, functions = boto3.client("s3"), boto3.client("lambda")
    elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **elsewhere)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    try:
        functions.add_permission(FunctionName=function, StatementId="bucket", Action="lambda:InvokeFunction",
                                 Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{bucket}",
                                 SourceAccount=account)
    except functions.exceptions.ResourceConflictException:
        pass
    rules = [{"Name": "prefix", "Value": "uploads/"}]
    arn = functions.get_function_configuration(FunctionName=function)["FunctionArn"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"],
                                          "Filter": {"Key": {"FilterRules": rules}}}]})


def show(picture=None):
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    bucket = f"{NAME}-{boto3.client('sts').get_caller_identity()['Account']}"
    queue = sqs.get_queue_url(QueueName=NAME)["QueueUrl"]
    content = pathlib.Path(picture).read_bytes() if picture else drawn()
    name = f"photo-{uuid.uuid4().hex[:8]}"
    began = time.time() * 1000
    s3.put_object(Bucket=bucket, Key=f"uploads/{name}.jpg", Body=content, ContentType="image/jpeg")
    uploaded = time.time() * 1000
    news = await_news(sqs, queue, name)
    print(f"{name}.jpg: {len(content):,} bytes, {news['width']} x {news['height']}")
    print(f"{uploaded - began:8.1f} ms   the upload is acknowledged; from here on:")
    for hop, what in HOPS:
        print(f"{float(news[hop]) - uploaded:8.1f} ms   {what}")


def await_news(sqs, queue, name):
    """What the queue is told of this photo; what it is told of others is theirs."""
    for _ in range(6):
        answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10, MaxNumberOfMessages=10)
        received = time.time() * 1000
        for message in answer.get("Messages", []):
            news = json.loads(json.loads(message["Body"])["Message"])
            if news["id"] == name:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return {**news, "received": received}
    raise SystemExit(f"nobody heard of {name}; `lambent logs {NAME}-resize` may tell why")


def drawn():
    from PIL import Image

    picture = io.BytesIO()
    Image.radial_gradient("L").resize((1600, 1200)).convert("RGB").save(picture, "JPEG")
    return picture.getvalue()


if __name__ == "__main__":
    try:
        {"deploy": deploy, "show": show}[sys.argv[1]](*sys.argv[2:])
    except (KeyError, IndexError):
        raise SystemExit(__doc__)
    except ClientError as error:
        raise SystemExit(f"{sys.argv[1]}: {error}")
