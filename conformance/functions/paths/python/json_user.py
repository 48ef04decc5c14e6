import decimal
import json


def handler(event, context):
    return [json.__name__, hasattr(json, "dumps"), decimal.__name__]
