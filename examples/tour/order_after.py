"""Charges a card once for each order: the charge and the order's mark are written together, or neither is."""
import boto3

dynamodb = boto3.client("dynamodb")


def lambda_handler(event, context):
    table, card = event["table"], {"id": {"S": event["card"]}}
    charge = {"TableName": table, "Key": card, "UpdateExpression": "ADD charges :one",
              "ExpressionAttributeValues": {":one": {"N": "1"}}}
    mark = {"TableName": table, "Item": {"id": {"S": "order " + event["order"]}},
            "ConditionExpression": "attribute_not_exists(id)"}
    try:
        dynamodb.transact_write_items(TransactItems=[{"Put": mark}, {"Update": charge}])
    except dynamodb.exceptions.TransactionCanceledException as canceled:
        if canceled.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
            raise
        print("order", event["order"], "is known")
    item = dynamodb.get_item(TableName=table, Key=card, ConsistentRead=True)["Item"]
    return int(item["charges"]["N"])
