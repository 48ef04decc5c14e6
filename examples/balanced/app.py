"""One of two functions behind a load balancer: says which it is, and what it was asked."""
import os


def handler(event, context):
    return {
        "statusCode": 200,
        "statusDescription": "200 OK",
        "isBase64Encoded": False,
        "headers": {"Content-Type": "text/plain"},
        "body": f"{os.environ['COLOR']} {event['path']}\n",
    }
