"""A stream of game results invokes it: adds each to its player's total, once, however often it comes."""
import json
import os

import boto3

dynamodb = boto3.client("dynamodb")
sns = boto3.client("sns")
TOTALS, SEEN, TOPIC = os.environ["TOTALS"], os.environ["SEEN"], os.environ["TOPIC"]


def lambda_handler(event, context):
    failures = []
    for record in event["Records"]:
        if record["eventName"] != "INSERT":
            continue
        result = record["dynamodb"]["NewImage"]
        try:
            add(record["eventID"], result["player"]["S"], result["points"]["N"])
        except Exception as error:
            print(f"{record['eventID']} failed: {error!r}")
            # Those behind it in the shard are tried again with it, so that order is kept.
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            break
    return {"batchItemFailures": failures}


def add(event_id, player, points):
    """Total and mark are one transaction: a record that comes again finds its mark and changes nothing."""
    try:
        dynamodb.transact_write_items(TransactItems=[
            {"Put": {"TableName": SEEN, "Item": {"id": {"S": event_id}},
                     "ConditionExpression": "attribute_not_exists(id)"}},
            {"Update": {"TableName": TOTALS, "Key": {"player": {"S": player}},
                        "UpdateExpression": "ADD points :points, games :one",
                        "ExpressionAttributeValues": {":points": {"N": points}, ":one": {"N": "1"}}}},
        ])
    except dynamodb.exceptions.TransactionCanceledException as error:
        if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
            raise
    # Told again rather than not at all: who listens knows the event's id.
    sns.publish(TopicArn=TOPIC, Message=json.dumps({"event": event_id, "player": player, "points": int(points)}))
