"""Each call makes a client of its own, and with it a session, an endpoint and a connection."""
import boto3


def lambda_handler(event, context):
    dynamodb = boto3.client("dynamodb")
    return dynamodb.describe_table(TableName=event["table"])["Table"]["TableStatus"]
