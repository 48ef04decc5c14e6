"""Tasks behind API Gateway, kept in DynamoDB: GET, POST and PUT; anything else is answered 405."""
import json
import os
import uuid

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def lambda_handler(event, context):
    method, task_id = event["httpMethod"], (event["pathParameters"] or {}).get("id")
    if method == "GET" and task_id is None:
        return answer(200, table.scan()["Items"])
    if method == "GET":
        task = table.get_item(Key={"id": task_id}).get("Item")
        return answer(200, task) if task else answer(404, {"message": "No such task"})
    if method == "POST" and task_id is None:
        given = json.loads(event["body"])
        task = {"id": str(uuid.uuid4()), "title": given["title"], "status": "open"}
        table.put_item(Item=task)
        return answer(201, task)
    if method == "PUT" and task_id is not None:
        given = json.loads(event["body"])
        changed = table.update_item(
            Key={"id": task_id}, UpdateExpression="SET #s = :s", ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": given["status"]}, ReturnValues="ALL_NEW")
        return answer(200, changed["Attributes"])
    return answer(405, {"message": "Method not allowed"})
