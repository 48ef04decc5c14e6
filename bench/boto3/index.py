"""A function whose INIT is worth a snapshot: it imports boto3 and makes a client."""
import os

import boto3

client = boto3.client("dynamodb")


def handler(event, context):
    if event == "exit":
        os._exit(0)  # The next call starts another environment.
    return client.meta.region_name
