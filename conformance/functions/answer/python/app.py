"""Returns a fixed object, and the event as it came."""


def handler(event, context):
    return {"statusCode": 200, "body": "hello"}


def echo(event, context):
    return event
