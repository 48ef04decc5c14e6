"""The table's stream invokes it with what changed: tells a topic of each new thumbnail."""
import json
import os
import time

import boto3

sns = boto3.client("sns")


def lambda_handler(event, context):
    began = int(time.time() * 1000)
    for record in event["Records"]:
        if record["eventName"] == "REMOVE":
            continue
        image = record["dynamodb"]["NewImage"]
        news = {name: next(iter(value.values())) for name, value in image.items()}
        news["notify_began"] = began
        sns.publish(TopicArn=os.environ["TOPIC"], Subject="New thumbnail", Message=json.dumps(news))
