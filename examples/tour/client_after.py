"""One client for all calls of an environment: it keeps its connection."""
import boto3

dynamodb = boto3.client("dynamodb")


def lambda_handler(event, context):
    return dynamodb.describe_table(TableName=event["table"])["Table"]["TableStatus"]
