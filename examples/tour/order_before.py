"""Charges a card. An event that comes twice charges it twice."""
import boto3

dynamodb = boto3.client("dynamodb")


def lambda_handler(event, context):
    if event["card"] == "expired":
        raise ValueError("the card of order %s has expired" % event["order"])
    charged = dynamodb.update_item(
        TableName=event["table"], Key={"id": {"S": event["card"]}}, UpdateExpression="ADD charges :one",
        ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues="UPDATED_NEW")
    return int(charged["Attributes"]["charges"]["N"])
